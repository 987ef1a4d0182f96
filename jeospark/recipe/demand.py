"""Which bands of each node's cube the rest of a recipe reads, without running it."""

from collections.abc import Callable, Iterable

from jeospark.recipe.nodes import FromNode, FromParameter, Node, Steps, leaves
from jeospark.recipe.registry import find_process

Demand = frozenset[str] | None
"""Names or common names as the recipe writes them; None = all bands."""

_PASSING = frozenset(
    {
        "aggregate_temporal",
        "aggregate_temporal_period",
        "apply",
        "filter_bbox",
        "filter_temporal",
        "resample_spatial",
        "save_result",
    }
)
"""Processes that give every band of their data as it comes, and no other."""


def demands(steps: Steps, targets: Iterable[str], stops: frozenset[str] = frozenset()) -> dict[str, Demand]:
    """Tell what is read of each node's cube when the target nodes are evaluated.

    Args:
        steps: The process graph.
        targets: Nodes whose whole values are wanted.
        stops: Nodes whose values are known, so that what lies before them is not read for them.
    """
    found: dict[str, Demand] = {target: None for target in targets if target not in stops}
    for node in reversed(list(steps.nodes.values())):
        if node.node_id in found:
            for argument, source in _sources(node):
                if source not in stops:
                    wanted = _demand(node, argument, found[node.node_id])
                    found[source] = _either(found[source], wanted) if source in found else wanted
    return found


def in_order(wanted: Demand, bands: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Put the bands wanted in the order of the collection's bands; all of these where names do not tell enough."""
    if wanted is None or (bands is not None and not wanted <= set(bands)):
        return bands
    return tuple(sorted(wanted)) if bands is None else tuple(band for band in bands if band in wanted)


def _sources(node: Node) -> list[tuple[str, str]]:
    return [
        (name, leaf.node_id)
        for name, value in node.arguments.items()
        for leaf in leaves(value)
        if isinstance(leaf, FromNode)
    ]


def _either(one: Demand, other: Demand) -> Demand:
    return None if one is None or other is None else one | other


def _demand(node: Node, argument: str, wanted: Demand) -> Demand:
    if node.process_id in _PASSING or (node.process_id == "mask" and argument == "data"):
        return wanted
    rule = _RULES.get(node.process_id)
    return rule(node, wanted) if rule else None


def _of_filter(node: Node, wanted: Demand) -> Demand:
    bands = _texts(node, "bands")
    return bands if bands is None or wanted is None or not wanted <= bands else wanted


def _of_ndvi(node: Node, wanted: Demand) -> Demand:
    target = node.arguments.get("target_band")
    both = frozenset({_text(node, "nir"), _text(node, "red")})
    if target is None:
        return both
    return None if wanted is None else (wanted - {str(target)}) | both


def _of_added(node: Node, wanted: Demand) -> Demand:
    return None if node.arguments.get("type") == "bands" else wanted


def _of_dropped(node: Node, wanted: Demand) -> Demand:
    return None if node.arguments.get("name") == "bands" else wanted


def _of_band(node: Node, _wanted: Demand) -> Demand:
    return frozenset({_text(node, "band")})


def _of_reduction(node: Node, wanted: Demand) -> Demand:
    """Read the labels that the reducer takes out of the array; all where it uses the array in another way."""
    if node.arguments.get("dimension") != "bands":
        return wanted
    reducer = node.arguments.get("reducer")
    if not isinstance(reducer, Steps):
        return None
    labels: set[str] = set()
    for step in reducer.nodes.values():
        uses = any(leaf == FromParameter("data") for value in step.arguments.values() for leaf in leaves(value))
        label = step.arguments.get("label")
        if uses and (step.process_id != "array_element" or not isinstance(label, str)):
            return None
        labels |= {str(label)} if uses else set()
    return frozenset(labels)


def _text(node: Node, argument: str) -> str:
    declared = find_process(node.process_id).parameter(argument)
    return str(node.arguments.get(argument, declared.default if declared else None))


def _texts(node: Node, argument: str) -> Demand:
    value = node.arguments.get(argument)
    return frozenset(map(str, value)) if isinstance(value, list) and value else None


_RULES: dict[str, Callable[[Node, Demand], Demand]] = {
    "add_dimension": _of_added,
    "drop_dimension": _of_dropped,
    "filter_bands": _of_filter,
    "ndvi": _of_ndvi,
    "class_mask": _of_band,
    "bit_mask": _of_band,
    "reduce_dimension": _of_reduction,
}
