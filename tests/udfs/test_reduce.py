"""Reducers against numpy on the usable cells of each pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from udfs import reduce

DTYPES = st.sampled_from([np.float32, np.float64, np.uint8, np.int16, np.uint16])

REFERENCES = {
    "total": np.sum,
    "mean": np.mean,
    "product": np.prod,
    "minimum": np.min,
    "maximum": np.max,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "variance": lambda values: np.var(values, ddof=1),
    "sd": lambda values: np.std(values, ddof=1),
}


@st.composite
def stacks(draw):
    shape = draw(st.tuples(st.integers(0, 6), st.integers(1, 4), st.integers(1, 4)))
    dtype = np.dtype(draw(DTYPES))
    low, high = (-100, 100) if dtype.kind != "u" else (0, 100)
    data = draw(npst.arrays(np.int64, shape, elements=st.integers(low, high))).astype(dtype)
    valid = draw(npst.arrays(np.bool_, shape))
    if dtype.kind == "f":
        data = np.where(
            draw(npst.arrays(np.bool_, shape, elements=st.sampled_from([False] * 9 + [True]))), np.nan, data
        )
    return data.astype(dtype), valid


@pytest.mark.parametrize("name", REFERENCES)
@given(stack=stacks(), ignore=st.booleans())
@settings(max_examples=40, deadline=None)
def test_reducer_is_numpy_on_the_usable_cells(name, stack, ignore):
    data, valid = stack
    before = data.copy(), valid.copy()
    result, filled = getattr(reduce, name)(data, valid, ignore_nodata=ignore)
    np.testing.assert_array_equal(data, before[0])
    np.testing.assert_array_equal(valid, before[1])
    need = 2 if name in {"variance", "sd"} else 1
    for pixel in np.ndindex(data.shape[1:]):
        cells, usable = data[(slice(None), *pixel)], valid[(slice(None), *pixel)]
        if name in {"first", "last"} and not ignore:
            expected = len(cells) > 0 and usable[0 if name == "first" else -1]
        else:
            expected = usable.sum() >= need and (ignore or usable.all())
        assert filled[pixel] == expected
        if expected:
            wanted = REFERENCES[name](cells[usable].astype(np.float64))
            np.testing.assert_allclose(result[pixel], wanted, rtol=1e-6, atol=1e-5)


@given(stacks())
def test_count_leaves_out_null_and_what_is_not_finite(stack):
    data, valid = stack
    result, filled = reduce.count(data, valid)
    np.testing.assert_array_equal(result, (valid & np.isfinite(data)).sum(axis=0))
    assert result.dtype == np.uint16
    assert filled.all()


@pytest.mark.parametrize("name", ["total", "mean", "product", "variance", "sd"])
def test_types_of_sums(name):
    for dtype, wanted in ((np.float32, np.float32), (np.uint16, np.float32), (np.float64, np.float64)):
        data = np.arange(12, dtype=dtype).reshape(3, 4)
        assert getattr(reduce, name)(data, np.ones(data.shape, bool))[0].dtype == wanted


@pytest.mark.parametrize("name", ["minimum", "maximum", "first", "last"])
def test_types_of_choices(name):
    data = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert getattr(reduce, name)(data, np.ones(data.shape, bool))[0].dtype == np.uint8


def test_sums_are_taken_in_float64():
    data = np.array([[1e8], [1.0], [1.0], [1.0], [1.0], [-1e8]], np.float32)
    assert reduce.total(data, np.ones(data.shape, bool))[0][0] == 4.0


def test_valid_may_be_a_broadcast():
    data = np.ones((3, 2, 4, 4), np.float32)
    valid = np.broadcast_to(np.array([True, False, True])[:, None, None, None], data.shape)
    assert (reduce.total(data, valid)[0] == 2).all()
