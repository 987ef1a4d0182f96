"""The benchmark `composite` with odc-stac and dask, written as their users do; prints the seconds of each repetition.

    python scripts/bench_odc.py ITEMS.json OUTPUT TILE REPEAT threads|processes
"""

import json
import sys
from pathlib import Path
from time import perf_counter

import dask
import odc.geo.xr  # noqa: F401 - brings the accessor .odc
import odc.stac
import pystac
import xarray as xr
from bench_bare import MASKED, NODATA, STORED_SCALE

CORES = 2


def composite(items: list[pystac.Item], tile: int) -> xr.DataArray:
    """Cloud-masked median NDVI, lazy."""
    cube = odc.stac.load(
        items, bands=["B04", "B08", "SCL"], chunks={"x": tile, "y": tile}, groupby="solar_day", resampling="nearest",
        crs="EPSG:32629", resolution=10,
    )  # fmt: skip
    usable = ~cube.SCL.isin([0, *MASKED]) & (cube.B04 != 0) & (cube.B08 != 0)
    red, nir = (band.astype("float32").where(usable) * 1e-4 - 0.1 for band in (cube.B04, cube.B08))
    median = ((nir - red) / (nir + red)).chunk({"time": -1}).median("time", skipna=True)
    stored = (median / STORED_SCALE).round().fillna(NODATA).astype("int16")
    stored.attrs["nodata"] = NODATA
    return stored


def write(part: xr.DataArray, path: Path) -> None:
    """Write one tile as jeospark does."""
    part.odc.write_cog(
        str(path), overwrite=True, blocksize=512, compress="DEFLATE", level=1, predictor=2, nodata=NODATA,
        overview_resampling="average",
    )  # fmt: skip


def run(items: list[pystac.Item], folder: Path, tile: int) -> float:
    """Make all tiles; returns the seconds."""
    started = perf_counter()
    cube = composite(items, tile)
    jobs = [
        dask.delayed(write)(cube[row : row + tile, col : col + tile], folder / f"{row}_{col}.tif")
        for row in range(0, cube.shape[0], tile)
        for col in range(0, cube.shape[1], tile)
    ]
    dask.compute(*jobs)
    return perf_counter() - started


def main() -> None:
    """Read the arguments, start the workers, repeat."""
    items = [pystac.Item.from_dict(each) for each in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))]
    folder, tile, repeat = Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    folder.mkdir(parents=True, exist_ok=True)
    if sys.argv[5] == "processes":
        from distributed import Client  # noqa: PLC0415 - only this way of running needs it

        with Client(n_workers=CORES, threads_per_worker=1, dashboard_address=None):
            seconds = [run(items, folder, tile) for _ in range(repeat)]
    else:
        with dask.config.set(scheduler="threads", num_workers=CORES):
            seconds = [run(items, folder, tile) for _ in range(repeat)]
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
