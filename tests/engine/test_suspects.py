"""Workers that die are real processes here; what Spark tells of its tries is set by hand."""

import fcntl
import multiprocessing
import os
import signal
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark import TaskContext

from jeospark.engine import ledger
from jeospark.engine.job import Job
from jeospark.engine.suspects import each_once
from jeospark.model import Outcome, Unit
from jeospark.storage.publish import names

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def job(tmp_path):
    return Job(recipe="{}", catalog="", grid="", output=str(tmp_path))


def unit(name):
    return Unit(
        unit_id=f"{name}/m", tile=name, period="m", start=None, end=None, crs="EPSG:32633", shape=(8, 9),
        transform=(1, 0, 0, 0, -1, 0), output_href="", digest=name, items=(),
    )  # fmt: skip


def attempt(job, number, tiles, make, told):
    """One try of a task in a process of its own; `told` gets its rows as they come."""

    def work():
        context = TaskContext()
        context._attemptNumber = number
        TaskContext._setTaskContext(context)
        for outcome in each_once(job, "a", map(unit, tiles), make):
            told.put(outcome)
        told.put(None)
        told.close()
        told.join_thread()

    process = FORK.Process(target=work)
    process.start()
    return process


def rows(job, number, tiles, make):
    """The rows of one try; None where it died."""
    told = FORK.Queue()
    process = attempt(job, number, tiles, make, told)
    process.join(60)
    if process.exitcode == -signal.SIGKILL:
        return None
    found = list(iter(told.get, None))
    return {row.tile: row for row in found}


def maker(deadly, published=()):
    def make(each):
        if each.tile in deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        status = "skipped" if each.tile in published else "done"
        return Outcome(unit_id=each.unit_id, tile=each.tile, period=each.period, status=status, href=each.tile)

    return make


def marks(job):
    return [name for name in names(ledger.path(job, "a")) if name.startswith("_begun")]


def test_the_unit_that_kills_two_workers_is_given_up_by_name_and_the_rest_is_done(job):
    assert rows(job, 0, "abc", maker("b")) is None
    assert marks(job) == []
    assert rows(job, 1, "abc", maker("b", published="a")) is None
    assert len(marks(job)) == 1
    found = rows(job, 2, "abc", maker("b", published="a"))
    assert {name: row.status for name, row in found.items()} == {"a": "skipped", "b": "failed", "c": "done"}
    assert found["b"].error == "WorkerLostError"
    assert found["b"].pixels == 72
    for word in (
        "b/m",
        "two workers died",
        "8 × 9 pixels",
        "spark.executor.memoryOverhead",
        "JEOSPARK_WORKER_MEMORY_MB",
    ):
        assert word in found["b"].message


def test_several_such_units_in_one_task(job):
    published = ""
    for number in range(16):
        found = rows(job, number, "abcd", maker("ad", published))
        if found is not None:
            break
        published = "bc"
    assert {name for name, row in found.items() if row.error == "WorkerLostError"} == {"a", "d"}
    assert {name for name, row in found.items() if row.error is None} == {"b", "c"}
    assert number <= 4


def test_a_try_that_goes_well_leaves_no_mark(job):
    assert {row.status for row in rows(job, 1, "abc", maker("")).values()} == {"done"}
    assert marks(job) == []


def test_a_first_try_marks_nothing(job):
    seen = []

    def make(each):
        seen.append(marks(job))
        return replace(maker("")(each), status="done")

    context = TaskContext()
    context._attemptNumber = 0
    list(each_once(job, "a", [unit("a")], make))
    assert seen == [[]]


def test_who_waits_for_another_suspect_is_not_blamed_when_it_dies_along_with_it(job):
    """Two tasks of an executor are tried again together; the one that has begun takes the other along."""
    place = os.open(tempfile.gettempdir(), os.O_RDONLY)
    fcntl.flock(place, fcntl.LOCK_EX)
    try:
        waiting = attempt(job, 1, "b", maker(""), FORK.Queue())
        waiting.join(1)
        assert waiting.exitcode is None
        os.kill(waiting.pid, signal.SIGKILL)
        waiting.join(60)
        assert marks(job) == []
    finally:
        os.close(place)
    assert rows(job, 2, "b", maker(""))["b"].status == "done"


def test_a_mark_that_cannot_be_removed_fails_no_task(job):
    def make(each):
        for name in marks(job) if each.tile == "a" else ():
            path = Path(ledger.path(job, "a", name))
            path.unlink()
            path.mkdir()
        return Outcome(unit_id=each.unit_id, tile=each.tile, period=each.period, status="done", href=each.tile)

    found = rows(job, 1, "ab", make)
    assert {name: row.status for name, row in found.items()} == {"a": "done", "b": "done"}
