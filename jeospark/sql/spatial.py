"""Spatial conditions that Sedona would evaluate pair by pair, planned as joins that it has an index for.

Sedona looks for inner joins, and for outer joins whose other side carries a broadcast hint. Two common forms of SQL are
neither, so that every row met every zone, with all their vertices: a filter by a geometry that a subquery gives
(6 million points in one country took a minute), and an outer join (in 177 countries it had not ended after five).
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, cast

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jeospark.sql.tree import class_of, is_a, leaves, sequence
from jeospark.vector.joins import PREDICATES
from jeospark.vector.measure import measure

INDEXED = frozenset({*PREDICATES.values(), "ST_DWithin"})
"""Predicates that Sedona joins by; each is null where an argument is."""
ROW = "__row"
"""Column that numbers the rows of a small side."""

_CATALYST = "org.apache.spark.sql.catalyst"
_FUNCTIONS = "org.apache.spark.sql.sedona_sql.expressions."
_COMPARISONS = frozenset({"LessThan", "LessThanOrEqual", "GreaterThan", "GreaterThanOrEqual"})


def with_index(frame: DataFrame) -> DataFrame:
    """The same rows, by a plan in which Sedona finds its joins.

    A filter by a subquery of one row at most becomes a join with it. An outer join broadcasts the smaller side, where
    it is small: where that is the side that is kept, it is numbered, joined by the index, and joined again by the
    number with what was found. Null geometries, for which the index of an inner join fails, are kept from it.

    Args:
        frame: A query that has not run.
    """
    plan = frame._jdf.queryExecution().analyzed()  # noqa: SLF001
    if is_a(frame.sparkSession, plan, f"{_CATALYST}.plans.logical.Command"):
        return frame
    planner = _Planner(frame.sparkSession)
    planned = planner.plan(plan)
    return frame if planned is plan else planner.frame(planned)


class _Planner:
    """Rebuilds plans of a session; what needs no change comes back as the object it was."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        self._jvm = cast("Any", spark._jvm)  # noqa: SLF001
        catalyst = self._jvm.org.apache.spark.sql.catalyst
        self._logical: Any = catalyst.plans.logical
        self._expressions: Any = catalyst.expressions

    def frame(self, plan: Any) -> DataFrame:
        """A plan as a DataFrame."""
        java = self._spark._jsparkSession  # noqa: SLF001
        return DataFrame(self._jvm.org.apache.spark.sql.classic.Dataset.ofRows(java, plan), self._spark)

    def plan(self, node: Any) -> Any:
        """A plan and all below it."""
        children = list(sequence(node.children()))
        made = [self.plan(child) for child in children]
        if any(new is not old for new, old in zip(made, children, strict=True)):
            node = node.withNewChildren(self._seq(made))
        kind = class_of(node)
        return self._filter(node) if kind == "Filter" else self._joined(node) if kind == "Join" else node

    def _joined(self, node: Any) -> Any:
        if class_of(node.joinType()) not in {"Inner", "Cross"} or node.condition().isEmpty():
            return self._outer(node)
        condition = node.condition().get()
        made = self._without_nulls(condition, node)
        if made is condition:
            return node
        return node.copy(node.left(), node.right(), node.joinType(), self._jvm.scala.Option.apply(made), node.hint())

    def _without_nulls(self, condition: Any, join: Any) -> Any:
        """A condition of an inner join for which Sedona's index meets no null; Spark sees to bare columns itself."""
        for each in conjuncts(condition):
            if _spans(each, join):
                bare = all(class_of(one) in {"AttributeReference", "Literal"} for one in sequence(each.children()))
                safe = self._guarded(each) if spatial(each) and not bare else self._with_both(each)
                condition = condition if safe is each else self._swapped(condition, each, safe)
        return condition

    def _with_both(self, condition: Any) -> Any:
        """A comparison of a distance, and that both geometries are there: to empty ones it would be 0."""
        made = condition
        if class_of(condition) in _COMPARISONS:
            for function in sequence(condition.children()):
                for each in geometries(function) if of_sedona(function) else ():
                    made = self._expressions.And(made, self._expressions.IsNotNull(each))
        return made

    @cached_property
    def _empty(self) -> Any:
        """An expression that gives an empty geometry."""
        frame = self._spark.range(0).selectExpr("ST_GeomFromText('POINT EMPTY') AS geometry")
        return next(sequence(frame._jdf.queryExecution().analyzed().expressions())).child()  # noqa: SLF001

    def _guarded(self, predicate: Any) -> Any:
        """A predicate without null: Sedona's index fails for it, while an empty geometry meets none."""
        made = [self._filled(each) if is_geometry(each) else each for each in sequence(predicate.children())]
        return predicate.withNewChildren(self._seq(made))

    def _filled(self, geometry: Any) -> Any:
        return self._expressions.Coalesce(self._seq([geometry, self._empty]))

    def _filter(self, node: Any) -> Any:
        child, condition = node.child(), node.condition()
        if class_of(child) == "Join" and class_of(child.joinType()) in {"Inner", "Cross"}:
            made = self._without_nulls(condition, child)
            node = node if made is condition else self._logical.Filter(made, child)
            condition = made
        joined = child
        for each in conjuncts(condition):
            subquery = next(filter(self._of_one_row, below(each)), None) if spatial(each) else None
            if subquery is not None:
                column = self._alias(next(sequence(subquery.plan().output())), "geometry")
                one = self._hinted(self._logical.Project(self._seq([column]), subquery.plan()))
                joined = self._join(joined, one, "Inner", None)
                joining = self._swapped(each, subquery, column.toAttribute())
                condition = self._swapped(condition, each, self._guarded(joining))
        if joined is child:
            return node
        return self._logical.Project(child.output(), self._logical.Filter(condition, joined))

    def _of_one_row(self, expression: Any) -> bool:
        if class_of(expression) != "ScalarSubquery" or expression.isCorrelated():
            return False
        most = expression.plan().maxRows()
        return bool(most.isDefined() and most.get() <= 1)

    def _outer(self, node: Any) -> Any:
        kind, condition = class_of(node.joinType()), node.condition()
        if kind not in {"LeftOuter", "RightOuter"} or condition.isEmpty() or not self._outer_by_place(node):
            return node
        condition = condition.get()
        for each in filter(spatial, conjuncts(condition)):
            condition = self._swapped(condition, each, self._guarded(each))
        kept, other = (node.left(), node.right()) if kind == "LeftOuter" else (node.right(), node.left())
        ours, theirs = measure(self.frame(kept)), measure(self.frame(other))
        # The index is made of the smaller side: each row of the other looks into it.
        if ours.small and (not theirs.small or ours.rows < theirs.rows):
            return self._numbered(node, kept, other, condition)
        if theirs.small:
            sides = (kept, self._hinted(other))
            return self._join(*(sides if kind == "LeftOuter" else sides[::-1]), kind, condition)
        return node

    def _outer_by_place(self, node: Any) -> bool:
        """True where only the place tells partners, without a hint, and each side can be measured by itself."""
        found = list(conjuncts(node.condition().get()))
        equal = any(class_of(each) in {"EqualTo", "EqualNullSafe"} for each in found)
        whole = all(class_of(leaf) != "CTERelationRef" for leaf in leaves(node))
        hint = node.hint()
        return any(map(spatial, found)) and not equal and whole and hint.equals(self._logical.JoinHint.NONE())

    def _numbered(self, node: Any, kept: Any, other: Any, condition: Any) -> Any:
        # Numbers are made once: both joins must see the same.
        numbered = self.frame(kept).withColumn(ROW, F.monotonically_increasing_id()).localCheckpoint()
        rows = numbered._jdf.queryExecution().analyzed()  # noqa: SLF001
        number = list(sequence(rows.output()))[-1]
        found = self._join(self._hinted(rows), other, "Inner", condition)
        match = self._alias(number, ROW)
        pairs = self._logical.Project(self._seq([match, *sequence(other.output())]), found)
        same = self._expressions.EqualTo(number, match.toAttribute())
        # The many rows of the other side need not be sorted for it.
        hashed = self.frame(rows).hint("shuffle_hash")._jdf.queryExecution().analyzed()  # noqa: SLF001
        return self._logical.Project(node.output(), self._join(hashed, pairs, "LeftOuter", same))

    def _join(self, left: Any, right: Any, kind: str, condition: Any) -> Any:
        joined = getattr(self._jvm.org.apache.spark.sql.catalyst.plans, f"{kind}$")
        option = self._jvm.scala.Option.apply(condition)
        return self._logical.Join(left, right, getattr(joined, "MODULE$"), option, self._logical.JoinHint.NONE())

    def _hinted(self, plan: Any) -> Any:
        return F.broadcast(self.frame(plan))._jdf.queryExecution().analyzed()  # noqa: SLF001

    def _alias(self, expression: Any, name: str) -> Any:
        new, nothing = self._expressions.NamedExpression.newExprId(), self._seq([])
        return self._expressions.Alias(expression, name, new, nothing, self._jvm.scala.Option.empty(), nothing)

    def _swapped(self, expression: Any, old: Any, new: Any) -> Any:
        if expression.equals(old):
            return new
        children = list(sequence(expression.children()))
        made = [self._swapped(child, old, new) for child in children]
        changed = any(one is not other for one, other in zip(made, children, strict=True))
        return expression.withNewChildren(self._seq(made)) if changed else expression

    def _seq(self, values: list[Any]) -> Any:
        return self._jvm.PythonUtils.toSeq(values)


