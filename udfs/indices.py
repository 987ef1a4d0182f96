"""Spectral indices."""

import numpy as np
from numpy.typing import NDArray

from udfs.dtypes import FloatArray, to_float
from udfs.reduce import Data, Valid


def normalized_difference(x: Data, y: Data, *, valid: Valid) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Compute (x - y) / (x + y), as in Rouse et al. 1974 (NASA SP-351, vol. 1, 309-317) for NDVI.

    Args:
        x: First band, such as near infrared.
        y: Second band, such as red; same shape.
        valid: Cells in which both bands are usable.

    Returns:
        The index, in floating point, and its usable cells: where x + y and x - y are both 0 there is no value. NaN and
        infinity in a usable cell follow IEEE 754.
    """
    one, other = to_float(np.asarray(x)), to_float(np.asarray(y))
    with np.errstate(all="ignore"):
        difference, total = one - other, one + other
        return difference / total, valid & ~((difference == 0) & (total == 0))
