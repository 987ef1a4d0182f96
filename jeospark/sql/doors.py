"""Spark's own doors to SQL, made to refuse geometries of two CRS as `ask` does."""

from typing import TYPE_CHECKING, Any, cast

from py4j.protocol import Py4JJavaError
from pyspark.java_gateway import ensure_callback_server_started
from pyspark.sql import DataFrame, SparkSession

from jeospark.errors import SqlCrsError
from jeospark.sql.spatial import with_index
from jeospark.sql.srids import Srids, check_written, srids_of

if TYPE_CHECKING:
    from py4j.java_gateway import JavaGateway


class SqlSession(SparkSession):
    """A Spark session whose `sql` refuses geometries of two CRS in one function, and plans spatial joins by place."""

    def sql(self, sqlQuery: str, args: Any = None, **kwargs: Any) -> DataFrame:  # noqa: N803 - Spark's name
        """See `pyspark.sql.SparkSession.sql`.

        Raises:
            SqlCrsError: A function has geometries in two CRS, as far as the query tells.
        """
        if not (args or kwargs):
            check_written(self, sqlQuery)
        frame = super().sql(sqlQuery, args, **kwargs)
        srids_of(frame).check()
        return with_index(frame)


def check_new_sessions(spark: SparkSession) -> None:
    """Make all sessions that clients open from now on refuse geometries of two CRS.

    Args:
        spark: The session of a server; itself it stays as it is.
    """
    gateway = cast("JavaGateway", spark.sparkContext._gateway)  # noqa: SLF001
    ensure_callback_server_started(gateway)  # type: ignore[no-untyped-call]
    gateway.callback_server_parameters.propagate_java_exceptions = True
    spark._jsparkSession.extensions().injectCheckRule(_Rules(gateway.jvm))  # noqa: SLF001


class _Rules:
    """Makes the rule of a session."""

    class Java:
        implements = ("scala.Function1",)

    def __init__(self, jvm: Any) -> None:
        self._jvm = jvm

    def apply(self, _session: Any) -> "_Rule":
        return _Rule(self._jvm)


class _Rule:
    """Called by Spark with each plan that it has analysed."""

    class Java:
        implements = ("scala.Function1",)

    def __init__(self, jvm: Any) -> None:
        self._jvm = jvm

    def apply(self, plan: Any) -> None:
        try:
            Srids(plan).check()
        except SqlCrsError as error:
            # What Python raises would reach clients as a page of traceback.
            text = "\n".join((f"{type(error).__name__}: {error}", *error.__notes__))
            raise Py4JJavaError(text, self._jvm.java.lang.IllegalArgumentException(text)) from None
