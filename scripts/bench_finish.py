"""The benchmark `finish`: what a driver does after the units of a large plan, measured without their pixels.

As a program: takes the folder of a written plan, makes a ledger for it as tasks do, closes it, publishes collection and
report, and prints what that took as JSON.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from bench_plan import peak_mb

from jeospark.engine import ledger
from jeospark.engine.explain import explain
from jeospark.engine.finish import Attempt, finish, remember
from jeospark.engine.job import load_job
from jeospark.engine.plan import make_plan, written_plan
from jeospark.engine.run import UNITS_PER_TASK
from jeospark.model import Outcome, Unit
from jeospark.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """Seconds on the driver, and what came of them."""

    units: int
    close: float
    """To make one file of the attempt's rows."""
    finish: float
    """To publish collection and report."""
    explain: float
    """To explain the plan again, and count what is done."""
    report_kb: float
    collection_kb: float
    python_mb: float
    """Peak of this process, that read plan and ledger."""


def measure(output: str) -> Finished:
    """Finish a run whose plan is in a folder."""
    job = load_job(output)
    shutil.rmtree(job.path(ledger.FOLDER), ignore_errors=True)
    attempt = ledger.attempt_name(job)
    folder = written_plan(job)
    if folder is None:
        raise SystemExit(f"{output} holds no plan")
    units = folder.outlines()
    for task in range(-(-folder.units // UNITS_PER_TASK)):
        ledger.write_part(job, attempt, task, list(_outcomes(units)))
    remember(job, Attempt(name=attempt, started="2026-01-01T00:00:00+00:00", seconds=3600.0, cores=2, command="bench"))
    began = perf_counter()
    ledger.close(job, attempt)
    closed = perf_counter()
    places = finish(job)
    ended = perf_counter()
    explain(replace(make_plan(None, job), folder=folder), Settings.load())
    return Finished(
        units=folder.units,
        close=closed - began,
        finish=ended - closed,
        explain=perf_counter() - ended,
        report_kb=Path(places.report).stat().st_size / 1e3,
        collection_kb=Path(places.collection).stat().st_size / 1e3,
        python_mb=peak_mb(),
    )


def _outcomes(units: Iterator[Unit]) -> Iterator[Outcome]:
    for _, unit in zip(range(UNITS_PER_TASK), units, strict=False):
        yield Outcome(
            unit_id=unit.unit_id, tile=unit.tile, period=unit.period, status="done", digest=unit.digest,
            href=unit.output_href, items=12, pixels=unit.shape[0] * unit.shape[1], seconds=60.0, seconds_read=40.0,
            host="node", started=datetime.now(UTC),
        )  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(asdict(measure(*sys.argv[1:]))))
