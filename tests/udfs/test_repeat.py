"""Both twins give the source pixel that covers each output pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs import resample


@pytest.mark.parametrize("repeat", [resample.repeat, resample.repeat_numpy])
@given(factor=st.integers(1, 6), phase=st.tuples(*[st.integers(0, 5)] * 2), shape=st.tuples(*[st.integers(1, 20)] * 2))
def test_each_pixel_is_of_the_source_pixel_that_covers_it(repeat, factor, phase, shape):
    row, col = phase[0] % factor, phase[1] % factor
    sides = -(-(row + shape[0]) // factor), -(-(col + shape[1]) // factor)
    source = np.arange(sides[0] * sides[1], dtype=np.uint16).reshape(sides)
    whole = np.full((shape[0] + 2, shape[1] + 2), 9999, np.uint16)
    repeat(source, factor=factor, row=row, col=col, out=whole[1:-1, 1:-1])
    expected = np.kron(source, np.ones((factor, factor), np.uint16))[row : row + shape[0], col : col + shape[1]]
    np.testing.assert_array_equal(whole, np.pad(expected, 1, constant_values=9999))
