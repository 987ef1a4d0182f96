"""The best script we know for the benchmarks' work without Spark: processes, rasterio, one fused numba kernel.

What `scripts/bench.py` compares with; it makes the same files, pixel for pixel.
"""

import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numba
import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.shutil import copy
from rasterio.windows import Window

MASKED = (3, 8, 9, 10)
SCALE, OFFSET = np.float32(1e-4), np.float32(0.0)
NODATA = -32768
STORED_SCALE = 1e-4
WINDOW = 1024


@dataclass(frozen=True, slots=True)
class Tile:
    """One output file."""

    row: int
    col: int
    size: int
    path: Path


@numba.njit(cache=True, nogil=True, error_model="numpy")
def median_ndvi(red, nir, scl, masked, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Median over dates of NDVI where the class is not masked, as int16 · 1e-4."""
    dates, rows, cols = red.shape
    values = np.empty(dates, np.float32)
    for y in range(rows):
        for x in range(cols):
            n = 0
            for t in range(dates):
                r, i, c = red[t, y, x], nir[t, y, x], scl[t, y >> 1, x >> 1]
                if r == 0 or i == 0 or c == 0 or masked[c]:
                    continue
                rf, nf = np.float32(r) * SCALE + OFFSET, np.float32(i) * SCALE + OFFSET
                if nf - rf == 0 and nf + rf == 0:
                    continue
                value = (nf - rf) / (nf + rf)
                k = n
                while k > 0 and values[k - 1] > value:
                    values[k] = values[k - 1]
                    k -= 1
                values[k] = value
                n += 1
            if n == 0:
                out[y, x] = NODATA
                continue
            low, high = np.float64(values[(n - 1) // 2]), np.float64(values[n // 2])
            median = np.float32(high if n % 2 else (low + high) * 0.5)
            out[y, x] = np.int16(np.rint(np.float64(median) / STORED_SCALE))


def run_tile(tile: Tile, red: list[Path], nir: list[Path], scl: list[Path], transform: Affine, crs: str) -> Path:
    """Make one output file."""
    masked = np.zeros(256, np.bool_)
    masked[list(MASKED)] = True
    datasets = [[rasterio.open(path) for path in paths] for paths in (red, nir, scl)]
    result = np.empty((tile.size, tile.size), np.int16)
    for row in range(0, tile.size, WINDOW):
        for col in range(0, tile.size, WINDOW):
            rows, cols = min(WINDOW, tile.size - row), min(WINDOW, tile.size - col)
            stacks = [_read(band, tile.row + row, tile.col + col, rows, cols, step)
                      for band, step in zip(datasets, (1, 1, 2), strict=True)]
            median_ndvi(*stacks, masked, result[row : row + rows, col : col + cols])
    for dataset in (each for band in datasets for each in band):
        dataset.close()
    write_cog(tile.path, result, transform * Affine.translation(tile.col, tile.row), crs)
    return tile.path


def _read(
    band: list[rasterio.DatasetReader], row: int, col: int, rows: int, cols: int, step: int
) -> NDArray[np.generic]:
    stack = np.empty((len(band), rows // step, cols // step), band[0].dtypes[0])
    for at, dataset in enumerate(band):
        dataset.read(1, window=Window(col // step, row // step, cols // step, rows // step), out=stack[at])
    return stack


def write_cog(path: Path, data: NDArray[np.int16], transform: Affine, crs: str) -> None:
    """Write one band as a COG, as jeospark does."""
    profile = {
        "driver": "GTiff", "count": 1, "dtype": "int16", "height": data.shape[0], "width": data.shape[1],
        "crs": crs, "transform": transform, "nodata": NODATA, "tiled": True, "blockxsize": 512, "blockysize": 512,
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.MemoryFile() as memory:
        with memory.open(**profile) as dataset:
            dataset.write(data, 1)
        with memory.open() as dataset:
            copy(dataset, str(path), driver="COG", compress="DEFLATE", level=1, predictor="YES", blocksize=512,
                 overview_resampling="average")


def run(tiles: list[Tile], red: list[Path], nir: list[Path], scl: list[Path], processes: int) -> float:
    """Make all files; returns the seconds, start of the processes included."""
    started = time.perf_counter()
    with rasterio.open(red[0]) as dataset:
        transform, crs = dataset.transform, dataset.crs.to_string()
    work = partial(run_tile, red=red, nir=nir, scl=scl, transform=transform, crs=crs)
    with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as pool:
        list(pool.map(work, tiles))
    return time.perf_counter() - started
