"""What is told where Spark itself gives a run up, or does not start."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark import SparkContext
from pyspark.errors import PySparkException

from jeospark.engine.interrupts import cancelling
from jeospark.errors import RunFailedError
from jeospark.storage.tokens import redact

LONGEST = 400
"""Characters of Spark's own words that are told."""


def resuming(output: str) -> str:
    """How to go on with a run of units."""
    return f"`jeospark resume {shlex.quote(output)}`"


@contextmanager
def named_abort(context: SparkContext, output: str, again: str, stays: str = "What is done stays") -> Iterator[None]:
    """Turn what Spark raises when it ends a run into a line that says how to go on; Ctrl-C cancels its jobs.

    Args:
        context: Spark's.
        output: Folder of the results.
        again: How to go on.
        stays: What is there then.

    Raises:
        RunFailedError: It did, or was told to.
    """
    with cancelling(context) as interrupted:
        try:
            yield
        except (PySparkException, Py4JError) as error:
            if not interrupted.is_set():
                raise RunFailedError(
                    f"Spark gave the run up: {_words(error)}",
                    where=output,
                    remedy=f"{stays}. Mend the cause, then {again}.",
                ) from error
    if interrupted.is_set():
        raise RunFailedError("the run was interrupted", where=output, remedy=f"{stays}. To go on: {again}.")


@contextmanager
def named_start() -> Iterator[None]:
    """Turn what Spark raises when it does not start into a line that says so.

    Raises:
        RunFailedError: It did not.
    """
    try:
        yield
    except (PySparkException, Py4JError) as error:
        remedy = "See that its master runs and can be reached, and whether it grants what is asked for."
        raise RunFailedError(f"Spark does not start: {_words(error)}", remedy=remedy) from error


def _words(error: Exception) -> str:
    """The first lines of what Spark and its causes say."""
    java = error.java_exception if isinstance(error, Py4JJavaError) else getattr(error, "_origin", None)
    lines = [] if java is not None else [str(error)]
    while java is not None:
        lines.append(str(java.getMessage() or ""))
        java = java.getCause()
    text = " ".join(line.strip().partition("\n")[0] for line in lines)
    return redact(text[:LONGEST]).strip(" .")
