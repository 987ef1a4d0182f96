"""How many pixels zones cover in all, to the last bit what the parts of a zone add up to, however large it is.

Between the edges of a zone all pixels of a row have the same coverage: one column of them stands for all.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from udfs.coverage import FRACTIONAL, cover
from udfs.rings import BITS, FULL, Rings, boxes

_WINDOW = 1 << 20
"""Pixels covered at once."""
_ROWS = 256
"""Rows of a large zone that are looked at together."""
_REACH = 2
"""Columns around an edge that it may change."""
_GAP = 16
"""Columns between edges that are not worth a window of their own."""

Span = tuple[int, int]


def counted(rings: Rings, method: int = FRACTIONAL) -> NDArray[np.float64]:
    """Pixels that zones cover in all.

    Args:
        rings: The zones, as `cover` takes them.
        method: A value of `METHODS`.

    Returns:
        (n,): a pixel counts by its weight.
    """
    totals, found = np.zeros(len(rings)), boxes(rings)
    large = (found[:, 2] - found[:, 0]) * (found[:, 3] - found[:, 1]) > _WINDOW
    small = np.flatnonzero(~large)
    if len(small):
        top, left = found[small, :2].min(axis=0).tolist()
        bottom, right = found[small, 2:].max(axis=0).tolist()
        totals[small] = cover(rings.take(small), (top, left), (bottom - top, right - left), method).totals() / FULL
    for at in np.flatnonzero(large).tolist():
        totals[at] = _of_large(rings.take(np.array([at])), method)
    return totals


def _of_large(zone: Rings, method: int) -> float:
    top, left, bottom, right = boxes(zone)[0].tolist()
    edges, total = _edges(zone), 0
    for row in range(top, bottom, _ROWS):
        rows = min(_ROWS, bottom - row)
        for col, end, alike in _windows(_spans(edges, row, rows), (left, right), _WINDOW // rows):
            weights = cover(zone, (row, col), (rows, 1 if alike else end - col), method).totals()[0]
            total += int(weights) * (end - col if alike else 1)
    return total / FULL


def _edges(zone: Rings) -> NDArray[np.int64]:
    """Upper x, upper y, lower x and lower y of all edges that are not along a row, (4, n)."""
    inner = np.setdiff1d(np.arange(len(zone.x) - 1), zone.rings[1:-1] - 1)
    ends = np.array([zone.x[inner], zone.y[inner], zone.x[inner + 1], zone.y[inner + 1]])
    turned = ends[1] > ends[3]
    ends[:, turned] = ends[:, turned][[2, 3, 0, 1]]
    return ends[:, ends[1] < ends[3]]


def _spans(edges: NDArray[np.int64], row: int, rows: int) -> list[Span]:
    """Columns that edges may change in some rows, from the left; none near another."""
    start, stop = row << BITS, (row + rows) << BITS
    x0, y0, x1, y1 = edges[:, (edges[1] < stop) & (edges[3] > start)]
    slope = (x1 - x0) / (y1 - y0)
    ends = np.sort([x0 + (np.clip(y, y0, y1) - y0) * slope for y in (start, stop)], axis=0) / FULL
    spans: list[Span] = []
    for low, high in sorted(zip(*np.floor(ends).astype(np.int64).tolist(), strict=True)):
        first, last = low - _REACH, high + _REACH + 1
        if spans and first <= spans[-1][1] + _GAP:
            spans[-1] = (spans[-1][0], max(spans[-1][1], last))
        else:
            spans.append((first, last))
    return spans


def _windows(spans: list[Span], sides: Span, width: int) -> Iterator[tuple[int, int, bool]]:
    """First column, last column + 1, and True where all columns are alike; together all between two sides."""
    at, right = sides
    for first, last in spans:
        if at < first:
            yield at, min(first, right), True
        for col in range(max(at, first), min(last, right), width):
            yield col, min(col + width, last, right), False
        at = max(at, last)
    if at < right:
        yield at, right, True
