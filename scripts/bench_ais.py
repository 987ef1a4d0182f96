"""Tracks and encounters of ships: 88,532 real positions, and as many as wanted made from them.

`python scripts/bench_ais.py` runs both in a session of two cores; time must grow no faster than the positions, memory
of the Python workers must not grow with them. Copies are the same ships a day later each, so that tracks and encounters
grow as the positions do.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from bench_peer import Peer, lonely_stdout, serve
from bench_result import Result, table

MILLION = 1_000_000
CORES = 2
REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "ais_uscg" / "ais_even_mmsi.csv.gz"
DAY_US = 86_400_000_000
WORK = ("tracks", "encounters")


def real_positions() -> pa.Table:
    """The real positions, or drifting ships of as many where they are not here."""
    if REAL.exists():
        read = pa.csv.read_csv(REAL)
        time = read["BaseDateTime"].cast(pa.timestamp("us")).cast(pa.int64())
        return pa.table({"mmsi": read["MMSI"], "time": time, "lon": read["LON"], "lat": read["LAT"]})
    random = np.random.default_rng(4)
    ships, each = 8_894, 10
    time = np.sort(random.integers(0, DAY_US // 48, (ships, each)), axis=1)
    middle = random.normal(0, 3, (ships, 1, 2)) + np.array([-90.0, 29.0])
    places = middle + np.cumsum(random.normal(0, 1e-3, (ships, each, 2)), axis=1)
    mmsi = np.repeat(366_000_000 + np.arange(ships), each)
    lon, lat = places.reshape(-1, 2).T
    return pa.table({"mmsi": mmsi, "time": time.ravel(), "lon": lon, "lat": lat})


def make_positions(folder: Path, number: int) -> Path:
    """The real positions, copied a day later each until there are enough; 0 for the real ones alone."""
    path = folder / f"ais-{number or 'real'}"
    if path.exists():
        return path
    part, real = folder / f".ais-{number}", real_positions()
    part.mkdir(parents=True, exist_ok=True)
    copies = -(-number // real.num_rows) or 1
    for copy in range(copies):
        rows = min(real.num_rows, number - copy * real.num_rows) if number else real.num_rows
        shifted = pa.table(
            {
                "mmsi": real["mmsi"],
                "time": pa.array(real["time"].to_numpy() + copy * DAY_US).cast(pa.timestamp("us", tz="UTC")),
                "lon": real["lon"],
                "lat": real["lat"],
            }
        )
        pq.write_table(shifted.slice(0, rows), part / f"part-{copy:05d}.parquet")
    part.rename(path)
    return path


def serve_work() -> None:
    """Do what is asked; tell seconds, rows and the largest worker's MiB."""
    from bench_jeospark import session_config  # noqa: PLC0415

    from jeospark.sql.session import sedona_config, sedona_session  # noqa: PLC0415
    from jeospark.vector.ais.encounters import encounters  # noqa: PLC0415
    from jeospark.vector.ais.tracks import tracks  # noqa: PLC0415

    does: dict[str, Callable[[Any], Any]] = {"tracks": tracks, "encounters": encounters}
    with lonely_stdout() as answers:
        spark = sedona_session("jeospark benchmark", {**sedona_config(), **session_config(CORES)})

        def answer(work: str, path: str) -> dict[str, float]:
            started = perf_counter()
            rows = does[work](spark.read.parquet(path)).drop("geometry").count()
            return {"seconds": perf_counter() - started, "rows": rows, "mb": _largest_worker()}

        serve(answer, answers)


def _largest_worker() -> float:
    """Memory of the largest Python process below this one, MiB: workers stay between jobs."""
    sizes = [child.memory_info().rss for child in psutil.Process().children(recursive=True) if "python" in child.name()]
    return max(sizes, default=0) / 2**20


def bench_ais(folder: Path, repeat: int, number: int = 10 * MILLION) -> Iterator[Result]:
    """The real positions, a tenth of what is asked for, and all of it; the first run is not counted."""
    real, some, many = (make_positions(folder, size) for size in (0, number // 10, number))
    with Peer(__file__, "serve") as process:
        for work in WORK:
            process.ask(work=work, path=str(real))
            runs = {
                path: [process.ask(work=work, path=str(path)) for _ in range(repeat)] for path in (real, some, many)
            }
            seconds = {path: [run["seconds"] for run in runs[path]] for path in runs}
            growth = median(seconds[many]) / median(seconds[some])
            yield Result(
                name=f"ais-{work}", what=f"{work} of {number / MILLION:g} million positions / of a tenth of them",
                ratio=growth, target=10.0,
                seconds={"88,532 real": seconds[real], "a tenth": seconds[some], "all": seconds[many]},
                also={"rows": runs[many][-1]["rows"], "thousand positions/s": number / median(seconds[many]) / 1000},
            )  # fmt: skip
            memory = [max(run["mb"] for run in runs[path]) for path in (some, many)]
            yield Result(
                name=f"ais-{work}-memory", what="largest Python worker, all / a tenth of the positions",
                ratio=memory[1] / memory[0], target=1.5, also={"worker MiB": memory[1]},
            )  # fmt: skip


def main() -> None:
    """Serve, or run it all."""
    if sys.argv[1:] == ["serve"]:
        serve_work()
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "jeospark-bench")
    parser.add_argument("--number", type=int, default=10 * MILLION, help="positions")
    parser.add_argument("--repeat", type=int, default=1)
    arguments = parser.parse_args()
    print(table(list(bench_ais(arguments.folder.resolve(), arguments.repeat, arguments.number))))


if __name__ == "__main__":
    main()
