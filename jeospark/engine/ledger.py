"""The ledger: a Parquet table with a row for every unit of every attempt, in the output folder."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.dataset as ds
from pyspark.sql import DataFrame

from jeospark.engine.job import Job
from jeospark.model import Outcome
from jeospark.schema import OUTCOMES, outcome_of

FOLDER = "ledger"
ATTEMPT = "attempt"
"""Partition column: when the attempt began, UTC, such as 20190714T093000.000000Z."""


def attempt_name() -> str:
    """A name for an attempt that sorts by time."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def append(outcomes: DataFrame, job: Job, attempt: str) -> None:
    """Compute outcomes and add them as one attempt; they appear together, or, if the driver dies, not at all.

    What was published by then is found again by `resume`, from the results themselves.
    """
    outcomes.write.parquet(job.path(FOLDER, f"{ATTEMPT}={attempt}"))


def attempts(job: Job) -> list[str]:
    """Names of the finished attempts, first to last."""
    folders = Path(job.path(FOLDER)).glob(f"{ATTEMPT}=*/_SUCCESS")
    return sorted(marker.parent.name.removeprefix(f"{ATTEMPT}=") for marker in folders)


def rows(job: Job, attempt: str) -> Iterator[Outcome]:
    """The outcomes of one attempt."""
    table = ds.dataset(job.path(FOLDER, f"{ATTEMPT}={attempt}"), schema=OUTCOMES, format="parquet")
    for batch in table.to_batches():
        yield from map(outcome_of, batch.to_pylist())


def latest(job: Job) -> list[Outcome]:
    """How each unit stands: its last row, or where that says `skipped`, the one that made the result; by unit."""
    standing: dict[str, Outcome] = {}
    for attempt in attempts(job):
        for outcome in rows(job, attempt):
            known = standing.get(outcome.unit_id)
            kept = known is not None and outcome.status == "skipped" and known.status in {"done", "empty"}
            standing[outcome.unit_id] = known if kept and known is not None else outcome
    return [standing[unit_id] for unit_id in sorted(standing)]
