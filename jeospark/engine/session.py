"""The Spark session, ready for units of work."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from jeospark.engine.abort import named_start
from jeospark.engine.interrupts import uninterrupted
from jeospark.engine.java import ensure_java

TRIES = 16
"""Of a task. A unit that kills its worker costs two, see `jeospark.engine.suspects`; then Spark gives the run up."""
REQUIRED = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.ui.showConsoleProgress": "false",
    "spark.python.daemon.module": "jeospark.engine.daemon",
    # The arrays of a window are used again for the next one: given back, the kernel would clear all their pages anew.
    "spark.executorEnv.MALLOC_MMAP_THRESHOLD_": str(64 << 20),
    "spark.executorEnv.MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "spark.task.maxFailures": str(TRIES),
}
"""What jeospark relies on, wherever the session comes from."""

JIT = (
    "-XX:Tier4InvocationThreshold=50000 -XX:Tier4MinInvocationThreshold=6000 -XX:Tier4CompileThreshold=150000 "
    "-XX:Tier4BackEdgeThreshold=400000"
)
"""Ten times HotSpot's: its second compiler would take the workers' cores, for code that runs a few times a job."""
HEAP = "-XX:MetaspaceSize=256m -Xms450m"
"""The least that Spark runs with. HotSpot would shrink the heap to a quarter of that while classes are loaded, and then
mark it as a whole in every job, as what Spark allocates for one is humongous to G1."""

LOGGING = Path(__file__).with_name("log4j2.properties")

LOCAL = {
    "spark.driver.memory": "1g",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "8",
    # Errors only, from the first line on.
    "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={LOGGING} {JIT} {HEAP}",
}
"""What a session that is started from Python, without spark-submit, adds."""


def spark_session(app_name: str, config: Mapping[str, str] | None = None) -> SparkSession:
    """The running session, or a new one.

    Under spark-submit its own configuration holds; from plain Python a local session starts on all cores.

    Args:
        app_name: What the cluster's pages call it.
        config: Spark properties that override the defaults.

    Raises:
        JavaError: No Java that Spark can use.
        RunFailedError: Spark does not start.
    """
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    if not submitted:
        os.environ["JAVA_HOME"] = ensure_java()
        # Spark starts workers with the `python3` of PATH unless told otherwise before the JVM is up.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    options = {"spark.app.name": app_name, **REQUIRED, **({} if submitted else LOCAL), **(config or {})}
    if not submitted:
        options.setdefault("spark.master", f"local[*,{TRIES}]")
    with named_start(), uninterrupted():
        SparkContext.getOrCreate(SparkConf().setAll(list(options.items())))
    # The context has brought a handler of its own, which breaks a call of Java that it comes in between.
    with named_start(), uninterrupted():
        session = SparkSession.builder.config(map={**options}).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def cores(context: SparkContext) -> int:
    """By how many tasks at once work is cut; a cluster counts as two cores before its executors are there."""
    return max(int(context.defaultParallelism), 1)


def slots(context: SparkContext) -> int:
    """How many tasks run at once on the executors that are there now; 1 where there is none."""
    jvm = context._jsc.sc()  # noqa: SLF001 - Python has no door to it
    profile = jvm.resourceProfileManager().defaultResourceProfile()
    return max(int(jvm.maxNumConcurrentTasks(profile)), 1)
