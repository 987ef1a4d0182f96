"""The benchmarks `plan` and `plan10m`: items of Sentinel-2, made up, to units, with a driver of 2 GB.

As a program: makes a plan for the catalogue in one folder in another, and prints what that took as JSON.
"""

import hashlib
import json
import sys
import threading
from dataclasses import asdict, dataclass, replace
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
from numpy.typing import NDArray
from pyproj import Transformer

from jeospark.catalog.merge import ROW_GROUP
from jeospark.catalog.schema import DIGEST, MGRS, OBSERVATION, SOURCES
from jeospark.catalog.store import Catalog
from jeospark.grid import BBox, Grid
from jeospark.lab.recipe import load_collection

COLLECTION = "made-up"
DAYS = 730
REVISIT = 5
"""Days after which a satellite is over a place again; two orbits see each tile."""
BANDS = {"B02": 10, "B03": 10, "B04": 10, "B08": 10, "B11": 20, "B12": 20, "SCL": 20}
"""Name: metres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """Two years of Sentinel-2."""

    items: int
    tiles: int
    """Those of so many items: twice in five days each."""
    area: BBox


MILLION = Archive(items=1_000_000, tiles=3_425, area=BBox(west=-15.0, south=25.0, east=65.0, north=71.0))
TEN_MILLION = Archive(items=10_000_000, tiles=34_247, area=BBox(west=-180.0, south=-80.0, east=180.0, north=80.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What planning took."""

    seconds: float
    """From the catalogue to the units on disk."""
    session: float
    """Seconds to start Spark before that."""
    explain: float
    """Seconds to explain the plan after that."""
    units: int
    items: int
    driver_jvm_mb: float
    """Peak resident memory of the JVM, which is driver and executor at once here."""
    driver_python_mb: float
    worker_python_mb: float
    """Of the largest Python worker."""


def make_catalog(root: Path, archive: Archive) -> Path:
    """Write a collection of made-up items, unless it is there; returns the catalogue's folder."""
    if (root / COLLECTION / "ready").exists():
        return root
    tiles = _tiles(archive)
    Catalog(root).add({"id": COLLECTION}, [_template(tiles)])
    path = Path(Catalog(root).items_path(COLLECTION))
    example = pq.read_table(path)
    partial = path.with_suffix(".part")
    acquisitions = _acquisitions(archive.tiles)[: archive.items]
    with pq.ParquetWriter(partial, example.schema, compression="zstd") as writer:
        for first in range(0, len(acquisitions), ROW_GROUP):
            writer.write_batch(_batch(example, acquisitions[first : first + ROW_GROUP], tiles, first))
    partial.replace(path)
    (root / COLLECTION / "ready").touch()
    return root


@dataclass(frozen=True, slots=True)
class Tiles:
    """What MGRS tiles give to the columns, one row a tile."""

    names: pa.Array
    crs: pa.Array
    outlines: NDArray[np.object_]
    """The four corners in degrees, as STAC catalogues have it."""
    wkb: pa.Array
    corners: NDArray[np.float64]
    """Transforms of the pixels of 10 m."""


def _tiles(archive: Archive) -> Tiles:
    grid = Grid.parse("mgrs:10")
    names = grid.tiles_over(archive.area)
    chosen = [names[int(place)] for place in np.linspace(0, len(names) - 1, archive.tiles)]
    extents = [grid.extent(name) for name in chosen]
    crs, bounds = np.array([extent.crs for extent in extents]), np.array([extent.bounds for extent in extents])
    rings = np.stack([bounds[:, [0, 0, 2, 2]], bounds[:, [3, 1, 1, 3]]], axis=-1)
    for code in np.unique(crs).tolist():
        to_degrees = Transformer.from_crs(code, "OGC:CRS84", always_xy=True)
        x, y = to_degrees.transform(*np.moveaxis(rings[crs == code], -1, 0))
        rings[crs == code] = np.stack([x, y], axis=-1)
    outlines = shapely.polygons(rings)
    corners = np.array([extent.transform for extent in extents])
    return Tiles(pa.array(chosen), pa.array(crs), outlines, pa.array(shapely.to_wkb(outlines)), corners)


