"""Spark's logical plans, taken apart and put together from Python."""

from collections.abc import Iterator
from typing import Any, cast

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from jeospark.sql.tree import class_of, sequence
from jeospark.vector.joins import PREDICATES

INDEXED = frozenset({*PREDICATES.values(), "ST_DWithin"})
"""Predicates that Sedona joins by; each is null where an argument is."""

SEDONA = "org.apache.spark.sql.sedona_sql.expressions."
"""Package of Sedona's functions; what they are in the text of an expression."""


class Planner:
    """Rebuilds plans of a session; what needs no change comes back as the object it was."""

    def __init__(self, spark: SparkSession) -> None:
        self.spark = spark
        self.jvm = cast("Any", spark._jvm)  # noqa: SLF001
        catalyst = self.jvm.org.apache.spark.sql.catalyst
        self.logical: Any = catalyst.plans.logical
        self.expressions: Any = catalyst.expressions

    def changed(self, node: Any) -> Any:
        """What becomes of one node, whose children have been rebuilt."""
        raise NotImplementedError

    def plan(self, node: Any) -> Any:
        """A plan and all below it."""
        children = list(sequence(node.children()))
        made = [self.plan(child) for child in children]
        if any(new is not old for new, old in zip(made, children, strict=True)):
            node = node.withNewChildren(self.seq(made))
        return self.changed(node)

    def frame(self, plan: Any) -> DataFrame:
        """A plan as a DataFrame."""
        java = self.spark._jsparkSession  # noqa: SLF001
        return DataFrame(self.jvm.org.apache.spark.sql.classic.Dataset.ofRows(java, plan), self.spark)

    @staticmethod
    def analysed(frame: DataFrame) -> Any:
        """A DataFrame as a plan."""
        return frame._jdf.queryExecution().analyzed()  # noqa: SLF001

    def renewed(self, plan: Any) -> Any:
        """The same plan with columns of its own, so that others may take the place of its columns."""
        # Spark renews the columns of the second one of two equal sides.
        return self.analysed(self.frame(self.join(plan, plan, "Cross", None))).right()

    def expression(self, frame: DataFrame, column: Column) -> Any:
        """A computed column of a DataFrame, as an expression over its plan."""
        return next(sequence(self.analysed(frame.select(column)).projectList())).child()

    def join(self, left: Any, right: Any, kind: str, condition: Any) -> Any:
        """A join of two plans; the condition may be None."""
        joined = getattr(self.jvm.org.apache.spark.sql.catalyst.plans, f"{kind}$")
        none = self.logical.JoinHint.NONE()
        return self.logical.Join(left, right, getattr(joined, "MODULE$"), self.option(condition), none)

    def hinted(self, plan: Any) -> Any:
        """A plan that joins broadcast."""
        return self.analysed(F.broadcast(self.frame(plan)))

    def alias(self, expression: Any, name: str) -> Any:
        """An expression under a name."""
        return self._named(expression, name, self.expressions.NamedExpression.newExprId(), self.option(None))

    def instead(self, expression: Any, column: Any) -> Any:
        """An expression that takes the place of a column: what means the column means it."""
        return self._named(expression, column.name(), column.exprId(), self.option(column.metadata()))

    def _named(self, expression: Any, name: str, number: Any, metadata: Any) -> Any:
        nothing = self.seq([])
        return self.expressions.Alias(expression, name, number, nothing, metadata, nothing)

    def swapped(self, expression: Any, old: Any, new: Any) -> Any:
        """An expression with another one in place of each that is `old`."""
        if expression.equals(old) or (class_of(old) == "AttributeReference" and expression.semanticEquals(old)):
            return new
        children = list(sequence(expression.children()))
        made = [self.swapped(child, old, new) for child in children]
        changed = any(one is not other for one, other in zip(made, children, strict=True))
        return expression.withNewChildren(self.seq(made)) if changed else expression

    def option(self, value: Any) -> Any:
        """An option of Scala; None for nothing."""
        return self.jvm.scala.Option.apply(value)

    def seq(self, values: list[Any]) -> Any:
        """A sequence of Scala."""
        return self.jvm.PythonUtils.toSeq(values)


def is_geometry(expression: Any) -> bool:
    """True for an expression that gives a geometry."""
    return bool(expression.resolved()) and "geometry" in str(expression.dataType().toString()).lower()


def geometries(expression: Any) -> list[Any]:
    """The geometries among the arguments of an expression."""
    return [each for each in sequence(expression.children()) if is_geometry(each)]


def of_sedona(expression: Any) -> bool:
    """True for a call of one of Sedona's functions."""
    return str(expression.getClass().getName()).startswith(SEDONA)


def conjuncts(condition: Any) -> Iterator[Any]:
    """The conditions that all must hold."""
    if class_of(condition) == "And":
        yield from conjuncts(condition.left())
        yield from conjuncts(condition.right())
    else:
        yield condition


def below(expression: Any, closed: frozenset[str] = frozenset()) -> Iterator[Any]:
    """An expression and all that it is made of.

    Args:
        expression: Where to begin.
        closed: Classes that are not looked into.
    """
    yield expression
    for child in sequence(expression.children()) if class_of(expression) not in closed else ():
        yield from below(child, closed)


def spatial(expression: Any) -> bool:
    """True for a predicate that Sedona joins by."""
    return of_sedona(expression) and class_of(expression) in INDEXED
