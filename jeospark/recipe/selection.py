"""What a recipe asks of the catalogue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from jeospark.errors import ExtentError, RecipeError
from jeospark.recipe.demand import demands, in_order
from jeospark.recipe.extent import BoundingBox, Bounds
from jeospark.recipe.instants import Interval, interval
from jeospark.recipe.nodes import FromNode, FromParameter, Node, Steps

Conditions = Mapping[str, tuple[tuple[str, object], ...]]
"""By name of an item's property: comparisons (eq, neq, lt, lte, gt, gte) with a value, all of which must hold."""
_MIRRORED = {"eq": "eq", "neq": "neq", "lt": "gt", "lte": "gte", "gt": "lt", "gte": "lte"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one load_collection node reads."""

    node: str
    collection: str
    bands: tuple[str, ...] | None
    """Names or common names, as the recipe writes them; None = all."""
    spatial_extent: Bounds | None
    """West, south, east, north in degrees (OGC:CRS84), west > east across the antimeridian; None = everywhere."""
    temporal_extent: Interval | None
    """None = always."""
    properties: Conditions

    @property
    def selection(self) -> tuple[object, ...]:
        """What decides which items are read."""
        return self.collection, self.spatial_extent, self.temporal_extent, dict(self.properties)

    def with_bands(self, bands: tuple[str, ...]) -> "Load":
        """Read other bands of the same items."""
        return replace(self, bands=bands)


def loads(graph: Steps) -> tuple[Load, ...]:
    """List what the recipe loads, one a load_collection node that the result needs.

    A filter_bbox or filter_temporal is folded in when nothing else uses what it filters. Of the bands, only those are
    listed that the rest of the recipe reads.

    Raises:
        ExtentError: A box or interval is malformed, or filters exclude each other.
        RecipeError: A condition on properties is none that a catalogue can answer.
    """
    wanted = demands(graph, [graph.result])
    found = [node for node in graph.needed(graph.result) if node.process_id == "load_collection"]
    return tuple(_load(graph, node, in_order(wanted[node.node_id], _bands(node))) for node in found)


def _load(graph: Steps, node: Node, bands: tuple[str, ...] | None) -> Load:
    boxes, intervals = [node.arguments.get("spatial_extent")], [node.arguments.get("temporal_extent")]
    for following in _filters_after(graph, node):
        (boxes if following.process_id == "filter_bbox" else intervals).append(following.arguments.get("extent"))
    return Load(
        node=node.node_id,
        collection=str(node.arguments["id"]),
        bands=bands,
        spatial_extent=_common_area([_area(box) for box in boxes if isinstance(box, Mapping)]),
        temporal_extent=_common_interval([interval(extent) for extent in intervals if isinstance(extent, Sequence)]),
        properties=_conditions(node.arguments.get("properties") or {}),
    )


def _bands(node: Node) -> tuple[str, ...] | None:
    bands = node.arguments.get("bands")
    return tuple(map(str, bands)) if isinstance(bands, list) else None


def _filters_after(graph: Steps, node: Node) -> list[Node]:
    """Follow the nodes that are alone in using the one before, as long as they only filter."""
    found: list[Node] = []
    current = node.node_id
    while True:
        users = [user for user in graph.needed(graph.result) if current in user.references()]
        if len(users) != 1 or users[0].process_id not in ("filter_bbox", "filter_temporal", "filter_bands"):
            return found
        current = users[0].node_id
        if users[0].process_id != "filter_bands":
            found.append(users[0])


def _area(extent: Mapping[str, object]) -> Bounds:
    west, south, east, north = BoundingBox.from_json(extent).bounds_in("EPSG:4326")
    if east - west >= 360:
        return -180.0, south, 180.0, north
    return _rolled(west), south, _rolled(east), north


def _common_area(areas: list[Bounds]) -> Bounds | None:
    common = areas[0] if areas else None
    for area in areas[1:]:
        common = common and _overlap(common, area)
    return common


def _overlap(one: Bounds, other: Bounds) -> Bounds:
    """Intersect two boxes on the globe; of two pieces, which only boxes wider than half of it leave, the first."""
    south, north = max(one[1], other[1]), min(one[3], other[3])
    for shift in (0, 360, -360):
        west = max(one[0], other[0] + shift)
        east = min(_unrolled_east(one), _unrolled_east(other) + shift)
        if west <= east and south <= north:
            return _rolled(west), south, _rolled(east), north
    raise ExtentError(f"the boxes {one} and {other} do not meet", remedy="Widen one of them.")


def _unrolled_east(box: Bounds) -> float:
    return box[2] + 360 if box[0] > box[2] else box[2]


def _rolled(longitude: float) -> float:
    return longitude - 360 if longitude > 180 else longitude + 360 if longitude < -180 else longitude


def _common_interval(intervals: list[Interval]) -> Interval | None:
    if not intervals:
        return None
    start = max((first for first, _ in intervals if first is not None), default=None)
    end = min((last for _, last in intervals if last is not None), default=None)
    if start is not None and end is not None and start >= end:
        raise ExtentError(f"the intervals do not meet: {start} to {end}", remedy="Widen one of them.")
    return start, end


def _conditions(properties: object) -> dict[str, tuple[tuple[str, object], ...]]:
    if not isinstance(properties, Mapping):
        return {}
    return {
        str(name): _comparisons(condition, condition.result, str(name))
        if isinstance(condition, Steps)
        else (("eq", condition),)
        for name, condition in properties.items()
    }


def _comparisons(steps: Steps, node_id: str, name: str) -> tuple[tuple[str, object], ...]:
    node = steps.nodes[node_id]
    x, y = node.arguments.get("x"), node.arguments.get("y")
    if node.process_id == "and" and isinstance(x, FromNode) and isinstance(y, FromNode):
        return (*_comparisons(steps, x.node_id, name), *_comparisons(steps, y.node_id, name))
    if node.process_id == "between" and x == FromParameter("value"):
        upper = "lt" if node.arguments.get("exclude_max") else "lte"
        return ("gte", node.arguments["min"]), (upper, node.arguments["max"])
    if node.process_id in _MIRRORED and set(node.arguments) == {"x", "y"}:
        if x == FromParameter("value") and isinstance(y, (str, int, float)):
            return ((node.process_id, y),)
        if y == FromParameter("value") and isinstance(x, (str, int, float)):
            return ((_MIRRORED[node.process_id], x),)
    remedy = f"Use {', '.join(_MIRRORED)}, between, and `and`, with the value and a constant."
    raise RecipeError(
        f"the condition on '{name}' cannot be asked of a catalogue", where=f"node '{node_id}'", remedy=remedy
    )
