"""Limits of a query: rows, seconds and bytes of its answer."""

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from jeospark.errors import SqlLimitError

_STOP_S = 2
"""Seconds in which most tasks have ended that were stopped."""
_TICK_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an answer may cost; None for no limit."""

    rows: int | None = None
    seconds: float | None = None
    """From the start of a statement to the last row of its answer."""
    nbytes: int | None = None
    """Of the answer as Arrow."""

    def check_rows(self, rows: int) -> None:
        """Make sure that an answer has not too many rows.

        Raises:
            SqlLimitError: It has.
        """
        if self.rows is not None and rows > self.rows:
            remedy = "Add a LIMIT or a filter, or raise --max-rows."
            raise SqlLimitError(f"the answer has more than {self.rows} rows", remedy=remedy)

    def check_bytes(self, nbytes: int) -> None:
        """Make sure that an answer is not too large.

        Raises:
            SqlLimitError: It is.
        """
        if self.nbytes is not None and nbytes > self.nbytes:
            remedy = "Select fewer columns or rows, or raise --max-bytes."
            raise SqlLimitError(f"the answer has more than {self.nbytes} bytes", remedy=remedy)


@contextmanager
def watched(spark: SparkSession, limits: Limits) -> Iterator[None]:
    """Stop the jobs of this thread when the block raises or takes too long.

    Raises:
        SqlLimitError: It took too long.
    """
    context, tag = spark.sparkContext, f"jeospark-sql-{uuid.uuid4().hex}"
    ended, late = threading.Event(), threading.Event()

    def watch(deadline: float) -> None:
        while not ended.wait(_TICK_S):
            # Again and again: a job that is still being planned cannot be stopped yet.
            if time.monotonic() > deadline:
                late.set()
                context.cancelJobsWithTag(tag)

    context.addJobTag(tag)
    context.setInterruptOnCancel(True)
    if limits.seconds is not None:
        threading.Thread(target=watch, args=(time.monotonic() + limits.seconds,), daemon=True).start()
    try:
        yield
    except BaseException as error:
        context.cancelJobsWithTag(tag)
        if late.is_set() and isinstance(error, PySparkException | Py4JError):
            remedy = "Ask for less, or raise --timeout."
            raise SqlLimitError(f"the query took longer than {limits.seconds:g} s", remedy=remedy) from None
        raise
    finally:
        ended.set()
        context.setInterruptOnCancel(False)
        context.removeJobTag(tag)


def still_running(spark: SparkSession) -> int:
    """How many tasks go on though their job was stopped: Spark's generated loops look up seldom."""
    tracker = spark.sparkContext._jsc.sc().statusTracker()  # noqa: SLF001
    for _ in range(round(_STOP_S / _TICK_S)):
        running = sum(each.numRunningTasks() for each in tracker.getExecutorInfos())
        if not running:
            break
        time.sleep(_TICK_S)
    return int(running)
