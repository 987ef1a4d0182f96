"""Zonal statistics of 5,000 parcels beside exactextract and rasterstats, by seconds of one core; all read the files.

Such as `python scripts/bench_zonal.py --repeat 3`. What coverage costs is paid once for all dates and bands here, and
for each raster anew by the others.
"""

import argparse
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import exactextract
import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import rasterio
import rasterstats
import shapely
from bench_archive import CRS, ORIGIN, Archive
from bench_result import Result, compared, table
from exactextract.raster import NumPyRasterSource
from numpy.typing import NDArray

from jeospark.lab.recipe import load_collection
from jeospark.model import ItemRef, Source, Unit
from jeospark.output import OutputBand
from jeospark.raster.env import gdal_environment
from jeospark.settings import Settings
from jeospark.task.program import program
from jeospark.task.zonal import ZonalOrders, zonal_rows
from jeospark.task.zonal_place import PLACED
from jeospark.task.zonal_table import Limits
from jeospark.task.zonal_tile import TileZones, tile_zones
from jeospark.tiling.extent import PixelExtent
from udfs.coverage import FRACTIONAL
from udfs.spectrum import STATISTICS

PARCELS, SIDE, CELL = 5000, 71, 24
"""Parcels, cells a row, and pixels from one to the next."""
BANDS = ("B02", "B03", "B04", "B08")
SIZE = 1792
DATES, MADE = 70, 10
"""Dates of the long series, and how many of them have files of their own."""
FEW = 250
"""Parcels that rasterstats gets: it takes each by itself, so that its rate is the same for all."""
OPERATIONS = ("count", "mean", "stdev", "min", "max", "quantile(q=0.25)", "quantile(q=0.5)", "quantile(q=0.75)", "sum")
TRANSFORM = (10.0, 0.0, ORIGIN[0], 0.0, -10.0, ORIGIN[1])


def parcels() -> NDArray[np.object_]:
    """Fields between roads: corners off the lattice, edges that are not straight, about 475 pixels each."""
    random = np.random.default_rng(17)
    corners = np.stack(np.meshgrid(np.arange(SIDE + 1.0), np.arange(SIDE + 1.0)), axis=-1) * CELL + 32
    corners += random.uniform(-4, 4, corners.shape)
    found = []
    for row, col in list(np.ndindex(SIDE, SIDE))[:PARCELS]:
        ends = corners[[row, row, row + 1, row + 1], [col, col + 1, col + 1, col]]
        edge = np.concatenate(
            [np.linspace(one, other, 4)[:-1] for one, other in zip(ends, np.roll(ends, -1, 0), strict=True)]
        )
        edge[np.arange(len(edge)) % 3 > 0] += random.uniform(-0.6, 0.6, (8, 2))
        found.append(shapely.Polygon(edge * (10, -10) + ORIGIN).buffer(-9.0, join_style="mitre"))
    return np.array(found, dtype=object)


@dataclass(frozen=True, slots=True)
class Work:
    """Parcels, and the dates that they are summed up over."""

    shapes: NDArray[np.object_]
    archive: Archive

    def unit(self, dates: int) -> Unit:
        """All dates as one unit."""
        return Unit(
            unit_id="tile/date", tile="tile", period="date", start=self.archive.when(0), end=self.archive.when(dates),
            crs=CRS, transform=TRANSFORM, shape=(SIZE, SIZE), output_href="", digest="",
            items=tuple(self._item(date) for date in range(dates)),
        )  # fmt: skip

    def _item(self, date: int) -> ItemRef:
        paths = {band: str(self.archive.path(date % MADE, band)) for band in BANDS}
        sources = tuple(Source(band=band, href=path, data_type="uint16", nodata=0) for band, path in paths.items())
        when = self.archive.when(date)
        return ItemRef(
            item_id=f"i{date:03d}", observation=f"i{date:03d}", datetime=when, footprint=None, sources=sources
        )

    def frame(self) -> geopandas.GeoDataFrame:
        """The parcels for the peers."""
        return geopandas.GeoDataFrame({"zone": names(len(self.shapes))}, geometry=list(self.shapes), crs=CRS)


def names(count: int) -> list[str]:
    """Ids of parcels."""
    return [f"{number:05d}" for number in range(count)]


def zones_of(work: Work) -> TileZones:
    """What a worker makes of a tile's zones before its first unit."""
    count = len(work.shapes)
    columns = [
        ["tile"] * count,
        names(count),
        shapely.to_wkb(work.shapes),
        shapely.area(work.shapes) / 100,
        [1] * count,
    ]
    placed = pa.table([pa.array(column, each.type) for column, each in zip(columns, PLACED, strict=True)], PLACED)
    return tile_zones(placed, PixelExtent(crs=CRS, transform=TRANSFORM, shape=(SIZE, SIZE)), FRACTIONAL, 1 << 28)


def orders() -> ZonalOrders:
    """The bands as they are, date by date."""
    recipe = load_collection("s2", bands=list(BANDS)).to_json()
    ready = program(recipe, tuple(OutputBand(name=band) for band in BANDS))
    return ZonalOrders(
        program=ready, settings=Settings.load(), skip_bad_assets=False, by_observation=True, limits=Limits()
    )


