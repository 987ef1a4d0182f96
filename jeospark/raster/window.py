"""A rectangle of pixels on some grid."""

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Window:
    """Rows `row … row + rows - 1` and columns `col … col + cols - 1`; may lie partly or wholly outside its raster."""

    row: int
    col: int
    rows: int
    cols: int

    @property
    def pixels(self) -> int:
        """Rows times columns."""
        return self.rows * self.cols

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of this window in an array of the whole grid."""
        return slice(self.row, self.row + self.rows), slice(self.col, self.col + self.cols)

    def grown(self, margin: int) -> "Window":
        """The window with `margin` more pixels on each side."""
        return Window(self.row - margin, self.col - margin, self.rows + 2 * margin, self.cols + 2 * margin)

    def clipped(self, rows: int, cols: int) -> "Window":
        """The part inside a raster of `rows` × `cols`; of zero size where nothing is."""
        row, col = min(max(self.row, 0), rows), min(max(self.col, 0), cols)
        row_end = min(max(self.row + self.rows, row), rows)
        col_end = min(max(self.col + self.cols, col), cols)
        return Window(row, col, row_end - row, col_end - col)

    def within(self, outer: "Window") -> tuple[slice, slice]:
        """Index of this window in an array of `outer`, which must contain it."""
        row, col = self.row - outer.row, self.col - outer.col
        return slice(row, row + self.rows), slice(col, col + self.cols)


def split(window: Window, rows: int, cols: int) -> list[Window]:
    """Cells of at most `rows` × `cols`, on a lattice anchored at pixel (0, 0), that together are `window`."""
    return [
        Window(top, left, bottom - top, right - left)
        for top, bottom in _cuts(window.row, window.row + window.rows, rows)
        for left, right in _cuts(window.col, window.col + window.cols, cols)
    ]


def _cuts(start: int, stop: int, step: int) -> list[tuple[int, int]]:
    edges = [start, *range((start // step + 1) * step, stop, step), stop]
    return list(pairwise(edges))
