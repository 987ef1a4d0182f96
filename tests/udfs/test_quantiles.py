"""The compiled median and quantiles: bit for bit their numpy twins, and numpy's own type 7."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from udfs import quantiles

DTYPES = [np.float32, np.float64, np.uint16]
SPECIAL = st.sampled_from([np.nan, np.inf, -np.inf])


@st.composite
def stacks(draw, size=st.integers(0, 12)):
    shape = (draw(size), draw(st.integers(1, 3)), draw(st.integers(1, 200)))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    data = generator.integers(0, draw(st.sampled_from([3, 60000])), shape).astype(dtype)
    if dtype.kind == "f":
        data /= 7
        data[generator.random(shape) < 0.02] = draw(SPECIAL)
    return data, generator.random(shape) < draw(st.sampled_from([0.1, 0.7, 1.0]))


def same(one, other):
    np.testing.assert_array_equal(one[1], other[1])
    assert one[0].dtype == other[0].dtype
    np.testing.assert_array_equal(one[0][one[1]], other[0][other[1]])


@given(stack=stacks(), ignore=st.booleans())
@settings(max_examples=60, deadline=None)
def test_median_equals_its_twin(stack, ignore):
    data, valid = stack
    same(quantiles.median(data, valid, ignore_nodata=ignore), quantiles.median_numpy(data, valid, ignore_nodata=ignore))


@given(
    stack=stacks(),
    chances=st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=4),
    ignore=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_quantiles_equal_their_twin(stack, chances, ignore):
    data, valid = stack
    options = {"probabilities": chances, "ignore_nodata": ignore}
    same(quantiles.quantiles(data, valid, **options), quantiles.quantiles_numpy(data, valid, **options))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 31, 100])
def test_median_and_quantiles_are_those_of_numpy(size):
    generator = np.random.default_rng(size)
    data = generator.random((size, 300))
    valid = np.ones(data.shape, bool)
    np.testing.assert_allclose(quantiles.median(data, valid)[0], np.median(data, axis=0), rtol=1e-15)
    chances = [0.0, 0.1, 0.25, 0.9, 1.0]
    result, _ = quantiles.quantiles(data, valid, probabilities=chances)
    np.testing.assert_allclose(result, np.quantile(data, chances, axis=0), rtol=1e-12)


def test_null_is_left_out_and_nan_is_not():
    data = np.array([[1, 1], [np.nan, np.nan], [3, 3]], np.float32)
    valid = np.array([[True, True], [False, True], [True, True]])
    result, filled = quantiles.median(data, valid)
    assert result[0] == 2
    assert np.isnan(result[1])
    assert filled.all()


def test_median_of_bytes_is_a_fraction():
    data = np.array([[254], [255]], np.uint8)
    result, _ = quantiles.median(data, np.ones(data.shape, bool))
    assert result[0] == 254.5
    assert result.dtype == np.float32


@given(npst.arrays(np.bool_, (5, 40)))
@settings(max_examples=20, deadline=None)
def test_booleans_are_counted_as_numbers(data):
    result, _ = quantiles.median(data, np.ones(data.shape, bool))
    np.testing.assert_array_equal(result, np.median(data.astype(float), axis=0))
