"""Masks of classes and bits; dilation against its definition, and at any tiling."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udfs.masks import bits_to_mask, classes_to_mask, dilate, dilate_numpy, lookup

RADII = st.one_of(st.integers(0, 6).map(float), st.floats(0, 6, allow_subnormal=False))


@st.composite
def masks(draw):
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(1, 2)), draw(st.integers(1, 24)), draw(st.integers(1, 24)))
    return generator.random(shape) < draw(st.sampled_from([0.0, 0.01, 0.1, 0.6]))


def by_definition(mask, radius_y, radius_x):
    rows, columns = np.indices(mask.shape[-2:])
    result = np.zeros(mask.shape, bool)
    for plane, row, column in np.argwhere(mask):
        y, x = np.abs(rows - row), np.abs(columns - column)
        share = (y / radius_y if radius_y else np.where(y, np.inf, 0)) ** 2
        share = share + (x / radius_x if radius_x else np.where(x, np.inf, 0)) ** 2
        result[plane] |= share <= (1 + 1e-9) ** 2
    return result


@given(mask=masks(), radius_y=RADII, radius_x=RADII)
@settings(max_examples=100, deadline=None)
def test_dilation_is_its_twin_and_its_definition(mask, radius_y, radius_x):
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        expected = by_definition(mask, radius_y, radius_x)
    before = mask.copy()
    np.testing.assert_array_equal(dilate(mask, radius_y=radius_y, radius_x=radius_x), expected)
    np.testing.assert_array_equal(dilate_numpy(mask, radius_y=radius_y, radius_x=radius_x), expected)
    np.testing.assert_array_equal(mask, before)


@given(mask=masks(), radius=RADII, tile=st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_dilation_is_the_same_at_any_tiling_with_its_halo(mask, radius, tile):
    whole = dilate(mask, radius_y=radius, radius_x=radius)
    halo = int(np.ceil(radius))
    _, rows, columns = mask.shape
    for top in range(0, rows, tile):
        for left in range(0, columns, tile):
            y, x = max(top - halo, 0), max(left - halo, 0)
            window = mask[:, y : top + tile + halo, x : left + tile + halo]
            grown = dilate(window, radius_y=radius, radius_x=radius)
            inner = grown[:, top - y : top - y + tile, left - x : left - x + tile]
            np.testing.assert_array_equal(inner, whole[:, top : top + tile, left : left + tile])


@given(mask=masks(), radii=st.lists(st.tuples(RADII, RADII), min_size=24, max_size=24))
@settings(max_examples=60, deadline=None)
def test_each_row_has_a_radius_of_its_own(mask, radii):
    high, wide = np.array(radii[: mask.shape[1]]).T
    expected = np.zeros_like(mask)
    for row in range(mask.shape[1]):
        alone = np.zeros_like(mask)
        alone[:, row] = mask[:, row]
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            expected |= by_definition(alone, high[row], wide[row])
    np.testing.assert_array_equal(dilate(mask, radius_y=high, radius_x=wide), expected)
    np.testing.assert_array_equal(dilate_numpy(mask, radius_y=high, radius_x=wide), expected)


def test_a_radius_of_whole_pixels_reaches_them():
    mask = np.zeros((11, 11), bool)
    mask[5, 5] = True
    grown = dilate(mask, radius_y=5, radius_x=5)
    assert grown[5, 0]
    assert grown[2, 1], "3 rows and 4 columns away"
    assert not grown[1, 1]


def test_pixels_that_are_not_square():
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    grown = dilate(mask, radius_y=1, radius_x=3)
    assert grown.any(axis=1).sum() == 3
    assert grown.any(axis=0).sum() == 7


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int16])
def test_classes(dtype):
    values = np.array([[0, 3, 8], [9, 10, 4]], dtype)
    expected = [[False, True, True], [True, True, False]]
    assert classes_to_mask(values, classes=[3, 8, 9, 10]).tolist() == expected


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.uint16, np.int64])
def test_bits(dtype):
    values = np.array([0b0000, 0b0001, 0b0100, 0b1000, 0b1010], dtype)
    assert bits_to_mask(values, bits=[1, 3]).tolist() == [False, False, False, True, True]


def test_numbers_that_are_not_finite_have_no_bits():
    assert not bits_to_mask(np.array([np.nan, np.inf], np.float32), bits=list(range(62))).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_table_says_what_indexing_says(dtype):
    random = np.random.default_rng(5)
    table = random.random(np.iinfo(dtype).max + 1) < 0.5
    numbers = random.integers(0, np.iinfo(dtype).max, (3, 20, 30), dtype, endpoint=True)
    np.testing.assert_array_equal(lookup(numbers, table), table[numbers])
    np.testing.assert_array_equal(lookup(numbers[:, 1::2, 3:], table), table[numbers[:, 1::2, 3:]])
