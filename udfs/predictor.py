"""Undo TIFF's predictors: what a compressed block holds are differences along its rows.

TIFF 6.0, section 14 (horizontal differencing), and Adobe Photoshop TIFF Technical Note 3 (floating point). Differences
wrap at the width of their type, so that signed numbers and floats go as unsigned ones of the same width.
"""

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(cache=True, nogil=True)
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
    for i in range(rows):
        line, into = differences[row + i], out[i]
        number = zero
        for j in range(col):
            number += line[j]
        for j in range(cols):
            number += line[col + j]
            into[j] = number


def add_up_numpy(
    differences: NDArray[np.unsignedinteger], row: int, col: int, out: NDArray[np.unsignedinteger]
) -> None:
    """Undo predictor 2, the plain twin of `add_up`."""
    rows, cols = out.shape
    sums = np.cumsum(differences[row : row + rows], axis=1, dtype=differences.dtype)
    out[...] = sums[:, col : col + cols]


@numba.njit(cache=True, nogil=True)
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
