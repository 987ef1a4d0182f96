"""Where the pixels of a target grid lie in a placed raster: exact on a lattice of nodes, linear between them."""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from jeospark.raster.placement import Placement, Target, parse_crs, project, same_crs
from jeospark.raster.window import Window, split

STEP = 64
"""Target pixels between two nodes. Over 64 pixels of 10 m a map projection bends by about a centimetre."""
FINER = 8
"""Between two nodes where that is too coarse; what bends more than this follows is computed pixel by pixel."""
BEND = 1 / 64
"""How far a pixel may come to lie from where it is, in the larger ones of both grids."""

Nodes = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lattice:
    """The way from a target grid to a placed raster; one pixel's does not depend on the window it is asked for in."""

    placement: Placement
    target: Target
    ratio: float
    """Source pixels that a target pixel spans, a side."""

    def parts(self, window: Window) -> list[tuple[Window, int]]:
        """The window cut into parts, each with the pixels between its nodes.

        The window as a whole where one step suits all of it and it does not leave the raster on one side of the Earth
        to come back on the other, else along the cells of the coarsest lattice.
        """
        known = _known(self, _cells(self._placed(window), STEP))
        if known.whole:
            return [(window, int(known.steps[0, 0]))]
        row, col = self._first
        at = self._placed(window)
        return [
            (
                Window(part.row - row, part.col - col, part.rows, part.cols),
                int(known.steps[part.row // STEP - at.row // STEP, part.col // STEP - at.col // STEP]),
            )
            for part in split(at, STEP, STEP)
        ]

    def nodes(self, window: Window, step: int) -> tuple[Nodes, Nodes, Window]:
        """Source columns and rows at the nodes that enclose a part, and where among them it lies, in target pixels.

        Columns run on across the seam of a raster whose pixels go round the Earth, else they jump there.
        """
        at = self._placed(window)
        cells = _cells(at, step)
        if step == STEP:
            us, vs = _known(self, cells).nodes
        else:
            us, vs = self.places(cells, step)
        turn = self.placement.turn
        if self.placement.around and jumps(us, turn):
            some = us[np.isfinite(us)][0]
            with np.errstate(invalid="ignore"):
                us = some + _turned(us - some, turn)
        return us, vs, Window(at.row % step, at.col % step, at.rows, at.cols)

    def places(self, cells: Window, step: int) -> tuple[Nodes, Nodes]:
        """Source columns and rows at the corners of cells of `step` pixels; with 1, at the pixels' centres."""
        (x, y), (across, down), centre = self._origin, self._pixel, 0.5 if step == 1 else 0.0
        xs = x + (np.arange(cells.col, cells.col + cells.cols + 1) + centre) * step * across
        ys = y + (np.arange(cells.row, cells.row + cells.rows + 1) + centre) * step * down
        all_x, all_y = (grid.ravel() for grid in np.meshgrid(xs, ys))
        if not same_crs(self.placement.crs, self.target.crs):
            all_x, all_y = project(parse_crs(self.target.crs), self.placement.crs, all_x, all_y)
        inverse = ~self.placement.transform
        us, vs = inverse.a * all_x + inverse.c, inverse.e * all_y + inverse.f
        shape = (cells.rows + 1, cells.cols + 1)
        return self._around(us).reshape(shape), vs.reshape(shape)

    def _around(self, us: Nodes) -> Nodes:
        """Columns brought to within half a turn of the raster's middle."""
        turn = self.placement.turn
        if not turn:
            return us
        middle = self.placement.shape[1] / 2
        with np.errstate(invalid="ignore"):
            turned: Nodes = us - np.floor((us - middle) / turn + 0.5) * turn
        return turned

    def _placed(self, window: Window) -> Window:
        row, col = self._first
        return Window(window.row + row, window.col + col, window.rows, window.cols)

    @property
    def _first(self) -> tuple[int, int]:
        """(row, column) of the target's first pixel, counted from where the axes of its CRS meet."""
        affine = self.target.affine
        return floor(round(affine.f / affine.e, 6)), floor(round(affine.c / affine.a, 6))

    @property
    def _origin(self) -> tuple[float, float]:
        """Where the axes' first pixel begins, to a millionth of a pixel: the same from whatever window."""
        affine, (row, col) = self.target.affine, self._first
        return round(affine.c / affine.a - col, 6) * affine.a, round(affine.f / affine.e - row, 6) * affine.e

    @property
    def _pixel(self) -> tuple[float, float]:
        return self.target.affine.a, self.target.affine.e


@dataclass(frozen=True, slots=True)
class _Known:
    """Of cells of the coarsest lattice."""

    nodes: tuple[Nodes, Nodes]
    steps: NDArray[np.int64]
    """Of each cell."""
    whole: bool
    """True where they have one step and do not go round the Earth."""


@lru_cache(maxsize=128)
def _known(lattice: Lattice, cells: Window) -> _Known:
    twice = Window(2 * cells.row, 2 * cells.col, 2 * cells.rows, 2 * cells.cols)
    us, vs = lattice.places(twice, STEP // 2)
    limit = BEND * max(lattice.ratio, 1.0)
    turn = lattice.placement.turn
    bend = np.maximum(_bend(us, turn), _bend(vs, 0.0))
    steps = np.select([bend <= limit, bend <= limit * (STEP / FINER) ** 2], [STEP, FINER], 1)
    steps[_nowhere(us)] = STEP
    nodes = (us[::2, ::2], vs[::2, ::2])
    whole = bool((steps == steps[0, 0]).all()) and not jumps(nodes[0], turn)
    return _Known(nodes, steps, whole)


def _cells(at: Window, step: int) -> Window:
    """The cells of `step` pixels that enclose pixels."""
    row, col = at.row // step, at.col // step
    return Window(row, col, ceil((at.row + at.rows) / step) - row, ceil((at.col + at.cols) / step) - col)


def _bend(fine: Nodes, turn: float) -> Nodes:
    """How far the middles of cells and of their edges lie from where lines between the corners have them; NaN: unknown.

    Args:
        fine: Coordinates at corners and middles, (2 · cells down + 1, 2 · cells across + 1).
        turn: See `Placement.turn`.
    """
    with np.errstate(invalid="ignore"):
        along, down = _sag(fine[::2], turn), _sag(fine[:, ::2].T, turn).T
        centre = np.maximum(_sag(fine[1::2], turn), _sag(fine[:, 1::2].T, turn).T)
    bend: Nodes = np.maximum.reduce((along[:-1], along[1:], down[:, :-1], down[:, 1:], centre))
    return bend


def _sag(lines: Nodes, turn: float) -> Nodes:
    before, middle, after = lines[:, :-1:2], lines[:, 1::2], lines[:, 2::2]
    sag: Nodes = np.abs(_turned(middle - before, turn) - _turned(after - before, turn) / 2)
    return sag


def _turned(apart: Nodes, turn: float) -> Nodes:
    """Differences of columns, the short way round the Earth."""
    return apart - np.rint(apart / turn) * turn if turn else apart


def jumps(us: Nodes, turn: float) -> bool:
    """True where columns at neighbouring nodes lie on different sides of the Earth's seam; see `Placement.turn`."""
    if not turn:
        return False
    with np.errstate(invalid="ignore"):
        steps = (np.abs(np.diff(us, axis=axis)) > turn / 2 for axis in (0, 1))
        return any(bool(step.any()) for step in steps)


def _nowhere(fine: Nodes) -> NDArray[np.bool_]:
    """True for cells that have no place in the raster's CRS."""
    there = np.isfinite(fine)
    down = there[:-2:2] | there[1::2] | there[2::2]
    return ~(down[:, :-2:2] | down[:, 1::2] | down[:, 2::2])
