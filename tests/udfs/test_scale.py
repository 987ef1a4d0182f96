"""From physical values to stored integers and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.indices import normalized_difference
from udfs.scale import linear_scale, to_integers


def store(values, *, dtype="int16", nodata=-32768, **options):
    data = np.array(values, np.float32)
    return to_integers(data, np.ones(data.shape, bool), dtype=dtype, nodata=nodata, **options).tolist()


def test_halves_go_to_the_even_neighbour():
    assert store([0.5, 1.5, 2.5, -0.5, -1.5]) == [0, 2, 2, 0, -2]


def test_values_outside_the_type_are_clipped():
    assert store([1e9, -1e9], dtype="uint8", nodata=7) == [255, 0]
    assert store([1e30, -1e30], dtype="int64", nodata=0) == [2**63 - 1, -(2**63)]


def test_what_is_not_finite_is_nodata():
    assert store([np.nan, np.inf, -np.inf, 1]) == [-32768, -32768, -32768, 1]


@pytest.mark.parametrize(("nodata", "stored"), [(0, 1), (255, 254), (7, 8)])
def test_a_usable_value_never_becomes_nodata(nodata, stored):
    assert store([nodata], dtype="uint8", nodata=nodata) == [stored]


def test_null_is_nodata():
    data, valid = np.array([1.0, 2.0]), np.array([True, False])
    assert to_integers(data, valid, dtype="uint8", nodata=255).tolist() == [1, 255]


@given(st.integers(-32767, 32767), st.sampled_from([1e-4, 0.5, 2.0]), st.sampled_from([0.0, -0.1, 10.0]))
def test_scale_and_offset_go_round(stored, scale, offset):
    physical = linear_scale(np.array([stored], np.int16), scale=scale, offset=offset)
    assert physical.dtype == np.float32
    back = to_integers(physical, np.ones(1, bool), dtype="int16", nodata=-32768, scale=scale, offset=offset)
    assert back[0] == stored


def test_normalized_difference_of_integers_does_not_wrap():
    valid = np.array([True, True, True, False])
    near, red = np.array([5, 10, 0, 3], np.uint16), np.array([10, 5, 0, 1], np.uint16)
    data, filled = normalized_difference(near, red, valid=valid)
    assert data.dtype == np.float32
    np.testing.assert_allclose(data[:2], [-1 / 3, 1 / 3], rtol=1e-6)
    assert filled.tolist() == [True, True, False, False], "0/0 is null"
