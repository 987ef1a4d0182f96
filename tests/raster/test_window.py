"""Windows and how they are cut."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jeospark.raster.window import Window, split

places = st.integers(-300, 300)
sizes = st.integers(1, 200)
steps = st.integers(1, 90)


@given(row=places, col=places, rows=sizes, cols=sizes, down=steps, across=steps)
def test_cells_cover_a_window_exactly_once(row, col, rows, cols, down, across):
    window = Window(row, col, rows, cols)
    seen = np.zeros((rows, cols), np.uint8)
    for cell in split(window, down, across):
        assert 1 <= cell.rows <= down
        assert 1 <= cell.cols <= across
        seen[cell.within(window)] += 1
    assert (seen == 1).all()


@given(row=places, col=places, rows=sizes, cols=sizes, down=steps, across=steps)
def test_cells_are_cut_on_a_lattice_from_zero(row, col, rows, cols, down, across):
    for cell in split(Window(row, col, rows, cols), down, across):
        assert cell.row == row or cell.row % down == 0
        assert cell.col == col or cell.col % across == 0


@given(row=places, col=places, rows=sizes, cols=sizes, height=sizes, width=sizes)
def test_clipped_is_the_common_part(row, col, rows, cols, height, width):
    part = Window(row, col, rows, cols).clipped(height, width)
    wanted = {
        (y, x) for y in (row, row + rows - 1) for x in (col, col + cols - 1) if 0 <= y < height and 0 <= x < width
    }
    for y, x in wanted:
        assert part.row <= y < part.row + part.rows
        assert part.col <= x < part.col + part.cols
    count = len(range(max(row, 0), min(row + rows, height))) * len(range(max(col, 0), min(col + cols, width)))
    assert part.pixels == count
    assert part.clipped(height, width) == part


@given(row=places, col=places, rows=sizes, cols=sizes, margin=st.integers(0, 40))
def test_within_a_grown_window(row, col, rows, cols, margin):
    window = Window(row, col, rows, cols)
    outer = window.grown(margin)
    y, x = np.mgrid[outer.row : outer.row + outer.rows, outer.col : outer.col + outer.cols]
    inner = window.within(outer)
    assert (y[inner][0, 0], x[inner][0, 0]) == (row, col)
    assert y[inner].shape == (rows, cols)
