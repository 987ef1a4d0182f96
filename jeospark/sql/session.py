"""A Spark session that knows Sedona's functions and jeospark's tables."""

import atexit
import logging
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache

from pyspark import SparkContext
from pyspark.sql import SparkSession
from sedona.spark.register.geo_registrator import PackageImporter

from jeospark.engine.interrupts import uninterrupted
from jeospark.engine.jars import JARS, SEDONA, sedona_jars
from jeospark.engine.session import spark_session
from jeospark.errors import SedonaError
from jeospark.settings import Settings
from jeospark.sql.doors import SqlSession, check_frames
from jeospark.sql.guard import settle
from jeospark.sql.registry import register, tables
from jeospark.storage.href import hadoop_path
from jeospark.storage.roots import Roots

_QUIET = ("org.apache.spark.executor.Executor", "org.apache.spark.scheduler.TaskSetManager")
"""Loggers of the JVM that print a page for each task that fails; the error that is raised says it in a line."""


def session(
    catalog: str | None = None,
    *,
    outputs: Sequence[str] = (),
    app_name: str = "jeospark sql",
    config: Mapping[str, str] | None = None,
) -> SqlSession:
    """The running session, or a new one, with Sedona's functions and all tables registered.

    Its `sql` refuses geometries of two CRS in one function, and plans joins by place as `ask` does; methods of
    DataFrames refuse them too where the session is a new one (`jeospark.sql.doors.check_frames`). Tables are
    temporary views: `collections`, `items`, `assets`, `bands`, `outcomes`, and one for each vector layer. Call it
    again to see what was added to the catalogue since.

    Args:
        catalog: Folder of the catalogue; None for that of the settings.
        outputs: Output folders of runs, whose ledgers become `outcomes`.
        app_name: What the cluster's pages call it.
        config: Spark properties for a new session.

    Raises:
        SedonaError: Sedona's jars cannot be had, or the running session was started without them.
        JavaError: No Java that Spark can use.
        SqlError: A layer or ledger cannot be read.
        ForbiddenError: A table lies outside the allowed roots.
    """
    # Made first: what is wrong in the catalogue is told before Spark takes its seconds to start.
    settings = Settings.load()
    root = catalog or settings.catalog
    found = tables(root, outputs)
    spark = sedona_session(app_name, config)
    with uninterrupted():
        register(spark, found, root)
        settle(spark, Roots.load(settings))
    return SqlSession(spark.sparkContext, spark._jsparkSession)  # noqa: SLF001


def sedona_session(app_name: str, config: Mapping[str, str] | None = None) -> SparkSession:
    """The running session, or a new one, with Sedona's functions; one that it starts refuses geometries of two CRS.

    Args:
        app_name: What the cluster's pages call it.
        config: Spark properties that override the defaults.

    Raises:
        SedonaError: See `session`.
        JavaError: No Java that Spark can use.
    """
    # Sedona tells its makers of each start, over the network, unless this is set.
    os.environ.setdefault("DO_NOT_TRACK", "true")
    given = dict(config or {})
    spark = spark_session(app_name, given if _has_jvm() else {**sedona_config(), **given})
    with uninterrupted():
        # First of all: once Spark has analysed something, the session takes no rule any more.
        check_frames(spark)
        known = knows_sedona(spark)
        _silence(spark)
        # What Sedona's own functions of Python look for.
        PackageImporter.import_jvm_lib(spark._jvm)  # noqa: SLF001
    if not known:
        raise SedonaError(
            "the running Spark session was started without Sedona",
            remedy="Stop it (`spark.stop()`) and call jeospark.sql.session() first; or submit with conf/sql.conf, or "
            "by `jeospark submit` with `SEDONA = True` in the job's file.",
        )
    return spark


def _has_jvm() -> bool:
    """True where a JVM runs that this process can bring no more jars to: that of a session, or of spark-submit."""
    # There is no other way to ask.
    return SparkContext._active_spark_context is not None or "PYSPARK_GATEWAY_PORT" in os.environ  # noqa: SLF001


def sedona_config() -> dict[str, str]:
    """Spark properties that bring Sedona into a session that is about to start.

    Raises:
        SedonaError: Sedona's jars cannot be had.
    """
    return {**SEDONA, JARS: ",".join(sedona_jars()), "spark.sql.warehouse.dir": hadoop_path(_warehouse())}


@cache
def _warehouse() -> str:
    """Where CREATE TABLE puts files: tables are known to the session alone, and their files go with it."""
    folder = tempfile.mkdtemp(prefix="jeospark-warehouse-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def knows_sedona(spark: SparkSession) -> bool:
    """True where a session has Sedona's functions."""
    return spark.catalog.functionExists("ST_GeomFromWKB")


def _silence(spark: SparkSession) -> None:
    """Errors of queries are told once, in a line: neither as JSON by Python nor as pages by the JVM."""
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    loggers = spark._jvm.org.apache.logging.log4j  # type: ignore[union-attr]  # noqa: SLF001
    for name in _QUIET:
        loggers.core.config.Configurator.setLevel(name, loggers.Level.OFF)
