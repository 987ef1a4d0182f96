"""Undo TIFF's predictors: what a compressed block holds are differences along its rows.

TIFF 6.0, section 14 (horizontal differencing), and Adobe Photoshop TIFF Technical Note 3 (floating point). Differences
wrap at the width of their type, so that signed numbers and floats go as unsigned ones of the same width.
"""

import numpy as np
from numpy.typing import NDArray

from udfs.jit import compiled


@compiled(nogil=True)
def add_up(differences: NDArray[np.unsignedinteger], row: int, col: int, out: NDArray[np.unsignedinteger]) -> None:
    """Fill `out` with numbers of a block with predictor 2.

    Args:
        differences: (rows, cols) of the whole block; each number is its difference from the one to its left.
        row: Row of the block that is the first of `out`.
        col: Column, as `row`.
        out: (rows, cols) wanted; of the type of `differences`.
    """
    rows, cols = out.shape
    zero = differences[0, 0] - differences[0, 0]
    together = rows - rows % 4
    # A sum waits for the one before it: four rows side by side take half the time.
    for i in range(0, together, 4):
        a = b = c = d = zero
        line_a, line_b, line_c, line_d = (differences[row + i], differences[row + i + 1], differences[row + i + 2],
                                          differences[row + i + 3])  # fmt: skip
        into_a, into_b, into_c, into_d = out[i], out[i + 1], out[i + 2], out[i + 3]
        for j in range(col):
            a += line_a[j]
            b += line_b[j]
            c += line_c[j]
            d += line_d[j]
        for j in range(cols):
            a += line_a[col + j]
            b += line_b[col + j]
            c += line_c[col + j]
            d += line_d[col + j]
            into_a[j], into_b[j], into_c[j], into_d[j] = a, b, c, d
    for i in range(together, rows):
        a = zero
        for j in range(col):
            a += differences[row + i, j]
        for j in range(cols):
            a += differences[row + i, col + j]
            out[i, j] = a


def add_up_numpy(
    differences: NDArray[np.unsignedinteger], row: int, col: int, out: NDArray[np.unsignedinteger]
) -> None:
    """Undo predictor 2, the plain twin of `add_up`."""
    rows, cols = out.shape
    sums = np.cumsum(differences[row : row + rows], axis=1, dtype=differences.dtype)
    out[...] = sums[:, col : col + cols]


@compiled(nogil=True)
def add_up_floats(differences: NDArray[np.uint8], row: int, col: int, out: NDArray[np.uint32]) -> None:
    """Fill `out` with numbers of a block of float32 with predictor 3.

    Args:
        differences: (rows, 4, cols) of the whole block: for each row all highest bytes, then all second ones …; each
            byte of a row is its difference from the byte before it.
        row: Row of the block that is the first of `out`.
        col: Column, as `row`.
        out: (rows, cols) wanted, float32 seen as uint32.
    """
    rows, cols = out.shape
    for i in range(rows):
        byte = np.uint8(0)
        for plane in range(4):
            line, shift = differences[row + i, plane], np.uint32(24 - 8 * plane)
            for j in range(line.size):
                byte = np.uint8(byte + line[j])
                if 0 <= j - col < cols:
                    bits = np.uint32(byte) << shift
                    out[i, j - col] = bits if plane == 0 else out[i, j - col] | bits


def add_up_floats_numpy(differences: NDArray[np.uint8], row: int, col: int, out: NDArray[np.uint32]) -> None:
    """Undo predictor 3, the plain twin of `add_up_floats`."""
    rows, cols = out.shape
    wanted = differences[row : row + rows]
    planes = np.cumsum(wanted.reshape(rows, -1), axis=1, dtype=np.uint8).reshape(wanted.shape)
    numbers = np.ascontiguousarray(np.moveaxis(planes, 1, 2)).view(">u4")[:, :, 0]
    out[...] = numbers[:, col : col + cols]
