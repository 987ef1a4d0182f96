"""The ledger: a Parquet table with a row for every unit of every attempt, in the output folder.

Each task writes the rows of its units as it ends, so that they outlive a driver that is killed; when an attempt ends,
its files become one.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.dataset as ds

from jeospark.engine.job import Job
from jeospark.model import Outcome
from jeospark.schema import OUTCOMES, outcome_batch, outcome_of
from jeospark.storage.publish import exists
from jeospark.storage.tables import write_table

FOLDER = "ledger"
ATTEMPT = "attempt"
"""Partition column: when the attempt began, UTC, such as 20190714T093000.000000Z."""
WHOLE = "outcomes.parquet"
"""The file of a finished attempt."""


def attempt_name() -> str:
    """A name for an attempt that sorts by time."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def write_part(job: Job, attempt: str, task: int, outcomes: Sequence[Outcome]) -> None:
    """Add the rows of one task; a twin of the task replaces them with its own.

    Raises:
        DiskFullError: No space is left.
        OutputUnwritableError: The folder cannot be written.
    """
    href = job.path(FOLDER, f"{ATTEMPT}={attempt}", f"part-{task:06d}.parquet")
    write_table(href, [outcome_batch(outcomes)], OUTCOMES)


def close(job: Job, attempt: str) -> None:
    """Make one file of an attempt's rows, now that all its tasks have ended.

    Raises:
        DiskFullError: No space is left.
        OutputUnwritableError: The folder cannot be written.
    """
    folder = Path(job.path(FOLDER, f"{ATTEMPT}={attempt}"))
    parts = sorted(folder.glob("part-*.parquet"))
    batches = ds.dataset(parts, schema=OUTCOMES, format="parquet").to_batches()
    write_table(str(folder / WHOLE), batches, OUTCOMES)
    for part in parts:
        part.unlink(missing_ok=True)


def attempts(job: Job) -> list[str]:
    """Names of the attempts, first to last, those that were cut off included."""
    return sorted(folder.name.removeprefix(f"{ATTEMPT}=") for folder in Path(job.path(FOLDER)).glob(f"{ATTEMPT}=*"))


def rows(job: Job, attempt: str) -> Iterator[Outcome]:
    """The outcomes of one attempt, as far as it came."""
    folder = job.path(FOLDER, f"{ATTEMPT}={attempt}")
    whole = str(Path(folder, WHOLE))
    table = ds.dataset(whole if exists(whole) else folder, schema=OUTCOMES, format="parquet")
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
