"""What Spark says about a query, as one line with the place and near names."""

import difflib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from py4j.protocol import Py4JJavaError
from pyspark.errors import ParseException, PySparkException, QueryContextType
from pyspark.sql import SparkSession
from sedona.spark.sql import st_aggregates, st_constructors, st_functions, st_predicates

from jeospark.errors import ForbiddenError, SqlError
from jeospark.sql.statements import Statement

Error = TypeVar("Error", bound=SqlError)

_POSITION = re.compile(r"\(line (\d+), pos (\d+)\)")
_QUOTED = re.compile(r"`((?:[^`]|``)*)`")
_LAST = re.compile(r"(`[^`]*`|[^.]*)$")
_STATE = re.compile(r"\s*SQLSTATE: \w+(; line \d+ pos \d+)?")
_CONDITION = re.compile(r"^\[[A-Z_.0-9]+\]\s*")
_JAVA = re.compile(r"^(?:[\w$]+\.)+([\w$]*(?:Exception|Error)): ")
_PYTHON = re.compile(r"^(?:\w+\.)*\w+(?:Error|Exception): (.+)$", re.MULTILINE)
_PLAN = re.compile(r"(?<=Unexpected table relation): .*")
"""A plan of Spark's."""
_ANSI = re.compile(r"\s*If necessary set \S+ to \S+ to bypass this error\.?")
_NAMED = (
    re.compile(r"\bfunction (ST_\w+)"),
    re.compile(r"expressions\.(ST_\w+)"),
    re.compile(r"Path does not exist: (?:file:)?(/\S*?)\.?(?=\s|$)"),
    re.compile(r"USING column `(\w+)`"),
)
"""How messages without a place name what they are about."""
_WIDTH = 110
"""Longest part of a line of the query that is shown."""


@contextmanager
def told(spark: SparkSession, statement: Statement) -> Iterator[None]:
    """Turn what Spark raises about a statement into a SqlError with a note that shows the place.

    Raises:
        SqlError: Spark cannot answer.
        ForbiddenError: What Python opened for it lies outside the allowed roots.
    """
    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        if (refused := re.search(rf"\b{ForbiddenError.__name__}: (.+)", str(error))) is not None:
            raise ForbiddenError(_line(refused[1])) from None
        raise explained(spark, statement, error) from None


def explained(spark: SparkSession, statement: Statement, error: PySparkException | Py4JJavaError) -> SqlError:
    """The named error for what Spark raised."""
    what, remedy = _words(spark, error)
    place = _place(statement, error)
    if place is None:
        return SqlError(what, remedy=remedy)
    start, length = place
    return at_place(SqlError(what, remedy=remedy), statement, start - statement.start, length)


def at_place(error: Error, statement: Statement, start: int, length: int) -> Error:
    """The same error with line and column, and a note that shows them.

    Args:
        error: Without a place.
        statement: The culprit's.
        start: Place of its first character in the statement, from 0.
        length: How many characters it has.
    """
    row, column = _row_column(statement.source, statement.start + start)
    found = type(error)(error.what, where=f"line {row}, column {column}", remedy=error.remedy)
    found.add_note(_shown(statement.source, statement.start + start, length))
    return found


def _place(statement: Statement, error: PySparkException | Py4JJavaError) -> tuple[int, int] | None:
    """Where in the whole text the culprit stands, and how long it is."""
    if isinstance(error, ParseException) and (match := _POSITION.search(str(error))):
        row, column = int(match[1]), int(match[2])
        lines = statement.text.splitlines(keepends=True)
        return statement.start + sum(map(len, lines[: row - 1])) + column, 1
    if isinstance(error, PySparkException):
        for context in error.getQueryContext():
            # Views have queries of their own: their places are of no use to who asked.
            if context.contextType() is QueryContextType.SQL and not context.objectType() and context.startIndex() >= 0:
                start, stop = context.startIndex(), context.stopIndex()
                return statement.start + start, stop - start + 1
    return _mentioned(statement, str(error))


