"""Reducers over the first axis, with openEO's meaning of null and NaN.

Each takes `data` of shape (n, …) and `valid` of the same shape (True = usable) and returns `data` and `valid` of shape
(…). Null cells are left out; with `ignore_nodata=False` one null cell makes the result null. A result without any
usable cell is null. NaN is a value: it makes every result NaN, except that of `count`, `first` and `last`. Sums are
taken in float64 and cast back, so that float32 gives float32; smaller integers give float32.
Definitions: https://processes.openeo.org/1.2.0/
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs.dtypes import float_dtype

Data = NDArray[Any]
Valid = NDArray[np.bool_]
Reduced = tuple[Data, Valid]


def usable(valid: Valid, *, ignore_nodata: bool = True) -> Valid:
    """Tell which results have a value: one usable cell is enough, or all are needed."""
    some = valid.any(axis=0)
    return np.asarray(some if ignore_nodata else some & valid.all(axis=0))


def count(data: Data, valid: Valid) -> Reduced:
    """Count the usable cells that are finite numbers; uint16 (uint32 from 65536 cells on), never null."""
    dtype = np.uint16 if len(data) < 1 << 16 else np.uint32
    total = np.zeros(data.shape[1:], dtype)
    for layer, mask in zip(data, valid, strict=True):
        total += (mask & np.isfinite(layer)) if layer.dtype.kind == "f" else mask
    return total, np.ones(total.shape, np.bool_)


def total(data: Data, valid: Valid, *, ignore_nodata: bool = True) -> Reduced:
    """Sum."""
    return _sum(data, valid).astype(float_dtype(data.dtype)), usable(valid, ignore_nodata=ignore_nodata)


def mean(data: Data, valid: Valid, *, ignore_nodata: bool = True) -> Reduced:
    """Arithmetic mean."""
    numbers = np.maximum(valid.sum(axis=0), 1)
    return (_sum(data, valid) / numbers).astype(float_dtype(data.dtype)), usable(valid, ignore_nodata=ignore_nodata)


def product(data: Data, valid: Valid, *, ignore_nodata: bool = True) -> Reduced:
    """Multiply all cells."""
    result = np.ones(data.shape[1:], np.float64)
    with np.errstate(all="ignore"):
        for layer, mask in zip(data, valid, strict=True):
            np.multiply(result, layer, out=result, where=mask)
        return result.astype(float_dtype(data.dtype)), usable(valid, ignore_nodata=ignore_nodata)


def minimum(data: Data, valid: Valid, *, ignore_nodata: bool = True) -> Reduced:
    """Find the least value; keeps the type."""
    return _extreme(np.minimum, data, valid), usable(valid, ignore_nodata=ignore_nodata)


def maximum(data: Data, valid: Valid, *, ignore_nodata: bool = True) -> Reduced:
    """Find the greatest value; keeps the type."""
    return _extreme(np.maximum, data, valid), usable(valid, ignore_nodata=ignore_nodata)


def variance(data: Data, valid: Valid, *, ignore_nodata: bool = True) -> Reduced:
    """Sample variance (divided by n - 1) in two passes; null where there are fewer than two usable cells."""
    squares, numbers = _deviations(data, valid)
    filled = usable(valid, ignore_nodata=ignore_nodata) & (numbers > 1)
    return (squares / np.maximum(numbers - 1, 1)).astype(float_dtype(data.dtype)), filled


def sd(data: Data, valid: Valid, *, ignore_nodata: bool = True) -> Reduced:
    """Sample standard deviation, the root of `variance`."""
    squares, numbers = _deviations(data, valid)
    filled = usable(valid, ignore_nodata=ignore_nodata) & (numbers > 1)
    return np.sqrt(squares / np.maximum(numbers - 1, 1)).astype(float_dtype(data.dtype)), filled


def first(data: Data, valid: Valid, *, ignore_nodata: bool = True) -> Reduced:
    """Find the first usable cell, or the very first one; keeps the type."""
    result, found = np.zeros(data.shape[1:], data.dtype), np.zeros(data.shape[1:], np.bool_)
    for layer, mask in zip(data, valid, strict=True):
        np.copyto(result, layer, where=mask & ~found)
        found |= mask
        if not ignore_nodata:
            break
    return result, found


def last(data: Data, valid: Valid, *, ignore_nodata: bool = True) -> Reduced:
    """Find the last usable cell, or the very last one; keeps the type."""
    return first(data[::-1], valid[::-1], ignore_nodata=ignore_nodata)


def _sum(data: Data, valid: Valid) -> NDArray[np.float64]:
    result = np.zeros(data.shape[1:], np.float64)
    with np.errstate(all="ignore"):
        for layer, mask in zip(data, valid, strict=True):
            np.add(result, layer, out=result, where=mask)
    return result


def _deviations(data: Data, valid: Valid) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Sum the squared distances from the mean."""
    numbers = valid.sum(axis=0)
    centre = _sum(data, valid) / np.maximum(numbers, 1)
    squares = np.zeros(data.shape[1:], np.float64)
    with np.errstate(all="ignore"):
        for layer, mask in zip(data, valid, strict=True):
            np.add(squares, np.square(layer - centre), out=squares, where=mask)
    return squares, numbers


def _extreme(better: Callable[..., Any], data: Data, valid: Valid) -> Data:
    result, filled = first(data, valid)
    for layer, mask in zip(data, valid, strict=True):
        better(result, layer, out=result, where=mask & filled)
    return result
