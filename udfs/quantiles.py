"""Median and quantiles over the first axis: compiled kernels, and plain numpy twins with the same results.

Shapes, `valid`, null and NaN are as in `udfs.reduce`. Quantiles are of type 7 in Hyndman and Fan, Sample quantiles in
statistical packages, The American Statistician 50(4), 1996, doi:10.1080/00031305.1996.10473566; the median is the
quantile of probability 0.5, computed as the mean of the two middle values.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs.dtypes import float_dtype
from udfs.jit import compiled
from udfs.reduce import Data, Reduced, Valid, usable

BLOCK = 256
"""Pixels gathered at once, so that a stack's layers are read in runs and the sorting stays in the cache."""


def median(data: Data, valid: Valid, *, ignore_nodata: bool = True) -> Reduced:
    """Median in floating point."""
    layers, masks = _flat(data, valid)
    result = np.zeros(layers.shape[1], float_dtype(data.dtype))
    if len(data):
        _median_kernel(layers, masks, _comparators(len(data)), _greatest(layers.dtype), result)
    return result.reshape(data.shape[1:]), usable(valid, ignore_nodata=ignore_nodata)


def median_numpy(data: Data, valid: Valid, *, ignore_nodata: bool = True) -> Reduced:
    """Median, the plain twin of `median`."""
    ordered, numbers, undefined = _ordered(data, valid)
    low = _pick(ordered, np.maximum(numbers - 1, 0) // 2)
    high = _pick(ordered, numbers // 2)
    with np.errstate(all="ignore"):
        result = np.where(numbers % 2 == 1, high, (low + high) * 0.5)
    return _finish(result, undefined, data.dtype), usable(valid, ignore_nodata=ignore_nodata)


def quantiles(data: Data, valid: Valid, *, probabilities: Sequence[float], ignore_nodata: bool = True) -> Reduced:
    """Quantiles of the given probabilities (0 to 1) in floating point; the result is of shape (q, …)."""
    layers, masks = _flat(data, valid)
    chances = np.asarray(probabilities, np.float64)
    result = np.zeros((len(chances), layers.shape[1]), float_dtype(data.dtype))
    if len(data):
        _quantile_kernel(layers, masks, _comparators(len(data)), _greatest(layers.dtype), chances, result)
    shape = (len(chances), *data.shape[1:])
    return result.reshape(shape), np.broadcast_to(usable(valid, ignore_nodata=ignore_nodata), shape)


def quantiles_numpy(data: Data, valid: Valid, *, probabilities: Sequence[float], ignore_nodata: bool = True) -> Reduced:
    """Quantiles, the plain twin of `quantiles`."""
    ordered, numbers, undefined = _ordered(data, valid)
    result = np.zeros((len(probabilities), *data.shape[1:]), float_dtype(data.dtype))
    for index, chance in enumerate(probabilities):
        place = np.maximum(numbers - 1, 0) * chance
        floor = np.floor(place).astype(np.int64)
        low = _pick(ordered, floor)
        high = _pick(ordered, np.minimum(floor + 1, np.maximum(numbers - 1, 0)))
        with np.errstate(all="ignore"):
            between = np.where(place > floor, low + (place - floor) * (high - low), low)
        result[index] = _finish(between, undefined, data.dtype)
    return result, np.broadcast_to(usable(valid, ignore_nodata=ignore_nodata), result.shape)


def _flat(data: Data, valid: Valid) -> tuple[Data, Valid]:
    shape = (len(data), int(np.prod(data.shape[1:], dtype=np.int64)))
    masks = valid.reshape(shape)
    layers = data.view(np.uint8) if data.dtype.kind == "b" else data
    return np.ascontiguousarray(layers.reshape(shape)), np.ascontiguousarray(masks)


def _greatest(dtype: np.dtype[Any]) -> Data:
    """Give what null cells are filled with, so that they sort to the end, as an array of one element of the type."""
    return np.array([np.inf if dtype.kind == "f" else np.iinfo(dtype).max], dtype)


@cache
def _comparators(size: int) -> NDArray[np.int64]:
    """List the pairs of a sorting network for `size` values: Batcher's merge exchange, Knuth, TAOCP 3, 5.2.2, M."""
    pairs = []
    top = 1 << max((size - 1).bit_length() - 1, 0)
    step = top
    while step:
        reach, remainder, distance = top, 0, step
        while True:
            pairs += [(low, low + distance) for low in range(size - distance) if low & step == remainder]
            if reach == step:
                break
            distance, remainder, reach = reach - step, step, reach >> 1
        step >>= 1
    return np.array(pairs, np.int64).reshape(-1, 2)


@compiled(nogil=True)
def _sort_block(layers, masks, start, pairs, greatest, ordered, numbers, undefined):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, PLR0913, PLR0917
    """Sort the columns of one block of pixels; the loops over pixels are innermost, so that they become SIMD."""
    size, width = len(layers), min(ordered.shape[1], layers.shape[1] - start)
    numbers[:] = 0
    undefined[:] = False
    for layer in range(size):
        source, mask, target = layers[layer], masks[layer], ordered[layer]
        for pixel in range(width):
            value = source[start + pixel] if mask[start + pixel] else greatest[0]
            target[pixel] = value
            numbers[pixel] += mask[start + pixel]
            undefined[pixel] |= value != value  # noqa: PLR0124
    for pair in range(len(pairs)):
        low, high = ordered[pairs[pair, 0]], ordered[pairs[pair, 1]]
        for pixel in range(width):
            one, other = low[pixel], high[pixel]
            low[pixel] = other if other < one else one  # noqa: FURB136 (a bare choice becomes one SIMD instruction)
            high[pixel] = one if other < one else other  # noqa: FURB136
    return width


@compiled(nogil=True)
def _median_kernel(layers, masks, pairs, greatest, result):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    ordered = np.empty((len(layers), BLOCK), layers.dtype)
    numbers, undefined = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.bool_)
    for start in range(0, layers.shape[1], BLOCK):
        width = _sort_block(layers, masks, start, pairs, greatest, ordered, numbers, undefined)
        for pixel in range(width):
            number = numbers[pixel]
            if undefined[pixel]:
                result[start + pixel] = np.nan
            elif number:
                low, high = np.float64(ordered[(number - 1) // 2, pixel]), np.float64(ordered[number // 2, pixel])
                result[start + pixel] = high if number % 2 else (low + high) * 0.5


@compiled(nogil=True)
def _quantile_kernel(layers, masks, pairs, greatest, chances, result):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    ordered = np.empty((len(layers), BLOCK), layers.dtype)
    numbers, undefined = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.bool_)
    for start in range(0, layers.shape[1], BLOCK):
        width = _sort_block(layers, masks, start, pairs, greatest, ordered, numbers, undefined)
        for index in range(len(chances)):
            for pixel in range(width):
                greatest_rank = numbers[pixel] - 1
                if undefined[pixel]:
                    result[index, start + pixel] = np.nan
                elif greatest_rank >= 0:
                    place = greatest_rank * chances[index]
                    rank = int(np.floor(place))
                    low = np.float64(ordered[rank, pixel])
                    high = np.float64(ordered[min(rank + 1, greatest_rank), pixel])
                    result[index, start + pixel] = low + (place - rank) * (high - low) if place > rank else low


def _ordered(data: Data, valid: Valid) -> tuple[NDArray[np.float64], NDArray[np.int64], Valid]:
    values = np.where(valid, data, np.inf).astype(np.float64)
    undefined = np.asarray(np.isnan(values).any(axis=0))
    return np.sort(values, axis=0), np.asarray(valid.sum(axis=0)), undefined


def _pick(ordered: NDArray[np.float64], index: NDArray[np.int64]) -> NDArray[np.float64]:
    if len(ordered) == 0:
        return np.zeros(index.shape, np.float64)
    inside = np.minimum(index, len(ordered) - 1)
    picked: NDArray[np.float64] = np.take_along_axis(ordered, inside[np.newaxis], axis=0)[0]
    return picked


def _finish(values: NDArray[np.float64], undefined: Valid, dtype: np.dtype[Any]) -> Data:
    with np.errstate(over="ignore"):
        return np.where(undefined, np.nan, values).astype(float_dtype(dtype))
