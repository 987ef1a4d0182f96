"""Which type a computation on pixels works in."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]


def float_dtype(dtype: np.dtype[Any]) -> np.dtype[np.floating[Any]]:
    """Give the floating-point type that holds a stored type: float32, or float64 for 32-bit integers and wider."""
    return np.result_type(dtype, np.float32)


def to_float(data: NDArray[Any]) -> FloatArray:
    """Convert integers and booleans to floating point, so that 5 - 10 is -5; floats are returned as they are."""
    return data if data.dtype.kind == "f" else data.astype(float_dtype(data.dtype))
