"""Physical values into the numbers of a file, in one pass."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs.jit import compiled


def pack(
    data: NDArray[np.floating[Any]],
    valid: NDArray[np.bool_],
    *,
    scale: float,
    offset: float,
    nodata: float,
    out: NDArray[Any],
) -> int:
    """Fill `out` with (data - offset) / scale, and with `nodata` where there is no usable value.

    Integers come out as of `udfs.scale.to_integers`: halves to even, limited to the type, and never `nodata` where
    there is a value. Floats are computed in the type of `data`.

    Args:
        data: (rows, cols), physical.
        valid: Same shape, True = usable.
        scale: physical = stored · scale + offset.
        offset: See `scale`.
        nodata: A number that the type of `out` holds.
        out: Same shape, integers or floats.

    Returns:
        How many values are usable and finite.
    """
    kind = out.dtype.type
    if out.dtype.kind == "f":
        return int(_pack_floats(data, valid, data.dtype.type(scale), data.dtype.type(offset), kind(nodata), out))
    limits, null = np.iinfo(out.dtype), int(nodata)
    spare = null - 1 if null == limits.max else null + 1
    numbers = kind(null), kind(spare), kind(limits.min), kind(limits.max)
    return int(_pack_integers(data, valid, float(scale), float(offset), *numbers, out))


@compiled(nogil=True, error_model="numpy")
def _pack_floats(data, valid, scale, offset, null, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    total = 0
    for row in range(data.shape[0]):
        source, known, target = data[row], valid[row], out[row]
        for pixel in range(data.shape[1]):
            target[pixel] = (source[pixel] - offset) / scale if known[pixel] else null
            total += known[pixel] & (abs(source[pixel]) < np.inf)
    return total


@compiled(nogil=True, error_model="numpy")
def _pack_integers(data, valid, scale, offset, null, spare, least, greatest, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, PLR0913, PLR0917
    total = 0
    low, high = np.float64(least), np.float64(greatest)
    for row in range(data.shape[0]):
        source, known, target = data[row], valid[row], out[row]
        for pixel in range(data.shape[1]):
            number = np.float64(source[pixel])
            filled = known[pixel] & (abs(number) < np.inf)
            stored = np.rint(((number if filled else offset) - offset) / scale)
            inside = (stored > low) & (stored < high)
            result = out.dtype.type(stored if inside else 0.0)
            result = result if inside else (greatest if stored >= high else least)
            result = spare if result == null else result
            target[pixel] = result if filled else null
            total += filled
    return total
