"""Memory of executors from what a plan needs, and not from a rule of thumb."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from pyspark.sql import SparkSession

from jeospark.engine.explain import Explanation, explain
from jeospark.engine.job import Job
from jeospark.engine.plan import make_plan
from jeospark.settings import Settings

HEAP_MB = 768
"""Of an executor's JVM: it hands numbers of tasks to Python, and no pixels."""
JVM_MB = 384
"""What a JVM takes beside its heap (Spark's own least overhead)."""
DAEMON_MB = 320
"""The process that Python workers are forked from, with all modules loaded."""
LIBRARIES_MB = 300
"""Code and data of a worker process beside its windows and GDAL's cache."""
JOINS_HEAP_MB = 2048
"""Of an executor's JVM where it joins vectors."""
STEP_MB = 128
"""Memory is asked for in multiples of this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is known of a job before it runs."""

    job: Job
    explanation: Explanation


def forecast(make: Callable[[Sequence[str]], Job], arguments: Sequence[str]) -> Forecast:
    """Plan a job.

    Args:
        make: Its function `job`.
        arguments: Its arguments.

    Raises:
        EmptySelectionError: The plan has no unit.
        TooLargeError: A unit cannot fit in a worker's memory.
        JeosparkError: The job cannot be planned otherwise.
    """
    job = make(list(arguments))
    explanation = explain(make_plan(None, job), Settings.load())
    # A large plan was explained by a session on this machine.
    session = SparkSession.getActiveSession()
    if session is not None:
        session.stop()
    return Forecast(job=job, explanation=explanation)


def most_mb(settings: Settings) -> float:
    """What a worker process may take of a job that does not tell its plan, MiB."""
    return settings.worker_memory_mb + settings.gdal_cache_mb + LIBRARIES_MB


def memory_conf(peak_mb: float, cores: int, set_already: Mapping[str, str], heap_mb: int = HEAP_MB) -> dict[str, str]:
    """Properties of an executor's memory, but for those that are set already.

    Pixels are in Python workers, which Spark counts as overhead: the container that a cluster manager grants, and whose
    limit it enforces, is the heap and the overhead together.

    Args:
        peak_mb: Predicted for a worker process, MiB.
        cores: Worker processes of an executor.
        set_already: Properties of the user, the profile and the site.
        heap_mb: Of the JVM.
    """
    overhead = ceil((cores * peak_mb + DAEMON_MB + JVM_MB) / STEP_MB) * STEP_MB
    wanted = {"spark.executor.memory": f"{heap_mb}m", "spark.executor.memoryOverhead": f"{overhead}m"}
    return {name: value for name, value in wanted.items() if name not in set_already}
