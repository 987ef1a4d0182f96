"""Resample source pixels onto a grid of another CRS, resolution or phase."""

from collections.abc import Callable
from math import ceil, floor, hypot, isfinite
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeospark.raster.lattice import Lattice, jumps
from jeospark.raster.placement import Placement, Target, parse_crs, project, same_crs
from jeospark.raster.window import Window
from jeospark.tiling.extent import known_crs
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
        self._averaged = _averaged(placement, self.ratio)
        self.seconds = 0.0
        """Spent in `fill` so far, without that of decoding."""

    def fill(self, window: Window, out: NDArray[Any], decode: Decode, *, nodata: float, linear: bool) -> int:
        """Fill `out` with a window of the target grid.

        Args:
            window: In pixels of the target.
            out: (rows, cols); float32 with NaN for `linear`.
            decode: Reads source pixels; its columns go round the Earth (`Placement.unrolled`).
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
        factor = self._averaged if linear else 1
        seam = not self._placement.around and jumps(us, self._placement.turn)
        needed = self._needed(_within(us, inside, step), _within(vs, inside, step), factor, seam=seam)
        if not needed.pixels:
            out.fill(nodata)
            return 0
        source = np.empty((needed.rows, needed.cols), out.dtype)
        self.seconds += perf_counter() - started
        count = decode(needed, source)
        started = perf_counter()
        nodes = (_exact(us / factor) - needed.col // factor, _exact(vs / factor) - needed.row // factor)
        if factor > 1:
            coarse = np.empty((needed.rows // factor, needed.cols // factor), np.float32)
            average(source, factor, coarse)
            source = coarse
        if linear:
            bilinear(source, nodes, step, (inside.row, inside.col), self._placement.turn / factor, out)
        else:
            nearest(source, nodata, nodes, step, (inside.row, inside.col), self._placement.turn, out)
        self.seconds += perf_counter() - started
        return count

    def _needed(self, us: NDArray[np.float64], vs: NDArray[np.float64], factor: int, *, seam: bool) -> Window:
        """The source window to read: what places enclose and a margin, in whole groups of `factor` pixels.

        Args:
            us: Columns of the places.
            vs: Rows.
            factor: Pixels a side of a group.
            seam: True where places lie on both sides of a seam that no whole pixels close: then all columns are read.
        """
        rows, cols = self._placement.shape
        if not (np.isfinite(us).any() and np.isfinite(vs).any()):
            return Window(0, 0, 0, 0)
        if seam:
            left, right = 0, ceil(cols / factor) * factor
        else:
            left, right = _span(us, factor, cols, around=self._goes_on(us))
        top, bottom = _span(vs, factor, rows)
        return Window(top, left, bottom - top, right - left)

    def _goes_on(self, us: NDArray[np.float64]) -> bool:
        """True where there may be pixels beyond the raster's edges, which are those on its other side."""
        around, cols = self._placement.around, self._placement.shape[1]
        if cols >= around:
            return around > 0
        return bool(np.abs(us[np.isfinite(us)] - cols / 2).max() > around / 2)


def _averaged(placement: Placement, ratio: float) -> int:
    """Source pixels a side whose averages are interpolated.

    Round the Earth they are whole groups: a pixel at the seam is of the same groups from whichever side it is reached.
    """
    most = max(floor(ratio + 0.25), 1)
    if not placement.around or placement.shape[1] < placement.around:
        return most
    return next(factor for factor in range(most, 0, -1) if placement.around % factor == 0)


def _pixels_spanned(placement: Placement, target: Target) -> float:
    """Source pixels that a target pixel spans, a side; at one place of the source, which any target window has."""
    u, v = _compared(placement, target)
    points = [placement.transform @ at for at in ((u, v), (u + 1, v), (u - 1, v), (u, v + 1), (u, v - 1))]
    xs, ys = (np.array(axis) for axis in zip(*points, strict=True))
    if not same_crs(placement.crs, target.crs):
        xs, ys = project(placement.crs, parse_crs(target.crs), xs, ys)
    with np.errstate(invalid="ignore"):
        apart = np.hypot(xs[1:] - xs[0], ys[1:] - ys[0])
    # The neighbour on one side may lie at the other end of the projection.
    across, down = np.fmin(apart[::2], apart[1::2])
    spanned = hypot(target.affine.a, target.affine.e) / hypot(across, down)
    return spanned if isfinite(spanned) and spanned > 0 else 1.0


def _compared(placement: Placement, target: Target) -> tuple[float, float]:
    """Column and row of the source at which the sizes of pixels are compared.

    That is its middle; of a raster in degrees that reaches beyond the area of use of the target's CRS, what of it is
    nearest to its middle in there: on the other side of the Earth a projection may have any scale.
    """
    (rows, cols), transform = placement.shape, placement.transform
    used = known_crs(target.crs).area_of_use
    if used is None or not placement.turn:
        return cols / 2, rows / 2
    degree = placement.turn * transform.a / 360.0
    longitude, latitude = (each / degree for each in transform @ (cols / 2, rows / 2))
    west, south, east, north = used.bounds
    half = ((east - west) % 360.0 or 360.0) / 2
    off = (longitude - west - half + 180.0) % 360.0 - 180.0
    longitude += min(max(off, -half), half) - off
    latitude = min(max(latitude, south), north)
    u, v = ~transform @ (longitude * degree, latitude * degree)
    return min(max(u, 0.0), cols - 1.0), min(max(v, 0.0), rows - 1.0)


def _within(nodes: NDArray[np.float64], window: Window, step: int) -> NDArray[np.float64]:
    """Source coordinates at the nodes inside a window (counted from the first node), its edges and its corners."""
    down = _along(nodes, window.row, window.rows, step)
    return _along(down.T, window.col, window.cols, step)


def _along(nodes: NDArray[np.float64], start: int, size: int, step: int) -> NDArray[np.float64]:
    places = np.clip(np.arange(len(nodes)) * step, start, start + size) / step
    before = np.minimum(places.astype(np.int64), len(nodes) - 2)
    share = (places - before)[:, None]
    with np.errstate(invalid="ignore"):
        between = nodes[before] * (1 - share) + nodes[before + 1] * share
    # A node that is met exactly is itself, also where the one beside it is off the Earth.
    return np.where(share == 0, nodes[before], np.where(share == 1, nodes[before + 1], between))


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
