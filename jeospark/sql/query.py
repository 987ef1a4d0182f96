"""Queries from their text to their answers."""

from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from jeospark.errors import SqlError
from jeospark.settings import Settings
from jeospark.sql import commands
from jeospark.sql.answer import Answer, answer_of, unique
from jeospark.sql.collect import collect
from jeospark.sql.guard import check_analysed, check_parsed
from jeospark.sql.limits import Limits, watched
from jeospark.sql.problems import told
from jeospark.sql.readable import exported, is_geometry
from jeospark.sql.session import session
from jeospark.sql.spatial import with_index
from jeospark.sql.srids import srids_of
from jeospark.sql.statements import Statement, split
from jeospark.sql.threads import checking
from jeospark.storage.roots import Roots


def ask(text: str, *, spark: SparkSession | None = None, limits: Limits | None = None) -> Answer:
    """Run the statements of a text, and give the answer to the last.

    Args:
        text: One or several statements, separated by semicolons.
        spark: A session with the tables; None for `session()`.
        limits: What each answer may cost.

    Raises:
        SqlError: A statement is wrong, or fails.
        SqlCrsError: A function has geometries in two CRS, as far as the query tells.
        SqlLimitError: An answer costs too much.
        ForbiddenError: A statement would leave the allowed roots.
    """
    *_, last = run(spark or session(), text, limits=limits or Limits())
    return last


def run(spark: SparkSession, text: str, *, limits: Limits, head: int | None = None) -> Iterator[Answer]:
    """Run statements one after the other.

    Args:
        spark: A session with the tables.
        text: One or several statements, separated by semicolons.
        limits: What each answer may cost.
        head: How many rows are wanted of each; None for all.

    Yields:
        An answer a statement; that of a command may have no column.

    Raises:
        SqlError: See `ask`; also where there is no statement.
    """
    statements = split(text)
    if not statements:
        raise SqlError("there is no statement", remedy="Give a query, such as SELECT * FROM collections.")
    roots = Roots.load(Settings.load())
    for statement in statements:
        # The watch goes round all: errors of stopped jobs are the watch's to explain.
        with told(spark, statement), watched(spark, limits), checking(spark):
            answer = _answer(spark, statement, roots, limits, head)
        yield answer


def _answer(spark: SparkSession, statement: Statement, roots: Roots, limits: Limits, head: int | None) -> Answer:
    check_parsed(spark, statement.text, roots)
    frame = commands.run(spark, statement.text, statement)
    check_analysed(frame, roots)
    srids = srids_of(frame)
    srids.check(statement)
    table, geometries = _collected(with_index(frame), limits, head)
    limits.check_rows(table.num_rows)
    more = head is not None and table.num_rows > head
    stated = dict(zip(table.column_names, srids.columns(), strict=True)) if geometries else {}
    return answer_of(table.slice(0, head) if more else table, geometries, stated, more=more)


def _collected(frame: DataFrame, limits: Limits, head: int | None) -> tuple[pa.Table, tuple[str, ...]]:
    """The rows, one more than allowed or wanted at most, and the names of the geometry columns (EWKB)."""
    names = unique(frame.columns)
    kinds = [field.dataType for field in frame.schema]
    if not names:
        # A command: it is done already.
        return pa.table({}), ()
    # Names of columns may be equal; places are not.
    placed = frame.toDF(*(f"c{at}" for at in range(len(names))))
    plain = placed.select(*(exported(f"c{at}", kind).alias(names[at]) for at, kind in enumerate(kinds)))
    wanted = [each for each in (limits.rows, head) if each is not None]
    table = collect(plain.limit(min(wanted) + 1) if wanted else plain, limits)
    return table, tuple(name for name, kind in zip(names, kinds, strict=True) if is_geometry(kind))
