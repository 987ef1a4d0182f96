"""What a query itself tells of the CRS of its geometries; geometries of two in one function are refused.

Sedona compares the numbers of coordinates whatever their SRIDs: layers of two CRS would meet nowhere, or in the wrong
places, and nobody would be told.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from pyspark.sql import DataFrame

from jeospark.errors import CrsUnknownError, SqlCrsError
from jeospark.sql.crs import UNKNOWN, srid_of
from jeospark.sql.plans import SEDONA, below, geometries, is_geometry, of_sedona
from jeospark.sql.problems import at_place
from jeospark.sql.statements import Statement
from jeospark.sql.tree import class_of, sequence
from jeospark.vector.helpers_geometry import code_of

_STATED = frozenset({"ST_SetSRID", "ST_GeomFromText", "ST_GeomFromWKT", "ST_GeometryFromText"})
"""Functions whose last argument is an SRID."""
_FUNCTION = re.compile(r"\bst_\w+(?=\()")
_SHORTENED = "more fields"
"""What ends the text of a function of more arguments than Spark shows."""
_OF_TABLES = frozenset({"st_setsrid", "st_geomfromwkb"})
"""Functions that tables are made of; what calls no other needs no look inside."""


class Srids:
    """SRIDs of the expressions of an analysed plan, as far as its text tells: of SRIDs that are computed, nothing."""

    def __init__(self, plan: Any, checked: Any = None) -> None:
        """Look at an analysed plan of the JVM.

        Args:
            plan: The plan.
            checked: A tag of Spark's trees; what has it, and all below, is not checked again. None to check all.
        """
        self._plan = plan
        self._checked = checked

    def check(self, statement: Statement | None = None) -> None:
        """Refuse functions of geometries in two CRS.

        Args:
            statement: The plan's, for the place in the whole text; None to tell the place in what Spark was given.

        Raises:
            SqlCrsError: There is one.
        """
        for function in self._functions():
            told = [(each, srid) for each in geometries(function) if (srid := self.of(each)) != UNKNOWN]
            for each, srid in told[1:]:
                if srid != told[0][1]:
                    raise _refused(statement, function, told[0], (each, srid))

    def columns(self) -> list[int]:
        """The SRIDs of the answer's columns, in their order; 0 for unknown, and for what is no geometry."""
        return [self.of(each) if is_geometry(each) else UNKNOWN for each in sequence(self._plan.output())]

    def of(self, expression: Any) -> int:
        """The SRID of an expression; 0 for unknown."""
        kind = class_of(expression)
        if kind == "AttributeReference":
            made = self._made.get(expression.exprId().id())
            return UNKNOWN if made is None else self.of(made)
        if kind == "OuterReference":
            return self.of(expression.e())
        if kind == "ScalarSubquery":
            return self.of(next(sequence(expression.plan().output())))
        if kind in _STATED:
            stated = _literal(list(sequence(expression.children()))[-1])
            return stated if isinstance(stated, int) else UNKNOWN
        if kind == "ST_Transform":
            return _target(expression)
        found = {self.of(each) for each in geometries(expression)} - {UNKNOWN}
        return found.pop() if len(found) == 1 else UNKNOWN

    @cached_property
    def _made(self) -> dict[int, Any]:
        """What the geometry columns of the plan are made of, by their numbers."""
        aliases = (each for each in self._expressions() if class_of(each) == "Alias" and is_geometry(each))
        made = {each.exprId().id(): each.child() for each in aliases}
        # Where a table of a WITH is named twice, its columns get other numbers.
        defined = {each.id(): each for each in self._nodes() if class_of(each) == "CTERelationDef"}
        for node in self._nodes():
            if class_of(node) == "CTERelationRef" and node.cteId() in defined:
                columns = zip(sequence(node.output()), sequence(defined[node.cteId()].output()), strict=True)
                made |= {new.exprId().id(): old for new, old in columns if not new.equals(old)}
        return made

    def _functions(self) -> Iterator[Any]:
        """Calls of Sedona's functions that may have two geometries."""
        for node in self._nodes(self._checked):
            # One call tells of most nodes that there is nothing to see.
            told = str(node.expressions())
            for expression in _computed(node) if any(word in told for word in (SEDONA, _SHORTENED)) else ():
                if set(_FUNCTION.findall(str(expression.sql()))) - _OF_TABLES:
                    yield from filter(of_sedona, below(expression))

    def _expressions(self) -> Iterator[Any]:
        for node in self._nodes():
            yield from _computed(node)

    def _nodes(self, closed: Any = None) -> Iterator[Any]:
        """All plans, but those with a tag and what is below them."""
        waiting = [self._plan]
        while waiting:
            node = waiting.pop()
            if closed is None or node.getTagValue(closed).isEmpty():
                yield node
                waiting.extend([*sequence(node.children()), *sequence(node.subqueries())])


def _computed(node: Any) -> Iterator[Any]:
    """The expressions of a node; those of a relation are its columns, of which nothing is made."""
    if not node.children().isEmpty():
        yield from sequence(node.expressions())


def _literal(expression: Any) -> Any:
    """The value of a literal; None for what is computed."""
    return expression.value() if class_of(expression) == "Literal" else None


def _target(transform: Any) -> int:
    """The SRID that ST_Transform gives: its last text; a flag may follow."""
    texts = [each for each in sequence(transform.children()) if str(each.dataType().toString()) == "StringType"]
    value = _literal(texts[-1]) if texts else None
    try:
        return UNKNOWN if value is None else srid_of(value.toString())
    except CrsUnknownError:
        # Sedona tells it better, with the place.
        return UNKNOWN


def srids_of(frame: DataFrame) -> Srids:
    """The SRIDs in a query."""
    return Srids(frame._jdf.queryExecution().analyzed())  # noqa: SLF001


def _refused(given: Statement | None, function: Any, one: tuple[Any, int], other: tuple[Any, int]) -> SqlCrsError:
    (first, code), (second, another) = ((_written(each), code_of(srid)) for each, srid in (one, other))
    what = f"{class_of(function)} has geometries in two CRS: {first} in {code}, {second} in {another}"
    found = SqlCrsError(what, remedy=f"Transform one: ST_Transform({second}, '{code}').")
    span = _span(function)
    if span is None:
        return found
    text = _text(function)
    return at_place(found, given or Statement(text=text, start=0, source=text), span.start, len(span))


def _span(expression: Any) -> range | None:
    """Where in the statement an expression stands; None for one of a view."""
    origin = expression.origin()
    if origin.objectType().isDefined() or origin.startIndex().isEmpty() or origin.sqlText().isEmpty():
        return None
    return range(origin.startIndex().get(), origin.stopIndex().get() + 1)


def _text(expression: Any) -> str:
    """The statement that an expression stands in."""
    return str(expression.origin().sqlText().get())


def _written(expression: Any) -> str:
    """An expression as it stands in the statement; a column by its name, as Spark mixes up the places of those."""
    if class_of(expression) == "OuterReference":
        return _written(expression.e())
    span = None if class_of(expression) == "AttributeReference" else _span(expression)
    return str(expression.sql()).replace("`", "") if span is None else _text(expression)[span.start : span.stop]
