"""Makes `zonal_stats` known to a session."""

from dataclasses import replace

from pyspark.sql import SparkSession
from pyspark.sql.udtf import UserDefinedTableFunction

from jeospark.settings import Settings
from jeospark.sql.pixels.ask import Defaults
from jeospark.sql.pixels.register import LIMIT_BYTES
from jeospark.sql.zonal import function


def register_zonal(spark: SparkSession, catalog: str | None = None, settings: Settings | None = None) -> None:
    """Register the table function `zonal_stats`; no job runs.

    Args:
        spark: A session with Sedona.
        catalog: Folder of the catalogue, where the option is not given; None for that of the settings.
        settings: Those of the driver, which hold on every worker; None for those of the environment.
    """
    known = settings or Settings.load()
    if catalog is not None:
        known = replace(known, catalog=catalog)
    handler = function.function_of(Defaults(settings=known, limit_bytes=LIMIT_BYTES))
    spark.udtf.register(function.NAME, UserDefinedTableFunction(handler, None))
