"""Commands that hold a query: its joins by place are planned, and its CRS looked at, before Spark runs the command.

Spark runs commands as soon as it meets them: what they hold can only be changed in what was parsed.
"""

from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession

from jeospark.sql.plans import Planner
from jeospark.sql.spatial import with_index
from jeospark.sql.srids import srids_of
from jeospark.sql.statements import Statement
from jeospark.sql.tree import COMMAND, branches, class_of, held, is_a, sequence

_WRITERS = frozenset({"CreateTableAsSelect", "ReplaceTableAsSelect", "InsertIntoStatement"})
"""Commands as they are parsed."""


def run(spark: SparkSession, text: str, statement: Statement | None = None) -> DataFrame:
    """What one statement gives: a query that has not run, or what a command said.

    Args:
        spark: The session.
        text: One statement.
        statement: The text's, for places in errors; None where the text is all that there is.

    Raises:
        SqlCrsError: A function in the query of a command has geometries in two CRS.
    """
    parsed = spark._jsparkSession.sessionState().sqlParser().parsePlan(text)  # noqa: SLF001
    planned = with_planned_query(spark, parsed, statement)
    return SparkSession.sql(spark, text) if planned is parsed else Planner(spark).frame(planned)


def with_planned_query(spark: SparkSession, parsed: Any, statement: Statement | None = None) -> Any:
    """A parsed command that writes or explains what a query gives, with that query checked and planned.

    Args:
        spark: The session.
        parsed: A parsed statement; any other comes back as it is.
        statement: See `run`.

    Raises:
        SqlCrsError: See `run`.
    """
    kind = class_of(parsed)
    query = parsed.query() if kind in _WRITERS else held(parsed) if kind == "ExplainCommand" else None
    try:
        frame = None if query is None else query_of(spark, query)
    except AnalysisException:
        # It is wrong, which Spark tells in its own words, or right as part of its command only: VALUES (DEFAULT).
        return parsed
    if frame is None:
        return parsed
    srids_of(frame).check(statement)
    planned = Planner.analysed(with_index(frame))
    if kind == "ExplainCommand":
        return parsed.copy(planned, parsed.mode())
    children = [planned if child.equals(query) else child for child in sequence(parsed.children())]
    return parsed.withNewChildren(Planner(spark).seq(children))


def query_of(spark: SparkSession, parsed: Any) -> DataFrame | None:
    """A parsed query as a DataFrame; None for a command, which would be run by being made one."""
    state = spark._jsparkSession.sessionState()  # noqa: SLF001
    mode = getattr(state, "executePlan$default$2")()
    plan = state.executePlan(parsed, mode).analyzed()
    command = any(is_a(spark, node, COMMAND) for node in branches(plan))
    return None if command else Planner(spark).frame(plan)
