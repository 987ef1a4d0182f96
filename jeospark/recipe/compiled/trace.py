"""Cubes of a recipe, made by the processes themselves, with a number for each band's expression instead of pixels.

A cube here has one date, which stands for all of a unit, and one pixel; its data are the numbers of cells in a table.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeospark.model import Chunk
from jeospark.recipe.compiled.callbacks import Cells, Dates, normalized_difference, trace_callback
from jeospark.recipe.compiled.symbol import cell_of, field_of
from jeospark.recipe.compiled.table import Level, Table, UnsupportedError
from jeospark.recipe.dimensions import (
    BANDS,
    COMMON_NAMES,
    TEMPORAL,
    along,
    band_places,
    dimension_type,
    dimensions_of_type,
    labels_of,
    take,
    with_labels,
    with_values,
    without,
)
from jeospark.recipe.nodes import FromNode, Node, Steps
from jeospark.recipe.registry import find_process
from jeospark.recipe.values import Field, FieldArray

Extent = Mapping[str, object]
_SAME_DATA = frozenset({"add_dimension", "drop_dimension", "filter_bands", "resample_spatial", "save_result"})
"""Processes that only move values, so that they do with numbers of cells what they do with pixels."""
_A_DATE = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What a recipe computes."""

    table: Table
    outputs: tuple[tuple[int, int], ...]
    """Data and validity of each band of the result."""
    dtype: str
    """Type of the result, as the plain evaluator gives it."""
    boxes: tuple[Extent, ...]
    """Extents of filter_bbox, numbered as the inputs `inside` are."""


def trace(graph: Steps, mask_node: str | None, bands: Sequence[str], common_names: Sequence[str | None]) -> Trace:
    """Follow a recipe from its bands to its result.

    Args:
        graph: The recipe.
        mask_node: The node whose value is known, one plane a date; None where there is none.
        bands: Names of the bands it reads.
        common_names: One a band, None where unknown.

    Raises:
        UnsupportedError: It does something that compiled code does not do, or not exactly so.
    """
    tracer = _Tracer(graph, mask_node, bands, common_names)
    result = tracer.run()
    if result.dims[-2:] != ("y", "x"):
        raise UnsupportedError(f"the axes {result.dims}")
    outputs = tuple(tracer.table.pair(int(cell)) for cell in result.data.ravel())
    if any(tracer.table.levels[number] is Level.DATE for pair in outputs for number in pair):
        raise UnsupportedError("a result of each date")
    dtype = tracer.table.operations[outputs[0][0]].dtype
    return Trace(table=tracer.table, outputs=outputs, dtype=dtype, boxes=tuple(tracer.boxes))


