"""A GeoPackage of five million parcels read as Arrow: by jeospark.vector as `vectors add` reads it, and by pyogrio.

`python scripts/bench_read.py` makes the file, once, and runs both in turn. Both give all columns, ids and WKB of all
features, batch by batch, and keep none. Per core means: all cores are busy on both sides. jeospark reads the file in
pieces, on as many threads as there are cores; of pyogrio's `open_arrow` as many processes as there are cores read the
whole file at once, each on one core, so that its time for one file is what they take divided by their number. Whole
layers, from GeoPackage to GeoParquet, are reported beside.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import mean, median
from time import perf_counter, process_time

import numpy as np
import pyarrow as pa
import pyogrio
import shapely
from bench_peer import Peer, lonely_stdout, serve
from bench_result import Result, compared, table

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
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    from jeospark.vector.sources.open import open_source  # noqa: PLC0415
    from jeospark.vector.sources.request import Request  # noqa: PLC0415
    from jeospark.vector.spool import cores  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as scratch:
        opened = open_source(Request(href=path), Path(scratch))
        with ThreadPoolExecutor(cores()) as pool:
            return sum(pool.map(lambda piece: sum(batch.num_rows for batch in opened.read(piece)), opened.pieces))


def by_pyogrio(path: str) -> int:
    """Features read, by GDAL as pyogrio starts it."""
    with pyogrio.open_arrow(path, return_fids=True, use_pyarrow=True) as (_, reader):
        return sum(batch.num_rows for batch in reader)


def layer(path: str) -> int:
    """Features of a layer made, from the GeoPackage to files of GeoParquet."""
    from jeospark.vector.layers import Layers  # noqa: PLC0415

    with tempfile.TemporaryDirectory(dir=Path(path).parent) as catalog:
        return Layers(catalog).add("parcels", path).features


WORK = {"jeospark": by_jeospark, "pyogrio": by_pyogrio, "layer": layer}


def measured(work: str, path: str) -> dict[str, float]:
    """Seconds, seconds of cores, and features."""
    wall, busy = perf_counter(), process_time()
    features = WORK[work](path)
    return {"seconds": perf_counter() - wall, "cpu": process_time() - busy, "features": features}


def bench_read(folder: Path, repeat: int, number: int = 5 * MILLION) -> Iterator[Result]:
    """Both in turn, after one reading each that is not counted."""
    path, cores = str(make_parcels(folder, number)), sorted(os.sched_getaffinity(0))
    took, theirs = [], []
    with ExitStack() as stack:
        ours = stack.enter_context(Peer(__file__, "serve"))
        peers = [stack.enter_context(Peer(__file__, "serve", str(core))) for core in cores]
        for _ in range(repeat + 1):
            took.append(_whole(ours.ask(work="jeospark", path=path), number))
            for peer in peers:
                peer.begin(work="pyogrio", path=path)
            theirs.append([_whole(peer.answer(), number) for peer in peers])
        layer = _whole(ours.ask(work="layer", path=path), number)
    seconds = [run["seconds"] for run in took[1:]]
    each = [mean(run["seconds"] for run in runs) / len(cores) for runs in theirs[1:]]
    yield Result(
        name="read", what=f"jeospark / pyogrio, {number / MILLION:g} million features as Arrow, per core",
        ratio=compared(seconds, each), target=1.3, seconds={"pyogrio": each, "jeospark": seconds},
        also={
            "features/s and core": number / median(seconds) / len(cores),
            "core seconds": median(run["cpu"] for run in took[1:]),
            "pyogrio's": median(run["cpu"] for runs in theirs[1:] for run in runs),
            "whole layer s": layer["seconds"],
        },
    )  # fmt: skip


def _whole(run: dict[str, float], number: int) -> dict[str, float]:
    if run["features"] != number:
        raise SystemExit(f"{run['features']} of {number} features were read")
    return run


def main() -> None:
    """Serve, on one core where it is named, or run both."""
    if sys.argv[1:2] == ["serve"]:
        if sys.argv[2:]:
            os.sched_setaffinity(0, {int(sys.argv[2])})
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
