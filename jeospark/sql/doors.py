"""Spark's own doors to SQL, made to refuse geometries of two CRS and to plan joins by place as `ask` does.

Spark takes rules and parsers of a session from its extensions; those here are called back from the JVM, in the thread
that called it.
"""

from collections.abc import Callable
from typing import Any, cast
from weakref import WeakSet

from py4j.protocol import Py4JJavaError
from pyspark import SparkContext
from pyspark.errors.exceptions.captured import CapturedException
from pyspark.sql import DataFrame, SparkSession

from jeospark.errors import SqlCrsError
from jeospark.sql import commands
from jeospark.sql.callbacks import allow_callbacks
from jeospark.sql.plans import Planner
from jeospark.sql.spatial import with_index
from jeospark.sql.srids import Srids, srids_of
from jeospark.sql.threads import checking, checks, planning

_RULES = WeakSet[SparkContext]()
"""Spark's contexts whose sessions refuse geometries of two CRS."""


class SqlSession(SparkSession):
    """A Spark session whose `sql` refuses geometries of two CRS in one function, and plans spatial joins by place."""

    def sql(self, sqlQuery: str, args: Any = None, **kwargs: Any) -> DataFrame:  # noqa: N803 - Spark's name
        """See `pyspark.sql.SparkSession.sql`.

        Raises:
            SqlCrsError: A function has geometries in two CRS, as far as the query tells.
        """
        with checking(self):
            frame = super().sql(sqlQuery, args, **kwargs) if args or kwargs else commands.run(self, sqlQuery)
            srids_of(frame).check()
            return with_index(frame)


def check_frames(spark: SparkSession) -> None:
    """Make a session refuse geometries of two CRS in what DataFrames' methods make too.

    Spark raises `IllegalArgumentException`, whose text begins with `SqlCrsError`. A session that has analysed a query
    already stays as it is; those that it makes do not. Without pinned threads (PYSPARK_PIN_THREAD) nothing is done.

    Args:
        spark: The session.
    """
    if spark.sparkContext not in _RULES and allow_callbacks(spark):
        _RULES.add(spark.sparkContext)
        spark._jsparkSession.extensions().injectCheckRule(_Rules(spark))  # noqa: SLF001


def plan_new_sessions(spark: SparkSession) -> None:
    """Make all sessions that clients open from now on refuse geometries of two CRS, and plan joins by place.

    Args:
        spark: The session of a server; itself it plans nothing.
    """
    check_frames(spark)
    # Rules that change plans are classes, which Python cannot make; parsers are an interface.
    spark._jsparkSession.extensions().injectParser(_Parsers(spark))  # noqa: SLF001


class _Rules:
    """Makes the rule of a session."""

    class Java:
        implements = ("scala.Function1",)

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark

    def apply(self, _session: Any) -> "_Rule":
        return _Rule(self._spark)


class _Rule:
    """Called by Spark with each plan that it has analysed."""

    class Java:
        implements = ("scala.Function1",)

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        self._jvm = cast("Any", spark._jvm)  # noqa: SLF001
        # A DataFrame's method adds a node to a plan that was looked at.
        self._seen = self._jvm.org.apache.spark.sql.catalyst.trees.TreeNodeTag("jeospark")

    def apply(self, plan: Any) -> None:
        if checks(self._spark):
            return
        try:
            Srids(plan, self._seen).check()
        except SqlCrsError as error:
            # What Python raises would reach clients as a page of traceback.
            text = "\n".join((f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())))
            raise Py4JJavaError(text, self._jvm.java.lang.IllegalArgumentException(text)) from None
        plan.setTagValue(self._seen, "checked")


class _Parsers:
    """Makes the parser of a session."""

    class Java:
        implements = ("scala.Function2",)

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark

    def apply(self, session: Any, parser: Any) -> "_Parser":
        return _Parser(SparkSession(self._spark.sparkContext, session), parser)


class _Parser:
    """Spark's parser, that gives statements with their joins planned by place."""

    class Java:
        implements = ("org.apache.spark.sql.catalyst.parser.ParserInterface",)

    def __init__(self, spark: SparkSession, parser: Any) -> None:
        self._spark = spark
        self._parser = parser

    def __getattr__(self, name: str) -> Callable[[str], Any]:
        """What it has no own way for, Spark's parser does."""
        method = getattr(self._parser, name)

        def parse(text: str) -> Any:
            try:
                return method(text)
            except CapturedException as error:
                raise Py4JJavaError(str(error), error._origin) from None  # noqa: SLF001

        return parse

    def parsePlan(self, text: str) -> Any:  # noqa: N802 - Spark's name
        parsed = self.__getattr__("parsePlan")(text)
        with planning(self._spark) as within:
            # A statement within one that is being planned: Spark may ask for its text only.
            return parsed if within else self._planned(parsed)

    def _planned(self, parsed: Any) -> Any:
        try:
            made = commands.with_planned_query(self._spark, parsed)
            query = commands.query_of(self._spark, parsed) if made is parsed else None
            return made if query is None else Planner.analysed(with_index(query))
        except (CapturedException, Py4JJavaError, SqlCrsError):
            # Spark meets the same error, and words it as it does.
            return parsed
