"""Memory of executors from what a plan needs, and not from a rule of thumb."""

import runpy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

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
STEP_MB = 128
"""Memory is asked for in multiples of this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is known of a job before it runs."""

    job: Job
    explanation: Explanation


def forecast(script: Path, arguments: Sequence[str]) -> Forecast | None:
    """Plan a job that can tell what it will do: one whose file has a function `job`, from arguments to a `Job`.

    Args:
        script: The job's file.
        arguments: Its arguments.

    Returns:
        None where the file has no such function.

    Raises:
        EmptySelectionError: The plan has no unit.
        TooLargeError: A unit cannot fit in a worker's memory.
        JeosparkError: The job cannot be planned otherwise.
    """
    make = runpy.run_path(str(script)).get("job")
    if make is None:
        return None
    job: Job = make(list(arguments))
    explanation = explain(make_plan(None, job), Settings.load())
    # A large plan was explained by a session on this machine.
    session = SparkSession.getActiveSession()
    if session is not None:
        session.stop()
    return Forecast(job=job, explanation=explanation)


def memory_conf(peak_mb: float, cores: int, set_already: Mapping[str, str]) -> dict[str, str]:
    """Properties of an executor's memory, but for those that are set already.

    Pixels are in Python workers, which Spark counts as overhead: the container that a cluster manager grants, and whose
    limit it enforces, is the heap and the overhead together.

    Args:
        peak_mb: Predicted for a worker process, MiB.
        cores: Worker processes of an executor.
        set_already: Properties of the user, the profile and the site.
    """
    overhead = ceil((cores * peak_mb + DAEMON_MB + JVM_MB) / STEP_MB) * STEP_MB
    wanted = {"spark.executor.memory": f"{HEAP_MB}m", "spark.executor.memoryOverhead": f"{overhead}m"}
    return {name: value for name, value in wanted.items() if name not in set_already}
