"""What can be known of a recipe without running it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np

from jeospark.errors import RecipeError
from jeospark.model import Chunk
from jeospark.recipe.demand import Demand, demands, in_order
from jeospark.recipe.dimensions import BANDS, dimensions_of_type, labels_of
from jeospark.recipe.evaluate import evaluate
from jeospark.recipe.nodes import Node, Steps, leaves
from jeospark.recipe.partition import DATE, date_nodes, period
from jeospark.recipe.saving import SaveOptions, Scaling, save_options
from jeospark.recipe.selection import Load, loads

__all__ = [
    "Load",
    "MaskPlan",
    "SaveOptions",
    "Scaling",
    "class_bands",
    "halo_metres",
    "loads",
    "mask_plan",
    "output_bands",
    "period",
    "save_options",
]

_CLASS_PROCESSES = ("class_mask", "bit_mask")
_MOST_DATES = 10_000
_SOME_PLACE = SimpleNamespace(affine=SimpleNamespace(a=10.0, b=0.0, c=5e5, d=0.0, e=-10.0, f=0.0), crs="EPSG:32631")
"""A placement for a pixel whose value does not matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskPlan:
    """How to learn which pixels can matter before the other bands are read.

    The value of `node` is a cube, one label a date, in which pixels that are true or not 0 are masked wherever the
    recipe uses data. Given to the evaluator as known, it spares everything before it.
    """

    node: str
    bands: tuple[str, ...]
    """What the mask is made of."""
    data_bands: tuple[str, ...] | None
    """What else is read, and only of pixels that are not masked; None = all bands."""


def mask_plan(graph: Steps) -> MaskPlan | None:
    """Find a mask that all data go through, date by date, and that needs only some bands.

    A band of the mask may be wanted as data too. Without such a mask the answer is None.
    """
    dates = date_nodes(graph)
    masks = [node for node in graph.needed(graph.result) if node.process_id == "mask"]
    for source in dict.fromkeys(node.source("mask") for node in masks):
        users = {node.node_id for node in masks if node.source("mask") == source and node.node_id in dates}
        if source is not None and source in dates and _all_pass(graph, source, users):
            plan = _mask_plan(graph, source)
            if plan is not None:
                return plan
    return None


def _all_pass(graph: Steps, source: str, users: set[str]) -> bool:
    """Tell whether every way from a load_collection to the result leads through the mask or a node that applies it."""
    waiting, seen = [graph.result], set()
    while waiting:
        node = graph.nodes[waiting.pop()]
        passes = node.node_id == source or (node.node_id in users and node.arguments.get("replacement") is None)
        if passes or node.node_id in seen:
            continue
        if node.process_id == "load_collection":
            return False
        seen.add(node.node_id)
        waiting.extend(node.references())
    return True


def _mask_plan(graph: Steps, source: str) -> MaskPlan | None:
    of_mask = _read(graph, demands(graph, [source]))
    of_data = _read(graph, demands(graph, [graph.result], frozenset({source})))
    if not of_mask:
        return None
    rest = None if of_data is None else tuple(band for band in of_data if band not in of_mask)
    return MaskPlan(node=source, bands=of_mask, data_bands=rest)


def _read(graph: Steps, wanted: Mapping[str, Demand]) -> tuple[str, ...] | None:
    """Join what is read of all load_collection nodes."""
    found: list[str] = []
    for node_id, demand in wanted.items():
        node = graph.nodes[node_id]
        if node.process_id == "load_collection":
            given = node.arguments.get("bands")
            bands = in_order(demand, tuple(map(str, given)) if isinstance(given, list) else None)
            if bands is None:
                return None
            found.extend(bands)
    return tuple(dict.fromkeys(found))


def halo_metres(graph: Steps) -> float:
    """Give the distance within which pixels can matter to each other, in metres: dilations add up along the chain."""
    found: dict[str, float] = {}
    for node in graph.needed(graph.result):
        before = max((found[source] for source in node.references()), default=0.0)
        found[node.node_id] = before + _reach(node)
    return found[graph.result]


