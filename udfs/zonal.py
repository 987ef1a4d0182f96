"""Statistics of the pixels of zones over a window: pixels gathered by coverage, sorted, joined, summed.

See `udfs.spectrum` for what is kept of a zone and what the statistics are.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udfs.coverage import Coverage
from udfs.jit import compiled
from udfs.rings import FULL
from udfs.spectrum import (
    CHANCES,
    STATISTICS,
    Longs,
    Spectrum,
    Words,
    distinct,
    fill,
    narrowed,
    statistics_plain,
    words_of,
)

DIGIT = 10
"""Most bits that one pass of the sort looks at."""
TALLY = 1 << 13
"""Most words that are possible in a zone for its weights to be added up word by word."""
SPARSE = 8
"""Possible words to an item, beyond which a sort is faster."""
CROWD = 32
"""Items that share their first bits, beyond which a sort by insertion would take long."""
WORD = np.uint64(32)
"""Bits of an item below its word."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What the zones of a window amount to."""

    statistics: NDArray[np.float64]
    """(zones, statistics), in the order of `STATISTICS`; NaN where no pixel is usable, `count` is then 0."""
    weights: Longs
    """Of the usable pixels of each zone."""
    words: Words
    """Distinct values of the zones that were asked for, one zone after the other."""
    values: Longs
    """Their weights."""
    starts: Longs
    """Where those of each zone begin, and the number of all; nothing is kept of zones not asked for."""

    def spectrum(self, zone: int) -> Spectrum:
        """Distinct values of one zone that was asked for."""
        part = slice(self.starts[zone], self.starts[zone + 1])
        return narrowed(Spectrum(self.words[part], self.values[part]))


def summarise(
    coverage: Coverage, data: NDArray[np.float32], valid: NDArray[np.bool_], keep: NDArray[np.bool_]
) -> Summary:
    """Statistics of each zone over one band of a window.

    Args:
        coverage: Of the zones in the window.
        data: (rows, cols), physical.
        valid: Same shape, True = usable; a value that is not finite is not usable.
        keep: One a zone, True where the distinct values are wanted too.
    """
    statistics = np.full((len(keep), len(STATISTICS)), np.nan)
    weights, starts = np.zeros(len(keep), np.int64), np.zeros(len(keep) + 1, np.int64)
    words, values = _summarise(
        coverage.runs, coverage.zones, coverage.weights, data, valid, keep, CHANCES, statistics, weights, starts
    )
    return Summary(statistics, weights, words, values, starts)


def united(words: Words, values: Longs, starts: Longs, owners: Longs) -> tuple[Longs, Summary]:
    """Put together what several windows hold of zones.

    Args:
        words: Distinct values of many stretches, each ascending.
        values: Their weights.
        starts: Where each stretch begins, and the number of all.
        owners: Whose each stretch is.

    Returns:
        The owners, ascending, and what each of them amounts to, distinct values and all.
    """
    order = np.argsort(owners, kind="stable")
    known, firsts = np.unique(owners[order], return_index=True)
    groups = np.append(firsts, len(owners)).astype(np.int64)
    found = np.full((len(known), len(STATISTICS)), np.nan)
    weights, ends = np.zeros(len(known), np.int64), np.zeros(len(known) + 1, np.int64)
    joined, sums = _united(words, values, starts, order, groups, CHANCES, found, weights, ends)
    return known, Summary(found, weights, joined, sums, ends)


def summarise_plain(
    coverage: Coverage, data: NDArray[np.float32], valid: NDArray[np.bool_], keep: NDArray[np.bool_]
) -> Summary:
    """Do what `summarise` does, in plain numpy."""
    spectra, rows = [], []
    for zone in range(len(keep)):
        weights = coverage.dense(zone, data.shape)
        used = (weights > 0) & valid & np.isfinite(data)
        spectrum = distinct(words_of(data[used]), weights[used].astype(np.int64))
        rows.append(statistics_plain(spectrum))
        spectra.append(spectrum)
    kept = [spectrum for spectrum, wanted in zip(spectra, keep, strict=True) if wanted]
    sizes = [len(spectrum.words) if wanted else 0 for spectrum, wanted in zip(spectra, keep, strict=True)]
    return Summary(
        np.array(rows).reshape(-1, len(STATISTICS)),
        np.array([spectrum.weights.sum() for spectrum in spectra], np.int64),
        np.concatenate([spectrum.words for spectrum in kept]) if kept else np.empty(0, np.uint32),
        np.concatenate([spectrum.weights for spectrum in kept]) if kept else np.empty(0, np.int64),
        np.cumsum([0, *sizes]),
    )


