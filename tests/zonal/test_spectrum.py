from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udfs import spectrum as module
from udfs.coverage import cover
from udfs.rings import FULL
from udfs.spectrum import (
    MAX,
    MEAN,
    MIN,
    P25,
    P75,
    SD,
    STATISTICS,
    SUM,
    distinct,
    merged,
    narrowed,
    statistics,
    statistics_plain,
    values_of,
    words_of,
)
from udfs.zonal import summarise, summarise_plain

numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)
pixels = st.lists(st.tuples(numbers, st.integers(1, FULL)), min_size=1, max_size=60)


def spectrum_of(pairs):
    values, weights = np.array([one for one, _ in pairs], np.float32), np.array([one for _, one in pairs], np.int64)
    return narrowed(distinct(words_of(values), weights))


def same(one, other):
    arrays = np.array_equal(one.words, other.words) and np.array_equal(one.weights, other.weights)
    return arrays and [getattr(one, name) for name in ("dropped", "total", "squares", "least", "greatest")] == [
        getattr(other, name) for name in ("dropped", "total", "squares", "least", "greatest")
    ]


@given(st.lists(numbers, min_size=1))
def test_words_are_in_the_order_of_values(values):
    array = np.array(values, np.float32)
    words = words_of(array)
    assert np.array_equal(values_of(words), array)
    order = np.argsort(words, kind="stable")
    assert np.array_equal(array[order], np.sort(array))
    assert len(np.unique(words)) == len(np.unique(array))


@pytest.mark.parametrize("most", [1 << 16, 8])
@settings(max_examples=60)
@given(data=st.data())
def test_any_cut_and_order_of_merging_gives_the_same(most, data):
    pairs = data.draw(pixels)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(pairs)), max_size=4)))
    shuffled = data.draw(st.permutations(pairs))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST", most)
        whole = spectrum_of(pairs)
        parts = [
            spectrum_of(shuffled[start:stop])
            for start, stop in zip([0, *cuts], [*cuts, len(pairs)], strict=True)
            if start < stop
        ]
        at_once = merged(data.draw(st.permutations(parts)))
        by_and_by = parts[0]
        for part in parts[1:]:
            by_and_by = merged([part, by_and_by])
        assert same(at_once, whole)
        assert same(merged([by_and_by]), whole)
        assert np.array_equal(statistics(at_once), statistics(whole), equal_nan=True)
        assert len(whole.words) <= most


