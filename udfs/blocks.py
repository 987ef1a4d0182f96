"""Compiled pieces of which kernels of whole recipes are put together; each works on a short run of pixels.

Values of all dates lie in one array (dates, columns); a run of pixels begins at a column of it, and is as long as the
result. All give what the functions of the same names in `udfs.reduce` and `udfs.quantiles` give, to the last bit, with
null cells left out; a result without usable cells is a meaningless number. Their inner loops go over pixels without
branches, so that they become SIMD.
"""

from collections import namedtuple
from functools import cache

import numpy as np
from numpy.typing import NDArray

from udfs.jit import compiled
from udfs.quantiles import _comparators

Workspace = namedtuple("Workspace", ("ordered", "flags", "undefined", "totals", "centres", "numbers"))  # noqa: PYI024
"""Memory of the reducers; numba takes a named tuple, but no class."""

_BOTH, _LEAST, _GREATEST = 0, 1, 2


@cache
def median_network(dates: int) -> NDArray[np.int64]:
    """List the steps that bring the middle of `dates` values to its place: pairs of rows, and which of both is needed.

    Of the sorting network in `udfs.quantiles`, only what the middle values depend on; shape (n, 3), where the last
    column is 0 for both, 1 for the lesser only, 2 for the greater only.
    """
    wanted = {dates // 2, max(dates // 2 - 1, 0)}
    steps = []
    for low, high in reversed(_comparators(dates).tolist()):
        if low in wanted or high in wanted:
            steps.append((low, high, _BOTH if {low, high} <= wanted else _LEAST if low in wanted else _GREATEST))
            wanted |= {low, high}
    return np.array(steps[::-1], np.int64).reshape(-1, 3)


@compiled(nogil=True, error_model="numpy")
def workspace(dates, width, model):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Allocate memory for `dates` runs of `width` pixels of the type of the array `model`."""
    return Workspace(
        np.empty((dates, width), model.dtype),
        np.empty(width, np.bool_),
        np.empty(width, np.bool_),
        np.empty(width, np.float64),
        np.empty(width, np.float64),
        np.empty(width, np.float64),
    )


@compiled(nogil=True, error_model="numpy", inline="always")
def load(source, nodata, declared, scale, offset, data, valid):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Make float32 of stored numbers, and tell which are usable: not `nodata` where that is declared, else not NaN."""
    for pixel in range(len(source)):
        number = source[pixel]
        data[pixel] = np.float32(number) * scale + offset
        valid[pixel] = (number != nodata) if declared else (number == number)  # noqa: PLR0124


@compiled(nogil=True, error_model="numpy", inline="always")
def copy(source, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Copy a run; assigning a slice costs several times as much."""
    for pixel in range(len(source)):
        out[pixel] = source[pixel]


@compiled(nogil=True, error_model="numpy", inline="always")
def greater(one, other):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Give the greater number as numpy.maximum does; NaN if either is."""
    return one if one > other or one != one else other  # noqa: PLR0124


@compiled(nogil=True, error_model="numpy", inline="always")
def lesser(one, other):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Give the lesser number as numpy.minimum does; NaN if either is."""
    return one if one < other or one != one else other  # noqa: PLR0124


@compiled(nogil=True, error_model="numpy")
def median(values, start, valid, mark, out, work, network):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Median.

    Nulls are filled with infinity and minus infinity in turn, so that the middle stays at one place.
    """
    dates, width = len(values), len(out)
    odd, undefined = work.flags, work.undefined
    _fill(values, start, valid, mark, width, work)
    for step in range(len(network)):
        _compare(work.ordered[network[step, 0]], work.ordered[network[step, 1]], network[step, 2], width)
    high, low = work.ordered[dates // 2], work.ordered[max(dates // 2 - 1, 0)]
    even = dates % 2 == 0
    for pixel in range(width):
        one, other = np.float64(low[pixel]), np.float64(high[pixel])
        single = one if even else other
        between = (one + other) * 0.5
        result = single if odd[pixel] == even else between
        out[pixel] = np.nan if undefined[pixel] else result


@compiled(nogil=True, error_model="numpy", inline="always")
def _fill(values, start, valid, mark, width, work):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    odd, undefined = work.flags, work.undefined
    odd[:] = False
    undefined[:] = False
    for date in range(len(values)):
        source, known, target = (
            values[date, start : start + width],
            valid[date, mark : mark + width],
            work.ordered[date],
        )
        for pixel in range(width):
            null = -np.inf if odd[pixel] else np.inf
            target[pixel] = source[pixel] if known[pixel] else null
            undefined[pixel] |= known[pixel] & (source[pixel] != source[pixel])
            odd[pixel] ^= not known[pixel]


@compiled(nogil=True, error_model="numpy", inline="always")
def _compare(low, high, kind, width):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Order two rows; written out, since numba's min and max look for NaN first."""
    if kind == _BOTH:
        for pixel in range(width):
            one, other = low[pixel], high[pixel]
            low[pixel] = other if other < one else one  # noqa: FURB136
            high[pixel] = one if other < one else other  # noqa: FURB136
    elif kind == _LEAST:
        for pixel in range(width):
            low[pixel] = high[pixel] if high[pixel] < low[pixel] else low[pixel]  # noqa: FURB136
    else:
        for pixel in range(width):
            high[pixel] = low[pixel] if high[pixel] < low[pixel] else high[pixel]  # noqa: FURB136


@compiled(nogil=True, error_model="numpy")
def _add_up(values, start, valid, mark, width, work):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    totals, numbers = work.totals, work.numbers
    totals[:] = 0.0
    numbers[:] = 0.0
    for date in range(len(values)):
        source, known = values[date, start : start + width], valid[date, mark : mark + width]
        for pixel in range(width):
            totals[pixel] += np.float64(source[pixel]) if known[pixel] else 0.0
            numbers[pixel] += 1.0 if known[pixel] else 0.0


@compiled(nogil=True, error_model="numpy")
def total(values, start, valid, mark, out, work):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Sum."""
    _add_up(values, start, valid, mark, len(out), work)
    for pixel in range(len(out)):
        out[pixel] = work.totals[pixel]


@compiled(nogil=True, error_model="numpy")
def mean(values, start, valid, mark, out, work):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Arithmetic mean."""
    _add_up(values, start, valid, mark, len(out), work)
    for pixel in range(len(out)):
        out[pixel] = work.totals[pixel] / max(work.numbers[pixel], 1.0)


@compiled(nogil=True, error_model="numpy")
def _spread(values, start, valid, mark, width, work):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Put the sample variance into the totals."""
    totals, centres, numbers = work.totals, work.centres, work.numbers
    _add_up(values, start, valid, mark, width, work)
    for pixel in range(width):
        centres[pixel] = totals[pixel] / max(numbers[pixel], 1.0)
    totals[:] = 0.0
    for date in range(len(values)):
        source, known = values[date, start : start + width], valid[date, mark : mark + width]
        for pixel in range(width):
            distance = np.float64(source[pixel]) - centres[pixel]
            totals[pixel] += distance * distance if known[pixel] else 0.0
    for pixel in range(width):
        totals[pixel] /= max(numbers[pixel] - 1.0, 1.0)


@compiled(nogil=True, error_model="numpy")
def variance(values, start, valid, mark, out, work):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Sample variance."""
    _spread(values, start, valid, mark, len(out), work)
    for pixel in range(len(out)):
        out[pixel] = work.totals[pixel]


@compiled(nogil=True, error_model="numpy")
def sd(values, start, valid, mark, out, work):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Sample standard deviation."""
    _spread(values, start, valid, mark, len(out), work)
    for pixel in range(len(out)):
        out[pixel] = np.sqrt(work.totals[pixel])


@compiled(nogil=True, error_model="numpy")
def minimum(values, start, valid, mark, out, work):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Find the least value."""
    found, width = work.flags, len(out)
    found[:] = False
    out[:] = 0
    for date in range(len(values)):
        source, known = values[date, start : start + width], valid[date, mark : mark + width]
        for pixel in range(width):
            better = lesser(out[pixel], source[pixel]) if found[pixel] else source[pixel]
            out[pixel] = better if known[pixel] else out[pixel]
            found[pixel] |= known[pixel]


@compiled(nogil=True, error_model="numpy")
def maximum(values, start, valid, mark, out, work):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Find the greatest value."""
    found, width = work.flags, len(out)
    found[:] = False
    out[:] = 0
    for date in range(len(values)):
        source, known = values[date, start : start + width], valid[date, mark : mark + width]
        for pixel in range(width):
            better = greater(out[pixel], source[pixel]) if found[pixel] else source[pixel]
            out[pixel] = better if known[pixel] else out[pixel]
            found[pixel] |= known[pixel]


@compiled(nogil=True, error_model="numpy")
def first(values, start, valid, mark, out, work):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Find the first usable value."""
    found, width = work.flags, len(out)
    found[:] = False
    out[:] = 0
    for date in range(len(values)):
        source, known = values[date, start : start + width], valid[date, mark : mark + width]
        for pixel in range(width):
            out[pixel] = source[pixel] if known[pixel] & (not found[pixel]) else out[pixel]
            found[pixel] |= known[pixel]


@compiled(nogil=True, error_model="numpy")
def last(values, start, valid, mark, out, work):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """Find the last usable value."""
    width = len(out)
    out[:] = 0
    for date in range(len(values)):
        source, known = values[date, start : start + width], valid[date, mark : mark + width]
        for pixel in range(width):
            out[pixel] = source[pixel] if known[pixel] else out[pixel]


@compiled(nogil=True, error_model="numpy")
def count(values, start, valid, mark, out, work):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """Count the usable values that are finite."""
    width = len(out)
    out[:] = 0
    for date in range(len(values)):
        source, known = values[date, start : start + width], valid[date, mark : mark + width]
        for pixel in range(width):
            out[pixel] += 1 if known[pixel] & (abs(source[pixel]) < np.inf) else 0


@compiled(nogil=True, error_model="numpy")
def some(valid, mark, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Tell whether any date has a usable value."""
    width = len(out)
    out[:] = False
    for date in range(len(valid)):
        known = valid[date, mark : mark + width]
        for pixel in range(width):
            out[pixel] |= known[pixel]


@compiled(nogil=True, error_model="numpy")
def several(valid, mark, out, work):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Tell whether more than one date has a usable value."""
    width, seen = len(out), work.flags
    out[:] = False
    seen[:] = False
    for date in range(len(valid)):
        known = valid[date, mark : mark + width]
        for pixel in range(width):
            out[pixel] |= seen[pixel] & known[pixel]
            seen[pixel] |= known[pixel]
