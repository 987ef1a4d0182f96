"""Joins by place whose small side has long geometries, which are looked up where the text of a query carries them."""

from collections.abc import Iterator
from typing import Any

from pyspark.sql import DataFrame

from jeospark.sql.plans import Planner, conjuncts, spatial
from jeospark.sql.tree import class_of, leaves, sequence
from jeospark.vector.lookup import looked_up, worth_it
from jeospark.vector.measure import by_footers

_BROADCAST = {"Inner": (0, 1), "Cross": (0, 1), "LeftOuter": (1,), "RightOuter": (0,)}
"""Sides that a kind of join can broadcast: 0 for the left one."""


class Lookups(Planner):
    """Rebuilds plans so that joins do not carry long geometries; the columns of the plans stay what they are."""

    def changed(self, node: Any) -> Any:
        """A join, or a filter that is its condition, with a lookup where that is worth it."""
        filtered = class_of(node) == "Filter"
        join = node.child() if filtered else node
        # In `FROM a, b WHERE …` the filter has what elsewhere the join has.
        if class_of(join) != "Join" or join.condition().isEmpty() != filtered:
            return node
        condition = node.condition() if filtered else node.condition().get()
        for at, shape in self._candidates(join, condition):
            if (not filtered or class_of(join.joinType()) in {"Inner", "Cross"}) and self._worth_it(join, at):
                return self._split(join, at, shape, condition, filtered=filtered)
        return node

    def shortened(self, join: Any, at: int) -> Any:
        """A join whose condition is its own, and which broadcasts a side of long rows, with a lookup in these."""
        condition = join.condition().get()
        shape = next((shape for side, shape in self._candidates(join, condition) if side == at), None)
        return join if shape is None else self._split(join, at, shape, condition, filtered=False)

    def _candidates(self, join: Any, condition: Any) -> Iterator[tuple[int, Any]]:
        """Sides that could be broadcast, each with an argument of a predicate that is made of one of its columns."""
        found = list(filter(spatial, conjuncts(condition)))
        for at in _BROADCAST.get(class_of(join.joinType()), ()) if found else ():
            inside = _sides(join)[at].outputSet()
            arguments = (each for predicate in found for each in sequence(predicate.children()))
            shapes = (each for each in arguments if each.references().size() == 1)
            yield from ((at, each) for each in shapes if each.references().subsetOf(inside))

    def _worth_it(self, join: Any, at: int) -> bool:
        """True where a side is broadcast, as far as that is told before the query runs, and its geometries are long."""
        side, other = _sides(join)[at], _sides(join)[1 - at]
        frame = None if class_of(other) == "ResolvedHint" else self._measurable(side)
        ours = worth_it(frame) if frame else None
        if ours is None or class_of(side) == "ResolvedHint":
            return ours is not None
        rival = self._measurable(other)
        theirs = by_footers(rival) if rival else None
        return theirs is None or ours.bytes <= theirs.bytes

    def _measurable(self, side: Any) -> DataFrame | None:
        """A side by itself; None where it is defined elsewhere in the query."""
        return None if any(class_of(leaf) == "CTERelationRef" for leaf in leaves(side)) else self.frame(_bare(side))

    def _split(self, join: Any, at: int, shape: Any, condition: Any, *, filtered: bool) -> Any:
        sides, geometry = _sides(join), next(sequence(shape.references().toSeq()))
        columns = list(sequence(sides[at].output()))
        number = next(place for place, column in enumerate(columns) if column.semanticEquals(geometry))
        plan = self.renewed(_bare(sides[at]))
        if class_of(shape) == "AttributeReference":
            # Rows without geometry meet nothing; Spark does not see that of what is looked up.
            plan = self.logical.Filter(self.expressions.IsNotNull(list(sequence(plan.output()))[number]), plan)
        found = looked_up(self.frame(plan), number)
        rows = self.analysed(found.rows)
        place, *others = sequence(rows.output())
        named = map(self.instead, others, [column for column in columns if column is not columns[number]])
        sides[at] = self.hinted(self.logical.Project(self.seq([place, *named]), rows))
        looked = self.expression(found.rows, found.geometry)
        made = self.swapped(condition, geometry, looked)
        joined = self.logical.Join(*sides, join.joinType(), self.option(None if filtered else made), join.hint())
        restored = [
            self.instead(looked, column) if column.semanticEquals(geometry) else column
            for column in sequence(join.output())
        ]
        return self.logical.Project(self.seq(restored), self.logical.Filter(made, joined) if filtered else joined)


def _sides(join: Any) -> list[Any]:
    return [join.left(), join.right()]


def _bare(side: Any) -> Any:
    return side.child() if class_of(side) == "ResolvedHint" else side
