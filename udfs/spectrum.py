"""What is kept of the pixels of a zone, so that its parts add up exactly, and the statistics of that.

Each distinct value is kept with the weight it has in all: integers, so that parts of a zone add up the same in any
order, and all statistics are computed from them in the order of values. Beyond `MOST` distinct values their last bits
are dropped, as few as it takes; sums of the values are then kept beside them, exactly, as whole numbers. How many bits
go depends on the values alone, so that this too is the same for all tilings.

Weights are those of `udfs.coverage`. Mean and sum are weighted, the standard deviation is a population's. Quantiles
interpolate between distinct values x₀ < … < xₙ₋₁ of weights wᵢ: xᵢ stands at i·wᵢ + (n - 1)·(w₀ + … + wᵢ₋₁), and the
quantile q at q·(n - 1)·Σw. All are what exactextract (https://isciences.github.io/exactextract/operations.html) gives.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from udfs.jit import compiled
from udfs.rings import FULL

MOST = 1 << 16
"""Distinct values that are kept as they are: all those of a band of 16 bits."""
STATISTICS = ("count", "mean", "sd", "min", "max", "p25", "p50", "p75", "sum")
"""Columns of the statistics; `count` is the weight of the usable pixels in pixels."""
COUNT, MEAN, SD, MIN, MAX, P25, P50, P75, SUM = range(len(STATISTICS))
CHANCES = np.array([0.25, 0.5, 0.75])
LEAST_EXPONENT = -149
"""Of a float32: all are whole multiples of 2⁻¹⁴⁹."""

Words = NDArray[np.uint32]
Longs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Spectrum:
    """The pixels of a zone, or of a part of it."""

    words: Words
    """Distinct values as `words_of` makes them, ascending, less their last `dropped` bits."""
    weights: Longs
    """Weight of each."""
    dropped: int = 0
    """Bits of the values that are not kept."""
    total: int = 0
    """Σ w·x in 2⁻¹⁴⁹; where no bits are dropped it is 0, and known from the values."""
    squares: int = 0
    """Σ w·x² in 2⁻²⁹⁸, likewise."""
    least: int = 0
    """Word of the least value, where bits are dropped."""
    greatest: int = 0
    """Word of the greatest value, where bits are dropped."""


def words_of(values: NDArray[np.float32]) -> Words:
    """Number float32 so that greater values have greater words; both zeros have one."""
    bits = (values + np.float32(0)).view(np.uint32)
    return np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))


def values_of(words: Words) -> NDArray[np.float32]:
    """The values of words."""
    bits = np.where(words >> 31, words ^ np.uint32(1 << 31), ~words).astype(np.uint32)
    return np.asarray(bits.view(np.float32))


def merged(parts: Iterable[Spectrum]) -> Spectrum:
    """Put the parts of a zone together; merging in any order, all at once or by and by, gives the same."""
    spectra = list(parts)
    dropped = max((part.dropped for part in spectra), default=0)
    words = [part.words >> np.uint32(dropped - part.dropped) for part in spectra]
    weights = [part.weights for part in spectra]
    none = np.empty(0, np.uint32), np.empty(0, np.int64)
    exact = distinct(np.concatenate([none[0], *words]), np.concatenate([none[1], *weights]))
    if not dropped and len(exact.words) <= MOST:
        return exact
    sums = [_with_sums(part) for part in spectra if len(part.words)]
    whole = Spectrum(
        exact.words, exact.weights, dropped,
        sum(part.total for part in sums), sum(part.squares for part in sums),
        min(part.least for part in sums), max(part.greatest for part in sums),
    )  # fmt: skip
    return _narrowed(whole)


def narrowed(spectrum: Spectrum) -> Spectrum:
    """Drop as many bits of the values as it takes to have no more than `MOST`."""
    return spectrum if len(spectrum.words) <= MOST else _narrowed(_with_sums(spectrum))


def statistics(spectrum: Spectrum) -> NDArray[np.float64]:
    """Statistics of a zone in the order of `STATISTICS`; NaN where it has no pixel, `count` is then 0.

    Where bits were dropped, quantiles are those of the middles of what values were joined, hence within a relative
    2^(dropped - 24) of values as they are; all other statistics are exact to float64.
    """
    out = np.full(len(STATISTICS), np.nan)
    if spectrum.dropped:
        _of_sums(spectrum, out)
        middles = (spectrum.words << np.uint32(spectrum.dropped)) | np.uint32(1 << (spectrum.dropped - 1))
        inside = values_of(np.clip(middles, np.uint32(spectrum.least), np.uint32(spectrum.greatest)))
        _quantiles(inside.astype(np.float64), spectrum.weights, CHANCES, out)
    else:
        fill(values_of(spectrum.words).astype(np.float64), spectrum.weights, CHANCES, out)
    return out


def statistics_plain(spectrum: Spectrum) -> NDArray[np.float64]:
    """Do what `statistics` does where no bits are dropped, in plain numpy."""
    values, weights = values_of(spectrum.words).astype(np.float64), spectrum.weights / FULL
    count, size = weights.sum(), len(values)
    if not size:
        return np.array([0.0, *[np.nan] * (len(STATISTICS) - 1)])
    total = (values * weights).sum()
    mean = total / count
    deviation = np.sqrt((weights * (values - mean) ** 2).sum() / count)
    places = np.arange(size) * weights + (size - 1) * (np.cumsum(weights) - weights)
    quantiles = np.interp(CHANCES * count * (size - 1), places, values)
    return np.array([count, mean, deviation, values[0], values[-1], *quantiles, total])


def distinct(words: Words, weights: Longs) -> Spectrum:
    """Sort words, and add up the weights of equal ones."""
    order = np.argsort(words, kind="stable")
    ordered = words[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.empty(0, np.int64)
    added = np.add.reduceat(weights[order], starts) if len(ordered) else np.empty(0, np.int64)
    return Spectrum(ordered[starts].astype(np.uint32), added.astype(np.int64))


def _narrowed(spectrum: Spectrum) -> Spectrum:
    words, weights, dropped = spectrum.words, spectrum.weights, spectrum.dropped
    while len(words) > MOST:
        halved = distinct(words >> np.uint32(1), weights)
        words, weights, dropped = halved.words, halved.weights, dropped + 1
    return Spectrum(words, weights, dropped, spectrum.total, spectrum.squares, spectrum.least, spectrum.greatest)


def _with_sums(spectrum: Spectrum) -> Spectrum:
    """A spectrum whose sums are known, from its values while they are all there."""
    if spectrum.dropped:
        return spectrum
    total, squares = _exact_sums(values_of(spectrum.words), spectrum.weights)
    words = spectrum.words
    return Spectrum(words, spectrum.weights, 0, total, squares, int(words[0]), int(words[-1]))


def _exact_sums(values: NDArray[np.float32], weights: Longs) -> tuple[int, int]:
    """Σ w·x in 2⁻¹⁴⁹ and Σ w·x² in 2⁻²⁹⁸, as whole numbers."""
    mantissas, exponents = np.frexp(values.astype(np.float64))
    shifts = np.maximum(exponents - 24 - LEAST_EXPONENT, 0)
    wholes = np.ldexp(mantissas, exponents - LEAST_EXPONENT - shifts).astype(np.int64)
    total = squares = 0
    for shift in np.unique(shifts).tolist():
        same = shifts == shift
        whole, weight = wholes[same], weights[same]
        total += _exact_dot(whole, weight) << shift
        squares += _exact_dot(whole * whole, weight) << (2 * shift)
    return total, squares


def _exact_dot(numbers: Longs, weights: Longs) -> int:
    """Σ a·w of whole numbers of up to 63 bits, in pieces that 64 bits can hold."""
    total = 0
    for start in range(0, len(numbers), 1 << 16):
        part = slice(start, start + (1 << 16))
        for low in (0, 21, 42):
            piece = (numbers[part] >> low) & ((1 << 21) - 1) if low < 42 else numbers[part] >> low
            for place in (0, 21, 42):
                weight = (weights[part] >> place) & ((1 << 21) - 1)
                total += int(np.dot(piece, weight)) << (low + place)
    return total


def _of_sums(spectrum: Spectrum, out: NDArray[np.float64]) -> None:
    """Fill in what exact sums tell, each rounded once."""
    weight = int(spectrum.weights.sum())
    unit = 1 << -LEAST_EXPONENT
    out[COUNT] = weight / FULL
    out[SUM] = float(Fraction(spectrum.total, unit * FULL))
    out[MEAN] = float(Fraction(spectrum.total, unit * weight))
    variance = Fraction(spectrum.squares * weight - spectrum.total**2, (unit * weight) ** 2)
    # The root of a whole number with twice the bits that a float holds.
    out[SD] = float(Fraction(isqrt(int(variance * (1 << 400))), 1 << 200))
    out[MIN], out[MAX] = values_of(np.array([spectrum.least, spectrum.greatest], np.uint32))


@compiled(nogil=True, error_model="numpy")
def fill(values, weights, chances, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Fill in the statistics of distinct values, ascending, and their weights; `out` holds NaN before."""
    whole, total = np.int64(0), 0.0
    for place in range(len(values)):
        whole += weights[place]
        total += np.float64(weights[place]) * values[place]
    out[COUNT] = np.float64(whole) / FULL
    if not whole:
        return
    mean, squares = total / np.float64(whole), 0.0
    for place in range(len(values)):
        squares += np.float64(weights[place]) * (values[place] - mean) ** 2
    out[MEAN], out[SUM] = mean, total / FULL
    out[SD] = np.sqrt(squares / np.float64(whole))
    out[MIN], out[MAX] = values[0], values[-1]
    _quantiles(values, weights, chances, out)


@compiled(nogil=True, error_model="numpy")
def _quantiles(values, weights, chances, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Walk along the places of the values until each quantile is passed."""
    last, whole = len(values) - 1, np.int64(0)
    for place in range(last + 1):
        whole += weights[place]
    before, here, place = np.int64(0), 0.0, 0
    for chance in range(len(chances)):
        wanted = chances[chance] * np.float64(last) * np.float64(whole)
        while place < last:
            after = before + weights[place]
            following = np.float64(place + 1) * np.float64(weights[place + 1]) + np.float64(last) * np.float64(after)
            if following > wanted:
                break
            before, here, place = after, following, place + 1
        if place == last:
            out[P25 + chance] = values[last]
        else:
            share = (wanted - here) / (following - here)
            out[P25 + chance] = values[place] + share * (values[place + 1] - values[place])
