"""Resample source pixels onto a grid of another CRS, resolution or phase."""

from collections.abc import Callable
from math import ceil, floor, hypot, isfinite
from time import perf_counter
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from jeospark.raster.placement import Placement, Target, parse_crs, project, same_crs
from jeospark.raster.window import Window
from udfs.resample import STEP, average, bilinear, nearest

Decode = Callable[[Window, NDArray[Any]], int]
"""Fills an array with a window of source pixels and tells how many it decoded."""

MARGIN = 2
"""Source pixels read around the outermost node, for the neighbours that interpolation weighs."""

FRACTION = 2.0**20
"""Nodes are told to this part of a source pixel; `STEP` is a power of two as well."""


class Warp:
    """The way from the pixels of a target grid to those of one placed raster."""

    def __init__(self, placement: Placement, target: Target) -> None:
        self._placement = placement
        affine = target.affine
        self._first = (floor(round(affine.c / affine.a, 6)), floor(round(affine.f / affine.e, 6)))
        self._origin = (
            round(affine.c - self._first[0] * affine.a, 6),
            round(affine.f - self._first[1] * affine.e, 6),
        )
        self._step = (affine.a, affine.e)
        self._same = same_crs(placement.crs, target.crs)
        self._crs = parse_crs(target.crs)
        self.ratio = self._pixels_spanned(affine)
        """Source pixels that a target pixel spans, a side."""
        self.seconds = 0.0
        """Spent in `fill` so far, without that of decoding."""

    def fill(self, window: Window, out: NDArray[Any], decode: Decode, *, nodata: float, linear: bool) -> int:
        """Fill `out` with a window of the target grid.

        Args:
            window: In pixels of the target.
            out: (rows, cols); float32 with NaN for `linear`.
            decode: Reads source pixels.
            nodata: What marks pixels that are not usable.
            linear: True to interpolate (over averages of whole source pixels, where the target is coarser), False
                to take the source pixel that holds the centre.

        Returns:
            How many source pixels were decoded.
        """
        started = perf_counter()
        row, col = window.row + self._first[1], window.col + self._first[0]
        us, vs = self._nodes(
            row // STEP, col // STEP, ceil((row % STEP + window.rows) / STEP), ceil((col % STEP + window.cols) / STEP)
        )
        factor = max(floor(self.ratio + 0.25), 1) if linear else 1
        inside = Window(row % STEP, col % STEP, window.rows, window.cols)
        needed = self._needed(_within(us, inside), _within(vs, inside), factor)
        if not needed.pixels:
            out.fill(nodata)
            return 0
        source = np.empty((needed.rows, needed.cols), out.dtype)
        self.seconds += perf_counter() - started
        count = decode(needed, source)
        started = perf_counter()
        us, vs = _exact(us / factor) - needed.col // factor, _exact(vs / factor) - needed.row // factor
        if factor > 1:
            coarse = np.empty((needed.rows // factor, needed.cols // factor), np.float32)
            average(source, factor, coarse)
            source = coarse
        if linear:
            bilinear(source, us, vs, row % STEP, col % STEP, out)
        else:
            nearest(source, nodata, us, vs, row % STEP, col % STEP, out)
        self.seconds += perf_counter() - started
        return count

    def _nodes(self, down: int, across: int, rows: int, cols: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Source (columns, rows) at the lattice nodes that enclose `rows` × `cols` cells, from cell (down, across)."""
        xs = self._origin[0] + np.arange(across, across + cols + 1) * STEP * self._step[0]
        ys = self._origin[1] + np.arange(down, down + rows + 1) * STEP * self._step[1]
        x, y = (grid.ravel() for grid in np.meshgrid(xs, ys))
        if not self._same:
            x, y = project(self._crs, self._placement.crs, x, y)
        inverse = ~self._placement.transform
        us, vs = inverse.a * x + inverse.c, inverse.e * y + inverse.f
        return us.reshape(rows + 1, cols + 1), vs.reshape(rows + 1, cols + 1)

    def _needed(self, us: NDArray[np.float64], vs: NDArray[np.float64], factor: int) -> Window:
        """The source window to read: what places enclose and a margin, in whole groups of `factor` pixels."""
        rows, cols = self._placement.shape
        if not (np.isfinite(us).any() and np.isfinite(vs).any()):
            return Window(0, 0, 0, 0)
        left, right = _span(us, factor, cols)
        top, bottom = _span(vs, factor, rows)
        return Window(top, left, bottom - top, right - left)

    def _pixels_spanned(self, affine: Affine) -> float:
        """Measured at the middle of the source, where it is defined for any target window."""
        rows, cols = self._placement.shape
        u, v = cols / 2, rows / 2
        points = [self._placement.transform @ at for at in ((u, v), (u + 1, v), (u, v + 1))]
        xs, ys = (np.array(axis) for axis in zip(*points, strict=True))
        if not self._same:
            xs, ys = project(self._placement.crs, self._crs, xs, ys)
        across = hypot(xs[1] - xs[0], ys[1] - ys[0])
        down = hypot(xs[2] - xs[0], ys[2] - ys[0])
        spanned = hypot(affine.a, affine.e) / hypot(across, down)
        return spanned if isfinite(spanned) else 1.0


def _within(nodes: NDArray[np.float64], window: Window) -> NDArray[np.float64]:
    """Source coordinates at the nodes inside a window (counted from the first node), its edges and its corners."""
    down = _along(nodes, window.row, window.rows)
    return _along(down.T, window.col, window.cols)


def _along(nodes: NDArray[np.float64], start: int, size: int) -> NDArray[np.float64]:
    places = np.clip(np.arange(len(nodes)) * STEP, start, start + size) / STEP
    before = np.minimum(places.astype(np.int64), len(nodes) - 2)
    share = (places - before)[:, None]
    with np.errstate(invalid="ignore"):
        between: NDArray[np.float64] = nodes[before] * (1 - share) + nodes[before + 1] * share
    return between


def _exact(nodes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coordinates to a millionth of a pixel, with so few digits that interpolation between them never rounds.

    So a pixel centre that falls on the edge between two source pixels goes to the same one from whatever window.
    """
    return np.rint(nodes * FRACTION) / FRACTION


def _span(nodes: NDArray[np.float64], factor: int, size: int) -> tuple[int, int]:
    """First and last source pixel, in whole groups of `factor`, that the nodes reach inside 0 … size."""
    low, high = np.nanmin(nodes[np.isfinite(nodes)]), np.nanmax(nodes[np.isfinite(nodes)])
    margin = MARGIN * factor
    first = floor((max(low, -1e9) - margin) / factor) * factor
    last = ceil((min(high, 1e9) + margin) / factor) * factor
    limit = ceil(size / factor) * factor
    first, last = max(first, 0), min(last, limit)
    return first, max(last, first)
