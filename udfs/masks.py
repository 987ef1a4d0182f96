"""Masks from classes and bits, and their dilation by a disk. In a mask, True means: leave this pixel out."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs.jit import compiled

Mask = NDArray[np.bool_]

TOLERANCE = 1e-9
"""Relative; a pixel centre that lies on the circle but for rounding is inside."""


def classes_to_mask(values: NDArray[Any], *, classes: Sequence[float]) -> Mask:
    """Mask the pixels whose value is one of the classes; same shape as `values`."""
    result = np.zeros(values.shape, np.bool_)
    for number in classes:
        result |= values == number
    return result


def bits_to_mask(values: NDArray[Any], *, bits: Sequence[int]) -> Mask:
    """Mask the pixels in which any of the bits is set; bit 0 is the least significant.

    Args:
        values: Integers, or floating-point numbers that hold integers; those that are not finite have no bit set.
        bits: Positions, 0 to 62.
    """
    flags = sum(1 << bit for bit in set(bits))
    integers = values if values.dtype.kind != "f" else np.where(np.isfinite(values), values, 0)
    return np.asarray((integers.astype(np.int64) & flags) != 0)


def lookup(numbers: NDArray[Any], table: Mask) -> Mask:
    """What a table says of each number: `table[numbers]`, which numpy does several times slower.

    Args:
        numbers: Shape (…, y, x).
        table: A value for each number that the type can hold.
    """
    result = np.empty(numbers.shape, np.bool_)
    shape = _planes(numbers)
    _lookup_kernel(np.ascontiguousarray(numbers).reshape(shape), table, result.reshape(shape))
    return result


@compiled(nogil=True)
def _lookup_kernel(numbers, table, result):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for plane in range(numbers.shape[0]):
        for row in range(numbers.shape[1]):
            source, into = numbers[plane, row], result[plane, row]
            for column in range(source.size):
                into[column] = table[source[column]]


Radius = float | NDArray[np.float64]
"""Pixels; or, where it changes from row to row, one number a row."""


def dilate(mask: Mask, *, radius_y: Radius, radius_x: Radius) -> Mask:
    """Grow a mask by a disk: a pixel becomes True when a True pixel's centre lies within the radius.

    The distance is Euclidean, at most the radius with a relative `TOLERANCE`; the radius is that of the True pixel's
    row. What a pixel becomes depends only on pixels at most the radius away, so that the result is the same at any
    tiling whose tiles carry that halo.

    Args:
        mask: Shape (…, y, x).
        radius_y: Radius along y, in pixels; an ellipse where pixels are not square.
        radius_x: Radius along x, in pixels.
    """
    reach = half_widths(radius_y, radius_x)
    if reach.shape[1] == 1 and not reach.any():
        return mask.copy()
    planes = np.ascontiguousarray(mask.reshape(_planes(mask)))
    result = np.zeros(planes.shape, np.bool_)
    _dilate_kernel(planes, reach, result)
    return result.reshape(mask.shape)


def dilate_numpy(mask: Mask, *, radius_y: Radius, radius_x: Radius) -> Mask:
    """Dilate, the plain twin of `dilate`."""
    planes = mask.reshape(_planes(mask))
    rows, columns = planes.shape[1:]
    reach = half_widths(radius_y, radius_x)
    result = np.zeros(planes.shape, np.bool_)
    for row in range(rows):
        for offset, width in enumerate(reach[min(row, len(reach) - 1)].tolist()):
            if width >= 0:
                sums = np.pad(planes[:, row], ((0, 0), (width + 1, width))).cumsum(axis=1)
                near = sums[:, 2 * width + 1 :] > sums[:, :columns]
                for other in {row - offset, row + offset} & set(range(rows)):
                    result[:, other] |= near
    return result.reshape(mask.shape)


def half_widths(radius_y: Radius, radius_x: Radius) -> NDArray[np.int64]:
    """Give the columns that the disk reaches to either side, for each row distance 0, 1, … that it reaches.

    Returns:
        Shape (1 or rows, greatest distance + 1); -1 where the disk of a row does not reach.
    """
    high, wide = np.broadcast_arrays(np.atleast_1d(radius_y).astype(np.float64), np.atleast_1d(radius_x))
    reach = np.floor(high * (1 + TOLERANCE)).astype(np.int64)
    distance = np.arange(int(reach.max()) + 1)
    with np.errstate(over="ignore"):
        shares = (1 + TOLERANCE) ** 2 - (distance / np.where(high, high, 1.0)[:, np.newaxis]) ** 2
    widths = np.floor(wide[:, np.newaxis] * np.sqrt(np.maximum(shares, 0))).astype(np.int64)
    return np.where(distance <= reach[:, np.newaxis], widths, -1)


def _planes(cube: NDArray[Any]) -> tuple[int, int, int]:
    rows, columns = cube.shape[-2:]
    return math.prod(cube.shape[:-2]), rows, columns


@compiled(nogil=True)
def _dilate_kernel(planes, reach, result):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Add each run of True to the rows it reaches as +1 at its start and -1 after its end, then sum along the rows."""
    count, rows, columns = planes.shape
    edges = np.empty((rows, columns + 1), np.int32)
    for plane in range(count):
        edges[:] = 0
        for row in range(rows):
            widths = reach[min(row, len(reach) - 1)]
            start = 0
            while start < columns:
                if not planes[plane, row, start]:
                    start += 1
                    continue
                stop = start
                while stop < columns and planes[plane, row, stop]:
                    stop += 1
                _spread(edges, row, start, stop, widths)
                start = stop
        for row in range(rows):
            depth = 0
            for column in range(columns):
                depth += edges[row, column]
                result[plane, row, column] = depth > 0


@compiled(nogil=True)
def _spread(edges, row, start, stop, widths):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    rows, columns = edges.shape[0], edges.shape[1] - 1
    for other in range(max(row - len(widths) + 1, 0), min(row + len(widths), rows)):
        width = widths[abs(other - row)]
        if width >= 0:
            edges[other, max(start - width, 0)] += 1
            edges[other, min(stop + width, columns)] -= 1
