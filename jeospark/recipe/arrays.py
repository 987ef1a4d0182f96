"""Processes on arrays: inside callbacks an array is usually the labels of a dimension, one field each."""

from functools import reduce

import numpy as np

from jeospark.recipe.comparison import equal
from jeospark.recipe.failures import bad_argument
from jeospark.recipe.kinds import Kind
from jeospark.recipe.registry import did_you_mean, optional, process, required
from jeospark.recipe.values import Data, Field, FieldArray, Valid, as_array, both_valid, null_like, spread, unwrap

ARRAYS = "arrays"
_LABEL = Kind.NUMBER | Kind.STRING


@process(
    "array_create",
    optional("data", Kind.ARRAY, "The elements.", ()),
    optional("repeat", Kind.INTEGER, "How often they are repeated.", 1),
    category=ARRAYS,
    summary="Make an array.",
    returns=Kind.ARRAY,
)
def _create(data: object, repeat: int) -> object:
    return list(data) * int(repeat) if isinstance(data, (list, tuple)) else data


@process(
    "array_element",
    required("data", Kind.ARRAY, "An array."),
    optional("index", Kind.INTEGER | Kind.NULL, "Place of the element, from 0."),
    optional("label", _LABEL | Kind.NULL, "Label of the element, such as a band's name."),
    optional("return_nodata", Kind.BOOLEAN, "Whether a missing element gives null and no error.", default=False),
    category=ARRAYS,
    summary="Take one element out of an array, by place or label.",
    returns=Kind.ANY,
)
def _element(data: object, index: int | None, label: object, return_nodata: object) -> object:
    if index is None and label is None:
        raise bad_argument("ArrayElementParameterMissing", "neither 'index' nor 'label' is given")
    if index is not None and label is not None:
        raise bad_argument("ArrayElementParameterConflict", "both 'index' and 'label' are given")
    place = _place_of_label(data, label) if index is None else int(index)
    if place is not None and 0 <= place < _length(data):
        return data[place] if isinstance(data, (list, tuple)) else unwrap(*_cell(as_array(data), place))
    if not return_nodata:
        raise _no_element(data, label if index is None else index)
    shape = () if isinstance(data, (list, tuple)) else as_array(data).data.shape[1:]
    return null_like(Field(np.empty(shape), np.empty(shape, np.bool_))) if shape else None


def _length(data: object) -> int:
    return len(data) if isinstance(data, (list, tuple)) else len(as_array(data).data)


def _cell(array: FieldArray, place: int) -> tuple[Data, Valid]:
    return np.asarray(array.data[place]), np.asarray(array.valid[place])


def _place_of_label(data: object, label: object) -> int | None:
    if not isinstance(data, FieldArray) or data.labels is None:
        raise bad_argument("ArrayNotLabeled", f"label '{label}' of an array without labels", remedy="Use 'index'.")
    return data.labels.index(label) if label in data.labels else None


def _no_element(data: object, wanted: object) -> Exception:
    labels = data.labels if isinstance(data, FieldArray) else None
    known = tuple(str(label) for label in labels or ())
    return bad_argument(
        "ArrayElementNotAvailable",
        f"no element '{wanted}' in an array of {_length(data)}",
        remedy=did_you_mean(str(wanted), known),
    )


@process(
    "array_contains",
    required("data", Kind.ARRAY, "An array."),
    required(
        "value", Kind.NUMBER | Kind.BOOLEAN | Kind.STRING | Kind.NULL, "The value looked for; null never is there."
    ),
    category=ARRAYS,
    summary="Whether an array contains a value.",
    returns=Kind.BOOLEAN,
)
def _contains(data: object, value: object) -> object:
    if isinstance(data, (list, tuple)):
        elements = list(data)
    else:
        array = as_array(data)
        elements = [array.element(place) for place in range(len(array.data))]
    nothing: object = False
    return reduce(_or, (equal(element, value) for element in elements), nothing)


def _or(one: object, other: object) -> object:
    """Combine two findings; null is no match."""
    fields = [value for value in (one, other) if isinstance(value, Field)]
    if not fields:
        return one is True or other is True
    data = [value.data & value.valid if isinstance(value, Field) else np.bool_(value is True) for value in (one, other)]
    return Field(np.asarray(data[0] | data[1]), both_valid(*fields) | True)


@process(
    "array_concat",
    required("array1", Kind.ARRAY, "The first array."),
    required("array2", Kind.ARRAY, "The second array."),
    category=ARRAYS,
    summary="Put two arrays one after the other; labels stay when both have them.",
    returns=Kind.ARRAY,
)
def _concat(one: object, other: object) -> object:
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return [*one, *other]
    arrays = as_array(one), as_array(other)
    shape = max(arrays, key=lambda array: array.data.ndim).data.shape[1:]
    first, second = (spread(array, shape) for array in arrays)
    labels = None if first.labels is None or second.labels is None else (*first.labels, *second.labels)
    if labels is not None and len(set(labels)) < len(labels):
        raise bad_argument("ArrayLabelConflict", f"a label occurs in both arrays: {labels}")
    data, valid = np.concatenate([first.data, second.data]), np.concatenate([first.valid, second.valid])
    return FieldArray(data, valid, labels)