@compiled(nogil=True, error_model="numpy")
def _summarise(runs, zones, coverage, data, valid, keep, chances, out, weights, starts):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, PLR0913, PLR0917
    most, kept = np.int64(0), np.int64(0)
    for zone in range(len(keep)):
        pixels = np.int64(0)
        for run in range(zones[zone], zones[zone + 1]):
            pixels += runs[run, 2]
        most, kept = max(most, pixels), kept + (pixels if keep[zone] else 0)
    items, spare = np.empty(most, np.uint64), np.empty(most, np.uint64)
    sums, numbers = np.empty(most, np.int64), np.empty(most, np.float64)
    counts, tally = np.zeros(1 << DIGIT, np.int64), np.zeros(TALLY, np.int64)
    words, values = np.empty(kept, np.uint32), np.empty(kept, np.int64)
    flat, known, width = data.reshape(-1), valid.reshape(-1), data.shape[1]
    at = np.int64(0)
    for zone in range(len(keep)):
        size = _gather(runs, zones[zone], zones[zone + 1], coverage, flat, known, width, items)
        number = _tallied(items, size, tally, sums)
        ordered = items
        if number < 0:
            ordered = _sorted(items, spare, size, counts)
            number = _combined(ordered, size, sums)
        for place in range(number):
            numbers[place] = _value(np.uint32(ordered[place]))
            weights[zone] += sums[place]
        if keep[zone]:
            for place in range(number):
                words[at + place], values[at + place] = np.uint32(ordered[place]), sums[place]
            at += number
        starts[zone + 1] = at
        fill(numbers[:number], sums[:number], chances, out[zone])
    return words[:at].copy(), values[:at].copy()


@compiled(nogil=True, error_model="numpy")
def _united(words, values, starts, order, groups, chances, out, weights, ends):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, PLR0913, PLR0917
    most, at = np.int64(0), np.int64(0)
    for group in range(len(ends) - 1):
        size = np.int64(0)
        for place in range(groups[group], groups[group + 1]):
            size += starts[order[place] + 1] - starts[order[place]]
        most = max(most, size)
    items, spare = np.empty(most, np.uint64), np.empty(most, np.uint64)
    numbers, counts = np.empty(most, np.float64), np.zeros(1 << DIGIT, np.int64)
    joined, sums = np.empty(len(words), np.uint32), np.empty(len(words), np.int64)
    for group in range(len(ends) - 1):
        size = np.int64(0)
        for place in range(groups[group], groups[group + 1]):
            for source in range(starts[order[place]], starts[order[place] + 1]):
                items[size] = (np.uint64(words[source]) << WORD) | np.uint64(source)
                size += 1
        ordered, begin = _sorted(items, spare, size, counts), at
        for place in range(size):
            word, weight = np.uint32(ordered[place] >> WORD), values[ordered[place] & np.uint64(0xFFFFFFFF)]
            if at > begin and joined[at - 1] == word:
                sums[at - 1] += weight
            else:
                joined[at], sums[at], numbers[at - begin] = word, weight, _value(word)
                at += 1
            weights[group] += weight
        ends[group + 1] = at
        fill(numbers[: at - begin], sums[begin:at], chances, out[group])
    return joined[:at].copy(), sums[:at].copy()


@compiled(nogil=True, inline="always")
def _word(value):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    bits = np.float32(value + np.float32(0)).view(np.int32)
    return np.uint32(bits) ^ (np.uint32(bits >> np.int32(31)) | np.uint32(0x80000000))


@compiled(nogil=True, inline="always")
def _value(word):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    bits = np.uint32(word ^ np.uint32(0x80000000)) if word >> np.uint32(31) else np.uint32(~word)
    return np.float64(np.uint32(bits).view(np.float32))


@compiled(nogil=True, error_model="numpy")
def _gather(runs, first, last, coverage, data, valid, width, items):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, PLR0913, PLR0917
    """List the usable pixels of a zone: the word in the upper half of an item, the weight in the lower.

    Its loops have no branches, so that they become SIMD; what is not usable is taken out afterwards.
    """
    size = 0
    for run in range(first, last):
        begin, length, start = np.int64(runs[run, 0]) * width + runs[run, 1], np.int64(runs[run, 2]), runs[run, 3]
        line, known, out = data[begin : begin + length], valid[begin : begin + length], items[size : size + length]
        usable = 0
        for step in range(length):
            usable += known[step] & (abs(line[step]) < np.inf)
        if start < 0:
            for step in range(length):
                out[step] = (np.uint64(_word(line[step])) << WORD) | np.uint64(FULL)
        else:
            shares = coverage[start : start + length]
            for step in range(length):
                out[step] = (np.uint64(_word(line[step])) << WORD) | np.uint64(shares[step])
        if usable < length:
            left = 0
            for step in range(length):
                out[left] = out[step]
                left += known[step] & (abs(line[step]) < np.inf)
        size += usable
    return size


