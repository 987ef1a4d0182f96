"""Results as Cloud Optimized GeoTIFF (OGC 21-026): the same pixels give the same bytes, however they were written."""

import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.enums import Resampling
from rasterio.errors import RasterioError, RasterioIOError
from rasterio.io import DatasetWriter
from rasterio.shutil import copy, delete

from jeospark.errors import DiskFullError, NodataError, OutputError
from jeospark.model import Transform
from jeospark.output import BandClass, OutputBand
from jeospark.raster.palette import rgb_of
from jeospark.raster.window import Window
from jeospark.storage.publish import check_writable
from jeospark.storage.scratch import scratch_folder

__all__ = ["BandClass", "CogWriter", "OutputBand", "write_cog"]

BLOCK = 512
"""Rows and columns of a block; overviews go down to one block."""
DEFLATE_LEVEL = 1
"""On Sentinel-2 reflectance and NDVI as int16, it gives fewer bytes than level 6, in 0.7 of the time."""
OVERVIEW_SHARE = 4 / 3
"""Size of a pyramid with all its overviews, in units of its base."""

_GDAL_FAILURES = (RasterioError, CPLE_BaseError, OSError, SystemError)
"""SystemError is what rasterio raises where GDAL fails without a text."""


class CogWriter:
    """Takes the pixels of one file window by window, in any order, and makes a COG of them.

    Pixels wait uncompressed in memory, or in a scratch file where they are more than `memory_limit`. What no window
    covers is nodata (0 where the bands have none).

    Args:
        path: File to write; the caller publishes it.
        shape: (rows, columns).
        dtype: numpy name of the stored type, such as int16.
        bands: What each band is, in order.
        crs: `EPSG:nnnn` or WKT.
        transform: Of the outer corner.
        scratch: Local folder; empty for the system's temporary folder.
        memory_limit: Bytes that may wait in memory.
        tags: GDAL metadata of the file.

    Raises:
        NodataError: The bands differ in nodata, or the type cannot hold it.
        DiskFullError: The scratch folder has no room for the pixels.
        OutputUnwritableError: The scratch folder cannot be written.
    """

    def __init__(  # noqa: PLR0913 - the class says it; a raster file has this many parts
        self,
        path: str,
        *,
        shape: tuple[int, int],
        dtype: str,
        bands: Sequence[OutputBand],
        crs: str,
        transform: Transform,
        scratch: str,
        memory_limit: int,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self._path = path
        self._shape = shape
        self._bands = tuple(bands)
        self._size = int(len(bands) * shape[0] * shape[1] * np.dtype(dtype).itemsize * OVERVIEW_SHARE)
        nodata = common_nodata(self._bands, dtype)
        profile = {
            "count": len(bands), "height": shape[0], "width": shape[1], "dtype": dtype, "crs": crs, "nodata": nodata,
            "transform": rasterio.Affine(*transform), "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK,
            "interleave": "band", "bigtiff": "IF_SAFER",
        }  # fmt: skip
        with ExitStack() as stack:
            self._work = stack.enter_context(_work_file(self._size, scratch, memory_limit))
            self._scratch = str(Path(self._work).parent)
            stack.enter_context(self._failures(self._scratch))
            self._dataset: DatasetWriter = rasterio.open(self._work, "w", driver="GTiff", **profile)
            stack.callback(self._dataset.close)
            _describe(self._dataset, self._bands, tags or {})
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        """Nothing to do: the pixels may come."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop what waits; without `finish`, nothing is left."""
        self._stack.close()

    def write(self, window: Window, data: NDArray[np.generic]) -> None:
        """Put stored values (bands, rows, columns) at the window.

        Raises:
            DiskFullError: The scratch folder is full.
            OutputError: The array is not of the window's shape, or the scratch file cannot be written.
        """
        wanted = (len(self._bands), window.rows, window.cols)
        if data.shape != wanted or window.clipped(*self._shape) != window:
            what = f"an array of shape {data.shape} does not fit {window} of a raster of {self._shape}"
            raise OutputError(what, where=self._path, remedy=f"Its shape must be {wanted}, inside the raster.")
        place = rasterio.windows.Window(window.col, window.row, window.cols, window.rows)
        with self._failures(self._scratch):
            self._dataset.write(data, window=place)

    def finish(self) -> int:
        """Write the COG with its overviews; returns its size in bytes.

        Raises:
            DiskFullError: No room for it.
            OutputUnwritableError: It cannot be created at its path.
            OutputError: GDAL could not write it otherwise.
        """
        with self._failures(self._scratch):
            self._dataset.close()
            _build_overviews(self._work, self._shape, self._resampling)
        with self._failures(str(Path(self._path).parent)):
            _copy_as_cog(self._work, self._path, self._resampling)
            return _checked_size(self._path)

    @property
    def _resampling(self) -> Resampling:
        return Resampling.nearest if any(band.classes for band in self._bands) else Resampling.average

    @contextmanager
    def _failures(self, folder: str) -> Iterator[None]:
        """Turn what GDAL raises into the named error; whether the disk is full is asked of the disk."""
        try:
            yield
        except _GDAL_FAILURES as error:
            if not folder.startswith("/vsimem"):
                check_writable(folder, self._size)
            raise OutputError(f"GDAL cannot write: {error}", where=folder, remedy="Check the storage.") from error


def write_cog(
    path: str,
    data: NDArray[np.generic],
    *,
    bands: Sequence[OutputBand],
    crs: str,
    transform: Transform,
    tags: Mapping[str, str] | None = None,
) -> int:
    """Write an array of stored values (bands, rows, columns), held in memory, as a COG; returns its size in bytes.

    Raises:
        NodataError: See `CogWriter`.
        DiskFullError: See `CogWriter.finish`.
        OutputUnwritableError: See `CogWriter.finish`.
        OutputError: See `CogWriter.finish`.
    """
    rows, cols = data.shape[1:]
    with CogWriter(
        path, shape=(rows, cols), dtype=data.dtype.name, bands=bands, crs=crs, transform=transform, scratch="",
        memory_limit=2 * data.nbytes, tags=tags,
    ) as writer:  # fmt: skip
        writer.write(Window(0, 0, rows, cols), data)
        return writer.finish()


def common_nodata(bands: Sequence[OutputBand], dtype: str) -> float | None:
    """The nodata value of a file, which GeoTIFF has once for all bands.

    Raises:
        NodataError: The bands differ in it, or the type cannot hold it.
    """
    values = {str(band.nodata): band.nodata for band in bands}
    if len(values) > 1:
        raise NodataError(f"the bands have nodata {', '.join(sorted(values))}", remedy="Give all bands the same.")
    (nodata,) = values.values()
    if nodata is not None and np.dtype(dtype).kind in "iu":
        limits = np.iinfo(dtype)
        if not (float(nodata).is_integer() and limits.min <= nodata <= limits.max):
            remedy = f"Take a whole number from {limits.min} to {limits.max}."
            raise NodataError(f"{dtype} cannot hold nodata {nodata}", remedy=remedy)
    return nodata


@contextmanager
def _work_file(size: int, scratch: str, memory_limit: int) -> Iterator[str]:
    if size <= memory_limit:
        path = f"/vsimem/{uuid.uuid4().hex}/work.tif"
        yield path
        _delete(path)
        return
    folder = scratch or tempfile.gettempdir()
    check_writable(folder)
    free = shutil.disk_usage(folder).free
    if free < size:
        what = f"the scratch folder has {free >> 20} MiB free, {size >> 20} MiB are needed"
        raise DiskFullError(what, where=folder, remedy="Free space there, or set JEOSPARK_SCRATCH.")
    with scratch_folder(folder) as own:
        yield str(own / "work.tif")


def _delete(path: str) -> None:
    try:
        delete(path, driver="GTiff")
    except RasterioIOError:
        return  # never created


def _describe(dataset: DatasetWriter, bands: Sequence[OutputBand], tags: Mapping[str, str]) -> None:
    dataset.update_tags(**tags)
    dataset.descriptions = tuple(band.name for band in bands)
    if any((band.scale, band.offset) != (1.0, 0.0) for band in bands):
        dataset.scales = tuple(band.scale for band in bands)
        dataset.offsets = tuple(band.offset for band in bands)
    for index, band in enumerate(bands, 1):
        if band.unit:
            dataset.set_band_unit(index, band.unit)
        dataset.update_tags(index, **{f"CLASS_{item.value}": item.name for item in band.classes})
    if len(bands) == 1 and bands[0].classes and dataset.dtypes[0] == "uint8":
        dataset.write_colormap(1, {item.value: (*rgb_of(item.color), 255) for item in bands[0].classes})


def _build_overviews(path: str, shape: tuple[int, int], resampling: Resampling) -> None:
    levels: list[int] = []
    while max(shape) > BLOCK << len(levels):
        levels.append(2 << len(levels))
    if levels:
        with rasterio.open(path, "r+") as dataset:
            dataset.build_overviews(levels, resampling)


def _copy_as_cog(work: str, path: str, resampling: Resampling) -> None:
    """With overviews there, the COG driver needs no temporary file of its own beside the output."""
    nearest = resampling == Resampling.nearest
    with rasterio.Env(GDAL_PAM_ENABLED="NO"), rasterio.open(work) as dataset:
        copy(
            dataset, path, driver="COG", blocksize=BLOCK, compress="DEFLATE", level=DEFLATE_LEVEL,
            # Differences of class codes compress worse than the codes.
            predictor="NO" if nearest else "YES", overviews="FORCE_USE_EXISTING",
            overview_resampling=resampling.name.upper(), bigtiff="IF_SAFER",
        )  # fmt: skip


def _checked_size(path: str) -> int:
    """Size of the file, once its last block is known to be inside it: GDAL may be silent when a close fails."""
    size = Path(path).stat().st_size
    with rasterio.open(path) as dataset:
        last = f"{(dataset.width - 1) // BLOCK}_{(dataset.height - 1) // BLOCK}"
        place = (dataset.get_tag_item(f"BLOCK_{part}_{last}", "TIFF", bidx=1) for part in ("OFFSET", "SIZE"))
        end = sum(int(part or size + 1) for part in place)
    if end > size:
        raise RasterioIOError(f"the file ends at byte {size}, its last block at {end}")
    return size
