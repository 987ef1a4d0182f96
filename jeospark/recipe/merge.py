"""Merging two cubes: bands side by side, dates one after the other, or values combined."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from jeospark.model import Chunk
from jeospark.recipe.cubes import CONTEXT
from jeospark.recipe.dimensions import BANDS, COMMON_NAMES, TEMPORAL, dimension_type, dimensions_of_type
from jeospark.recipe.failures import bad_argument, bad_dimension
from jeospark.recipe.kinds import Kind
from jeospark.recipe.registry import callback, process, required
from jeospark.recipe.values import Field, as_field

Labels = tuple[Any, ...]


@process(
    "merge_cubes",
    required("cube1", Kind.DATACUBE, "The first cube."),
    required("cube2", Kind.DATACUBE, "The other cube."),
    callback(
        "overlap_resolver",
        "Makes one value of two where both cubes have one.",
        "x",
        "y",
        "context",
        accepts=Kind.CALLBACK | Kind.NULL,
        required=False,
    ),
    CONTEXT,
    category="cubes",
    summary="Join two cubes: new labels are appended, values of common labels are combined.",
    returns=Kind.DATACUBE,
)
def _merge(one: Chunk, other: Chunk, resolver: Callable[..., object] | None, context: object) -> Chunk:
    one, other = _same_dimensions(one, other)
    labels = [_union(one, other, name) for name in one.dims]
    places = [_places(one, labels), _places(other, labels)]
    shared = [np.intersect1d(first, second) for first, second in zip(*places, strict=True)]
    result = _joined(one, other, labels, places)
    if all(len(part) for part in shared):
        if resolver is None:
            raise bad_argument("OverlapResolverMissing", "both cubes have values for the same labels")
        x, y = (_part(cube, place, shared) for cube, place in zip((one, other), places, strict=True))
        both = as_field(resolver(x=x, y=y, context=context), x.data.shape)
        result = _written(result, both, shared)
    found = {name: present for name, present in zip(one.dims, labels, strict=True) if name in one.labels}
    merged = {**other.labels, **one.labels, **found, **_common_names(one, other)}
    return replace(one, data=result.data, valid=result.valid, labels=merged)


def _same_dimensions(one: Chunk, other: Chunk) -> tuple[Chunk, Chunk]:
    """Give both cubes the same dimensions in the same order; one that lacks some is repeated along them."""
    if set(other.dims) <= set(one.dims):
        return one, _spread(other, one)
    if set(one.dims) <= set(other.dims):
        return _spread(one, other), other
    dims = f"({', '.join(one.dims)}) and ({', '.join(other.dims)})"
    raise bad_dimension("IncompatibleDataCubes", f"dimensions {dims}", remedy="Add or drop dimensions first.")


def _spread(cube: Chunk, model: Chunk) -> Chunk:
    order = [cube.dims.index(name) for name in model.dims if name in cube.dims]
    index = tuple(slice(None) if name in cube.dims else np.newaxis for name in model.dims)
    sizes = zip(model.dims, model.data.shape, strict=True)
    shape = tuple(cube.data.shape[cube.dims.index(name)] if name in cube.dims else size for name, size in sizes)
    data = np.broadcast_to(cube.data.transpose(order)[index], shape)
    valid = np.broadcast_to(cube.valid.transpose(order)[index], shape)
    lacking = {name: model.labels[name] for name in model.dims if name not in cube.dims and name in model.labels}
    return replace(cube, data=data, valid=valid, dims=model.dims, labels={**cube.labels, **lacking})


def _present(cube: Chunk, name: str) -> Labels:
    return cube.labels.get(name, tuple(range(cube.data.shape[cube.dims.index(name)])))


def _union(one: Chunk, other: Chunk, name: str) -> Labels:
    first, second = _present(one, name), _present(other, name)
    if dimension_type(one, name) == "spatial" and first != second:
        sizes = f"{len(first)} and {len(second)}"
        raise bad_dimension("IncompatibleDataCubes", f"the grids differ in '{name}': {sizes} pixels, or other places")
    labels = tuple(dict.fromkeys((*first, *second)))
    return tuple(sorted(labels)) if dimension_type(one, name) == TEMPORAL else labels


def _places(cube: Chunk, labels: list[Labels]) -> list[Any]:
    orders = [{label: place for place, label in enumerate(present)} for present in labels]
    names = zip(cube.dims, orders, strict=True)
    return [np.array([order[label] for label in _present(cube, name)], np.int64) for name, order in names]


def _joined(one: Chunk, other: Chunk, labels: list[Labels], places: list[list[Any]]) -> Field:
    shape = tuple(len(present) for present in labels)
    data = np.zeros(shape, np.result_type(one.data, other.data))
    result = Field(data, np.zeros(shape, np.bool_))
    for cube, place in zip((one, other), places, strict=True):
        result = _written(result, Field(cube.data, cube.valid), place)
    return result


def _written(result: Field, field: Field, places: list[Any]) -> Field:
    """Write a field into its places; slices where they are neighbours, so that numpy copies whole blocks."""
    index = _index(places)
    dtype = np.result_type(result.data, field.data)
    data = result.data if dtype == result.data.dtype else result.data.astype(dtype)
    data[index], result.valid[index] = field.data, field.valid
    return Field(data, result.valid)


def _index(places: list[Any]) -> Any:
    runs = [len(place) and bool((np.diff(place) == 1).all()) for place in places]
    if all(runs):
        return tuple(slice(int(place[0]), int(place[-1]) + 1) for place in places)
    return np.ix_(*places)


def _part(cube: Chunk, places: list[Any], shared: list[Any]) -> Field:
    index = _index([np.flatnonzero(np.isin(place, part)) for place, part in zip(places, shared, strict=True)])
    return Field(cube.data[index], cube.valid[index])


def _common_names(one: Chunk, other: Chunk) -> dict[str, Labels]:
    bands = dimensions_of_type(one, BANDS)
    if len(bands) != 1:
        return {}
    pairs: dict[object, object] = {}
    for cube in (one, other):
        names = _present(cube, bands[0])
        for name, common in zip(names, cube.labels.get(COMMON_NAMES, (None,) * len(names)), strict=True):
            pairs[name] = pairs.get(name) or common
    named = COMMON_NAMES in one.labels or COMMON_NAMES in other.labels
    return {COMMON_NAMES: tuple(pairs.values())} if named else {}
