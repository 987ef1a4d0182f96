"""The benchmark `plan`: a million items of Sentinel-2, made up, to units, with a driver of 2 GB.

As a program: makes a plan for the catalogue in one folder in another, and prints what that took as JSON.
"""

import json
import resource
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, Self

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely
from bench_jeospark import session_config
from rasterio.warp import transform

from jeospark.catalog.merge import ROW_GROUP
from jeospark.catalog.schema import DIGEST, MGRS, OBSERVATION, SOURCES
from jeospark.catalog.store import Catalog
from jeospark.grid import BBox, Grid, PixelExtent
from jeospark.lab.recipe import load_collection

COLLECTION = "million"
AREA = BBox(west=-15.0, south=25.0, east=65.0, north=71.0)
TILES = 3425
"""Those of two years of a million items: twice in five days each."""
DAYS = 730
REVISIT = 5
"""Days after which a satellite is over a place again; two orbits see each tile."""
BANDS = {"B02": 10, "B03": 10, "B04": 10, "B08": 10, "B11": 20, "B12": 20, "SCL": 20}
"""Name: metres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What planning took."""

    seconds: float
    """From the catalogue to the units on disk."""
    session: float
    """Seconds to start Spark before that."""
    units: int
    items: int
    driver_jvm_mb: float
    """Peak resident memory of the JVM, which is driver and executor at once here."""
    driver_python_mb: float
    worker_python_mb: float
    """Of the largest Python worker."""


def make_catalog(root: Path, count: int) -> Path:
    """Write a collection of `count` made-up items, unless it is there; returns the catalogue's folder."""
    if (root / COLLECTION / "ready").exists():
        return root
    tiles = _tiles()
    first = _template(tiles[0])
    Catalog(root).add({"id": COLLECTION}, [first])
    path = Path(Catalog(root).items_path(COLLECTION))
    example = pq.read_table(path)
    partial = path.with_suffix(".part")
    acquisitions = islice(_acquisitions(tiles), count)
    with pq.ParquetWriter(partial, example.schema, compression="zstd") as writer:
        while batch := list(islice(acquisitions, ROW_GROUP)):
            writer.write_batch(_batch(example, batch))
    partial.replace(path)
    (root / COLLECTION / "ready").touch()
    return root


@dataclass(frozen=True, slots=True)
class Tile:
    """An MGRS tile."""

    name: str
    extent: PixelExtent
    outline: dict[str, Any]
    """`geometry` and `bbox` of an item."""
    wkb: bytes


def _tiles() -> list[Tile]:
    grid = Grid.parse("mgrs:10")
    names = grid.tiles_over(AREA)
    chosen = (names[int(place)] for place in np.linspace(0, len(names) - 1, TILES))
    return [_tile(name, grid.extent(name)) for name in chosen]


def _tile(name: str, extent: PixelExtent) -> Tile:
    """With the four corners as outline, as STAC catalogues have it."""
    a, _, left, _, e, top = extent.transform
    right, bottom = left + a * extent.shape[1], top + e * extent.shape[0]
    x, y = transform(extent.crs, "OGC:CRS84", [left, left, right, right, left], [top, bottom, bottom, top, top])
    polygon = shapely.Polygon(zip(x, y, strict=True))
    outline = {"geometry": shapely.geometry.mapping(polygon), "bbox": list(polygon.bounds)}
    return Tile(name, extent, outline, shapely.to_wkb(polygon))


def _template(tile: Tile) -> dict[str, Any]:
    """The item that the columns which no plan reads are copied from."""
    (a, b, c, d, e, f), (rows, cols) = tile.extent.transform, tile.extent.shape
    assets = {}
    for band, metres in BANDS.items():
        step = metres / 10
        described = {"name": band, "data_type": "uint8" if band == "SCL" else "uint16", "nodata": 0}
        scaled = {} if band == "SCL" else {"raster:scale": 0.0001, "raster:offset": -0.1}
        assets[band] = {
            "href": f"/eos/jeodpp/data/{band}.jp2",
            "type": "image/jp2",
            "roles": ["data"],
            "proj:code": tile.extent.crs,
            "proj:transform": [a * step, b, c, d, e * step, f],
            "proj:shape": [int(rows / step), int(cols / step)],
            "bands": [described | scaled],
        }
    properties = {
        "datetime": "2021-01-01T11:20:00Z", "platform": "sentinel-2a", "sat:relative_orbit": 37,
        "eo:cloud_cover": 40.0, "grid:code": f"MGRS-{tile.name}", "proj:code": tile.extent.crs,
    }  # fmt: skip
    return {
        "type": "Feature", "stac_version": "1.1.0", "stac_extensions": [], "id": "template", **tile.outline,
        "properties": properties, "links": [], "assets": assets,
    }  # fmt: skip


Acquisition = tuple[datetime, Tile, int]
"""When, where, relative orbit."""


