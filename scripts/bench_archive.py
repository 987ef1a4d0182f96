"""Archives that look like Sentinel-2 L2A to a decoder: smooth land, fine texture, clouds in blobs; made once."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import numba
import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.shutil import copy

ORIGIN = (600000.0, 5900040.0)
"""x and y of the upper left corner, that of MGRS tile 29UNU."""
CRS = "EPSG:32629"
BLOCK = {"COG": 512, "JP2OpenJPEG": 1024}
OPTIONS = {
    "COG": {"compress": "DEFLATE", "predictor": "YES", "level": 1, "blocksize": 512, "overviews": "NONE"},
    "JP2OpenJPEG": {"quality": "100", "reversible": "YES", "blockxsize": 1024, "blockysize": 1024, "resolutions": 5},
}
CLEAR, CLOUD, SHADOW = 4, 9, 3
"""Classes of the scene classification."""
CLOUD_SHARE, SHADOW_SHARE = 0.30, 0.05
LARGE, FINE = 200, 12
"""Pixels from feature to feature."""
PROCESSES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One place, some dates, a file a band."""

    folder: Path
    size: int
    """Rows and columns at 10 m; the scene classification has half of them."""
    dates: int
    bands: tuple[str, ...]
    """Names of the reflectance bands; SCL comes with them."""
    clouded: float = 0.0
    """Share of the 512² blocks that are wholly clouded, other ones on every date."""
    driver: str = "COG"

    def path(self, date: int, band: str) -> Path:
        """File of one band of one date."""
        suffix = "jp2" if self.driver == "JP2OpenJPEG" else "tif"
        return self.folder / f"S2A_29UNU_{self.when(date):%Y%m%d}_{band}.{suffix}"

    def paths(self, band: str) -> list[Path]:
        """Files of one band, by date."""
        return [self.path(date, band) for date in range(self.dates)]

    def when(self, date: int) -> datetime:
        """Time of a date's acquisition."""
        return datetime(2022, 6, 1, 11, 20, tzinfo=UTC) + timedelta(days=5 * date)

    def make(self) -> None:
        """Write the files that are not there yet."""
        if all(path.exists() for band in (*self.bands, "SCL") for path in self.paths(band)):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
            list(pool.map(self._make_date, range(self.dates)))

    def _make_date(self, date: int) -> None:
        rng = np.random.default_rng(date)
        classes = _classes(rng, self.size // 2, self.clouded)
        large, fine = _field(rng, self.size, LARGE), _field(rng, self.size, FINE)
        self._write(self.path(date, "SCL"), classes)
        for number, band in enumerate(self.bands):
            path = self.path(date, band)
            if not path.exists():
                data = np.empty((self.size, self.size), np.uint16)
                _paint(classes == CLOUD, large, fine, 600 + 700 * number, 1 + date * 16 + number, data)
                self._write(path, data)

    def _write(self, path: Path, data: NDArray[np.generic]) -> None:
        if path.exists():
            return
        pixel = 10.0 * self.size / len(data)
        profile = {
            "driver": "GTiff", "count": 1, "dtype": data.dtype, "height": len(data), "width": len(data), "nodata": 0,
            "crs": CRS, "transform": Affine(pixel, 0, ORIGIN[0], 0, -pixel, ORIGIN[1]),
        }  # fmt: skip
        partial = path.with_name(f"part-{path.name}")
        with rasterio.MemoryFile() as memory:
            with memory.open(**profile) as dataset:
                dataset.write(data, 1)
            with memory.open() as dataset:
                copy(dataset, str(partial), driver=self.driver, **OPTIONS[self.driver])
        partial.rename(path)


def _classes(rng: np.random.Generator, size: int, clouded: float) -> NDArray[np.uint8]:
    coarse = _field(rng, size, LARGE)
    field = np.empty((size, size), np.float32)
    _stretch(coarse, LARGE, field)
    edges = np.quantile(field[::8, ::8], [1 - CLOUD_SHARE - SHADOW_SHARE, 1 - CLOUD_SHARE])
    classes = np.array([CLEAR, SHADOW, CLOUD], np.uint8)[np.digitize(field, edges)]
    half = BLOCK["COG"] // 2
    cells = -(-size // half)
    blocks = rng.permutation(cells * cells).reshape(cells, cells) < round(clouded * cells * cells)
    classes[np.kron(blocks, np.ones((half, half), np.bool_))[:size, :size]] = CLOUD
    return np.asarray(classes)


def _field(rng: np.random.Generator, size: int, step: int) -> NDArray[np.float32]:
    """The nodes, `step` pixels apart, of a field in 0 … 1."""
    return rng.random((size // step + 2, size // step + 2), np.float32)


@numba.njit(cache=True, inline="always")
def _at(nodes, step, y, x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    row, col = y // step, x // step
    down, right = np.float32(y - row * step) / np.float32(step), np.float32(x - col * step) / np.float32(step)
    top = nodes[row, col] + (nodes[row, col + 1] - nodes[row, col]) * right
    bottom = nodes[row + 1, col] + (nodes[row + 1, col + 1] - nodes[row + 1, col]) * right
    return top + (bottom - top) * down


@numba.njit(cache=True)
def _stretch(nodes, step, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            out[y, x] = _at(nodes, step, y, x)


@numba.njit(cache=True)
def _paint(clouds, large, fine, level, seed, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Reflectance · 10,000 + 1,000, as processing baseline 04.00 stores it.

    Noise of 60 (standard deviation) makes neighbours differ by 70 on average, and a compressed pixel 1.5 bytes: between
    the red and the infrared of cloudless dates in JRC's Sentinel-2 cubes of Romania.
    """
    state = np.uint64(seed * 2654435761)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            state ^= state << np.uint64(13)
            state ^= state >> np.uint64(7)
            state ^= state << np.uint64(17)
            noise = np.float32(0)
            for byte in range(4):
                noise += np.float32((state >> np.uint64(8 * byte)) & np.uint64(255)) - np.float32(127.5)
            value = level * (np.float32(0.5) + _at(large, LARGE, y, x)) + 300 * _at(fine, FINE, y, x)
            if clouds[y >> 1, x >> 1]:
                value += 6000
            out[y, x] = np.uint16(value + np.float32(1000) + noise * np.float32(0.4))
