"""Make archives that look like Sentinel-2 L2A to a decoder: smooth land, texture, clouds in blobs, edges without data."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.shutil import copy

ORIGIN = (600000.0, 5900040.0)
CRS = "EPSG:32629"
BLOCK = 512
CLEAR, CLOUD, SHADOW = 4, 9, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """What to make."""

    folder: Path
    size: int
    """Rows and columns at 10 m."""
    dates: int
    bands: tuple[str, ...]
    clouded_blocks: float = 0.0
    """Share of the 512² blocks that are wholly clouded, on every date another share of the scene."""
    driver: str = "COG"

    def path(self, date: int, band: str) -> Path:
        """File of one band of one date."""
        suffix = "jp2" if self.driver == "JP2OpenJPEG" else "tif"
        return self.folder / f"S2_{self.when(date):%Y%m%d}_{band}.{suffix}"

    def when(self, date: int) -> datetime:
        """Time of a date's acquisition."""
        return datetime(2022, 6, 1, 11, 20, tzinfo=UTC) + timedelta(days=5 * date)

    def make(self) -> None:
        """Write what is not there yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for date in range(self.dates):
            rng = np.random.default_rng(date)
            classes = _classes(rng, self.size // 2, self.clouded_blocks)
            _write(self, self.path(date, "SCL"), classes, 20.0)
            bright = np.kron(classes == CLOUD, np.ones((2, 2), np.bool_))
            for number, band in enumerate(self.bands):
                path = self.path(date, band)
                if not path.exists():
                    _write(self, path, _reflectance(rng, self.size, 800 + 900 * number, bright), 10.0)


def _smooth(rng: np.random.Generator, size: int, step: int) -> NDArray[np.float32]:
    """A field of features about `step` pixels wide, in 0 … 1."""
    coarse = rng.random((size // step + 2, size // step + 2), np.float32)
    at = np.arange(size, dtype=np.float32) / step
    low = at.astype(np.int32)
    part = at - low
    rows = coarse[low] * (1 - part[:, None]) + coarse[low + 1] * part[:, None]
    return rows[:, low] * (1 - part) + rows[:, low + 1] * part


def _reflectance(rng: np.random.Generator, size: int, level: int, clouds: NDArray[np.bool_]) -> NDArray[np.uint16]:
    land = level * (0.5 + _smooth(rng, size, 200)) + 300 * _smooth(rng, size, 12) + rng.normal(0, 25, (size, size))
    land = np.where(clouds, 6000 + land, land)
    return np.clip(land, 1, 12000).astype(np.uint16)


def _classes(rng: np.random.Generator, size: int, clouded_blocks: float) -> NDArray[np.uint8]:
    field = _smooth(rng, size, 150)
    classes = np.full((size, size), CLEAR, np.uint8)
    classes[field > 0.68] = CLOUD
    classes[(field > 0.64) & (field <= 0.68)] = SHADOW
    cells = -(-size * 2 // BLOCK)
    clouded = rng.permutation(cells * cells).reshape(cells, cells) < round(clouded_blocks * cells * cells)
    classes[np.kron(clouded, np.ones((BLOCK // 2, BLOCK // 2), np.bool_))[:size, :size]] = CLOUD
    return classes


def _write(archive: Archive, path: Path, data: NDArray[np.generic], pixel: float) -> None:
    if path.exists():
        return
    profile = {
        "driver": "GTiff", "count": 1, "dtype": data.dtype, "height": len(data), "width": len(data), "nodata": 0,
        "crs": CRS, "transform": Affine(pixel, 0, ORIGIN[0], 0, -pixel, ORIGIN[1]),
        "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK,
    }  # fmt: skip
    options = {
        "COG": {"compress": "DEFLATE", "blocksize": BLOCK, "predictor": "YES", "level": 6},
        "JP2OpenJPEG": {"quality": "100", "reversible": "YES", "blockxsize": 1024, "blockysize": 1024, "resolutions": 5},
    }[archive.driver]
    partial = path.with_name(path.name + ".part")
    with rasterio.MemoryFile() as memory:
        with memory.open(**profile) as dataset:
            dataset.write(data, 1)
        with memory.open() as dataset:
            copy(dataset, str(partial), driver=archive.driver, **options)
    partial.rename(path)
