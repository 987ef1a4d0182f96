"""What travels inside callbacks: fields and arrays of fields; and how plain functions of arrays are applied to them.

A callback of `reduce_dimension` or `apply` runs once on whole arrays. What openEO calls a number is then a `Field`, a
number for each pixel; what it calls an array is a `FieldArray`. Plain Python numbers, texts, lists and None (null) take
part as they are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeospark.errors import ArgumentError
from udfs.dtypes import to_float

Data = NDArray[Any]
Valid = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Field:
    """One value for each pixel."""

    data: Data
    valid: Valid
    """Same shape; True = usable, False = null."""


@dataclass(frozen=True, slots=True)
class FieldArray:
    """A sequence of fields, along the first axis."""

    data: Data
    """Shape (n, …)."""
    valid: Valid
    """Same shape; True = usable, False = null."""
    labels: tuple[object, ...] | None = None
    """One an element; None where the array is not labelled."""

    def element(self, index: int) -> Field:
        """Give one element."""
        return Field(self.data[index], self.valid[index])


def is_number(value: object) -> bool:
    """Tell whether a plain value is a number; booleans are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def null_like(field: Field) -> Field:
    """Give a field of the same shape that is null everywhere."""
    return Field(np.zeros(field.data.shape, np.float32), np.broadcast_to(np.False_, field.data.shape))


def elementwise(function: Callable[..., Any], *operands: object) -> object:
    """Apply a numeric function pixel by pixel; null wherever an operand is null.

    Integers become floating point first, and Python numbers do not widen float32.

    Raises:
        ArgumentError: An operand is neither a field, a number nor null.
    """
    fields = [operand for operand in operands if isinstance(operand, Field)]
    for operand in operands:
        if not (operand is None or isinstance(operand, (Field, bool, int, float))):
            raise ArgumentError(f"a number is needed, not {describe(operand)}")
    if any(operand is None for operand in operands):
        return null_like(fields[0]) if fields else None
    with np.errstate(all="ignore"):
        if not fields:
            return plain(function(*(np.float64(operand) for operand in operands)))  # type: ignore[arg-type]
        data = function(*(to_float(one.data) if isinstance(one, Field) else one for one in operands))
    return Field(data, both_valid(*fields))


def both_valid(*fields: Field) -> Valid:
    """Tell where all fields have a value."""
    result = fields[0].valid
    for other in fields[1:]:
        if other.valid is not result:
            result = result & other.valid
    return result


def as_field(value: object, shape: tuple[int, ...]) -> Field:
    """Spread a number, boolean or null over a shape; a field is returned as it is, spread if it is smaller.

    Raises:
        ArgumentError: The value is a text, an array or an object.
    """
    if isinstance(value, Field):
        return Field(np.broadcast_to(value.data, shape), np.broadcast_to(value.valid, shape))
    if not (value is None or isinstance(value, (bool, int, float))):
        raise ArgumentError(f"one number a pixel is needed, not {describe(value)}")
    dtype = np.bool_ if isinstance(value, bool) else np.float32
    data: Data = np.broadcast_to(np.asarray(0 if value is None else value, dtype), shape)
    return Field(data, np.broadcast_to(np.bool_(value is not None), shape))


def as_array(value: object) -> FieldArray:
    """Make an array of fields of a list of numbers, nulls, booleans and fields.

    Raises:
        ArgumentError: The value is no array, or holds texts, arrays or objects.
    """
    if isinstance(value, FieldArray):
        return value
    if not isinstance(value, (list, tuple)):
        raise ArgumentError(f"an array is needed, not {describe(value)}", remedy="Did you mean reduce_dimension?")
    if any(isinstance(one, Field) for one in value):
        shape = np.broadcast_shapes(*(one.data.shape for one in value if isinstance(one, Field)))
        return stack([as_field(one, shape) for one in value])
    if any(not (one is None or isinstance(one, (bool, int, float))) for one in value):
        raise ArgumentError("an array of numbers is needed")
    dtype = np.bool_ if value and all(isinstance(one, bool) or one is None for one in value) else np.float64
    valid = np.array([one is not None for one in value], np.bool_)
    return FieldArray(np.array([0 if one is None else one for one in value], dtype), valid)


def spread(array: FieldArray, shape: tuple[int, ...]) -> FieldArray:
    """Give every pixel an array of plain numbers; one of fields is returned as it is."""
    if array.data.ndim > 1:
        return array
    index = (slice(None), *(np.newaxis,) * len(shape))
    data = array.data if array.data.dtype.kind == "b" else array.data.astype(np.float32)
    sizes = (len(array.data), *shape)
    return FieldArray(np.broadcast_to(data[index], sizes), np.broadcast_to(array.valid[index], sizes), array.labels)


def stack(fields: Sequence[Field], labels: tuple[object, ...] | None = None) -> FieldArray:
    """Put fields of one shape one after the other."""
    return FieldArray(np.stack([one.data for one in fields]), np.stack([one.valid for one in fields]), labels)


def unwrap(data: Data, valid: Valid) -> object:
    """Give a field, or a plain value where there is only one."""
    if data.ndim:
        return Field(data, valid)
    return plain(data) if bool(valid) else None


def plain(value: Any) -> object:
    """Make a numpy scalar a Python value."""
    return value.item() if isinstance(value, (np.generic, np.ndarray)) else value


def describe(value: object) -> str:
    """Name a value's type for an error."""
    names = {
        "Chunk": "a data cube",
        "FieldArray": "an array",
        "Field": "a number",
        "list": "an array",
        "dict": "an object",
    }
    return names.get(type(value).__name__, f"{value!r}")