@compiled(nogil=True)
def _tallied(items, size, tally, sums):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Leave one item a word and add up the weights, without a sort, where few words are possible; else give -1.

    So it is where numbers are whole and near each other: then the last bits of all words are the same.
    """
    if not size:
        return 0
    first = np.uint32(items[0] >> WORD)
    least, greatest, apart = first, first, np.uint32(0)
    for place in range(size):
        word = np.uint32(items[place] >> WORD)
        least, greatest, apart = min(least, word), max(greatest, word), apart | (word ^ first)
    step = _zeros(apart)
    most = np.int64((greatest - least) >> step)
    if most >= min(TALLY, SPARSE * size):
        return -1
    for place in range(size):
        item = items[place]
        tally[(np.uint32(item >> WORD) - least) >> step] += np.int64(item & np.uint64(0xFFFFFFFF))
    number = 0
    for value in range(most + 1):
        items[number], sums[number] = np.uint64(least + (np.uint32(value) << step)), tally[value]
        number += tally[value] > 0
        tally[value] = 0
    return number


@compiled(nogil=True, inline="always")
def _zeros(bits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """How many of the last bits are zero, of 32 that are not all."""
    count = np.uint32(0)
    while count < 31 and not (bits >> count) & np.uint32(1):
        count += np.uint32(1)
    return count


@compiled(nogil=True)
def _sorted(items, spare, size, counts):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Sort items by their words: dealt out by their first bits, which leaves little to the insertion that follows."""
    if size < 2:
        return items
    least, greatest = np.uint32(0xFFFFFFFF), np.uint32(0)
    for place in range(size):
        word = np.uint32(items[place] >> WORD)
        least, greatest = min(least, word), max(greatest, word)
    base = np.uint64(least) << WORD
    bits = _bits(np.uint64(greatest - least))
    digit = min(_bits(np.uint64(size)), DIGIT)
    shift = WORD + np.uint64(max(bits - digit, 0))
    number = int((np.uint64(greatest - least) << WORD) >> shift) + 1
    counts[:number] = 0
    for place in range(size):
        counts[(items[place] - base) >> shift] += 1
    if bits > digit and counts[:number].max() > CROWD:
        return _sorted_by_digits(items, spare, size, counts, base, bits)
    _deal(items, spare, size, counts, number, base, shift, np.uint64(0xFFFFFFFF))
    if bits > digit:
        last = spare[0]
        for place in range(1, size):
            item, free = spare[place], place
            if item >= last:
                last = item
                continue
            while free and spare[free - 1] > item:
                spare[free] = spare[free - 1]
                free -= 1
            spare[free] = item
    return spare


@compiled(nogil=True)
def _sorted_by_digits(items, spare, size, counts, base, bits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Sort items digit by digit from the last, as many digits as tell them apart."""
    passes = -(-bits // DIGIT)
    digit = np.uint64(-(-bits // passes))
    number, mask, shift = 1 << int(digit), (np.uint64(1) << digit) - np.uint64(1), WORD
    source, target = items, spare
    for _ in range(passes):
        counts[:number] = 0
        for place in range(size):
            counts[((source[place] - base) >> shift) & mask] += 1
        _deal(source, target, size, counts, number, base, shift, mask)
        source, target, shift = target, source, shift + digit
    return source


@compiled(nogil=True, inline="always")
def _deal(source, target, size, counts, number, base, shift, mask):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, PLR0913, PLR0917
    """Put items where those of their digit begin; `counts` tells how many each digit has."""
    total = 0
    for value in range(number):
        total, counts[value] = total + counts[value], total
    for place in range(size):
        value = ((source[place] - base) >> shift) & mask
        target[counts[value]] = source[place]
        counts[value] += 1


@compiled(nogil=True, inline="always")
def _bits(number):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """How many bits a number has."""
    bits = 0
    while number >> np.uint64(bits):
        bits += 1
    return bits


@compiled(nogil=True)
def _combined(items, size, sums):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Leave one item a word, now the word itself, and add up the weights; returns how many."""
    if not size:
        return 0
    last, total, number = items[0] >> WORD, np.int64(0), 0
    for place in range(size):
        word, weight = items[place] >> WORD, np.int64(items[place] & np.uint64(0xFFFFFFFF))
        fresh = word != last
        number += fresh
        total = weight + (0 if fresh else total)
        items[number], sums[number], last = word, total, word
    return number + 1
