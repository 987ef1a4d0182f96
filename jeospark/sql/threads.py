"""What threads of the JVM are doing: Python runs what Spark calls back in threads of its own, which do not know it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from pyspark.sql import SparkSession

_CHECKING = set[int]()
_PLANNING = set[int]()


@contextmanager
def checking(spark: SparkSession) -> Iterator[None]:
    """This thread checks, or has checked, what it asks Spark for: it can say more of what is wrong than a rule."""
    with _among(_CHECKING, spark):
        yield


def checks(spark: SparkSession) -> bool:
    """True where the thread that calls back is `checking`."""
    return _thread(spark) in _CHECKING


@contextmanager
def planning(spark: SparkSession) -> Iterator[bool]:
    """This thread plans a statement; gives True where it does already."""
    with _among(_PLANNING, spark) as before:
        yield before


@contextmanager
def _among(threads: set[int], spark: SparkSession) -> Iterator[bool]:
    thread = _thread(spark)
    before = thread in threads
    threads.add(thread)
    try:
        yield before
    finally:
        if not before:
            threads.discard(thread)


def _thread(spark: SparkSession) -> int:
    """The thread of the JVM that serves this one."""
    return int(cast("Any", spark._jvm).java.lang.Thread.currentThread().getId())  # noqa: SLF001
