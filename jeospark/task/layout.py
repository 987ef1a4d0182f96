"""How a unit is cut into windows: along the blocks of its files, and small enough for the memory given."""

from dataclasses import dataclass

from jeospark.raster.window import Window, split

LARGEST = 1 << 20
"""Pixels of a window beyond which larger ones gain nothing: calls are cheap by then, caches are not."""
SMALLEST = 64
"""Rows or columns below which a window is not halved any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lattice:
    """The blocks of a file, in pixels of the target."""

    rows: int
    cols: int
    row: int = 0
    """Where a block begins."""
    col: int = 0


def cell_shape(shape: tuple[int, int], lattice: Lattice, bytes_per_pixel: int, budget: int) -> tuple[int, int]:
    """Rows and columns of the windows of a unit: whole blocks while they fit the budget, else parts of one.

    Args:
        shape: (rows, columns) of the unit.
        lattice: Blocks of the files read.
        bytes_per_pixel: Memory that one pixel of a window needs, all bands and dates.
        budget: Bytes for one window.
    """
    most = max(min(budget // max(bytes_per_pixel, 1), LARGEST), 1)
    rows, cols = _halved(min(lattice.rows, shape[0]), min(lattice.cols, shape[1]), most)
    while rows * cols * 2 <= most and (rows < shape[0] or cols < shape[1]):
        if cols < shape[1] and (cols <= rows or rows >= shape[0]):
            cols *= 2
        else:
            rows *= 2
    return rows, cols


def _halved(rows: int, cols: int, most: int) -> tuple[int, int]:
    while rows * cols > most and max(rows, cols) > SMALLEST:
        if rows >= cols:
            rows = -(-rows // 2)
        else:
            cols = -(-cols // 2)
    return rows, cols


def windows(shape: tuple[int, int], lattice: Lattice, cell: tuple[int, int]) -> list[Window]:
    """The windows of a unit, by rows, cut where the files' blocks are cut.

    Args:
        shape: (rows, columns) of the unit.
        lattice: Blocks of the files read.
        cell: Rows and columns of a window, from `cell_shape`.
    """
    row, col = lattice.row % cell[0], lattice.col % cell[1]
    shifted = split(Window(-row, -col, *shape), *cell)
    return [Window(each.row + row, each.col + col, each.rows, each.cols) for each in shifted]
