"""jeospark's side of the benchmarks: a process with a Spark session, that runs the jobs it is sent.

The session stays, as in a notebook, so that jobs can be timed warm.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from types import MappingProxyType, TracebackType
from typing import IO, Any, Self

from bench_peer import lonely_stdout

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One job."""

    recipe: str
    catalog: str
    grid: str
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a job took."""

    seconds: float
    """From the recipe to the last file: plan, COGs with their items and thumbnails, ledger, collection and report."""
    plan: float
    """Of these, for the plan."""
    units: float
    """Of these, for the units: pixels, COGs, ledger."""
    finish: float
    """Of these, for the collection and the report."""
    busy: float
    """Seconds that the workers spent in units, all together."""
    read: float
    """Of these, for reading."""
    compute: float
    write: float
    peak_mb: float
    """Of the largest Python worker."""
    pixels_read: int
    pixels_skipped: int


class Engine:
    """A Spark session in a process of its own.

    Args:
        cores: How many tasks it runs at once.
        properties: Spark's, where it is no session on this machine.
        python: Of the workers.
    """

    def __init__(
        self, cores: int, properties: Mapping[str, str] = MappingProxyType({}), python: str = sys.executable
    ) -> None:
        started = perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(cores), json.dumps(dict(properties))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYSPARK_PYTHON": python},
        )  # fmt: skip
        self._answer()
        self.session_seconds = perf_counter() - started
        """From the start of Python to a session that takes jobs."""

    def run(self, request: Request) -> Reply:
        """Run one job; what an earlier run left in its folder is removed first."""
        shutil.rmtree(request.output, ignore_errors=True)
        print(json.dumps(asdict(request)), file=_open(self._process.stdin), flush=True)
        return Reply(**self._answer())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        _open(self._process.stdin).close()
        self._process.wait(60)

    def _answer(self) -> dict[str, Any]:
        line = _open(self._process.stdout).readline()
        if not line:
            raise SystemExit("jeospark's process ended; see its message above.")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _open(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise SystemExit("jeospark's process has no pipe.")
    return stream


def session_config(cores: int) -> dict[str, str]:
    """conf/local.conf, on `cores` cores."""
    lines = (ROOT / "conf" / "local.conf").read_text(encoding="utf-8").splitlines()
    held = dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
    return {**held, "spark.master": f"local[{cores}]"}


def serve(cores: int, properties: Mapping[str, str]) -> None:
    """Start a session, then run the jobs that come, a line of JSON each, until there are no more."""
    from jeospark.engine.session import spark_session  # noqa: PLC0415 - counted as part of the start

    with lonely_stdout() as answers:
        spark = spark_session("jeospark benchmark", {**session_config(cores), **properties})
        _check_executors(spark, int(properties.get("spark.executor.instances", 0)))
        print("{}", file=answers, flush=True)
        for line in sys.stdin:
            reply = execute(spark, Request(**json.loads(line)))
            print(json.dumps(asdict(reply)), file=answers, flush=True)
        spark.stop()


def _check_executors(spark: Any, wanted: int) -> None:
    """Make sure that a cluster gave what was asked for."""
    there = spark.sparkContext._jsc.sc().getExecutorMemoryStatus().size() - 1  # noqa: SLF001 - Python has no door to it
    if there < wanted:
        raise SystemExit(f"the cluster gave {there} of {wanted} executors; it has no room for more.")


def execute(spark: Any, request: Request) -> Reply:
    """Run one job as `jeospark run` does, in a session that is there."""
    from jeospark.engine import ledger  # noqa: PLC0415
    from jeospark.engine.main import conclude, make_job  # noqa: PLC0415
    from jeospark.engine.plan import make_plan  # noqa: PLC0415
    from jeospark.engine.run import run  # noqa: PLC0415
    from jeospark.settings import Settings  # noqa: PLC0415

    started = perf_counter()
    job = make_job(request.recipe, output=request.output, grid=request.grid, catalog=request.catalog)
    result = run(make_plan(spark, job), Settings.load())
    ran = perf_counter()
    conclude(result, command="scripts/bench.py")
    ended = perf_counter()
    outcomes = list(ledger.rows(job, result.attempt))
    if not result.ok:
        raise SystemExit("; ".join(outcome.message or "" for outcome in outcomes if outcome.status == "failed"))
    return Reply(
        seconds=ended - started,
        plan=ran - started - result.seconds,
        units=result.seconds,
        finish=ended - ran,
        busy=sum(outcome.seconds for outcome in outcomes),
        read=sum(outcome.seconds_read for outcome in outcomes),
        compute=sum(outcome.seconds_compute for outcome in outcomes),
        write=sum(outcome.seconds_write for outcome in outcomes),
        peak_mb=max(outcome.peak_mb for outcome in outcomes),
        pixels_read=sum(outcome.pixels_read for outcome in outcomes),
        pixels_skipped=sum(outcome.pixels_skipped for outcome in outcomes),
    )


if __name__ == "__main__":
    serve(int(sys.argv[1]), json.loads(sys.argv[2]))
