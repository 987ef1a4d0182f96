"""How much of each pixel a zone covers: exact areas in integers, so that no window, order or neighbour changes them.

Every edge is cut where it leaves a pixel, and the cuts are put on the lattice of `udfs.rings` too. What an edge adds to
its pixel and to all pixels right of it is then an integer, the sum of a row's contributions from the left is the
coverage (the accumulation that rasterisers of fonts use), and integers add up to the same whatever the order.

A zone's coverage is a list of runs of pixels in a row; a long run that is covered wholly carries no weights. Weights
are integers too, `FULL` of them to a pixel.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udfs.jit import compiled
from udfs.rings import BITS, FULL, Longs, Rings, boxes, signed_area

FRACTIONAL, CENTRE, ALL_TOUCHED = 0, 1, 2
METHODS = {"fractional": FRACTIONAL, "centre": CENTRE, "all_touched": ALL_TOUCHED}
"""Which pixels count: by the share of them that the zone covers; wholly, those whose centre lies in the zone; wholly,
those of which the zone covers anything."""


LONG = 64
"""Pixels covered wholly that are worth a run without weights: a run costs as much as some pixels."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """The pixels of zones in a window."""

    runs: NDArray[np.int32]
    """(n, 4): row and column in the window, length, and where its weights begin, -1 where all pixels are `FULL`."""
    zones: Longs
    """The first run of each zone, and the number of runs."""
    weights: NDArray[np.int32]
    """Of the pixels of the other runs, 1 to `FULL`."""

    @property
    def nbytes(self) -> int:
        """Memory of the arrays."""
        return int(self.runs.nbytes + self.zones.nbytes + self.weights.nbytes)

    def totals(self) -> Longs:
        """Sum of the weights of each zone."""
        totals: Longs = _totals(self.runs, self.zones, self.weights)
        return totals

    def dense(self, zone: int, shape: tuple[int, int]) -> NDArray[np.int32]:
        """The weights of one zone as an array of the window's shape."""
        out = np.zeros(shape, np.int32)
        for row, col, length, start in self.runs[self.zones[zone] : self.zones[zone + 1]].tolist():
            out[row, col : col + length] = FULL if start < 0 else self.weights[start : start + length]
        return out


def cover(rings: Rings, corner: tuple[int, int], shape: tuple[int, int], method: int = FRACTIONAL) -> Coverage:
    """Find the pixels that zones cover in a window.

    Args:
        rings: The zones; each has at least one ring. Parts of a zone must not overlap.
        corner: First row and column of the window, from the origin of the CRS.
        shape: Rows and columns of the window.
        method: A value of `METHODS`.

    Returns:
        Runs by zone, row and column. A pixel of which anything is covered has a weight of 1 at least.
    """
    runs, weights, zones = _cover(
        rings.x, rings.y, rings.rings, rings.holes, rings.zones, boxes(rings), *corner, *shape, method
    )
    return Coverage(runs, zones, weights)


