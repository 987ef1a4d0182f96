"""Apache SpatialBench at scale factor 1: twelve queries by jeospark's SQL and by SedonaDB, on the same files and cores.

`python scripts/bench_spatialbench.py 1 8 12` runs the queries named, or all. `spatialbench-cli` makes the tables of
trips, buildings and customers, once; the zones are Natural Earth's countries, where the benchmark downloads others.
Each query runs once on each side before it is measured. Both answers are compared, row by row.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from decimal import Decimal
from math import isclose
from pathlib import Path
from time import perf_counter
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from bench_peer import Peer, lonely_stdout, missing, require, serve
from bench_result import Result, compared, table
from bench_zones import make_zones

CORES = 2
TABLES = ("trip", "building", "customer", "zone")
COLLECT = {"jeospark": "ST_Collect(collect_list({}))", "sedonadb": "ST_Collect_Agg({})"}
"""The aggregate that collects geometries."""


def queries(engine: str) -> dict[int, str]:
    """The texts by their numbers."""
    text = (Path(__file__).parent / "spatialbench.sql").read_text(encoding="utf-8")
    text = text.replace("{collect}", COLLECT[engine].format("ST_GeomFromWKB(t_dropoffloc)"))
    _, *parts = text.split("\n\n-- ")
    return {int(number): query for number, _, query in (part.partition("\n") for part in parts)}


def make_tables(folder: Path) -> Path:
    """Six million trips, 20,000 buildings, 30,000 customers, and the zones."""
    made = folder / "spatialbench-sf1"
    if not made.exists():
        part = folder / ".spatialbench-sf1"
        program = Path(sys.executable).parent / "spatialbench-cli"
        if not program.exists():
            raise missing(program.name)
        subprocess.run([program, "-s", "1", "-T", "trip,customer,building", "-o", part], check=True)
        part.rename(made)
    make_zones(made)
    return made


def by_jeospark(folder: Path) -> Callable[[str], pa.Table]:
    """A function that answers."""
    from bench_jeospark import session_config  # noqa: PLC0415

    from jeospark.sql import ask, session  # noqa: PLC0415
    from jeospark.sql.session import sedona_config  # noqa: PLC0415

    spark = session(str(folder / "catalog"), config={**sedona_config(), **session_config(CORES)})
    for name in TABLES:
        spark.read.parquet(str(folder / f"{name}.parquet")).createOrReplaceTempView(name)
    return lambda text: ask(text, spark=spark).table


def by_sedonadb(folder: Path) -> Callable[[str], pa.Table]:
    """A function that answers."""
    import sedonadb  # noqa: PLC0415

    database = sedonadb.connect()
    for name in TABLES:
        database.read_parquet(folder / f"{name}.parquet").to_view(name)
    return lambda text: pa.table(database.sql(text.rstrip().removesuffix(";")))


ENGINES = {"jeospark": by_jeospark, "sedonadb": by_sedonadb}


def serve_as(engine: str, folder: Path) -> None:
    """Answer queries by their numbers, into files."""
    with lonely_stdout() as answers:
        texts, answered = queries(engine), ENGINES[engine](folder)

        def answer(number: int, into: str) -> float:
            started = perf_counter()
            found = answered(texts[number])
            took = perf_counter() - started
            pq.write_table(found, into)
            return took

        serve(answer, answers)


def bench_spatialbench(folder: Path, repeat: int, numbers: tuple[int, ...] = ()) -> Iterator[Result]:
    """One query after the other, both engines in turn; the first run of each is told beside."""
    require("sedonadb")
    data = make_tables(folder)
    with ExitStack() as stack, tempfile.TemporaryDirectory() as scratch:
        peers = {name: stack.enter_context(Peer(__file__, "serve", name, str(data))) for name in ENGINES}
        files = {name: f"{scratch}/{name}.parquet" for name in ENGINES}
        for number in numbers or queries("sedonadb"):
            seconds: dict[str, list[float]] = {name: [] for name in ENGINES}
            for _ in range(repeat + 1):
                for name, peer in peers.items():
                    seconds[name].append(peer.ask(number=number, into=files[name]))
            rows = check_equal(number, *(pq.read_table(file) for file in files.values()))
            first, warm = seconds["jeospark"][0], {name: each[1:] for name, each in seconds.items()}
            yield Result(
                name=f"spatialbench-q{number}", what=f"jeospark / SedonaDB, SpatialBench query {number}",
                ratio=compared(warm["jeospark"], warm["sedonadb"]), target=3.0, seconds=warm,
                also={"rows": rows, "first": first, "SedonaDB's": seconds["sedonadb"][0]},
            )  # fmt: skip


def check_equal(number: int, one: pa.Table, other: pa.Table) -> int:
    """Compare texts and whole numbers exactly, decimals to their last digit, others to nine; give how many rows."""
    rows = [zip(*(_plain(column) for column in each.columns), strict=True) for each in (one, other)]
    if one.num_rows != other.num_rows:
        raise SystemExit(f"query {number}: {one.num_rows} rows and {other.num_rows}")
    for left, right in zip(*rows, strict=True):
        if not all(map(_same, left, right)):
            raise SystemExit(f"query {number}: {left} and {right}")
    return int(one.num_rows)


def _plain(column: pa.ChunkedArray) -> list[Any]:
    return [_naive(value) for value in column.to_pylist()]


def _naive(value: Any) -> Any:
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, timedelta) and isinstance(right, timedelta):
        # SedonaDB's averages are whole milliseconds, cut off.
        return abs(left - right) <= timedelta(milliseconds=1)
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        # SedonaDB cuts averages off where Spark rounds them.
        return abs(left - right) <= max(Decimal((0, (1,), int(each.as_tuple().exponent))) for each in (left, right))
    if isinstance(left, float) and isinstance(right, float):
        return isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)
    return bool(left == right)


def main() -> None:
    """Serve as one of the two, or run both."""
    if sys.argv[1:2] == ["serve"]:
        serve_as(sys.argv[2], Path(sys.argv[3]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("numbers", nargs="*", type=int, help="queries; default all")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "jeospark-bench")
    parser.add_argument("--repeat", type=int, default=1)
    arguments = parser.parse_args()
    for result in bench_spatialbench(arguments.folder.resolve(), arguments.repeat, tuple(arguments.numbers)):
        print(table([result]), flush=True)


if __name__ == "__main__":
    main()
