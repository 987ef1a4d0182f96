"""How a unit is cut: every pixel once, along the blocks of the files, within the memory given."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jeospark.task.layout import LARGEST, SMALLEST, Lattice, cell_shape, windows

shapes = st.tuples(st.integers(1, 3000), st.integers(1, 3000))
lattices = st.builds(
    Lattice, rows=st.sampled_from([1, 16, 100, 256, 512, 5490]), cols=st.sampled_from([16, 256, 512, 10980]),
    row=st.integers(-600, 600), col=st.integers(-600, 600),
)  # fmt: skip
costs = st.integers(1, 3000)
budgets = st.integers(1 << 18, 1 << 29)


@settings(deadline=None)
@given(shape=shapes, lattice=lattices, cost=costs, budget=budgets)
def test_every_pixel_is_in_one_window(shape, lattice, cost, budget):
    found = windows(shape, lattice, cell_shape(shape, lattice, cost, budget))
    rows, cols = sorted({each.row for each in found}), sorted({each.col for each in found})
    assert sum(each.pixels for each in found) == shape[0] * shape[1]
    assert len(found) == len(rows) * len(cols)
    seen = np.zeros((len(rows), len(cols)), np.uint8)
    for each in found:
        assert each.clipped(*shape) == each
        seen[rows.index(each.row), cols.index(each.col)] += 1
    assert (seen == 1).all()


@settings(deadline=None)
@given(shape=shapes, lattice=lattices, cost=costs, budget=budgets)
def test_windows_are_within_the_budget(shape, lattice, cost, budget):
    rows, cols = cell_shape(shape, lattice, cost, budget)
    assert rows * cols <= LARGEST or rows * cols <= SMALLEST**2
    if rows * cols * cost > budget:
        assert max(rows, cols) <= SMALLEST, "only the smallest window may cost more"


@settings(deadline=None)
@given(shape=shapes, lattice=lattices, cost=costs, budget=budgets)
def test_windows_hold_whole_blocks_or_lie_in_one(shape, lattice, cost, budget):
    """Blocks of a power of two: no block is cut by a window that holds more than one."""
    cell = cell_shape(shape, lattice, cost, budget)
    found = windows(shape, lattice, cell)
    for block, size, start, axis in ((lattice.rows, cell[0], lattice.row, 0), (lattice.cols, cell[1], lattice.col, 1)):
        if block & (block - 1) or block > shape[axis]:
            continue
        edges = {(each.row, each.col)[axis] for each in found} - {0}
        if size >= block:
            assert all((edge - start) % block == 0 for edge in edges)
        else:
            assert all((edge - start) % size == 0 for edge in edges)
            assert block % size == 0


@given(shape=shapes, lattice=lattices)
@example(shape=(2048, 2048), lattice=Lattice(rows=512, cols=512))
def test_ample_memory_gives_windows_of_many_blocks(shape, lattice):
    rows, cols = cell_shape(shape, lattice, 1, 1 << 40)
    most = (rows >= shape[0] and cols >= shape[1]) or rows * cols * 2 > LARGEST
    assert most, "the largest that are worth it, or the whole unit"
