"""Rows of Spark as Arrow batches, as they come, so that a limit can end it."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from pyspark.errors import PySparkRuntimeError
from pyspark.errors.exceptions.captured import unwrap_spark_exception
from pyspark.sql import DataFrame
from pyspark.sql.pandas.serializers import ArrowCollectSerializer
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.util import local_connect_and_auth

from jeospark.sql.limits import Limits


def collect(frame: DataFrame, limits: Limits) -> pa.Table:
    """The rows of a frame in their order, as `toArrow` gives them.

    Raises:
        SqlLimitError: They are larger than allowed; what is not here yet is not fetched.
    """
    batches, nbytes = [], 0
    order: list[int] = []
    for part in _parts(frame):
        if isinstance(part, list):
            order = part
            continue
        nbytes += part.nbytes
        limits.check_bytes(nbytes)
        batches.append(part)
    if not batches:
        return to_arrow_schema(frame.schema).empty_table()
    # As they came: Spark's schema says of structs that may be null that they are not, and Arrow then refuses nulls.
    return pa.Table.from_batches([batches[at] for at in order])


def _parts(frame: DataFrame) -> Iterator[Any]:
    """Batches as tasks end, and at last their order."""
    port, secret, server = frame._jdf.collectAsArrowToPython()  # noqa: SLF001 - what toArrow does, without waiting for all
    broken: Exception | None = None
    try:
        file, connection = local_connect_and_auth(port, secret)
        # The first rows may take as long as the query does.
        connection.settimeout(None)
        with connection, file:
            yield from ArrowCollectSerializer().load_stream(file)  # type: ignore[no-untyped-call]
    except (PySparkRuntimeError, pa.ArrowInvalid, EOFError) as error:
        # What was sent is cut off: Spark knows why, and says so below.
        broken = error
    with unwrap_spark_exception():
        server.getResult()
    if broken is not None:
        raise broken
