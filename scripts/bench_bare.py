"""The best script we know for the benchmarks' work without Spark: processes, rasterio, a fused numba kernel.

What `scripts/bench.py` compares with; it makes the same pixels, in files written with the same options.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise, product
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import numba
import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.shutil import copy
from rasterio.windows import Window

MASKED = (3, 8, 9, 10)
"""Classes of the scene classification that hide the ground."""
SCALE, OFFSET = np.float32(1e-4), np.float32(-0.1)
NODATA, STORED_SCALE = -32768, 1e-4
WINDOW = 1024
"""Rows and columns read at once; whole blocks of the files."""
RUN = 256
"""Pixels sorted at once; they stay in the cache, and the loops over them become SIMD."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A part of the place: one output file."""

    row: int
    """First row in the files read; even."""
    col: int
    size: int
    """Rows and columns."""
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to compute."""

    bands: tuple[tuple[Path, ...], ...]
    """Files by band and date."""
    classes: tuple[Path, ...]
    """Files of the scene classification, by date, at half the resolution."""
    index: bool
    """True for the median of the normalised difference of the two bands, (second - first) / (second + first); False
    for the median of each band."""


def run(task: Task, tiles: Sequence[Tile], processes: int) -> float:
    """Make all files; returns the seconds, the start of the processes included."""
    started = perf_counter()
    with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as pool:
        list(pool.map(partial(make, task), tiles))
    return perf_counter() - started


def run_one_file(task: Task, tiles: Sequence[Tile], path: Path, processes: int) -> float:
    """Make one file of all tiles: the processes compute, this one writes; returns the seconds."""
    started = perf_counter()
    side = max(tile.row + tile.size for tile in tiles)
    result = np.empty((1 if task.index else len(task.bands), side, side), np.int16)
    with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as pool:
        for tile, part in zip(tiles, pool.map(partial(compute, task), tiles), strict=True):
            result[:, tile.row : tile.row + tile.size, tile.col : tile.col + tile.size] = part
    _write(task, Tile(row=0, col=0, size=side, path=path), result)
    return perf_counter() - started


def decode(files: Sequence[Path], window: int, processes: int) -> float:
    """Decode every block of files once and do nothing with it; returns the seconds."""
    started = perf_counter()
    with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as pool:
        list(pool.map(partial(_decode, window=window), files))
    return perf_counter() - started


def _decode(path: Path, window: int) -> None:
    # One thread: the processes have the cores already.
    with rasterio.Env(GDAL_NUM_THREADS=1), rasterio.open(path) as dataset:
        for row, col in product(range(0, dataset.height, window), range(0, dataset.width, window)):
            dataset.read(1, window=Window(col, row, window, window).intersection(Window(0, 0, *dataset.shape[::-1])))


def make(task: Task, tile: Tile) -> None:
    """Compute and write one output file."""
    _write(task, tile, compute(task, tile))


def compute(task: Task, tile: Tile) -> NDArray[np.int16]:
    """The stored values (bands, rows, columns) of one tile."""
    masked = np.zeros(256, np.bool_)
    masked[list(MASKED)] = True
    pairs = _comparators(len(task.classes))
    result = np.empty((1 if task.index else len(task.bands), tile.size, tile.size), np.int16)
    bands, (classes,) = ([[rasterio.open(path) for path in dates] for dates in group]
                         for group in (task.bands, (task.classes,)))  # fmt: skip
    for row, col in product(_cuts(tile.row, tile.size), _cuts(tile.col, tile.size)):
        inner = (slice(row[0] - tile.row, row[1] - tile.row), slice(col[0] - tile.col, col[1] - tile.col))
        scl = _read(classes, row, col, 2)
        if task.index:
            median_index(_read(bands[0], row, col), _read(bands[1], row, col), scl, masked, pairs, result[0][inner])
        else:
            for band, out in zip(bands, result, strict=True):
                median_band(_read(band, row, col), scl, masked, pairs, out[inner])
    for dataset in (each for band in (*bands, classes) for each in band):
        dataset.close()
    return result


def _cuts(start: int, size: int) -> list[tuple[int, int]]:
    """First and last row (or column) of the windows, cut where blocks end."""
    edges = [start, *range((start // WINDOW + 1) * WINDOW, start + size, WINDOW), start + size]
    return list(pairwise(edges))


def _read(
    dates: Sequence[rasterio.DatasetReader], row: tuple[int, int], col: tuple[int, int], step: int = 1
) -> NDArray[np.generic]:
    place = Window(col[0] // step, row[0] // step, (col[1] - col[0]) // step, (row[1] - row[0]) // step)
    stack = np.empty((len(dates), place.height, place.width), dates[0].dtypes[0])
    for dataset, layer in zip(dates, stack, strict=True):
        dataset.read(1, window=place, out=layer)
    return stack


def _write(task: Task, tile: Tile, data: NDArray[np.int16]) -> None:
    with rasterio.open(task.bands[0][0]) as source:
        crs, transform = source.crs, source.transform @ Affine.translation(tile.col, tile.row)
    profile = {
        "driver": "GTiff", "count": len(data), "dtype": "int16", "height": tile.size, "width": tile.size, "crs": crs,
        "transform": transform, "nodata": NODATA, "tiled": True, "blockxsize": 512, "blockysize": 512,
        "interleave": "band",
    }  # fmt: skip
    tile.path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.MemoryFile() as memory:
        with memory.open(**profile) as dataset:
            dataset.write(data)
            dataset.build_overviews([2**level for level in range(1, 9) if tile.size > 256 << level], Resampling.average)
        with memory.open() as dataset:
            copy(dataset, str(tile.path), driver="COG", compress="DEFLATE", level=1, predictor="YES", blocksize=512,
                 overviews="FORCE_USE_EXISTING", overview_resampling="AVERAGE")  # fmt: skip


@cache
def _comparators(size: int) -> NDArray[np.int64]:
    """The pairs of a network that sorts `size` values: merge exchange (Knuth, TAOCP 3, 5.2.2, algorithm M)."""
    pairs, top = [], 1 << max((size - 1).bit_length() - 1, 0)
    step = top
    while step:
        reach, rest, gap = top, 0, step
        while True:
            pairs += [(low, low + gap) for low in range(size - gap) if low & step == rest]
            if reach == step:
                break
            gap, rest, reach = reach - step, step, reach >> 1
        step >>= 1
    return np.array(pairs, np.int64).reshape(-1, 2)


@numba.njit(cache=True, inline="always")
def _hide(classes, masked, start, width, hidden):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for half in range((width + 1) >> 1):
        hides = masked[classes[(start >> 1) + half]]
        hidden[2 * half] = hides
        hidden[2 * half + 1] = hides


@numba.njit(cache=True, inline="always")
def _sort(values, pairs, width):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for pair in range(len(pairs)):
        low, high = values[pairs[pair, 0]], values[pairs[pair, 1]]
        for x in range(width):
            one, other = low[x], high[x]
            low[x] = other if other < one else one  # noqa: FURB136 - as SIMD
            high[x] = one if other < one else other  # noqa: FURB136


@numba.njit(cache=True, nogil=True, error_model="numpy")
def median_index(first, second, classes, masked, pairs, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Median over dates of the normalised difference where the class does not hide it, as int16 · 1e-4."""
    dates, rows, cols = first.shape
    values, hidden, number = np.empty((dates, RUN), np.float32), np.empty(RUN + 1, np.bool_), np.empty(RUN, np.int32)
    for y in range(rows):
        for start in range(0, cols, RUN):
            width = min(RUN, cols - start)
            number[:] = 0
            for t in range(dates):
                _hide(classes[t, y >> 1], masked, start, width, hidden)
                one, two, into = first[t, y, start:], second[t, y, start:], values[t]
                for x in range(width):
                    a, b = np.float32(one[x]) * SCALE + OFFSET, np.float32(two[x]) * SCALE + OFFSET
                    value = (b - a) / (b + a)
                    usable = (not hidden[x]) & (one[x] != 0) & (two[x] != 0) & (value == value)  # noqa: PLR0124
                    into[x] = value if usable else np.float32(np.inf)
                    number[x] += usable
            _sort(values, pairs, width)
            for x in range(width):
                low = np.float64(values[max(number[x] - 1, 0) >> 1, x])
                high = np.float64(values[min(number[x] >> 1, dates - 1), x])
                median = np.float64(np.float32((low + high) * 0.5))
                out[y, start + x] = np.int16(np.rint(median / STORED_SCALE)) if number[x] else np.int16(NODATA)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def median_band(stack, classes, masked, pairs, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Median over dates where the class does not hide it, as int16 · 1e-4; sorted as stored, scaled after."""
    dates, rows, cols = stack.shape
    values, hidden, number = np.empty((dates, RUN), np.uint16), np.empty(RUN + 1, np.bool_), np.empty(RUN, np.int32)
    for y in range(rows):
        for start in range(0, cols, RUN):
            width = min(RUN, cols - start)
            number[:] = 0
            for t in range(dates):
                _hide(classes[t, y >> 1], masked, start, width, hidden)
                source, into = stack[t, y, start:], values[t]
                for x in range(width):
                    usable = (not hidden[x]) & (source[x] != 0)
                    into[x] = source[x] if usable else np.uint16(65535)
                    number[x] += usable
            _sort(values, pairs, width)
            for x in range(width):
                low = np.float32(values[max(number[x] - 1, 0) >> 1, x]) * SCALE + OFFSET
                high = np.float32(values[min(number[x] >> 1, dates - 1), x]) * SCALE + OFFSET
                median = np.float64(np.float32((np.float64(low) + np.float64(high)) * 0.5))
                out[y, start + x] = np.int16(np.rint(median / STORED_SCALE)) if number[x] else np.int16(NODATA)
