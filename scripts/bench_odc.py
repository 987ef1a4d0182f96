"""The benchmark `composite` with odc-stac and dask, written as their users do; prints the seconds of each repetition.

Arguments: file of STAC items, output folder, size of the archive and of a tile in pixels, repetitions, how dask runs:
`client` for its own cluster on this machine, as a bare `Client()` starts it, `threads` for threads of one process.
"""

import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import dask.base
import dask.config
import odc.geo.xr
import odc.stac
import pystac
import xarray as xr
from bench_archive import CRS, ORIGIN
from bench_bare import MASKED, NODATA, STORED_SCALE
from dask.delayed import delayed
from dask.distributed import Client
from odc.geo.geobox import GeoBox

CORES = 2


def composite(items: list[pystac.Item], size: int, tile: int) -> xr.DataArray:
    """Cloud-masked median NDVI, lazy."""
    (left, top), side = ORIGIN, 10.0 * size
    geobox = GeoBox.from_bbox((left, top - side, left + side, top), CRS, resolution=10)
    cube = odc.stac.load(
        items, bands=["B04", "B08", "SCL"], geobox=geobox, chunks={"x": tile, "y": tile}, groupby="solar_day",
        resampling="nearest",
    )  # fmt: skip
    usable = ~cube.SCL.isin([0, *MASKED]) & (cube.B04 != 0) & (cube.B08 != 0)
    red, nir = (band.astype("float32").where(usable) * 1e-4 - 0.1 for band in (cube.B04, cube.B08))
    median = ((nir - red) / (nir + red)).chunk({"time": -1}).median("time", skipna=True)
    stored: xr.DataArray = (median / STORED_SCALE).round().fillna(NODATA).astype("int16")
    stored.attrs["nodata"] = NODATA
    return stored


def write(part: xr.DataArray, path: Path) -> None:
    """Write one tile as jeospark does."""
    part.odc.write_cog(
        str(path), overwrite=True, blocksize=512, compress="DEFLATE", level=1, predictor=2, nodata=NODATA,
        overview_resampling="average",
    )  # fmt: skip


def run(items: list[pystac.Item], folder: Path, size: int, tile: int) -> float:
    """Make all tiles; returns the seconds."""
    started = perf_counter()
    cube = composite(items, size, tile)
    jobs = [
        delayed(write)(cube[row : row + tile, col : col + tile], folder / f"{row}_{col}.tif")
        for row in range(0, size, tile)
        for col in range(0, size, tile)
    ]
    dask.base.compute(*jobs)
    return perf_counter() - started


@contextmanager
def workers(kind: str) -> Iterator[None]:
    """Dask's workers, started before the clock."""
    if kind == "threads":
        with dask.config.set(scheduler="threads", num_workers=CORES):
            yield
    else:
        with Client(dashboard_address=None) as client:
            # Medians of pixels without any date are told of once a chunk.
            client.run(warnings.simplefilter, "ignore")
            yield


def main() -> None:
    """Read the arguments, start the workers, repeat."""
    items = [pystac.Item.from_dict(each) for each in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))]
    folder, (size, tile, repeat) = Path(sys.argv[2]), (int(each) for each in sys.argv[3:6])
    folder.mkdir(parents=True, exist_ok=True)
    with workers(sys.argv[6]):
        seconds = [run(items, folder, size, tile) for _ in range(repeat)]
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