@settings(max_examples=60)
@given(pixels)
def test_dropped_bits_leave_sums_exact_and_quantiles_near(pairs):
    exact = spectrum_of(pairs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST", 8)
        short = spectrum_of(pairs)
        found = statistics(short)
    weight = sum(one for _, one in pairs)
    total = sum(Fraction(value) * one for value, one in pairs)
    squares = sum(Fraction(value) ** 2 * one for value, one in pairs)
    if short.dropped:
        assert found[SUM] == float(total / FULL)
        assert found[MEAN] == float(total / weight)
        assert found[SD] == pytest.approx(float(squares / weight - (total / weight) ** 2) ** 0.5, rel=1e-12)
    assert (found[MIN], found[MAX]) == (min(one for one, _ in pairs), max(one for one, _ in pairs))
    assert found[MIN] <= found[P25] <= found[P75] <= found[MAX]
    assert exact.weights.sum() == short.weights.sum()
    assert np.array_equal(np.unique(exact.words >> np.uint32(short.dropped)), short.words)


def test_many_distinct_values_of_a_country():
    random = np.random.default_rng(3)
    values = random.normal(0.5, 0.1, 300_000).astype(np.float32)
    full = distinct(words_of(values), np.full(values.size, FULL))
    short = narrowed(full)
    assert len(short.words) <= 1 << 16 < len(full.words)
    # Values as they are lie within 2^(dropped - 24) of those that quantiles are made of.
    bound = 2.0 ** (short.dropped - 24)
    assert bound < 1e-3
    assert np.abs(statistics(short) / statistics(full) - 1).max() < 2 * bound


@settings(max_examples=60)
@given(pixels)
def test_plain_twin_of_statistics(pairs):
    moderate = [(float(np.float32(np.clip(value, -1e6, 1e6))), one) for value, one in pairs]
    spectrum = spectrum_of(moderate)
    found, plain = statistics(spectrum), statistics_plain(spectrum)
    scale = max(abs(value) for value, _ in moderate)
    assert np.abs(found - plain).max() <= 1e-6 * max(scale, 1)


def test_nothing_has_no_statistics():
    found = statistics(merged([]))
    assert found[0] == 0
    assert np.isnan(found[1:]).all()
    assert np.isnan(statistics_plain(merged([]))[1:]).all()


def test_statistics_by_hand():
    """Two pixels wholly covered, one by half: 1, 3 and 7."""
    spectrum = spectrum_of([(1.0, FULL), (3.0, FULL), (7.0, FULL // 2)])
    found = dict(zip(STATISTICS, statistics(spectrum), strict=True))
    assert found["count"] == 2.5
    assert found["sum"] == 7.5
    assert found["mean"] == 3.0
    assert found["sd"] == pytest.approx(((4 + 0 + 16 / 2) / 2.5) ** 0.5)
    assert (found["min"], found["max"]) == (1.0, 7.0)
    # Values stand at 0, 1·1 + 2·1 = 3 and 2·½ + 2·2 = 5; the median at ½ · 2 · 2.5 = 2.5.
    assert found["p50"] == pytest.approx(1 + 2 * 2.5 / 3)
    assert found["p75"] == pytest.approx(3 + 4 * 0.75 / 2)


@settings(max_examples=60)
@given(data=st.data())
def test_plain_twin_of_the_pixels_of_zones(some_polygons, rings_of, data):
    zones = data.draw(some_polygons)
    seed = data.draw(st.integers(0, 2**32 - 1))
    spread = data.draw(st.sampled_from([0.0, 1.0, 30.0, 800.0, 40_000.0]))
    around = data.draw(st.sampled_from([0.0, -1000.0, 1030.0, 2e7]))
    keeps = data.draw(st.integers(1, 5))
    random = np.random.default_rng(seed)
    data = random.normal(0, 1, (12, 12)).astype(np.float32)
    # Whole numbers, near each other or not; 0 leaves them as they are.
    data = np.round(data * spread + around).astype(np.float32) if spread else data
    data[random.random((12, 12)) < 0.1] = random.choice([np.nan, np.inf, -0.0])
    valid = random.random((12, 12)) < 0.8
    coverage = cover(rings_of(zones), (0, 0), (12, 12))
    keep = np.array([bool(keeps >> at & 1) for at in range(len(zones))])
    found, plain = summarise(coverage, data, valid, keep), summarise_plain(coverage, data, valid, keep)
    assert np.allclose(found.statistics, plain.statistics, rtol=1e-9, atol=1e-9, equal_nan=True)
    for name in ("weights", "words", "values", "starts"):
        assert np.array_equal(getattr(found, name), getattr(plain, name)), name
    for zone in np.flatnonzero(keep):
        assert np.array_equal(statistics(found.spectrum(zone)), found.statistics[zone], equal_nan=True)


@pytest.mark.parametrize("size", [25, 700, 5000])
def test_long_zones_are_sorted_too(size):
    from udfs.rings import Rings

    random = np.random.default_rng(size)
    side = size * FULL
    rings = Rings(
        np.array([0, side, side, 0, 0]), np.array([0, 0, FULL, FULL, 0]), np.array([0, 5]), np.array([False]),
        np.array([0, 1]),
    )  # fmt: skip
    coverage, valid = cover(rings, (0, 0), (1, size)), np.ones((1, size), np.bool_)
    for scale in (1.0, 1e30, 1e-3, 300):
        data = (random.normal(0.3, scale, (1, size))).astype(np.float32)
        data = np.round(data) if scale == 300 else data
        found = summarise(coverage, data, valid, np.array([True]))
        expected, counts = np.unique(words_of(data), return_counts=True)
        assert np.array_equal(found.words, expected)
        assert np.array_equal(found.values, counts * FULL)
        assert found.weights[0] == size * FULL
