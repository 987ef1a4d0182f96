"""Makes `pixels` known to a session."""

from dataclasses import replace

from pyspark.sql import SparkSession
from pyspark.sql.udtf import UserDefinedTableFunction
from pyspark.util import PythonEvalType

from jeospark.settings import Settings
from jeospark.sql.pixels import function
from jeospark.sql.pixels.ask import Defaults
from jeospark.sql.pixels.source import PixelSource

LIMIT_BYTES = 2 << 30
"""Of an answer of the data source, unless told otherwise."""
FUNCTION_BYTES = 128 << 20
"""Of an answer of the function, which exists at once in one task."""


def register_pixels(spark: SparkSession, catalog: str | None = None, settings: Settings | None = None) -> None:
    """Register the data source `jeospark.pixels` and the table function `pixels`; no job runs.

    Args:
        spark: The session.
        catalog: Folder of the catalogue, where the option is not given; None for that of the settings.
        settings: Those of the driver, which hold on every worker; None for those of the environment.
    """
    known = settings or Settings.load()
    if catalog is not None:
        known = replace(known, catalog=catalog)
    # A class made here travels by value, and with it the settings: the workers may have another environment.
    source = type("Pixels", (PixelSource,), {"defaults": Defaults(settings=known, limit_bytes=LIMIT_BYTES)})
    spark.dataSource.register(source)
    handler = function.function_of(Defaults(settings=known, limit_bytes=FUNCTION_BYTES))
    table = UserDefinedTableFunction(handler, None, evalType=PythonEvalType.SQL_ARROW_TABLE_UDF)
    spark.udtf.register(function.NAME, table)
