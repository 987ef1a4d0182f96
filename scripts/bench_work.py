"""The benchmarks' work: archives, recipes, and the same for the bare script; and whether both made the same pixels."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import bench_bare as bare
import numpy as np
import rasterio
from bench_archive import Archive
from bench_items import COLLECTION, catalog, grid, tiles
from bench_jeospark import Request
from numpy.typing import NDArray

from jeospark.lab.recipe import REFLECTANCE, Recipe, load_collection


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A recipe over an archive, on a grid of square tiles, done by both sides."""

    archive: Archive
    tile: int
    """Rows and columns of an output file."""
    index: bool
    """See `bench_bare.Task`."""

    @property
    def folder(self) -> Path:
        """Where results go."""
        return self.archive.folder / "results"

    def task(self) -> bare.Task:
        """For the bare script."""
        paths = tuple(tuple(self.archive.paths(band)) for band in self.archive.bands)
        return bare.Task(bands=paths, classes=tuple(self.archive.paths("SCL")), index=self.index)

    def tiles(self, size: int) -> list[bare.Tile]:
        """For the bare script, tiles of `size` rows and columns."""
        return [
            bare.Tile(row=row, col=col, size=size, path=self.folder / "bare" / f"{row}_{col}.tif")
            for row, col in tiles(self.archive.size, size)
        ]

    def recipe(self, dates: int) -> Recipe:
        """For jeospark, over the first `dates` dates."""
        until = None if dates == self.archive.dates else f"{self.archive.when(dates):%Y-%m-%d}"
        bands = self.archive.bands
        cube = load_collection(COLLECTION, bands=[*bands, "SCL"], interval=(None, until) if until else None)
        usable = cube.mask_classes(bare.MASKED)
        wanted = usable.ndvi(nir=bands[1], red=bands[0]) if self.index else usable.bands(*bands)
        return wanted.reduce("median").save(**REFLECTANCE)

    def request(self, *, tile: int, dates: int | None = None) -> Request:
        """For jeospark's process."""
        return Request(
            recipe=self.recipe(dates or self.archive.dates).to_json(),
            catalog=str(catalog(self.archive)),
            grid=grid(tile),
            output=str(self.folder / "jeospark"),
        )

    def run_bare(self, processes: int = 2) -> float:
        """Make the tiles; returns the seconds."""
        return bare.run(self.task(), self.tiles(self.tile), processes)


def check_equal(one: Iterable[Path], other: Iterable[Path], tolerance: int = 0) -> None:
    """Compare the files of two folders, array by array.

    Args:
        one: Files that together cover a place.
        other: As many, of the same tiles.
        tolerance: Greatest difference of stored values; nodata must be the same.

    Raises:
        SystemExit: They differ.
    """
    ours, theirs = _placed(one), _placed(other)
    if not ours or ours.keys() != theirs.keys():
        raise SystemExit(f"the tiles differ: {sorted(ours)} and {sorted(theirs)}")
    for place, path in ours.items():
        with rasterio.open(path) as first, rasterio.open(theirs[place]) as second:
            apart = _different(first.read(), second.read(), tolerance)
        if apart:
            raise SystemExit(f"{apart} pixels differ between {path} and {theirs[place]}")


def _placed(paths: Iterable[Path]) -> dict[tuple[float, ...], Path]:
    """By bounds."""
    found = {}
    for path in paths:
        with rasterio.open(path) as dataset:
            found[tuple(dataset.bounds)] = path
    return found


def _different(one: NDArray[np.int16], other: NDArray[np.int16], tolerance: int) -> int:
    apart = np.abs(one.astype(np.int32) - other) > tolerance
    return int((apart | ((one == bare.NODATA) != (other == bare.NODATA))).sum())


def composite(folder: Path, name: str, *, clouded: float = 0.0, driver: str = "COG") -> Work:
    """Cloud-masked median NDVI: 8 dates of 4096², 4 output files."""
    archive = Archive(folder=folder / name, size=4096, dates=8, bands=("B04", "B08"), clouded=clouded, driver=driver)
    return Work(archive=archive, tile=2048, index=True)


def sentinel_tile(folder: Path) -> Work:
    """Cloud-masked median reflectance: 12 dates, 4 bands, a tile of 10,980², 4 output files."""
    archive = Archive(folder=folder / "tile", size=10980, dates=12, bands=("B02", "B03", "B04", "B08"))
    return Work(archive=archive, tile=5490, index=False)


def tifs(folder: Path) -> Sequence[Path]:
    """The COGs below a folder."""
    return sorted(folder.rglob("*.tif"))
