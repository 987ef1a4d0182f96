"""Spatial conditions that Sedona would evaluate pair by pair, planned as joins that it has an index for.

Sedona looks for inner joins, and for outer joins whose other side carries a broadcast hint. Two common forms of SQL are
neither, so that every row met every zone, with all their vertices: a filter by a geometry that a subquery gives
(6 million points in one country took a minute), and an outer join (in 177 countries it had not ended after five).
"""

from functools import cached_property
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jeospark.sql.lookups import Lookups
from jeospark.sql.plans import Planner, below, conjuncts, geometries, is_geometry, of_sedona, spatial
from jeospark.sql.threads import checking
from jeospark.sql.tree import COMMAND, class_of, is_a, leaves, sequence
from jeospark.vector.helpers_geometry import st
from jeospark.vector.lookup import long_rows
from jeospark.vector.measure import measure

ROW = "__row"
"""Column that numbers the rows of a small side."""

_LOOKED_UP = frozenset({"Get"})
"""What is planned already, by itself or as part of a view, looks up a value of a subquery."""
_COMPARISONS = frozenset({"LessThan", "LessThanOrEqual", "GreaterThan", "GreaterThanOrEqual"})


def with_index(frame: DataFrame) -> DataFrame:
    """The same rows, by a plan in which Sedona finds its joins.

    A filter by a subquery of one row at most becomes a join with it. An outer join broadcasts the smaller side, where
    it is small: where that is the side that is kept, it is numbered, joined by the index, and joined again by the
    number with what was found. Null geometries, for which the index of an inner join fails, are kept from it. Long
    geometries of a small side are looked up (`jeospark.vector.lookup`).

    Args:
        frame: A query that has not run.
    """
    plan = Planner.analysed(frame)
    if is_a(frame.sparkSession, plan, COMMAND):
        return frame
    indexed, lookups = _Indexed(frame.sparkSession), Lookups(frame.sparkSession)
    with checking(frame.sparkSession):
        planned = lookups.plan(indexed.plan(plan))
        return frame if planned is plan else indexed.frame(planned)


class _Indexed(Planner):
    """Rebuilds plans so that Sedona finds its joins."""

    def changed(self, node: Any) -> Any:
        """A filter or join with an index, if it has none; anything else as it is."""
        kind = class_of(node)
        return self._filter(node) if kind == "Filter" else self._joined(node) if kind == "Join" else node

    def _joined(self, node: Any) -> Any:
        if class_of(node.joinType()) not in {"Inner", "Cross"} or node.condition().isEmpty():
            return self._outer(node)
        condition = node.condition().get()
        made = self._without_nulls(condition, node)
        if made is condition:
            return node
        return node.copy(node.left(), node.right(), node.joinType(), self.option(made), node.hint())

    def _without_nulls(self, condition: Any, join: Any) -> Any:
        """A condition of an inner join for which Sedona's index meets no null; Spark sees to bare columns itself."""
        for each in conjuncts(condition):
            if _spans(each, join):
                bare = all(class_of(one) in {"AttributeReference", "Literal"} for one in sequence(each.children()))
                safe = self._guarded(each) if spatial(each) and not bare else self._with_both(each)
                condition = condition if safe is each else self.swapped(condition, each, safe)
        return condition

    def _with_both(self, condition: Any) -> Any:
        """A comparison of a distance, and that both geometries are there: to empty ones it would be 0."""
        made = condition
        if class_of(condition) in _COMPARISONS:
            for function in sequence(condition.children()):
                for each in geometries(function) if of_sedona(function) else ():
                    made = self.expressions.And(made, self.expressions.IsNotNull(each))
        return made

    @cached_property
    def _empty(self) -> Any:
        """An expression that gives an empty geometry."""
        return self.expression(self.spark.range(0), st("ST_GeomFromText", F.lit("POINT EMPTY")))

    def _guarded(self, predicate: Any) -> Any:
        """A predicate without null: Sedona's index fails for it, while an empty geometry meets none."""
        made = [self._filled(each) if is_geometry(each) else each for each in sequence(predicate.children())]
        return predicate.withNewChildren(self.seq(made))

    def _filled(self, geometry: Any) -> Any:
        return self.expressions.Coalesce(self.seq([geometry, self._empty]))

    def _filter(self, node: Any) -> Any:
        child, condition = node.child(), node.condition()
        if class_of(child) == "Join" and class_of(child.joinType()) in {"Inner", "Cross"}:
            made = self._without_nulls(condition, child)
            node = node if made is condition else self.logical.Filter(made, child)
            condition = made
        joined = child
        for each in conjuncts(condition):
            subquery = next(filter(self._of_one_row, below(each, _LOOKED_UP)), None) if spatial(each) else None
            if subquery is not None:
                # The row joined has but a number: the geometry would be copied for each match.
                one = self.spark.range(0, 1, 1, 1)
                joined = self.join(joined, self.hinted(self.analysed(one)), "Inner", None)
                geometry = self.frame(subquery.plan()).scalar()
                looked = self.expression(one, F.get(F.array(geometry), F.col("id")))
                joining = self.swapped(each, subquery, looked)
                condition = self.swapped(condition, each, self._guarded(joining))
        if joined is child:
            return node
        return self.logical.Project(child.output(), self.logical.Filter(condition, joined))

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
            condition = self.swapped(condition, each, self._guarded(each))
        kept, other = (node.left(), node.right()) if kind == "LeftOuter" else (node.right(), node.left())
        ours, theirs = measure(self.frame(kept)), measure(self.frame(other))
        # The index is made of the smaller side: each row of the other looks into it.
        if ours.small and (not theirs.small or ours.rows < theirs.rows):
            return self._numbered(node, kept, other, condition, long=long_rows(ours))
        if theirs.small:
            sides = (kept, self.hinted(other))
            return self.join(*(sides if kind == "LeftOuter" else sides[::-1]), kind, condition)
        return node

    def _outer_by_place(self, node: Any) -> bool:
        """True where only the place tells partners, without a hint, and each side can be measured by itself."""
        found = list(conjuncts(node.condition().get()))
        equal = any(class_of(each) in {"EqualTo", "EqualNullSafe"} for each in found)
        whole = all(class_of(leaf) != "CTERelationRef" for leaf in leaves(node))
        hint = node.hint()
        return any(map(spatial, found)) and not equal and whole and hint.equals(self.logical.JoinHint.NONE())

    def _numbered(self, node: Any, kept: Any, other: Any, condition: Any, *, long: bool) -> Any:
        # Numbers are made once: both joins must see the same.
        numbered = self.frame(kept).withColumn(ROW, F.monotonically_increasing_id()).localCheckpoint()
        rows = self.analysed(numbered)
        number = list(sequence(rows.output()))[-1]
        found = self.join(self.hinted(rows), other, "Inner", condition)
        if long:
            found = Lookups(self.spark).shortened(found, 0)
        match = self.alias(number, ROW)
        pairs = self.logical.Project(self.seq([match, *sequence(other.output())]), found)
        same = self.expressions.EqualTo(number, match.toAttribute())
        # The many rows of the other side need not be sorted for it.
        hashed = self.analysed(self.frame(rows).hint("shuffle_hash"))
        return self.logical.Project(node.output(), self.join(hashed, pairs, "LeftOuter", same))


def _spans(condition: Any, node: Any) -> bool:
    """True where a condition has columns of both sides of a join, or of a join below."""
    if class_of(node) != "Join":
        return False
    side = next(
        (side for side in (node.left(), node.right()) if condition.references().subsetOf(side.outputSet())), None
    )
    return side is None or _spans(condition, side)
