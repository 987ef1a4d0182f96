"""Both twins undo what the predictor did, for any part of a block."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udfs import predictor


@st.composite
def parts(draw):
    """A block's shape, and the first row, first column, rows and columns of a part."""
    rows, cols = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    row, col = draw(st.integers(0, rows - 1)), draw(st.integers(0, cols - 1))
    return (rows, cols), row, col, draw(st.integers(1, rows - row)), draw(st.integers(1, cols - col))


@pytest.mark.parametrize("add_up", [predictor.add_up, predictor.add_up_numpy])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
@settings(max_examples=30)
@given(part=parts(), seed=st.integers(0, 99))
def test_differences_add_up_to_the_numbers(add_up, dtype, part, seed):
    shape, row, col, rows, cols = part
    limits = np.iinfo(dtype)
    numbers = np.random.default_rng(seed).integers(0, limits.max, shape, dtype, endpoint=True)
    differences = numbers.copy()
    differences[:, 1:] -= numbers[:, :-1]
    out = np.zeros((rows + 2, cols + 2), dtype)
    add_up(differences, row, col, out[1:-1, 1:-1])
    np.testing.assert_array_equal(out, np.pad(numbers[row : row + rows, col : col + cols], 1))


@pytest.mark.parametrize("add_up", [predictor.add_up_floats, predictor.add_up_floats_numpy])
@settings(max_examples=30)
@given(part=parts(), seed=st.integers(0, 99))
def test_differences_of_bytes_add_up_to_the_floats(add_up, part, seed):
    shape, row, col, rows, cols = part
    numbers = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    planes = np.stack([(numbers.view(np.uint32) >> shift).astype(np.uint8) for shift in (24, 16, 8, 0)], axis=1)
    line = planes.reshape(shape[0], -1)
    differences = line.copy()
    differences[:, 1:] -= line[:, :-1]
    out = np.zeros((rows + 2, cols + 2), np.float32)
    add_up(differences.reshape(planes.shape), row, col, out[1:-1, 1:-1].view(np.uint32))
    np.testing.assert_array_equal(out, np.pad(numbers[row : row + rows, col : col + cols], 1))
