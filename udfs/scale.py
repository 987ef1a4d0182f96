"""Between stored integers and physical values."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from udfs.dtypes import FloatArray, to_float
from udfs.reduce import Data, Valid


def linear_scale(data: Data, *, scale: float, offset: float) -> FloatArray:
    """Compute data · scale + offset in floating point: physical values from stored ones."""
    return to_float(data) * scale + offset


def to_integers(
    data: Data, valid: Valid, *, dtype: DTypeLike, nodata: int, scale: float = 1.0, offset: float = 0.0
) -> NDArray[np.integer[Any]]:
    """Compute (data - offset) / scale, rounded half to even and clipped to the type.

    A usable value that would come out as `nodata` is moved to the next number, so that it stays usable.

    Args:
        data: Physical values.
        valid: Usable cells.
        dtype: Integer type to store.
        nodata: What null cells and those that are not finite become; the type must hold it.
        scale: physical = stored · scale + offset.
        offset: See `scale`.
    """
    limits = np.iinfo(np.dtype(dtype))
    numbers = to_float(data).astype(np.float64)
    filled = valid & np.isfinite(numbers)
    stored = np.rint((np.where(filled, numbers, offset) - offset) / scale)
    result = _clip(stored, limits)
    result[filled & (result == nodata)] = nodata - 1 if nodata == limits.max else nodata + 1
    result[~filled] = nodata
    return result


def _clip(stored: NDArray[np.float64], limits: np.iinfo[Any]) -> NDArray[np.integer[Any]]:
    """Clip before the cast; float64 cannot hold the greatest 64-bit integers, so what reaches them is set after it."""
    over, under = stored >= float(limits.max), stored <= float(limits.min)
    result = np.where(over | under, 0, stored).astype(limits.dtype)
    result[over], result[under] = limits.max, limits.min
    return result
