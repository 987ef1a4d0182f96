"""The ledger: a Parquet table with a row for every unit of every attempt, in the output folder.

Each task writes the rows of its units as it ends, so that they outlive a driver that is killed; when an attempt ends,
its files become one.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from jeospark.engine.job import Job
from jeospark.model import Outcome
from jeospark.schema import OUTCOMES, outcome_batch, outcome_of
from jeospark.storage.href import join
from jeospark.storage.publish import names, remove
from jeospark.storage.tables import read_table, write_table

FOLDER = "ledger"
ATTEMPT = "attempt"
"""Partition column: when the attempt began, UTC, such as 20190714T093000.000000Z."""
WHOLE = "outcomes.parquet"
"""The file of a finished attempt."""
_PART = re.compile(r"part-\d+\.parquet")


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
    folder = job.path(FOLDER, f"{ATTEMPT}={attempt}")
    parts = [join(folder, name) for name in names(folder) if _PART.fullmatch(name)]
    write_table(join(folder, WHOLE), (batch for part in parts for batch in read_table(part, OUTCOMES)), OUTCOMES)
    for part in parts:
        remove(part)


def attempts(job: Job) -> list[str]:
    """Names of the attempts, first to last, those that were cut off included."""
    prefix = f"{ATTEMPT}="
    return sorted(name.removeprefix(prefix) for name in names(job.path(FOLDER)) if name.startswith(prefix))


def rows(job: Job, attempt: str) -> Iterator[Outcome]:
    """The outcomes of one attempt, as far as it came."""
    folder = job.path(FOLDER, f"{ATTEMPT}={attempt}")
    found = names(folder)
    for name in [WHOLE] if WHOLE in found else filter(_PART.fullmatch, found):
        for batch in read_table(join(folder, name), OUTCOMES):
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