def _acquisitions(tiles: Sequence[Tile]) -> Iterator[Acquisition]:
    """By time, then tile."""
    start = datetime(2021, 1, 1, 10, 0, tzinfo=UTC)
    for day in range(DAYS):
        for number, tile in enumerate(tiles):
            for nth, phase in enumerate((number % REVISIT, (number // REVISIT + 2 * number + 1) % REVISIT)):
                if day % REVISIT == phase:
                    yield start + timedelta(days=day, seconds=number), tile, 1 + (phase * 29 + nth * 11) % 143


def _batch(example: pa.Table, rows: Sequence[Acquisition]) -> pa.RecordBatch:
    ids = [f"S2A_MSIL2A_{when:%Y%m%dT%H%M%S}_N0510_R{orbit:03d}_T{tile.name}" for when, tile, orbit in rows]
    boxes = np.array([tile.outline["bbox"] for _, tile, _ in rows])
    made = {
        "id": pa.array(ids),
        "datetime": pa.array([when for when, _, _ in rows], example.schema.field("datetime").type),
        "geometry": pa.array([tile.wkb for _, tile, _ in rows]),
        "bbox": pa.StructArray.from_arrays([pa.array(side) for side in boxes.T], ["xmin", "ymin", "xmax", "ymax"]),
        "sat:relative_orbit": pa.array([orbit for _, _, orbit in rows]),
        "grid:code": pa.array([f"MGRS-{tile.name}" for _, tile, _ in rows]),
        "proj:code": pa.array([tile.extent.crs for _, tile, _ in rows]),
        SOURCES: _sources(example, rows, pa.array(ids)),
        OBSERVATION: pa.array([f"sentinel-2a/{orbit}/{when:%Y-%m-%d}" for when, _, orbit in rows]),
        MGRS: pa.array([tile.name for _, tile, _ in rows]),
        DIGEST: pa.array([f"{place:064x}" for place in range(len(rows))]),
    }
    same = pa.array(np.zeros(len(rows), np.int64))
    columns = [
        made[name].cast(kind) if name in made else example.column(name).combine_chunks().take(same)
        for name, kind in zip(example.schema.names, example.schema.types, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=example.schema)


def _sources(example: pa.Table, rows: Sequence[Acquisition], ids: pa.Array) -> pa.ListArray:
    """Seven a row: those of the template, with the row's href and place."""
    kind = example.schema.field(SOURCES).type
    count, bands = len(rows), len(BANDS)
    one = example.column(SOURCES).combine_chunks().flatten()
    every = one.take(pa.array(np.tile(np.arange(bands), count)))
    item = pa.array(np.repeat(np.arange(count), bands))
    folder = pa.array([f"/eos/jeodpp/data/S2/L2A/{when:%Y/%m/%d}/{tile.name}/" for when, tile, _ in rows])
    ends = pa.array([f".SAFE/GRANULE/IMG_DATA/{band}_{metres}m.jp2" for band, metres in BANDS.items()])
    given = [str(field["band"]) for field in one.to_pylist()]
    names = ends.take(pa.array([list(BANDS).index(band) for _ in range(count) for band in given]))
    corners = np.array([tile.extent.transform for _, tile, _ in rows]).repeat(bands, axis=0)
    corners[:, [0, 4]] *= np.tile([BANDS[band] / 10 for band in given], count)[:, None]
    made = {
        "href": pc.binary_join_element_wise(folder.take(item), ids.take(item), names, ""),
        "crs": pa.array([tile.extent.crs for _, tile, _ in rows]).take(item),
        "transform": pa.ListArray.from_arrays(np.arange(0, corners.size + 1, 6, dtype=np.int32), corners.ravel()),
        "size": pa.array(np.random.default_rng(0).integers(60_000_000, 140_000_000, count * bands)),
    }
    fields = [made[each.name].cast(each.type) if each.name in made else every.field(each.name)
              for each in kind.value_type]  # fmt: skip
    structs = pa.StructArray.from_arrays(fields, fields=list(kind.value_type))
    starts = pa.array(np.arange(0, count * bands + 1, bands, dtype=np.int32))
    return pa.ListArray.from_arrays(starts, structs, type=kind)


def plan(catalog: str, output: str) -> Planned:
    """Plan monthly median NDVI on the Sentinel-2 tiles, and write the units down."""
    from jeospark.engine.main import make_job  # noqa: PLC0415 - counted as part of the session's start
    from jeospark.engine.plan import make_plan  # noqa: PLC0415
    from jeospark.engine.session import spark_session  # noqa: PLC0415

    began = perf_counter()
    spark = spark_session("jeospark plan benchmark", {**session_config(2), "spark.driver.memory": "2g"})
    started = perf_counter()
    recipe = load_collection(COLLECTION, bands=["B04", "B08", "SCL"]).mask_classes().ndvi("B08", "B04")
    job = make_job(recipe.aggregate("month", "median").to_json(), output=output, grid="mgrs:10", catalog=catalog)
    with Memory() as memory:
        written = make_plan(spark, job).write()
    seconds = perf_counter() - started
    read = pq.read_metadata(Catalog(catalog).items_path(COLLECTION)).num_rows
    spark.stop()
    return Planned(
        seconds=seconds,
        session=started - began,
        units=written.units,
        items=read,
        driver_jvm_mb=memory.peak("java"),
        driver_python_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        worker_python_mb=memory.peak("python"),
    )


class Memory:
    """Peak resident memory of the processes below this one, looked at while they live."""

    def __init__(self) -> None:
        self._peaks: dict[tuple[int, str], float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def peak(self, name: str) -> float:
        """MiB of the largest process whose name begins so."""
        return max((peak for (_, known), peak in self._peaks.items() if known.startswith(name)), default=0.0)

    def _watch(self) -> None:
        ended = False
        while not ended:
            ended = self._stop.wait(0.5)
            for process in psutil.Process().children(recursive=True):
                self._look(process)

    def _look(self, process: psutil.Process) -> None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
            name = process.name()
        except (OSError, psutil.Error):
            return
        kilobytes = next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")), "0")
        self._peaks[process.pid, name] = int(kilobytes) / 1024


if __name__ == "__main__":
    print(json.dumps(asdict(plan(*sys.argv[1:]))))
