"""Walks over Spark's logical plans, from Python."""

from collections.abc import Iterator
from typing import Any

from py4j.java_gateway import is_instance_of
from pyspark.sql import SparkSession

PLAN = "org.apache.spark.sql.catalyst.plans.QueryPlan"
COMMAND = "org.apache.spark.sql.catalyst.plans.logical.Command"
_PLAN_EXPRESSION = "org.apache.spark.sql.catalyst.expressions.PlanExpression"
_HOLDERS = {"ExplainCommand": "logicalPlan", "CreateViewCommand": "plan", "DescribeQueryCommand": "plan"}
"""Commands that hold a plan which is not among their children, and its name there."""


def nodes(spark: SparkSession, plan: Any) -> Iterator[Any]:
    """All nodes of a plan: plans, their expressions, and the plans inside these.

    Args:
        spark: The session.
        plan: A logical plan of the JVM, parsed or analysed.
    """
    waiting = [plan]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(_below(spark, node))


def _below(spark: SparkSession, node: Any) -> Iterator[Any]:
    yield from sequence(node.children())
    if is_a(spark, node, PLAN):
        yield from sequence(node.innerChildren())
        yield from sequence(node.expressions())
        if (plan := held(node)) is not None:
            yield plan
        if class_of(node) == "WithWindowDefinition":
            # They are in a map, where no walk of Spark's own finds them.
            yield from sequence(node.windowDefinitions().values())
    elif is_a(spark, node, _PLAN_EXPRESSION):
        yield node.plan()


def held(node: Any) -> Any | None:
    """The plan that a command holds; None for what holds none."""
    name = _HOLDERS.get(class_of(node))
    return None if name is None else getattr(node, name)()


def branches(plan: Any) -> Iterator[Any]:
    """A plan and all plans below it, without those inside expressions."""
    yield plan
    for child in sequence(plan.children()):
        yield from branches(child)


def leaves(plan: Any) -> Iterator[Any]:
    """The plans without children of a plan and of all subqueries in it: its relations, among others."""
    yield from sequence(plan.collectLeaves())
    for subquery in sequence(plan.subqueriesAll()):
        yield from sequence(subquery.collectLeaves())


def is_a(spark: SparkSession, node: Any, kind: str) -> bool:
    """True where a node is of a class or trait of the JVM, given by its full name."""
    return bool(is_instance_of(spark.sparkContext._gateway, node, kind))  # noqa: SLF001


def class_of(node: Any) -> str:
    """The class of a node, without its package."""
    return str(node.getClass().getName()).rsplit(".", 1)[-1].removesuffix("$")


def sequence(values: Any) -> Iterator[Any]:
    """The values of a sequence of Scala."""
    iterator = values.iterator()
    while iterator.hasNext():
        yield iterator.next()
