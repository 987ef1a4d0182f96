"""A GeoPackage of five million parcels read as Arrow: by jeospark.vector as `vectors add` reads it, and by pyogrio.

`python scripts/bench_read.py` makes the file, once, and runs both in turn. Both give all columns, ids and WKB of all
features, batch by batch, and keep none: jeospark in pieces, on as many threads as there are cores; pyogrio's
`open_arrow` the whole file, with the threads that GDAL starts for it. Compared is what a core must do: seconds of
cores, of all threads of a process together. Seconds on the clock stand beside.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np
import pyarrow as pa
import pyogrio
import shapely
from bench_peer import Peer, lonely_stdout, serve
from bench_result import Result, compared, table

from jeospark.vector.sources.open import open_source
from jeospark.vector.sources.request import Request
from jeospark.vector.spool import cores

MILLION = 1_000_000
BATCH = 100_000
CROPS = ("maize", "wheat", "barley", "sunflower", "permanent grassland", "fallow land", "vineyard")
SCHEMA = pa.schema(
    [
        pa.field("geometry", pa.binary()),
        pa.field("parcel", pa.string()),
        pa.field("crop", pa.string()),
        pa.field("year", pa.int32()),
        pa.field("declared_ha", pa.float64()),
        pa.field("declared", pa.date32()),
    ]
)


def make_parcels(folder: Path, number: int) -> Path:
    """Parcels of eight corners in rows, with the attributes of a declaration, in EPSG:3035."""
    path = folder / f"parcels-{number}.gpkg"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.gpkg")
        part.unlink(missing_ok=True)
        reader = pa.RecordBatchReader.from_batches(SCHEMA, _batches(number))
        pyogrio.write_arrow(
            reader, part, driver="GPKG", layer="parcels", geometry_name="geometry", geometry_type="Polygon",
            crs="EPSG:3035",
        )  # fmt: skip
        part.rename(path)
    return path


def _batches(number: int) -> Iterator[pa.RecordBatch]:
    random = np.random.default_rng(11)
    turn = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    for first in range(0, number, BATCH):
        rows = min(BATCH, number - first)
        place = first + np.arange(rows)
        middle = np.stack([place % 2500, place // 2500], axis=1) * 120.0 + (4_000_000, 2_500_000)
        reach = random.uniform(25, 55, (rows, 8))
        corners = middle[:, None] + reach[..., None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        shapes = shapely.polygons(corners)
        yield pa.record_batch(
            [
                pa.array(shapely.to_wkb(shapes), pa.binary()),
                pa.array([f"LU{each:010d}" for each in place]),
                pa.array(np.array(CROPS)[random.integers(0, len(CROPS), rows)]),
                pa.array(random.integers(2015, 2026, rows), pa.int32()),
                pa.array(shapely.area(shapes) / 1e4 * random.normal(1, 0.02, rows)),
                pa.array(random.integers(16_000, 20_000, rows), pa.int32()).cast(pa.date32()),
            ],
            schema=SCHEMA,
        )


def by_jeospark(path: str) -> int:
    """Features read, in pieces on all cores."""
    with tempfile.TemporaryDirectory() as scratch:
        opened = open_source(Request(href=path), Path(scratch))
        with ThreadPoolExecutor(cores()) as pool:
            return sum(pool.map(lambda piece: sum(batch.num_rows for batch in opened.read(piece)), opened.pieces))


def by_pyogrio(path: str) -> int:
    """Features read, by GDAL as pyogrio starts it."""
    with pyogrio.open_arrow(path, return_fids=True, use_pyarrow=True) as (_, reader):
        return sum(batch.num_rows for batch in reader)


WORK = {"jeospark": by_jeospark, "pyogrio": by_pyogrio}


def measured(work: str, path: str) -> dict[str, float]:
    """Seconds, seconds of cores, and features."""
    wall, busy = perf_counter(), process_time()
    features = WORK[work](path)
    return {"seconds": perf_counter() - wall, "cpu": process_time() - busy, "features": features}


def bench_read(folder: Path, repeat: int, number: int = 5 * MILLION) -> Iterator[Result]:
    """Both in turn, each in a process of its own."""
    path = str(make_parcels(folder, number))
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in WORK}
    with ExitStack() as stack:
        peers = {name: stack.enter_context(Peer(__file__, "serve")) for name in WORK}
        for _ in range(repeat):
            for name, peer in peers.items():
                runs[name].append(peer.ask(work=name, path=path))
    if {run["features"] for name in runs for run in runs[name]} != {number}:
        raise SystemExit("not all features were read")
    busy, clock = ({name: [run[what] for run in runs[name]] for name in runs} for what in ("cpu", "seconds"))
    yield Result(
        name="read", what=f"jeospark / pyogrio, seconds of a core for {number / MILLION:g} million features as Arrow",
        ratio=compared(busy["jeospark"], busy["pyogrio"]), target=1.3, seconds=busy,
        also={
            "thousand features/s and core": number / median(busy["jeospark"]) / 1000,
            "on the clock": median(clock["jeospark"]),
            "pyogrio's": median(clock["pyogrio"]),
        },
    )  # fmt: skip


def main() -> None:
    """Serve, or run both."""
    if sys.argv[1:2] == ["serve"]:
        with lonely_stdout() as answers:
            serve(measured, answers)
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "jeospark-bench")
    parser.add_argument("--number", type=int, default=5 * MILLION, help="features")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    print(table(list(bench_read(arguments.folder.resolve(), arguments.repeat, arguments.number))))


if __name__ == "__main__":
    main()
