"""Into which periods a recipe's work can be cut, so that each can be computed alone."""

from dataclasses import dataclass

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


_WHOLE = {
    "reduce_dimension": ("dimension",),
    "apply_dimension": ("dimension", "target_dimension"),
    "drop_dimension": ("name",),
    "rename_labels": ("dimension",),
    "dimension_labels": ("dimension",),
}
"""Processes that look at a dimension as a whole, and in which arguments they name it."""
_PLACES = _WHOLE | {"rename_dimension": ("source",), "filter_labels": ("dimension",)}
_WINDOWED = ("x", "y")


@dataclass(frozen=True, slots=True)
class _State:
    """What is known of the time of a node's cube."""

    period: str
    """Into which its work can be cut."""
    dimension: str
    """Name of the temporal dimension."""


def period(graph: Steps) -> str:
    """Tell the partition of time: date, a period of aggregate_temporal_period, or all.

    Raises:
        RecipeError: Branches that meet are partitioned differently, a period does not refine the one after it, or a
            process looks along x or y, of which a window knows a part only.
    """
    return _states(graph)[graph.result].period


def date_nodes(graph: Steps) -> frozenset[str]:
    """Name the nodes whose cubes still have one label a date."""
    return frozenset(node_id for node_id, state in _states(graph).items() if state.period == DATE)


def _states(graph: Steps) -> dict[str, _State]:
    found: dict[str, _State] = {}
    for node in graph.needed(graph.result):
        _check_places(node)
        before = _agreed(node, found)
        found[node.node_id] = _State(_period(node, before), _dimension(node, before.dimension))
    return found


def _check_places(node: Node) -> None:
    for argument in _PLACES.get(node.process_id, ()):
        name = node.arguments.get(argument)
        if name in _WINDOWED:
            where = f"node '{node.node_id}'"
            remedy = "For numbers of an area, end with aggregate_spatial; for other pixels, use resample_spatial."
            raise RecipeError(
                f"'{node.process_id}' along '{name}': pixels are computed window by window", where=where, remedy=remedy
            )


def _period(node: Node, state: _State) -> str:
    before, after = state.period, _made(node, state.dimension)
    if after is None or before == after or ALL in (before, after):
        return ALL if before == ALL else after or before
    if after not in _REFINES.get(before, ()):
        where = f"node '{node.node_id}'"
        raise RecipeError(f"a {after} is not made of whole {before}s", where=where, remedy="Aggregate once.")
    return after


def _agreed(node: Node, found: dict[str, _State]) -> _State:
    """Give the state of the cubes that a node reads, whose partition must be the same."""
    sources = node.references()
    for source in sources[1:]:
        if found[source].period != found[sources[0]].period:
            first, second = (f"node '{name}' by {found[name].period}" for name in (sources[0], source))
            remedy = "Aggregate both over the same period before they meet."
            raise RecipeError(f"{first} and {second} cannot meet", where=f"node '{node.node_id}'", remedy=remedy)
    return found[sources[0]] if sources else _State(DATE, "t")


def _made(node: Node, dimension: str) -> str | None:
    """Give the partition that a node makes; None when it leaves time as it is."""
    if node.process_id == "aggregate_temporal_period":
        return str(node.arguments["period"])
    whole = any(node.arguments.get(argument) == dimension for argument in _WHOLE.get(node.process_id, ()))
    return ALL if whole or node.process_id == "aggregate_temporal" else None


def _dimension(node: Node, before: str) -> str:
    renamed = node.process_id == "rename_dimension" and node.arguments.get("source") == before
    return str(node.arguments["target"]) if renamed else before
