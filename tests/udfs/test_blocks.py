"""Each block gives what the plain function of its name gives, to the last bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udfs import blocks, quantiles, reduce

PLAIN = {
    "median": quantiles.median_numpy,
    "total": reduce.total,
    "mean": reduce.mean,
    "minimum": reduce.minimum,
    "maximum": reduce.maximum,
    "variance": reduce.variance,
    "sd": reduce.sd,
    "first": reduce.first,
    "last": reduce.last,
    "count": reduce.count,
}
START, MARK, RUN = 5, 3, 40
"""Columns at which values and flags begin, and the room of a run."""


def stack(seed, dates, width, special):
    random = np.random.default_rng(seed)
    values = random.normal(size=(dates, START + RUN)).astype(np.float32)
    if special:
        values[random.random(values.shape) < 0.1] = np.nan
        values[random.random(values.shape) < 0.1] = np.inf
        values[random.random(values.shape) < 0.1] = -np.inf
        values = np.where(random.random(values.shape) < 0.3, np.float32(0.5), values)
    valid = random.random((dates, MARK + RUN)) < random.choice([0.1, 0.5, 0.9])
    return values, valid, values[:, START : START + width], valid[:, MARK : MARK + width]


@pytest.mark.parametrize("name", PLAIN)
@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), dates=st.integers(1, 17), width=st.integers(1, RUN), special=st.booleans())
def test_a_block_equals_its_plain_twin(name, seed, dates, width, special):
    values, valid, data, known = stack(seed, dates, width, special)
    expected, filled = PLAIN[name](data, known)
    work, out = blocks.workspace(dates, RUN, values[:0, 0]), np.full(width, 77, np.float32)
    more = (blocks.median_network(dates),) if name == "median" else ()
    getattr(blocks, name)(values, START, valid, MARK, out, work, *more)
    np.testing.assert_array_equal(out[filled], expected[filled])


@given(seed=st.integers(0, 2**32 - 1), dates=st.integers(1, 5), width=st.integers(1, RUN))
@settings(deadline=None, max_examples=40)
def test_some_and_several_count_the_usable_dates(seed, dates, width):
    values, valid, _, known = stack(seed, dates, width, special=False)
    one, more = np.empty(width, np.bool_), np.empty(width, np.bool_)
    blocks.some(valid, MARK, one)
    blocks.several(valid, MARK, more, blocks.workspace(dates, RUN, values[:0, 0]))
    np.testing.assert_array_equal(one, known.any(axis=0))
    np.testing.assert_array_equal(more, known.sum(axis=0) > 1)


@pytest.mark.parametrize("dates", range(1, 12))
def test_the_network_brings_the_middle_of_zeros_and_ones_to_its_place(dates):
    """By the zero-one principle (Knuth, TAOCP 3, 5.3.4), what holds for these holds for all numbers."""
    columns = ((np.arange(1 << dates)[None] >> np.arange(dates)[:, None]) & 1).astype(np.float32)
    expected = np.sort(columns, axis=0)
    for low, high, kind in blocks.median_network(dates).tolist():
        least, greatest = np.minimum(columns[low], columns[high]), np.maximum(columns[low], columns[high])
        columns[low], columns[high] = (np.nan if kind == 2 else least), (np.nan if kind == 1 else greatest)
    for place in {dates // 2, max(dates // 2 - 1, 0)}:
        np.testing.assert_array_equal(columns[place], expected[place])


@pytest.mark.parametrize("function", ["greater", "lesser"])
def test_nan_wins_over_every_number(function):
    compare = getattr(blocks, function)
    assert np.isnan(compare(np.float32(np.nan), np.float32(1)))
    assert np.isnan(compare(np.float32(1), np.float32(np.nan)))
    assert compare(np.float32(1), np.float32(2)) == (2 if function == "greater" else 1)


@pytest.mark.parametrize(
    ("stored", "nodata", "declared", "usable"),
    [
        (np.array([0, 1, 2], np.uint8), np.uint8(0), True, [False, True, True]),
        (np.array([0, 1, 2], np.uint8), np.uint8(0), False, [True, True, True]),
        (np.array([np.nan, -1, 2], np.float32), np.float32(-1), True, [True, False, True]),
        (np.array([np.nan, -1, 2], np.float32), np.float32(0), False, [False, True, True]),
    ],
)
def test_loading_scales_and_knows_what_is_usable(stored, nodata, declared, usable):
    data, valid = np.empty(3, np.float32), np.empty(3, np.bool_)
    blocks.load(stored, nodata, declared, np.float32(0.1), np.float32(0.3), data, valid)
    np.testing.assert_array_equal(data, stored.astype(np.float32) * np.float32(0.1) + np.float32(0.3))
    assert valid.tolist() == usable
