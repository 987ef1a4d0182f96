"""Processes that run a callback on a cube, or change its dimensions and labels."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import numpy as np

from jeospark.model import Chunk
from jeospark.recipe.dimensions import (
    TEMPORAL,
    along,
    axis_of,
    labels_of,
    take,
    with_labels,
    with_type,
    with_values,
    without,
)
from jeospark.recipe.dimensions import dimension_type as type_of
from jeospark.recipe.failures import bad_dimension
from jeospark.recipe.instants import instant
from jeospark.recipe.kinds import Kind
from jeospark.recipe.registry import callback, did_you_mean, optional, process, required
from jeospark.recipe.values import Field, as_array, as_field, spread

CUBES = "cubes"
CUBE = required("data", Kind.DATACUBE, "A data cube.")
CONTEXT = optional("context", Kind.ANY, "Passed on to the callback.")
_LABEL = Kind.NUMBER | Kind.STRING

Callback = Callable[..., object]


@process(
    "apply",
    CUBE,
    callback("process", "Applied to every value.", "x", "context"),
    CONTEXT,
    category=CUBES,
    summary="Apply a process to every value.",
    returns=Kind.DATACUBE,
)
def _apply(cube: Chunk, function: Callback, context: object) -> Chunk:
    result = function(x=Field(cube.data, cube.valid), context=context)
    return with_values(cube, as_field(result, cube.data.shape))


@process(
    "reduce_dimension",
    CUBE,
    callback("reducer", "Makes one value of the values along the dimension.", "data", "context"),
    required("dimension", Kind.STRING, "The dimension, which is dropped."),
    CONTEXT,
    category=CUBES,
    summary="Reduce a dimension to one value.",
    returns=Kind.DATACUBE,
)
def _reduce(cube: Chunk, reducer: Callback, dimension: str, context: object) -> Chunk:
    array = along(cube, dimension)
    return without(cube, dimension, as_field(reducer(data=array, context=context), array.data.shape[1:]))


@process(
    "apply_dimension",
    CUBE,
    callback("process", "Makes an array of the array along the dimension.", "data", "context"),
    required("dimension", Kind.STRING, "The dimension."),
    optional("target_dimension", Kind.STRING | Kind.NULL, "A new dimension that takes its place."),
    CONTEXT,
    category=CUBES,
    summary="Apply a process to all values along a dimension.",
    returns=Kind.DATACUBE,
)
def _apply_dimension(cube: Chunk, function: Callback, dimension: str, target: str | None, context: object) -> Chunk:
    before = along(cube, dimension)
    after = spread(as_array(function(data=before, context=context)), before.data.shape[1:])
    same = len(after.data) == len(before.data) and target in (None, dimension)
    labels = labels_of(cube, dimension) if same else tuple(range(len(after.data)))
    if target in (None, dimension):
        return with_labels(cube, dimension, after, labels)
    if target in cube.dims:
        cube = drop_dimension(cube, target)
    return rename_dimension(with_labels(cube, dimension, after, labels), dimension, str(target), kind="other")


@process(
    "add_dimension",
    CUBE,
    required("name", Kind.STRING, "Name of the new dimension."),
    required("label", _LABEL, "Its only label."),
    optional(
        "type",
        Kind.STRING,
        "Its type.",
        "other",
        choices=("bands", "geometry", "spatial", "temporal", "other"),
    ),
    category=CUBES,
    summary="Add a dimension with one label, as the first.",
    returns=Kind.DATACUBE,
)
def _add_dimension(cube: Chunk, name: str, label: object, kind: str) -> Chunk:
    if name in cube.dims:
        raise bad_dimension("DimensionExists", f"the cube has a dimension '{name}' already")
    value = instant(label) if kind == TEMPORAL and isinstance(label, str) else label
    labels = with_type({**cube.labels, name: (value,)}, name, kind)
    return replace(
        cube, data=cube.data[np.newaxis], valid=cube.valid[np.newaxis], dims=(name, *cube.dims), labels=labels
    )


@process(
    "drop_dimension",
    CUBE,
    required("name", Kind.STRING, "The dimension, which must have one label."),
    category=CUBES,
    summary="Drop a dimension that has one label.",
    returns=Kind.DATACUBE,
)
def drop_dimension(cube: Chunk, name: str) -> Chunk:
    """Drop a dimension that has one label."""
    array = along(cube, name)
    if len(array.data) != 1:
        raise bad_dimension("DimensionLabelCountMismatch", f"dimension '{name}' has {len(array.data)} labels, not one")
    return without(cube, name, array.element(0))


@process(
    "rename_dimension",
    CUBE,
    required("source", Kind.STRING, "The name now."),
    required("target", Kind.STRING, "The new name."),
    category=CUBES,
    summary="Rename a dimension.",
    returns=Kind.DATACUBE,
)
def rename_dimension(cube: Chunk, source: str, target: str, *, kind: str | None = None) -> Chunk:
    """Rename a dimension; it keeps its type unless another is given."""
    axis_of(cube, source)
    if target in cube.dims:
        raise bad_dimension("DimensionExists", f"the cube has a dimension '{target}' already")
    labels = {target if key == source else key: value for key, value in cube.labels.items()}
    dims = tuple(target if dim == source else dim for dim in cube.dims)
    return replace(cube, dims=dims, labels=with_type(labels, target, kind or type_of(cube, source)))


@process(
    "rename_labels",
    CUBE,
    required("dimension", Kind.STRING, "The dimension."),
    required("target", Kind.ARRAY, "The new labels."),
    optional("source", Kind.ARRAY, "The labels they replace; by default the numbers 0, 1, …", ()),
    category=CUBES,
    summary="Rename labels of a dimension.",
    returns=Kind.DATACUBE,
)
def _rename_labels(cube: Chunk, dimension: str, target: list[object], source: list[object]) -> Chunk:
    present = labels_of(cube, dimension)
    if not source and any(not isinstance(label, int) for label in present):
        raise bad_dimension("LabelsNotEnumerated", f"{present} are not the numbers 0, 1, …", remedy="Give 'source'.")
    replaced = list(source) or list(range(len(target)))
    if len(replaced) != len(target):
        raise bad_dimension("LabelMismatch", f"{len(replaced)} labels to replace, but {len(target)} new ones")
    for label in (*replaced, *target):
        if not isinstance(label, (str, int, float, datetime)):
            raise bad_dimension("LabelInvalid", f"{label!r} is no label", remedy="Labels are texts or numbers.")
    for label in replaced:
        _check_present(label, present)
    kept = set(present) - set(replaced)
    for place, label in enumerate(target):
        if label in kept or label in target[:place]:
            raise bad_dimension("LabelExists", f"two labels would be '{label}'", remedy="Give each a name of its own.")
    new = dict(zip(replaced, target, strict=True))
    return replace(cube, labels={**cube.labels, dimension: tuple(new.get(label, label) for label in present)})


def _check_present(label: object, present: tuple[object, ...]) -> None:
    if label not in present:
        remedy = did_you_mean(str(label), tuple(map(str, present)))
        raise bad_dimension("LabelNotAvailable", f"no label '{label}'", remedy=remedy)


@process(
    "filter_labels",
    CUBE,
    callback("condition", "Tells of a label whether it stays.", "value", "context"),
    required("dimension", Kind.STRING, "The dimension."),
    CONTEXT,
    category=CUBES,
    summary="Keep the labels that meet a condition.",
    returns=Kind.DATACUBE,
)
def _filter_labels(cube: Chunk, condition: Callback, dimension: str, context: object) -> Chunk:
    def holds(label: object) -> bool:
        value = label.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(label, datetime) else label
        return condition(value=value, context=context) is True

    places = [place for place, label in enumerate(labels_of(cube, dimension)) if holds(label)]
    return take(cube, dimension, places)


@process(
    "dimension_labels",
    CUBE,
    required("dimension", Kind.STRING, "The dimension."),
    category=CUBES,
    summary="List the labels of a dimension.",
    returns=Kind.ARRAY,
)
def _dimension_labels(cube: Chunk, dimension: str) -> list[object]:
    return list(labels_of(cube, dimension))