def ours(work: Work, dates: int) -> pa.Table:
    """Statistics of all parcels, bands and dates, from files to rows."""
    with gdal_environment(Settings.load()):
        return pa.Table.from_batches(zonal_rows(work.unit(dates), zones_of(work), orders()))


def exact(work: Work, strategy: str) -> Any:
    """The same of the first date by exactextract: a column an operation and band."""
    files = [str(work.archive.path(0, band)) for band in BANDS]
    return exactextract.exact_extract(
        files, work.frame(), list(OPERATIONS), include_cols=["zone"], output="pandas", strategy=strategy
    )


def exact_floats(work: Work) -> Any:
    """The same of the numbers as float32: of integers, exactextract gives whole quantiles."""
    x, y, side = *ORIGIN, SIZE * 10
    sources = []
    for band in BANDS:
        with rasterio.open(work.archive.path(0, band)) as file:
            data = np.where(file.read_masks(1) > 0, file.read(1), np.nan).astype(np.float32)
            wkt = file.crs.to_wkt()
        place = {"xmin": x, "ymin": y - side, "xmax": x + side, "ymax": y}
        sources.append(NumPyRasterSource(data, name=band, srs_wkt=wkt, **place))
    return exactextract.exact_extract(sources, work.frame(), list(OPERATIONS), include_cols=["zone"], output="pandas")


def others(work: Work) -> None:
    """Some parcels by rasterstats, which has whole pixels only."""
    shapes = list(work.shapes[:FEW])
    statistics = ["count", "mean", "std", "min", "max", "percentile_25", "median", "percentile_75", "sum"]
    for band in BANDS:
        rasterstats.zonal_stats(shapes, str(work.archive.path(0, band)), stats=statistics)


def check_equal(rows: pa.Table, peer: Any) -> float:
    """Greatest relative difference from exactextract, of the first date.

    Raises:
        ValueError: It is more than float32 explains.
    """
    worst = 0.0
    for at, band in enumerate(BANDS):
        first = rows.filter((pc.field("band") == band) & (pc.field("observation") == "i000")).sort_by("zone")
        columns = peer.columns[1 + at :: len(BANDS)]
        for name, column in zip(STATISTICS, columns, strict=True):
            expected = peer[column].to_numpy(np.float64)
            found = first.column(name).to_numpy()
            worst = max(worst, float((np.abs(found - expected) / np.maximum(np.abs(expected), 1e-9)).max()))
    if worst > 1e-5:
        raise ValueError(f"statistics differ from exactextract's by {worst:g}")
    return worst


def took(function: Callable[[], object]) -> float:
    """Seconds of a core."""
    started = process_time()
    function()
    return process_time() - started


def bench_zonal(folder: Path, repeat: int) -> Iterator[Result]:
    """One date and seventy, against exactextract's faster way and rasterstats; all on one core."""
    work = Work(parcels(), Archive(folder=folder / "zonal", size=SIZE, dates=MADE, bands=BANDS))
    work.archive.make()
    # Kernels are compiled once and kept.
    ours(replace(work, shapes=work.shapes[:100]), 1)
    worst = check_equal(ours(work, 1), exact_floats(work))
    one = [took(lambda: ours(work, 1)) for _ in range(repeat)]
    sequences = {
        way: [took(partial(exact, work, way)) for _ in range(repeat)]
        for way in ("feature-sequential", "raster-sequential")
    }
    best = min(sequences.values(), key=median)
    pixels = float(shapely.area(work.shapes).mean() / 100)
    also = {"parcels a second": PARCELS / median(one), "pixels a parcel": pixels, "greatest difference": worst}
    yield Result(
        name="zonal", what="exactextract / jeospark, 5,000 parcels × 4 bands × 1 date", ratio=compared(best, one),
        target=1.0, sense="at least", seconds={"exactextract": best, "jeospark": one},
        also={**also, "exactextract's": PARCELS / median(best)},
    )  # fmt: skip
    many = [took(lambda: ours(work, DATES)) for _ in range(max(repeat // 3, 1))]
    yield Result(
        name="zonal-series", what=f"exactextract / jeospark, a date of {DATES}", sense="at least", target=10.0,
        ratio=median(best) * DATES / median(many), seconds={"exactextract, one date": best, "jeospark, all": many},
        also={"parcels a second and date": PARCELS * DATES / median(many)},
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        slow = [took(lambda: others(work)) for _ in range(repeat)]
    yield Result(
        name="zonal-rasterstats", what="rasterstats / jeospark, one date", target=20.0, sense="at least",
        ratio=median(slow) * PARCELS / FEW / median(one),
        seconds={f"rasterstats, {FEW} parcels": slow, "jeospark": one},
    )  # fmt: skip


def main() -> int:
    """Run; exit code 1 where a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "jeospark-bench",
                        help="where the archive is made, once; default %(default)s")  # fmt: skip
    parser.add_argument("--repeat", type=int, default=3, help="repetitions; default %(default)s")
    arguments = parser.parse_args()
    missed = False
    for result in bench_zonal(arguments.folder.resolve(), arguments.repeat):
        print(result.json() if arguments.json else table([result]), flush=True)
        missed |= result.met is False
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
