"""The dimensions of a data cube: their types, labels, and parts of the cube along them.

Besides one entry a dimension, a Chunk's labels may carry `common_names` (one a band, None where unknown), `crs` (one
text, for a cube with coordinates as labels of x and y), and `dimension_types` (pairs of name and type, for dimensions
whose name does not tell).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from jeospark.model import Chunk
from jeospark.recipe.failures import bad_dimension
from jeospark.recipe.registry import did_you_mean
from jeospark.recipe.values import Field, FieldArray, Valid

BANDS = "bands"
TEMPORAL = "temporal"
COMMON_NAMES = "common_names"
_TYPES = "dimension_types"
_TYPE_OF_NAME = {"t": TEMPORAL, "bands": BANDS, "x": "spatial", "y": "spatial"}


def dimension_type(cube: Chunk, name: str) -> str:
    """Give a dimension's type: temporal, bands, spatial, or other."""
    types: dict[object, object] = dict(cube.labels.get(_TYPES, ()))  # type: ignore[arg-type]
    return str(types.get(name, _TYPE_OF_NAME.get(name, "other")))


def with_type(labels: Mapping[str, tuple[object, ...]], name: str, kind: str) -> dict[str, tuple[object, ...]]:
    """Record the type of a dimension whose name does not tell it."""
    if _TYPE_OF_NAME.get(name, "other") == kind:
        return dict(labels)
    return {**labels, _TYPES: (*labels.get(_TYPES, ()), (name, kind))}


def axis_of(cube: Chunk, name: str) -> int:
    """Give a dimension's place in the order of axes.

    Raises:
        DimensionError: There is no such dimension.
    """
    if name not in cube.dims:
        remedy = did_you_mean(name, cube.dims)
        raise bad_dimension(
            "DimensionNotAvailable", f"no dimension '{name}' in ({', '.join(cube.dims)})", remedy=remedy
        )
    return cube.dims.index(name)


def dimensions_of_type(cube: Chunk, kind: str) -> tuple[str, ...]:
    """Name the dimensions of one type."""
    return tuple(name for name in cube.dims if dimension_type(cube, name) == kind)


def temporal_dimension(cube: Chunk, name: str | None = None) -> str:
    """Name the temporal dimension: the given one, or the only one.

    Raises:
        DimensionError: It does not exist, or there are several and none is given.
    """
    if name is not None:
        axis_of(cube, name)
        return name
    found = dimensions_of_type(cube, TEMPORAL)
    if len(found) > 1:
        raise bad_dimension("TooManyDimensions", f"the cube has the temporal dimensions {', '.join(found)}")
    if not found:
        raise bad_dimension("DimensionNotAvailable", f"no temporal dimension in ({', '.join(cube.dims)})")
    return found[0]


def labels_of(cube: Chunk, name: str) -> tuple[object, ...]:
    """Give a dimension's labels, or counting numbers from 0 where it has none."""
    axis = axis_of(cube, name)
    return cube.labels[name] if name in cube.labels else tuple(range(cube.data.shape[axis]))


def band_places(cube: Chunk, dimension: str, name: object) -> list[int]:
    """Find the bands of a name, or, when there is none, all bands of that common name."""
    names = labels_of(cube, dimension)
    if name in names:
        return [names.index(name)]
    common = cube.labels.get(COMMON_NAMES, ()) if dimension_type(cube, dimension) == BANDS else ()
    return [place for place, other in enumerate(common) if other == name]


def take(cube: Chunk, name: str, places: Sequence[int]) -> Chunk:
    """Keep some labels of a dimension, in the given order; neighbours in order are not copied."""
    axis = axis_of(cube, name)
    run = len(places) > 0 and list(places) == list(range(places[0], places[-1] + 1))
    part = slice(places[0], places[-1] + 1) if run else list(places)
    index = (*(slice(None),) * axis, part)
    labels = {key: tuple(cube.labels[key][place] for place in places) for key in _per_label(cube, name)}
    return replace(cube, data=cube.data[index], valid=cube.valid[index], labels={**cube.labels, **labels})


def along(cube: Chunk, name: str) -> FieldArray:
    """See a cube as an array of fields along one dimension; nothing is copied."""
    axis = axis_of(cube, name)
    return FieldArray(np.moveaxis(cube.data, axis, 0), np.moveaxis(cube.valid, axis, 0), labels_of(cube, name))


def without(cube: Chunk, name: str, field: Field) -> Chunk:
    """Make the cube that lacks one dimension, of the field that remains."""
    dims = tuple(dim for dim in cube.dims if dim != name)
    labels = {key: value for key, value in cube.labels.items() if key not in _per_label(cube, name)}
    return replace(cube, data=field.data, valid=field.valid, dims=dims, labels=labels)


def with_values(cube: Chunk, field: Field) -> Chunk:
    """Replace the values of a cube."""
    return replace(cube, data=field.data, valid=field.valid)


def with_labels(cube: Chunk, name: str, array: FieldArray, labels: tuple[object, ...]) -> Chunk:
    """Replace values and labels along one dimension; common names of bands end here."""
    axis = axis_of(cube, name)
    kept = {key: value for key, value in cube.labels.items() if key not in _per_label(cube, name)}
    data, valid = np.moveaxis(array.data, 0, axis), np.moveaxis(array.valid, 0, axis)
    return replace(cube, data=data, valid=valid, labels={**kept, name: labels})


def compact(valid: Valid) -> Valid:
    """Undo a broadcast: axes along which a mask is only repeated become of length 1."""
    strides = zip(valid.shape, valid.strides, strict=True)
    return valid[tuple(slice(0, 1) if size and not step else slice(None) for size, step in strides)]


def _per_label(cube: Chunk, name: str) -> list[str]:
    """Name the entries of the labels that have one value a label of the dimension."""
    keys = [name, COMMON_NAMES] if dimension_type(cube, name) == BANDS else [name]
    return [key for key in keys if key in cube.labels]