def _reach(node: Node) -> float:
    dilation = node.arguments.get("dilation", 0)
    return float(dilation) if isinstance(dilation, (int, float)) else 0.0


def class_bands(graph: Steps) -> frozenset[str]:
    """Name the bands that hold classes or bits, which must not be averaged."""
    nodes = [node for node in graph.needed(graph.result) if node.process_id in _CLASS_PROCESSES]
    return frozenset(str(node.arguments.get("band", "SCL")) for node in nodes)


def output_bands(
    graph: Steps, available: Sequence[str], common_names: Sequence[str | None] | None = None
) -> tuple[str, ...]:
    """Name the bands of the result, by evaluating the recipe on one pixel.

    Args:
        graph: The recipe.
        available: Names of the collection's bands, at least of those that the recipe reads.
        common_names: One a band, None where unknown.

    Returns:
        The labels of the result's bands; one name where it has no such dimension: ndvi, or of what else dropped it.

    Raises:
        RecipeError: The result is no data cube, or a process cannot do its work.
    """
    extents = {load.node: load.temporal_extent for load in loads(graph)}

    dates = _dates(graph)

    def pixel(node_id: str, _arguments: Mapping[str, object]) -> Chunk:
        start, end = extents.get(node_id) or (None, None)
        first = start or end or datetime(2000, 1, 1, tzinfo=UTC)
        labels: dict[str, tuple[object, ...]] = {"bands": tuple(available)}
        labels["t"] = tuple(first + timedelta(seconds=place) for place in range(dates))
        if common_names is not None:
            labels["common_names"] = tuple(common_names)
        shape = (dates, len(available), 1, 1)
        return Chunk(
            np.zeros(shape, np.float32), np.ones(shape, np.bool_), ("t", "bands", "y", "x"), labels, _SOME_PLACE
        )

    result = evaluate(graph, pixel)
    where = f"node '{graph.result}'"
    if not isinstance(result, Chunk):
        raise RecipeError("the result is no data cube", where=where)
    names = dimensions_of_type(result, BANDS)
    _check_rasters(result, names, where)
    return tuple(str(label) for label in labels_of(result, names[0])) if names else (_name(graph),)


def _check_rasters(result: Chunk, bands: tuple[str, ...], where: str) -> None:
    """Refuse a result that is no raster of bands: every other dimension may have one label only."""
    for name, size in zip(result.dims[:-2], result.data.shape, strict=False):
        if size > 1 and name not in bands[:1]:
            remedy = f"Reduce '{name}' to one value; several such results become bands by merge_cubes."
            raise RecipeError(f"the result has {size} labels along '{name}'", where=where, remedy=remedy)
        if not size and name in bands:
            raise RecipeError("the result has no band", where=where, remedy="See which labels its filters keep.")


def _dates(graph: Steps) -> int:
    """Count the dates of the one pixel: as many as callbacks over time take elements by their place."""
    if period(graph) == DATE:
        return 1
    over_time = (node for node in graph.nodes.values() if node.arguments.get("dimension") != "bands")
    places = (place for node in over_time for value in node.arguments.values() for place in _places(value))
    return 1 + min(max(places, default=0), _MOST_DATES)


def _places(value: object) -> Iterator[int]:
    for steps in (leaf for leaf in leaves(value) if isinstance(leaf, Steps)):
        for node in steps.nodes.values():
            index = node.arguments.get("index")
            if node.process_id == "array_element" and isinstance(index, int):
                yield index
            for inner in node.arguments.values():
                yield from _places(inner)


def _name(graph: Steps) -> str:
    """Name the only band of a result after the process that made one value of the bands."""
    node_id: str | None = graph.result
    while node_id is not None:
        node = graph.nodes[node_id]
        if node.process_id in ("ndvi", *_CLASS_PROCESSES):
            return node.process_id
        reducer = node.arguments.get("reducer")
        if isinstance(reducer, Steps) and node.arguments.get("dimension") == "bands":
            return reducer.nodes[reducer.result].process_id
        node_id = node.source("data") or node.source("cube1")
    return "value"