class _Tracer:
    def __init__(
        self, graph: Steps, mask_node: str | None, bands: Sequence[str], common_names: Sequence[str | None]
    ) -> None:
        self.table = Table()
        self.boxes: list[Extent] = []
        self._graph = graph
        self._mask_node = mask_node
        self._bands = tuple(bands)
        self._common_names = tuple(common_names)
        self._values: dict[str, Chunk] = {}
        self._rules: dict[str, Callable[[Node], Chunk]] = {
            "load_collection": self._load,
            "filter_bbox": self._filter_bbox,
            "filter_temporal": self._filter_temporal,
            "mask": self._mask,
            "ndvi": self._ndvi,
            "apply": self._apply,
            "reduce_dimension": self._reduce,
            "aggregate_temporal_period": self._aggregate,
            "merge_cubes": self._merge,
            "rename_labels": self._rename,
        }

    def run(self) -> Chunk:
        known = frozenset(() if self._mask_node is None else (self._mask_node,))
        for node in self._graph.needed(self._graph.result, known):
            rule = self._rules.get(node.process_id)
            if rule is None and node.process_id not in _SAME_DATA:
                raise UnsupportedError(node.process_id)
            self._values[node.node_id] = self._one_type(rule(node) if rule else self._call(node))
        if self._graph.result not in self._values:
            raise UnsupportedError("a mask alone")
        return self._values[self._graph.result]

    def _call(self, node: Node, **replaced: object) -> Chunk:
        """Run the process itself on numbers of cells, with some arguments replaced."""
        declared = find_process(node.process_id)
        if declared.function is None:
            raise UnsupportedError(node.process_id)
        given = {one.name: node.arguments.get(one.name, one.default) for one in declared.parameters} | replaced
        result = declared.function(*(self._value(value) for value in given.values()))
        if not isinstance(result, Chunk):
            raise UnsupportedError(f"the value of {node.process_id}")
        return result

    def _value(self, value: object) -> object:
        if not isinstance(value, FromNode):
            return value
        if value.node_id not in self._values:
            raise UnsupportedError("a mask used as data")
        return self._values[value.node_id]

    def _cube(self, node: Node, argument: str = "data") -> Chunk:
        value = self._value(node.arguments[argument])
        if not isinstance(value, Chunk):
            raise UnsupportedError(f"{argument} of {node.process_id}")
        return value

    def _load(self, node: Node) -> Chunk:
        cells = [self.table.cell(self.table.input("physical", at), self.table.input("valid", at))
                 for at in range(len(self._bands))]  # fmt: skip
        data = np.array(cells, np.int64).reshape(1, -1, 1, 1)
        cube = _chunk(
            data, ("t", "bands", "y", "x"), {"t": (_A_DATE,), "bands": self._bands, COMMON_NAMES: self._common_names}
        )
        names = node.arguments.get("bands")
        if not isinstance(names, list):
            return cube
        return take(
            cube, BANDS, list(dict.fromkeys(place for name in names for place in band_places(cube, BANDS, name)))
        )

    def _filter_bbox(self, node: Node) -> Chunk:
        extent = node.arguments["extent"]
        if not isinstance(extent, Mapping):
            raise UnsupportedError("an extent that is computed")
        if extent not in self.boxes:
            self.boxes.append(extent)
        return self._where(self._cube(node), self.table.input("inside", self.boxes.index(extent)))

    def _filter_temporal(self, node: Node) -> Chunk:
        """Pass on a cube whose items the plan has filtered already."""
        before = node
        while before.process_id != "load_collection":
            source = before.source("data")
            users = [user for user in self._graph.needed(self._graph.result) if source in user.references()]
            if source is None or len(users) > 1 or not before.process_id.startswith("filter_"):
                raise UnsupportedError("a filter_temporal of its own")
            before = self._graph.nodes[source]
        return self._cube(node)

    def _mask(self, node: Node) -> Chunk:
        cube = self._cube(node)
        if node.source("mask") != self._mask_node or node.arguments.get("replacement") is not None:
            raise UnsupportedError("mask")
        if not ({"t", "y", "x"} <= set(cube.dims) and _is_plane(self._graph, self._mask_node)):
            raise UnsupportedError("a mask that is not one plane a date")
        return self._where(cube, self.table.input("usable"))

    def _where(self, cube: Chunk, condition: int) -> Chunk:
        """Leave a cube its values only where a condition holds."""
        one = field_of(self.table, self.table.cell(condition, condition)).data

        def limited(field: Field) -> Field:
            return Field(field.data, field.valid & one)

        return with_values(cube, Field(self._map(limited, cube.data), cube.valid))

    def _ndvi(self, node: Node) -> Chunk:
        cube, target = self._cube(node), node.arguments.get("target_band")
        names = dimensions_of_type(cube, BANDS)
        if len(names) != 1 or target in labels_of(cube, names[0]):
            raise UnsupportedError("ndvi")
        bands = along(cube, names[0])
        places = [band_places(cube, names[0], node.arguments.get(name, name)) for name in ("nir", "red")]
        if any(len(found) != 1 for found in places):
            raise UnsupportedError("ndvi of bands that are not there")
        near, visible = (bands.data[found[0]] for found in places)
        index = self._map(normalized_difference, near, visible)
        if target is None:
            return without(cube, names[0], Field(index, np.ones(index.shape, np.bool_)))
        both = np.concatenate([bands.data, index[np.newaxis]])
        labels = (*labels_of(cube, names[0]), target)
        return with_labels(cube, names[0], FieldArray(both, np.ones(both.shape, np.bool_)), labels)

    def _apply(self, node: Node) -> Chunk:
        return self._call(node, process=self._elementwise(node, "process", "x"))

    def _merge(self, node: Node) -> Chunk:
        one, other = self._cube(node, "cube1"), self._cube(node, "cube2")
        if "t" in one.dims and "t" in other.dims and one.labels["t"] != other.labels["t"]:
            raise UnsupportedError("cubes of different dates")
        steps = node.arguments.get("overlap_resolver")
        return self._call(node, overlap_resolver=steps and self._elementwise(node, "overlap_resolver", "x", "y"))

    def _reduce(self, node: Node) -> Chunk:
        over_dates = dimension_type(self._cube(node), str(node.arguments["dimension"])) == TEMPORAL
        return self._call(node, reducer=self._reducer(node, over_dates=over_dates))

    def _aggregate(self, node: Node) -> Chunk:
        return self._call(node, reducer=self._reducer(node, over_dates=True))

    def _rename(self, node: Node) -> Chunk:
        if dimension_type(self._cube(node), str(node.arguments["dimension"])) != BANDS:
            raise UnsupportedError("rename_labels")
        return self._call(node)

    def _steps(self, node: Node, argument: str) -> Steps:
        steps = node.arguments[argument]
        if not isinstance(steps, Steps):
            raise UnsupportedError(f"{argument} of {node.process_id}")
        return steps

    def _elementwise(self, node: Node, argument: str, *names: str) -> Callable[..., Field]:
        """Give a function that does to numbers of cells what a callback does to their values."""
        steps = self._steps(node, argument)

        def traced(context: object, **fields: Field) -> Field:
            def value(*cells: int) -> int:
                known = {name: field_of(self.table, cell) for name, cell in zip(names, cells, strict=True)}
                return trace_callback(self.table, steps, {**known, "context": context})

            return _cells(value, *(fields[name].data for name in names))

        return traced

    def _reducer(self, node: Node, *, over_dates: bool) -> Callable[..., Field]:
        """Give a function that does to numbers of cells what a reducer does to their values."""
        steps = self._steps(node, "reducer")

        def traced(data: FieldArray, context: object) -> Field:
            def value(*cells: int) -> int:
                fields = [field_of(self.table, cell) for cell in cells]
                array = Dates(fields[0]) if over_dates else Cells(fields, data.labels)
                return trace_callback(self.table, steps, {"data": array, "context": context})

            return _cells(value, *data.data)

        return traced

    def _map(self, function: Callable[..., object], *arrays: NDArray[Any]) -> NDArray[np.int64]:
        """Apply a function of fields to numbers of cells."""
        result: NDArray[np.int64] = _cells(partial(self._mapped, function), *arrays).data
        return result

    def _mapped(self, function: Callable[..., object], *cells: int) -> int:
        return cell_of(self.table, function(*(field_of(self.table, cell) for cell in cells)))

    def _one_type(self, cube: Chunk) -> Chunk:
        """Give all cells the type that an array of them all has."""
        if cube.data.size == 0 or cube.data.shape[cube.dims.index("t") if "t" in cube.dims else -1] != 1:
            raise UnsupportedError("a cube without bands, or of several periods")
        pairs = [self.table.pair(int(cell)) for cell in cube.data.ravel()]
        dtype = np.result_type(*(np.dtype(self.table.operations[data].dtype) for data, _ in pairs))
        cells = [self.table.cell(self.table.cast(data, dtype), valid) for data, valid in pairs]
        return replace(cube, data=np.array(cells, np.int64).reshape(cube.data.shape))


def _chunk(data: NDArray[np.int64], dims: tuple[str, ...], labels: Mapping[str, tuple[object, ...]]) -> Chunk:
    return Chunk(data, np.ones(data.shape, np.bool_), dims, labels)


def _cells(function: Callable[..., int], *arrays: NDArray[Any]) -> Field:
    """Apply a function of numbers, element by element."""
    result = np.empty(arrays[0].shape, np.int64)
    for index in np.ndindex(result.shape):
        result[index] = function(*(int(array[index]) for array in arrays))
    return Field(result, np.ones(result.shape, np.bool_))


def _is_plane(graph: Steps, node_id: str | None) -> bool:
    """Tell whether a node's cube has dates but no bands."""
    if node_id is None:
        return False
    node = graph.nodes[node_id]
    if node.process_id in ("class_mask", "bit_mask"):
        return True
    if node.process_id == "reduce_dimension":
        return node.arguments.get("dimension") == BANDS
    if node.process_id == "merge_cubes":
        return _is_plane(graph, node.source("cube1")) and _is_plane(graph, node.source("cube2"))
    if node.process_id == "ndvi":
        return node.arguments.get("target_band") is None
    return node.process_id in ("apply", "mask") and _is_plane(graph, node.source("data"))
