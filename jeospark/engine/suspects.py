"""Tasks that are tried again because their worker died: the unit that it died of is found, and left out by name.

A task does its units in order, so that the one at which a worker died is the first that is not published. In a second
try that unit is marked before it begins; where the mark is found by a third, its worker died again, and it is given up.
"""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

from pyspark import TaskContext

from jeospark.engine import ledger
from jeospark.engine.job import Job
from jeospark.errors import OutputError, WorkerLostError
from jeospark.model import Outcome, Unit
from jeospark.storage.publish import exists, remove, write_text_atomic
from jeospark.task.unit import MORE_MEMORY, failed
from jeospark.words import numbered


def each_once(job: Job, attempt: str, units: Iterable[Unit], make: Callable[[Unit], Outcome]) -> Iterator[Outcome]:
    """Make the units of a task, but for those of which workers die.

    Args:
        job: Where the marks are kept.
        attempt: Of the run.
        units: Of the task, in order.
        make: Makes one.
    """
    context = TaskContext.get()
    suspicious = context is not None and context.attemptNumber() > 0
    for unit in units:
        outcome = _cautiously(job, attempt, unit, make) if suspicious else make(unit)
        yield outcome
        # What comes after a unit that was made had not begun when the worker died.
        suspicious = suspicious and (outcome.status == "skipped" or outcome.href is None)


def _cautiously(job: Job, attempt: str, unit: Unit, make: Callable[[Unit], Outcome]) -> Outcome:
    mark = ledger.path(job, attempt, f"_begun-{sha256(unit.unit_id.encode()).hexdigest()[:16]}")
    if exists(mark):
        return _given_up(unit)
    with _alone():
        write_text_atomic(mark, unit.unit_id, private=True)
        outcome = make(unit)
    # A mark that stays counts in another try only: a unit that was made is none to fail the task for.
    with suppress(OutputError):
        remove(mark)
    return outcome


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other suspect runs here: an executor that dies of one takes its other tasks along."""
    place = os.open(tempfile.gettempdir(), os.O_RDONLY)
    try:
        fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)


def _given_up(unit: Unit) -> Outcome:
    error = WorkerLostError(
        "two workers died while they made it: killed for their memory, or by a crash",
        where=f"{numbered(len(unit.items), 'item')}, {unit.shape[0]} × {unit.shape[1]} pixels",
        remedy=f"The executor's log says which. {MORE_MEMORY}",
    )
    base = Outcome(unit_id=unit.unit_id, tile=unit.tile, period=unit.period, status="failed", digest=unit.digest)
    pixels = unit.shape[0] * unit.shape[1]
    return failed(replace(base, items=len(unit.items), pixels=pixels, started=datetime.now(UTC)), error)