def _spans(condition: Any, node: Any) -> bool:
    """True where a condition has columns of both sides of a join, or of a join below."""
    if class_of(node) != "Join":
        return False
    side = next(
        (side for side in (node.left(), node.right()) if condition.references().subsetOf(side.outputSet())), None
    )
    return side is None or _spans(condition, side)


def is_geometry(expression: Any) -> bool:
    """True for an expression that gives a geometry."""
    return bool(expression.resolved()) and "geometry" in str(expression.dataType().toString()).lower()


def geometries(expression: Any) -> list[Any]:
    """The geometries among the arguments of an expression."""
    return [each for each in sequence(expression.children()) if is_geometry(each)]


def of_sedona(expression: Any) -> bool:
    """True for a call of one of Sedona's functions."""
    return str(expression.getClass().getName()).startswith(_FUNCTIONS)


def conjuncts(condition: Any) -> Iterator[Any]:
    """The conditions that all must hold."""
    if class_of(condition) == "And":
        yield from conjuncts(condition.left())
        yield from conjuncts(condition.right())
    else:
        yield condition


def below(expression: Any) -> Iterator[Any]:
    """An expression and all that it is made of."""
    yield expression
    for child in sequence(expression.children()):
        yield from below(child)


def spatial(expression: Any) -> bool:
    """True for a predicate that Sedona joins by."""
    return of_sedona(expression) and class_of(expression) in INDEXED
