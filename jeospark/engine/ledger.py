"""The ledger: a Parquet table with a row for every unit of every attempt, in the output folder.

Each task writes the rows of its units as it ends, so that they outlive a driver that is killed; when an attempt ends,
its files become one.
"""

import re
from collections.abc import Iterator, Sequence

import pyarrow as pa

from jeospark.engine.job import Job
from jeospark.engine.order import name_after
from jeospark.model import Outcome
from jeospark.schema import OUTCOMES, outcome_batch, outcome_of
from jeospark.storage.publish import names, remove
from jeospark.storage.sweep import sweep
from jeospark.storage.tables import read_table, write_table

FOLDER = "ledger"
ATTEMPT = "attempt"
"""Partition column: when the attempt began, UTC, such as 20190714T093000.000000Z-3fa2; see `name_after`."""
WHOLE = "outcomes.parquet"
"""The file of a finished attempt."""
_PART = re.compile(r"part-\d+\.parquet")


def attempt_name(job: Job) -> str:
    """A name for a new attempt, after those of all others."""
    return name_after(attempts(job))


def path(job: Job, attempt: str, *names: str) -> str:
    """Where an attempt keeps its rows, or a file of that folder."""
    return job.path(FOLDER, f"{ATTEMPT}={attempt}", *names)


def write_part(job: Job, attempt: str, task: int, outcomes: Sequence[Outcome]) -> None:
    """Add the rows of one task; a twin of the task replaces them with its own.

    Raises:
        DiskFullError: No space is left.
        OutputUnwritableError: The folder cannot be written.
    """
    href = path(job, attempt, f"part-{task:06d}.parquet")
    write_table(href, [outcome_batch(outcomes)], OUTCOMES, private=True)


def close(job: Job, attempt: str) -> None:
    """Make one file of an attempt's rows, now that all its tasks have ended.

    Raises:
        DiskFullError: No space is left.
        OutputUnwritableError: The folder cannot be written.
    """
    parts = [path(job, attempt, name) for name in names(path(job, attempt)) if _PART.fullmatch(name)]
    batches = (batch for part in parts for batch in read_table(part, OUTCOMES))
    write_table(path(job, attempt, WHOLE), batches, OUTCOMES, private=True)


def tidy(job: Job) -> None:
    """Remove what attempts left beside their rows: a finished one needs its one file, whoever still writes there."""
    for attempt in attempts(job):
        found = names(path(job, attempt))
        if WHOLE not in found:
            sweep(path(job, attempt))
        elif len(found) > 1:
            for name in found:
                if name != WHOLE:
                    remove(path(job, attempt, name))


def attempts(job: Job) -> list[str]:
    """Names of the attempts, first to last, those that were cut off included."""
    prefix = f"{ATTEMPT}="
    return sorted(name.removeprefix(prefix) for name in names(job.path(FOLDER)) if name.startswith(prefix))


def rows(job: Job, attempt: str) -> Iterator[Outcome]:
    """The outcomes of one attempt, as far as it came."""
    for batch in table(job, attempt).to_batches():
        yield from map(outcome_of, batch.to_pylist())


def table(job: Job, attempt: str) -> pa.Table:
    """The rows of one attempt, as far as it came (`jeospark.schema.OUTCOMES`)."""
    try:
        batches = _batches(job, attempt)
    except FileNotFoundError:
        # The attempt ended meanwhile, and its parts became one file.
        batches = _batches(job, attempt)
    return pa.Table.from_batches(batches, OUTCOMES)


def _batches(job: Job, attempt: str) -> list[pa.RecordBatch]:
    found = names(path(job, attempt))
    parts = [WHOLE] if WHOLE in found else filter(_PART.fullmatch, found)
    return [batch for name in parts for batch in read_table(path(job, attempt, name), OUTCOMES)]