def _mentioned(statement: Statement, message: str) -> tuple[int, int] | None:
    """Where a function or file that a message names stands in the statement; None where it could be several places."""
    for name in (match[1] for pattern in _NAMED for match in pattern.finditer(message)):
        at = [match.start() for match in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", statement.text, re.IGNORECASE)]
        if len(at) == 1:
            return statement.start + at[0], len(name)
    return None


def _row_column(source: str, at: int) -> tuple[int, int]:
    return source.count("\n", 0, at) + 1, at - (source.rfind("\n", 0, at) + 1) + 1


def _shown(source: str, at: int, length: int) -> str:
    """The line, and carets below the culprit."""
    begin = source.rfind("\n", 0, at) + 1
    end = source.find("\n", at)
    line, column = source[begin : end if end >= 0 else len(source)], at - begin
    if column > _WIDTH // 2:
        cut = column - _WIDTH // 2
        line, column = "…" + line[cut + 1 :], column - cut
    carets = "^" * max(1, min(length, len(line) - column, _WIDTH - column))
    return f"  {line[:_WIDTH]}\n  {' ' * column}{carets}"


_MISSING = {
    "UNRESOLVED_COLUMN": ("column", "objectName", "proposal"),
    "UNRESOLVED_USING_COLUMN_FOR_JOIN": ("column", "colName", "suggestion"),
    "FIELD_NOT_FOUND": ("field", "fieldName", "fields"),
    "TABLE_OR_VIEW_NOT_FOUND": ("table", "relationName", ""),
    "UNRESOLVED_ROUTINE": ("function", "routineName", ""),
    "UNRESOLVABLE_TABLE_VALUED_FUNCTION": ("table function", "name", ""),
}
"""Conditions of Spark: what is missing, and the parameters that hold its name and what Spark proposes."""


def _words(spark: SparkSession, error: PySparkException | Py4JJavaError) -> tuple[str, str]:
    """What is wrong, and what may be meant."""
    if isinstance(error, Py4JJavaError):
        return _cause(error.java_exception), ""
    condition, found = error.getCondition() or "", error.getMessageParameters() or {}
    if condition == "PARSE_SYNTAX_ERROR":
        return f"the syntax is wrong at or before {found.get('error', 'this place')}", ""
    if (missing := _MISSING.get(condition.partition(".")[0])) is not None:
        noun, key, proposed = missing
        name = _name(found.get(key, ""))
        return f"there is no {noun} '{name}'", _near(name, _known(spark, noun, found.get(proposed, "")))
    # Of what Python raised while rows were made, only the whole text tells.
    if (raised := _raised(found.get("msg", "") or error.getMessage() or str(error))) is not None:
        return raised, ""
    message = _line(error.getMessage() or "") or _cause(getattr(error, "_origin", None)) or _line(str(error))
    return message, ""


def _raised(message: str) -> str | None:
    """What Python raised, where the message is a traceback."""
    found = _PYTHON.findall(message) if "Traceback (most recent call last)" in message else []
    return str(found[-1]).strip().rstrip(".") if found else None


def _known(spark: SparkSession, noun: str, proposed: str) -> list[str]:
    if proposed:
        return [_name(each) for each in proposed.split(", ")]
    names = {"table": table_names, "function": function_names, "table function": table_function_names}
    return names[noun](spark) if noun in names else []


def table_names(spark: SparkSession) -> list[str]:
    """Names of the tables and views of a session."""
    return sorted(row.tableName for row in spark.sql("SHOW TABLES").collect())


def function_names(spark: SparkSession) -> list[str]:
    """Names of all functions, Sedona's written as its documentation does."""
    styled = _sedona_names()
    return sorted(styled.get(name, name) for name in names_of(spark._jsparkSession.sessionState().functionRegistry()))  # noqa: SLF001


def table_function_names(spark: SparkSession) -> list[str]:
    """Names of all functions that stand in place of a table."""
    return sorted(names_of(spark._jsparkSession.sessionState().tableFunctionRegistry()))  # noqa: SLF001


def names_of(registry: Any) -> Iterator[str]:
    """Names of the functions in a registry of Spark's."""
    # One text for all names: a call for each of a thousand would take a second.
    listed = str(registry.listFunction().mkString("\n")).split("\n")
    yield from (part.rpartition(".")[2].strip("`") for part in listed)


def _sedona_names() -> dict[str, str]:
    """Sedona's functions as its documentation writes them, by their names in lower case."""
    modules = (st_aggregates, st_constructors, st_functions, st_predicates)
    return {name.lower(): name for module in modules for name in dir(module) if name.startswith("ST_")}


def _name(quoted: str) -> str:
    """A name as users write it: `a`.`b` is a.b, and what needs quotes keeps them."""
    parts = _QUOTED.findall(quoted)
    return ".".join(part if re.fullmatch(r"\w+", part) else f"`{part}`" for part in parts) or quoted


def _near(name: str, known: list[str]) -> str:
    short = {_last(each): each for each in known if each}
    near = difflib.get_close_matches(_last(name), list(short), n=3, cutoff=0.55)
    if near:
        return f"Did you mean {' or '.join(short[each] for each in near)}?"
    shown = sorted(short.values())
    return f"There are, among others, {', '.join(shown)}." if 0 < len(shown) <= _FEW else ""


def _last(name: str) -> str:
    found = _LAST.search(name)
    return found[0].lower() if found else name


_FEW = 12
"""Names that still can be read at a glance."""


def _cause(error: Any) -> str:
    """What the innermost error of Java says."""
    while error is not None and error.getCause() is not None:
        error = error.getCause()
    if error is None:
        return ""
    text = str(error.getMessage() or "")
    # Of a task that failed, the cause is part of a text.
    failed = re.search(r"\): (?:[\w$]+\.)+[\w$]+: (.*)", text) if text.startswith("Job aborted") else None
    kind = error.getClass().getSimpleName()
    message = _line(failed[1] if failed else text)
    return message or f"Java says {kind}"


def _line(message: str) -> str:
    """The first line, and what it announces with a colon, without codes and without how to get worse answers."""
    lines = [line.strip() for line in message.strip().splitlines() if line.strip()]
    first = next(iter(lines), "")
    if first.endswith(":"):
        first = " ".join(lines[:3])
    first = _PLAN.sub("", first)
    plain = _CONDITION.sub("", _ANSI.sub("", _STATE.sub("", _JAVA.sub("", first)))).rstrip(". :;")
    # Spark knows of Sedona's type only how it is kept.
    return plain.replace('UDT("BINARY")', '"GEOMETRY"')