def _template(tiles: Tiles) -> dict[str, Any]:
    """The item that the columns which no plan reads are copied from."""
    first = Grid.parse("mgrs:10").extent(tiles.names[0].as_py())
    (a, b, c, d, e, f), (rows, cols) = first.transform, first.shape
    assets = {}
    for band, metres in BANDS.items():
        step = metres / 10
        described = {"name": band, "data_type": "uint8" if band == "SCL" else "uint16", "nodata": 0}
        scaled = {} if band == "SCL" else {"raster:scale": 0.0001, "raster:offset": -0.1}
        assets[band] = {
            "href": f"/eos/jeodpp/data/{band}.jp2",
            "type": "image/jp2",
            "roles": ["data"],
            "proj:code": first.crs,
            "proj:transform": [a * step, b, c, d, e * step, f],
            "proj:shape": [int(rows / step), int(cols / step)],
            "bands": [described | scaled],
        }
    properties = {
        "datetime": "2021-01-01T11:20:00Z", "platform": "sentinel-2a", "sat:relative_orbit": 37,
        "eo:cloud_cover": 40.0, "grid:code": f"MGRS-{tiles.names[0]}", "proj:code": first.crs,
    }  # fmt: skip
    return {
        "type": "Feature", "stac_version": "1.1.0", "stac_extensions": [], "id": "template",
        "geometry": shapely.geometry.mapping(tiles.outlines[0]), "bbox": list(tiles.outlines[0].bounds),
        "properties": properties, "links": [], "assets": assets,
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Acquisitions:
    """Some rows of the collection, by time, then tile."""

    when: NDArray[np.datetime64]
    tile: NDArray[np.int64]
    orbit: NDArray[np.int64]
    """Relative."""

    def __len__(self) -> int:
        return len(self.when)

    def __getitem__(self, rows: slice) -> "Acquisitions":
        return Acquisitions(self.when[rows], self.tile[rows], self.orbit[rows])


def _acquisitions(tiles: int) -> Acquisitions:
    number = np.arange(tiles)
    phases = np.stack([number % REVISIT, (number // REVISIT + 2 * number + 1) % REVISIT], axis=1)
    days = []
    for phase in range(REVISIT):
        tile, nth = np.nonzero(phases == phase)
        days.append((tile, 1 + (phase * 29 + nth * 11) % 143))
    tile, orbit = (np.concatenate([days[day % REVISIT][part] for day in range(DAYS)]) for part in (0, 1))
    day = np.repeat(np.arange(DAYS), [len(days[day % REVISIT][0]) for day in range(DAYS)])
    return Acquisitions(np.datetime64("2021-01-01T10:00:00") + day * 86_400 + tile, tile, orbit)


def _batch(example: pa.Table, rows: Acquisitions, tiles: Tiles, first: int) -> pa.RecordBatch:
    at, count = pa.array(rows.tile), len(rows)
    names, orbits = tiles.names.take(at), pc.cast(pa.array(rows.orbit), pa.string())
    days = pa.array(np.datetime_as_string(rows.when, "D"))
    times = pc.replace_substring_regex(pa.array(np.datetime_as_string(rows.when)), "[-:]", "")
    ids = _joined("S2A_MSIL2A_", times, "_N0510_R", orbits, "_T", names)
    made = {
        "id": ids,
        "datetime": pa.array(rows.when.astype("datetime64[us]")),
        "geometry": tiles.wkb.take(at),
        "bbox": pa.StructArray.from_arrays(
            [pa.array(side) for side in shapely.bounds(tiles.outlines[rows.tile]).T], ["xmin", "ymin", "xmax", "ymax"]
        ),
        "sat:relative_orbit": pa.array(rows.orbit),
        "grid:code": _joined("MGRS-", names),
        "proj:code": tiles.crs.take(at),
        SOURCES: _sources(example, rows, tiles, ids),
        OBSERVATION: _joined("sentinel-2a/", orbits, "/", days),
        MGRS: names,
        DIGEST: pa.array([random_digest(first + place) for place in range(count)]),
    }
    same = pa.array(np.zeros(count, np.int64))
    columns = [
        made[name].cast(kind) if name in made else example.column(name).combine_chunks().take(same)
        for name, kind in zip(example.schema.names, example.schema.types, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=example.schema)


def random_digest(number: int) -> str:
    """Like any other to what compresses it."""
    return hashlib.sha256(number.to_bytes(8)).hexdigest()


def _joined(*parts: pa.Array | str) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")


def _sources(example: pa.Table, rows: Acquisitions, tiles: Tiles, ids: pa.Array) -> pa.ListArray:
    """Seven a row: those of the template, with the row's href and place."""
    kind = example.schema.field(SOURCES).type
    count, bands = len(rows), len(BANDS)
    one = example.column(SOURCES).combine_chunks().flatten()
    given = [str(field["band"]) for field in one.to_pylist()]
    item = np.repeat(np.arange(count), bands)
    folder = _joined("/eos/jeodpp/data/S2/L2A/", pa.array(np.datetime_as_string(rows.when, "D")), "/", ids)
    ends = pa.array([f".SAFE/GRANULE/IMG_DATA/{band}_{BANDS[band]}m.jp2" for band in given])
    corners = tiles.corners[rows.tile[item]]
    corners[:, [0, 4]] *= np.tile([BANDS[band] / 10 for band in given], count)[:, None]
    made = {
        "href": _joined(folder.take(pa.array(item)), ends.take(pa.array(np.tile(np.arange(bands), count)))),
        "crs": tiles.crs.take(pa.array(rows.tile[item])),
        "transform": pa.ListArray.from_arrays(np.arange(0, corners.size + 1, 6, dtype=np.int32), corners.ravel()),
        "size": pa.array(np.random.default_rng(0).integers(60_000_000, 140_000_000, count * bands)),
    }
    every = one.take(pa.array(np.tile(np.arange(bands), count)))
    fields = [made[each.name].cast(each.type) if each.name in made else every.field(each.name)
              for each in kind.value_type]  # fmt: skip
    structs = pa.StructArray.from_arrays(fields, fields=list(kind.value_type))
    starts = pa.array(np.arange(0, count * bands + 1, bands, dtype=np.int32))
    return pa.ListArray.from_arrays(starts, structs, type=kind)


def plan(catalog: str, output: str) -> Planned:
    """Plan monthly median NDVI on the Sentinel-2 tiles, and write the units down."""
    from jeospark.engine.explain import explain  # noqa: PLC0415
    from jeospark.engine.main import make_job  # noqa: PLC0415 - counted as part of the session's start
    from jeospark.engine.plan import make_plan  # noqa: PLC0415
    from jeospark.engine.session import spark_session  # noqa: PLC0415
    from jeospark.settings import Settings  # noqa: PLC0415

    began = perf_counter()
    spark = spark_session("jeospark plan benchmark", {**session_config(2), "spark.driver.memory": "2g"})
    started = perf_counter()
    recipe = load_collection(COLLECTION, bands=["B04", "B08", "SCL"]).mask_classes().ndvi("B08", "B04")
    job = make_job(recipe.aggregate("month", "median").to_json(), output=output, grid="mgrs:10", catalog=catalog)
    with Memory() as memory:
        planned = make_plan(spark, job)
        written = planned.write()
        seconds = perf_counter() - started
        explain(replace(planned, folder=written), Settings.load())
        explained = perf_counter() - started - seconds
    job.save()
    read = pq.read_metadata(Catalog(catalog).items_path(COLLECTION)).num_rows
    spark.stop()
    return Planned(
        seconds=seconds,
        session=started - began,
        explain=explained,
        units=written.units,
        items=read,
        driver_jvm_mb=memory.peak("java"),
        driver_python_mb=peak_mb(),
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
            self._peaks[process.pid, process.name()] = peak_mb(process.pid)
        except (OSError, psutil.Error):
            return


def peak_mb(pid: int | str = "self") -> float:
    """Peak resident memory of a process, MiB; `getrusage` tells that of the one that started it, where it is larger."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    kilobytes = next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")), "0")
    return int(kilobytes) / 1024


if __name__ == "__main__":
    print(json.dumps(asdict(plan(*sys.argv[1:]))))
