"""Resample source pixels onto a grid of another CRS, resolution or phase."""

from collections.abc import Callable
from math import ceil, floor, hypot, isclose, isfinite
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeospark.raster.lattice import Lattice
from jeospark.raster.placement import Placement, Target, parse_crs, project, same_crs
from jeospark.raster.window import Window
from udfs.resample import average, bilinear, nearest

Decode = Callable[[Window, NDArray[Any]], int]
"""Fills an array with a window of source pixels and tells how many it decoded."""

MARGIN = 2
"""Source pixels read around the outermost node, for the neighbours that interpolation weighs."""

FRACTION = 2.0**20
"""Nodes are told to this part of a source pixel; the steps between them are powers of two as well."""


class Warp:
    """The way from the pixels of a target grid to those of one placed raster."""

    def __init__(self, placement: Placement, target: Target) -> None:
        self._placement = placement
        self.ratio = _pixels_spanned(placement, target)
        """Source pixels that a target pixel spans, a side."""
        self._lattice = Lattice(placement, target, self.ratio)
        self._turn = self._lattice.turn
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
        parts = self._lattice.parts(window)
        self.seconds += perf_counter() - started
        if len(parts) == 1:
            return self._fill(window, parts[0][1], out, decode, nodata=nodata, linear=linear)
        count = 0
        for part, step in parts:
            pixels = np.empty((part.rows, part.cols), out.dtype)
            count += self._fill(part, step, pixels, decode, nodata=nodata, linear=linear)
            out[part.within(window)] = pixels
        return count

    def _fill(self, part: Window, step: int, out: NDArray[Any], decode: Decode, *, nodata: float, linear: bool) -> int:
        started = perf_counter()
        us, vs, inside = self._lattice.nodes(part, step)
        factor = max(floor(self.ratio + 0.25), 1) if linear else 1
        needed = self._needed(_within(us, inside, step), _within(vs, inside, step), factor)
        if not needed.pixels:
            out.fill(nodata)
            return 0
        source = np.empty((needed.rows, needed.cols), out.dtype)
        self.seconds += perf_counter() - started
        count = self._decoded(needed, source, decode)
        started = perf_counter()
        nodes = (_exact(us / factor) - needed.col // factor, _exact(vs / factor) - needed.row // factor)
        if factor > 1:
            coarse = np.empty((needed.rows // factor, needed.cols // factor), np.float32)
            average(source, factor, coarse)
            source = coarse
        if linear:
            bilinear(source, nodes, step, (inside.row, inside.col), self._turn / factor, out)
        else:
            nearest(source, nodata, nodes, step, (inside.row, inside.col), self._turn, out)
        self.seconds += perf_counter() - started
        return count

    def _decoded(self, needed: Window, out: NDArray[Any], decode: Decode) -> int:
        """Decode source pixels, those beyond the raster's edge from its other side, where it goes round the Earth."""
        around = self._around
        if not around or (needed.col >= 0 and needed.col + needed.cols <= around):
            return decode(needed, out)
        count, done = 0, 0
        while done < needed.cols:
            col = (needed.col + done) % around
            cols = min(around - col, needed.cols - done)
            count += decode(Window(needed.row, col, needed.rows, cols), out[:, done : done + cols])
            done += cols
        return count

    @property
    def _around(self) -> int:
        """Whole columns once round the Earth, of a raster that has no more; else 0."""
        whole = round(self._turn)
        return whole if self._placement.shape[1] <= whole and isclose(self._turn, whole, abs_tol=1e-3) else 0

    def _needed(self, us: NDArray[np.float64], vs: NDArray[np.float64], factor: int) -> Window:
        """The source window to read: what places enclose and a margin, in whole groups of `factor` pixels."""
        rows, cols = self._placement.shape
        if not (np.isfinite(us).any() and np.isfinite(vs).any()):
            return Window(0, 0, 0, 0)
        left, right = _span(us, factor, cols, around=bool(self._around))
        top, bottom = _span(vs, factor, rows)
        return Window(top, left, bottom - top, right - left)


def _pixels_spanned(placement: Placement, target: Target) -> float:
    """Source pixels that a target pixel spans, a side; at the source's middle, which any target window has."""
    rows, cols = placement.shape
    u, v = cols / 2, rows / 2
    points = [placement.transform @ at for at in ((u, v), (u + 1, v), (u, v + 1))]
    xs, ys = (np.array(axis) for axis in zip(*points, strict=True))
    if not same_crs(placement.crs, target.crs):
        xs, ys = project(placement.crs, parse_crs(target.crs), xs, ys)
    across = hypot(xs[1] - xs[0], ys[1] - ys[0])
    down = hypot(xs[2] - xs[0], ys[2] - ys[0])
    spanned = hypot(target.affine.a, target.affine.e) / hypot(across, down)
    return spanned if isfinite(spanned) else 1.0


def _within(nodes: NDArray[np.float64], window: Window, step: int) -> NDArray[np.float64]:
    """Source coordinates at the nodes inside a window (counted from the first node), its edges and its corners."""
    down = _along(nodes, window.row, window.rows, step)
    return _along(down.T, window.col, window.cols, step)


def _along(nodes: NDArray[np.float64], start: int, size: int, step: int) -> NDArray[np.float64]:
    places = np.clip(np.arange(len(nodes)) * step, start, start + size) / step
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


def _span(nodes: NDArray[np.float64], factor: int, size: int, *, around: bool = False) -> tuple[int, int]:
    """First and last source pixel, in whole groups of `factor`, that the nodes reach inside 0 … size, or around."""
    low, high = np.nanmin(nodes[np.isfinite(nodes)]), np.nanmax(nodes[np.isfinite(nodes)])
    margin = MARGIN * factor
    first = floor((max(low, -1e9) - margin) / factor) * factor
    last = ceil((min(high, 1e9) + margin) / factor) * factor
    if around:
        return first, last
    limit = ceil(size / factor) * factor
    first, last = max(first, 0), min(last, limit)
    return first, max(last, first)
