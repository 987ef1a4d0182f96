"""Resampling kernels: source pixels onto another grid, with validity beside the values.

Source coordinates are exact on a lattice of nodes and linear between them; the lattice is anchored to the grid, not to
the window, so that a pixel comes out the same whatever window it is computed in.
"""

import numpy as np
from numpy.typing import NDArray

from udfs.jit import compiled


@compiled(nogil=True)
def nearest(
    source: NDArray[np.generic],
    fill: float,
    nodes: tuple[NDArray[np.float64], NDArray[np.float64]],
    step: int,
    first: tuple[int, int],
    turn: float,
    out: NDArray[np.generic],
) -> None:
    """Fill `out` (rows, cols) with the source pixel that holds each output pixel's centre.

    Args:
        source: (rows, cols), any type.
        fill: What `out` gets outside the source.
        nodes: Source columns and source rows at the nodes, each (nodes down, nodes across); 0.5 is the centre of the
            first pixel.
        step: Output pixels between two nodes, which are the pixels' outer corners; with 1 they are their centres.
        first: Rows and columns from the first node to the first pixel of `out`, 0 … step - 1.
        turn: Source columns once round the Earth, whose multiples are one place; 0 where the source does not go round.
        out: Result, of the type of `source`.
    """
    (us, vs), (row, col), (rows, cols) = nodes, first, source.shape
    centre = 0.5 if step > 1 else 0.0
    for i in range(out.shape[0]):
        m, q = (row + i) // step, ((row + i) % step + centre) / step
        j, n = 0, 0
        while j < out.shape[1]:
            stop, ahead = min((n + 1) * step - col, out.shape[1]), col - n * step
            left, right = _edges(us, m, n, q, turn)
            top, bottom = _edges(vs, m, n, q, 0.0)
            for k in range(j, stop):
                u, v = left, top
                if step > 1:
                    p = (ahead + k + centre) / step
                    u, v = left + (right - left) * p, top + (bottom - top) * p
                if turn > 0:
                    u = _turned(u, turn, cols)
                if 0 <= u < cols and 0 <= v < rows:
                    out[i, k] = source[int(v), int(u)]
                else:
                    out[i, k] = fill
            j, n = stop, n + 1


@compiled(nogil=True)
def bilinear(
    source: NDArray[np.float32],
    nodes: tuple[NDArray[np.float64], NDArray[np.float64]],
    step: int,
    first: tuple[int, int],
    turn: float,
    out: NDArray[np.float32],
) -> None:
    """Fill `out` (rows, cols) by linear interpolation between the four nearest source pixels.

    NaN marks what is not usable, in and out. A pixel is usable where the source pixel that holds its centre is; its
    neighbours that are not usable are left out and the weights of the others scaled to one.

    Args:
        source: (rows, cols), NaN where not usable.
        nodes: See `nearest`, as the others.
        step: Output pixels between two nodes.
        first: Where among them `out` lies.
        turn: Source columns once round the Earth.
        out: Result.
    """
    (us, vs), (row, col), (rows, cols) = nodes, first, source.shape
    centre = 0.5 if step > 1 else 0.0
    for i in range(out.shape[0]):
        m, q = (row + i) // step, ((row + i) % step + centre) / step
        j, n = 0, 0
        while j < out.shape[1]:
            stop, ahead = min((n + 1) * step - col, out.shape[1]), col - n * step
            left, right = _edges(us, m, n, q, turn)
            top, bottom = _edges(vs, m, n, q, 0.0)
            for k in range(j, stop):
                u, v = left, top
                if step > 1:
                    p = (ahead + k + centre) / step
                    u, v = left + (right - left) * p, top + (bottom - top) * p
                if turn > 0:
                    u = _turned(u, turn, cols)
                if 0 <= u < cols and 0 <= v < rows and not np.isnan(source[int(v), int(u)]):
                    out[i, k] = _four(source, u - 0.5, v - 0.5)
                else:
                    out[i, k] = np.nan
            j, n = stop, n + 1


@compiled(nogil=True, inline="always")
def _edges(nodes: NDArray[np.float64], m: int, n: int, q: float, turn: float) -> tuple[float, float]:
    """A row's coordinate at the left and right edge of a cell; where it goes round the Earth, within half a turn.

    A row on the nodes themselves (q = 0) is theirs, wherever those below it are: perhaps off the Earth.
    """
    first, below = nodes[m, n], nodes[m + 1, n]
    across, beyond = nodes[m, n + 1], nodes[m + 1, n + 1]
    if q == 0:
        return first, across
    if turn > 0:
        below -= np.rint((below - first) / turn) * turn
        across -= np.rint((across - first) / turn) * turn
        beyond -= np.rint((beyond - first) / turn) * turn
    return first + (below - first) * q, across + (beyond - across) * q


@compiled(nogil=True, inline="always")
def _turned(u: float, turn: float, cols: int) -> float:
    if u >= cols:
        return u - turn
    return u + turn if u < 0 else u


@compiled(nogil=True, inline="always")
def _four(source: NDArray[np.float32], x: float, y: float) -> float:
    rows, cols = source.shape
    left, top = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - left, y - top
    total, weights = 0.0, 0.0
    for k in range(4):
        c, r = left + (k & 1), top + (k >> 1)
        weight = (fx if k & 1 else 1 - fx) * (fy if k >> 1 else 1 - fy)
        if weight > 0 and 0 <= c < cols and 0 <= r < rows and not np.isnan(source[r, c]):
            total += weight * source[r, c]
            weights += weight
    mean: float = total / weights
    return mean


@compiled(nogil=True)
def average(source: NDArray[np.float32], factor: int, out: NDArray[np.float32]) -> None:
    """Fill `out` (rows, cols) with the mean of the usable ones among each `factor` × `factor` source pixels.

    Args:
        source: (rows · factor, cols · factor), NaN where not usable.
        factor: Source pixels a side of an output pixel.
        out: Result, NaN where no source pixel is usable.
    """
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            total, count = 0.0, 0
            for r in range(i * factor, (i + 1) * factor):
                for c in range(j * factor, (j + 1) * factor):
                    if not np.isnan(source[r, c]):
                        total += source[r, c]
                        count += 1
            out[i, j] = total / count if count else np.nan


def repeat(source: NDArray[np.generic], *, factor: int, row: int, col: int, out: NDArray[np.generic]) -> None:
    """Fill `out` with each source pixel `factor` × `factor` times.

    Args:
        source: Source pixels that together cover `out`.
        factor: Output pixels a side of a source pixel.
        row: Output rows of the first source row that lie before `out`, 0 … factor - 1.
        col: Columns, as `row`.
        out: (rows, cols), the type of `source`.
    """
    _repeat_kernel(source, factor, row, col, out)


def repeat_numpy(source: NDArray[np.generic], *, factor: int, row: int, col: int, out: NDArray[np.generic]) -> None:
    """Repeat pixels, the plain twin of `repeat`."""
    rows = (np.arange(out.shape[0]) + row) // factor
    cols = (np.arange(out.shape[1]) + col) // factor
    np.take(np.take(source, rows, axis=0), cols, axis=1, out=out)


@compiled(nogil=True)
def _repeat_kernel(source, factor, row, col, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    rows, cols = out.shape
    for i in range(rows):
        line, into = source[(row + i) // factor], out[i]
        if i and (row + i) % factor:
            above = out[i - 1]
            for j in range(cols):
                into[j] = above[j]
            continue
        j, stop = 0, factor - col
        for number in line:
            while j < min(stop, cols):
                into[j] = number
                j += 1
            stop += factor
