"""Into which periods a recipe's work can be cut, so that each can be computed alone."""

from jeospark.errors import RecipeError
from jeospark.recipe.nodes import Node, Steps

DATE = "date"
ALL = "all"
_LATER_THAN_MONTH = ("season", "tropical-season", "year", "decade", "decade-ad")
_REFINES = {
    DATE: ("hour", "day", "week", "dekad", "month", *_LATER_THAN_MONTH),
    "hour": ("day", "week", "dekad", "month", *_LATER_THAN_MONTH),
    "day": ("week", "dekad", "month", *_LATER_THAN_MONTH),
    "dekad": ("month", *_LATER_THAN_MONTH),
    "month": _LATER_THAN_MONTH,
    "year": ("decade", "decade-ad"),
}
"""Which periods lie wholly within one period of another kind; weeks and seasons cross the new year."""


def period(graph: Steps) -> str:
    """Tell the partition of time: date, a period of aggregate_temporal_period, or all.

    Raises:
        RecipeError: Branches that meet are partitioned differently, or a period does not refine the one after it.
    """
    return _periods(graph)[graph.result]


def date_nodes(graph: Steps) -> frozenset[str]:
    """Name the nodes whose cubes still have one label a date."""
    return frozenset(node_id for node_id, state in _periods(graph).items() if state == DATE)


def _periods(graph: Steps) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in graph.needed(graph.result):
        found[node.node_id] = _period(node, found)
    return found


def _period(node: Node, found: dict[str, str]) -> str:
    before = _agreed(node, found)
    after = _made(node)
    if after is None or before == after or ALL in (before, after):
        return ALL if before == ALL else after or before
    if after not in _REFINES.get(before, ()):
        where = f"node '{node.node_id}'"
        raise RecipeError(f"a {after} is not made of whole {before}s", where=where, remedy="Aggregate once.")
    return after


def _agreed(node: Node, found: dict[str, str]) -> str:
    """Give the partition of the cubes that a node reads, which must be the same."""
    sources = node.references()
    for source in sources[1:]:
        if found[source] != found[sources[0]]:
            first, second = (f"node '{name}' by {found[name]}" for name in (sources[0], source))
            remedy = "Aggregate both over the same period before they meet."
            raise RecipeError(f"{first} and {second} cannot meet", where=f"node '{node.node_id}'", remedy=remedy)
    return found[sources[0]] if sources else DATE


def _made(node: Node) -> str | None:
    """Give the partition that a node makes; None when it leaves time as it is."""
    if node.process_id == "aggregate_temporal_period":
        return str(node.arguments["period"])
    over_time = node.arguments.get("dimension") == "t"
    if node.process_id == "aggregate_temporal" or (
        node.process_id in ("reduce_dimension", "apply_dimension") and over_time
    ):
        return ALL
    return None