def cover_plain(rings: Rings, corner: tuple[int, int], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Fractional coverage of each pixel by each zone, (n, rows, cols): every pixel cuts every ring by itself."""
    out = np.zeros((len(rings), *shape))
    for zone in range(len(rings)):
        for ring in range(rings.zones[zone], rings.zones[zone + 1]):
            part = slice(rings.rings[ring], rings.rings[ring + 1])
            points = np.stack([rings.x[part], rings.y[part]], axis=1) / FULL - np.array(corner[::-1])
            sign = -1.0 if rings.holes[ring] else 1.0
            for row, col in np.ndindex(*shape):
                out[zone, row, col] += sign * abs(_clipped_area(points[:-1], row, col))
    return out


def _clipped_area(points: NDArray[np.float64], row: int, col: int) -> float:
    """Signed area of a ring within a pixel, after Sutherland and Hodgman (doi:10.1145/360767.360802)."""
    for axis, sign, limit in ((0, 1, col), (0, -1, col + 1), (1, 1, row), (1, -1, row + 1)):
        inside = sign * (points[:, axis] - limit)
        following, beyond = np.roll(points, -1, axis=0), np.roll(inside, -1)
        kept = []
        for at in range(len(points)):
            if inside[at] >= 0:
                kept.append(points[at])
            if (inside[at] < 0) != (beyond[at] < 0):
                kept.append(points[at] + (following[at] - points[at]) * (inside[at] / (inside[at] - beyond[at])))
        if not kept:
            return 0.0
        points = np.array(kept)
    x, y = points.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


@compiled(nogil=True)
def _totals(runs, zones, weights):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    out = np.zeros(len(zones) - 1, np.int64)
    for zone in range(len(out)):
        for run in range(zones[zone], zones[zone + 1]):
            length, start = runs[run, 2], runs[run, 3]
            if start < 0:
                out[zone] += np.int64(length) * FULL
            else:
                for at in range(start, start + length):
                    out[zone] += weights[at]
    return out


@compiled(nogil=True)
def _cover(x, y, rings, holes, zones, bounds, top, left, rows, cols, method):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, PLR0913, PLR0917
    number = len(zones) - 1
    starts = np.zeros(number + 1, np.int64)
    runs, weights = np.empty((64 + 32 * number, 4), np.int32), np.empty(64 + 64 * number, np.int32)
    sums = np.zeros(4096, np.int64)
    run = weight = 0
    for zone in range(number):
        row_0, row_1 = max(bounds[zone, 0], top), min(bounds[zone, 2], top + rows)
        col_0, col_1 = max(bounds[zone, 1], left), min(bounds[zone, 3], left + cols)
        if row_0 < row_1 and col_0 < col_1:
            size = (row_1 - row_0) * (col_1 - col_0 + 1)
            if len(sums) < size:
                sums = np.zeros(size, np.int64)
            field = sums[:size].reshape(row_1 - row_0, col_1 - col_0 + 1)
            for ring in range(zones[zone], zones[zone + 1]):
                _ring(x, y, rings[ring], rings[ring + 1], holes[ring], row_0, col_0, field, method)
            if len(runs) < run + size:
                runs = _grown(runs, run + size)
            if len(weights) < weight + size:
                weights = _longer(weights, weight + size)
            run, weight = _scan(field, row_0 - top, col_0 - left, method, runs, run, weights, weight)
        starts[zone + 1] = run
    return runs[:run].copy(), weights[:weight].copy(), starts


@compiled(nogil=True)
def _grown(runs, least):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    out = np.empty((max(2 * len(runs), least), 4), np.int32)
    out[: len(runs)] = runs
    return out


@compiled(nogil=True)
def _longer(weights, least):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    out = np.empty(max(2 * len(weights), least), np.int32)
    out[: len(weights)] = weights
    return out


@compiled(nogil=True)
def _ring(x, y, start, stop, hole, top, left, field, method):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, PLR0913, PLR0917
    """Add what the edges of a ring contribute."""
    sign = 1 if (signed_area(x, y, start, stop) > 0) != hole else -1
    for at in range(start, stop - 1):
        if y[at] < y[at + 1]:
            _edge(x[at], y[at], x[at + 1], y[at + 1], sign, top, left, field, method)
        elif y[at] > y[at + 1]:
            # An edge is cut at the same places whichever of its zones it comes from.
            _edge(x[at + 1], y[at + 1], x[at], y[at], -sign, top, left, field, method)


@compiled(nogil=True)
def _edge(x0, y0, x1, y1, sign, top, left, field, method):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, PLR0913, PLR0917
    slope = float(x1 - x0) / float(y1 - y0)
    first, last = max(y0 >> BITS, top), min((y1 - 1) >> BITS, top + len(field) - 1)
    if method == CENTRE:
        for row in range(first, last + 1):
            y = (row << BITS) + FULL // 2
            if y0 <= y < y1:
                col = (_at(x0, y0, x1, y1, slope, y) + FULL // 2 - 1) >> BITS
                place = max(col - left, 0)
                if place < field.shape[1]:
                    field[row - top, place] += sign
        return
    low = _at(x0, y0, x1, y1, slope, max(y0, first << BITS))
    for row in range(first, last + 1):
        start, stop = max(y0, row << BITS), min(y1, (row + 1) << BITS)
        high = _at(x0, y0, x1, y1, slope, stop)
        if low <= high:
            _across(low, start, high, stop, sign, left, field[row - top])
        else:
            _across(high, stop, low, start, sign, left, field[row - top])
        low = high


@compiled(nogil=True)
def _at(x0, y0, x1, y1, slope, y):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Where an edge is at a height, on the lattice; at its ends exactly there, and never beyond them."""
    if y <= y0:
        return x0
    if y >= y1:
        return x1
    between = x0 + np.int64(np.rint(float(y - y0) * slope))
    return min(max(between, min(x0, x1)), max(x0, x1))


@compiled(nogil=True)
def _across(x0, y0, x1, y1, sign, left, line):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Add the part of an edge that lies in one row, from left to right; columns before the first count as its edge."""
    wall, width = left << BITS, len(line) - 1
    if x1 <= wall:
        line[0] += sign * 2 * FULL * abs(y1 - y0)
        return
    col = (x0 >> BITS) - left
    if col >= width:
        return
    if x1 <= (col + left + 1) << BITS and col >= 0:
        height = sign * abs(y1 - y0)
        share = height * (2 * FULL - (x0 - ((col + left) << BITS)) - (x1 - ((col + left) << BITS)))
        line[col] += share
        line[col + 1] += 2 * FULL * height - share
        return
    slope = float(y1 - y0) / float(x1 - x0)
    x, y = x0, y0
    if col < 0:
        x, y = wall, _at(y0, x0, y1, x1, slope, wall)
        line[0] += sign * 2 * FULL * abs(y - y0)
        col = 0
    while x < x1 and col < width:
        edge = (col + left) << BITS
        end = min(x1, edge + FULL)
        height = _at(y0, x0, y1, x1, slope, end)
        share = sign * abs(height - y) * (2 * FULL - (x - edge) - (end - edge))
        line[col] += share
        line[col + 1] += sign * 2 * FULL * abs(height - y) - share
        x, y, col = end, height, col + 1


@compiled(nogil=True)
def _scan(field, top, left, method, runs, run, weights, weight):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, PLR0913, PLR0917
    """Sum up each row, write its runs, and leave zeros behind."""
    for row in range(len(field)):
        total, before, whole = np.int64(0), 0, 0
        for col in range(field.shape[1] - 1):
            total += field[row, col]
            field[row, col] = 0
            now = _weight(total, method)
            if now > 0:
                if before == 0 or (whole >= LONG and now < FULL):
                    runs[run] = row + top, col + left, 0, weight
                    run, whole = run + 1, 0
                whole = whole + 1 if now == FULL else 0
                runs[run - 1, 2] += 1
                if whole <= LONG:
                    weights[weight] = now
                    weight += 1
                if whole == LONG:
                    weight -= LONG
                    runs[run - 1, 2] -= LONG
                    run -= runs[run - 1, 2] == 0
                    runs[run] = row + top, col + left - LONG + 1, LONG, -1
                    run += 1
            before = now
        field[row, field.shape[1] - 1] = 0
    return run, weight


@compiled(nogil=True, inline="always")
def _weight(total, method):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Weight of a pixel: of its area in units of 2⁻⁴⁹, or of how often its centre is enclosed."""
    if method == FRACTIONAL:
        return min(max((total + FULL) >> (BITS + 1), 1), FULL) if total > 0 else 0
    if method == ALL_TOUCHED:
        return FULL if total > 0 else 0
    return FULL if total != 0 else 0
