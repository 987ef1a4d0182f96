"""Read one band of one item on a target grid: native pixels where the grids agree, resampled ones where they do not."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import DTypeLike, NDArray
from rasterio.enums import MaskFlags
from rasterio.io import DatasetReader
from rasterio.windows import Window as GdalWindow

from jeospark.errors import AssetUnreadableError, BandMissingError, NodataError
from jeospark.model import Source
from jeospark.raster.blocks import Blocks
from jeospark.raster.datasets import Datasets
from jeospark.raster.placement import Fit, Placement, Target, locate, relate
from jeospark.raster.warp import Warp
from jeospark.raster.window import Window
from udfs.resample import average, repeat

OVERVIEW_RATIO = 4
"""Overviews stand in for pixels only where a target pixel spans at least this many source pixels a side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How a band's numbers are stored."""

    dtype: np.dtype[Any]
    nodata: float
    """The number that means not usable; NaN where the type is a float, or no number does."""
    scale: float
    """physical = stored · scale + offset."""
    offset: float


class BandReader:
    """One source on one target grid.

    Args:
        datasets: Where datasets are kept open.
        source: The band to read.
        target: The grid it is wanted on.
        classes: True for class or bit values, which are never interpolated.
        overviews: True where overviews may stand in for pixels (`OVERVIEW_RATIO`); for views, not for products.

    Raises:
        RasterError: The asset is missing, unreadable, without CRS, not rectified, lacks the band, holds complex
            numbers, or declares a nodata value that its type cannot hold.
    """

    def __init__(
        self, datasets: Datasets, source: Source, target: Target, *, classes: bool = False, overviews: bool = False
    ) -> None:
        self._datasets = datasets
        self._source = source
        self._classes = classes
        self._level: int | None = None
        dataset = self._dataset()
        self.placement = locate(dataset, source)
        self.stored = _encoding(dataset, source)
        self.relation = relate(self.placement, target)
        if overviews:
            self._use_overview(target)
        self._warp = Warp(self.placement, target) if self.relation.fit is Fit.WARP else None
        self._masked = _has_mask(self._dataset(), source.index)
        self._as_stored = not self._needs_float()
        self.encoding = self.stored if self._as_stored else _floating(self.stored, whole=classes)

    @property
    def block(self) -> tuple[int, int]:
        """(rows, columns) of a block of the file, in target pixels; whole blocks are cheapest to read."""
        rows, cols = self._dataset().block_shapes[self._source.index - 1]
        if self.relation.fit is Fit.REPEAT:
            return rows * self.relation.factor, cols * self.relation.factor
        if self.relation.fit is Fit.AVERAGE:
            return max(rows // self.relation.factor, 1), max(cols // self.relation.factor, 1)
        return rows, cols

    @property
    def density(self) -> float:
        """Source pixels that a target pixel spans; with those of a window that is turned, where grids may be."""
        if self._warp is not None:
            return 2 * self._warp.ratio**2
        return float(self.relation.factor**2 if self.relation.fit is Fit.AVERAGE else 1)

    @property
    def seconds_warp(self) -> float:
        """Time spent so far to resample onto another grid, without that of decoding."""
        return 0.0 if self._warp is None else self._warp.seconds

    @property
    def phase(self) -> tuple[int, int]:
        """(row, column) of the target grid at which a block of the file begins."""
        if self.relation.fit is Fit.WARP:
            return 0, 0
        step = self.relation.factor if self.relation.fit is Fit.AVERAGE else 1
        row, col = -self.relation.row // step, -self.relation.col // step
        # Blocks are counted from the file's first row, which is the southernmost where it is flipped.
        rows = self.placement.shape[0] * (self.relation.factor if self.relation.fit is Fit.REPEAT else 1) // step
        return row + rows % self.block[0] if self.placement.flipped else row, col

    def read(self, window: Window, out: NDArray[Any]) -> int:
        """Fill `out` with the pixels of a window of the target grid.

        Args:
            window: Where; may lie partly or wholly outside the file.
            out: (rows, cols) of `window`; of `encoding.dtype`, where `encoding.nodata` marks what is not usable,
                or of float32, where NaN does.

        Returns:
            How many source pixels were decoded.

        Raises:
            AssetUnreadableError: The file is damaged.
            StorageError: Its storage does not give the pixels.
        """
        if out.dtype == self.encoding.dtype:
            return self._fill(window, out)
        native = np.empty(out.shape, self.encoding.dtype)
        count = self._fill(window, native)
        out[...] = _as_float(native, self.encoding.nodata)
        return count

    def _fill(self, window: Window, out: NDArray[Any]) -> int:
        relation = self.relation
        if self._warp is not None:
            return self._warp.fill(window, out, self._decode, nodata=self.encoding.nodata, linear=not self._classes)
        if relation.fit is Fit.SAME:
            return self._decode(Window(window.row + relation.row, window.col + relation.col, *out.shape), out)
        if relation.fit is Fit.REPEAT:
            return self._fill_repeated(window, out)
        return self._fill_averaged(window, out)

    def _fill_repeated(self, window: Window, out: NDArray[Any]) -> int:
        factor = self.relation.factor
        row, col = window.row + self.relation.row, window.col + self.relation.col
        first = Window(row // factor, col // factor, 0, 0)
        rows = -(-(row + window.rows) // factor) - first.row
        cols = -(-(col + window.cols) // factor) - first.col
        source = np.empty((rows, cols), out.dtype)
        count = self._decode(Window(first.row, first.col, rows, cols), source)
        repeat(source, factor=factor, row=row % factor, col=col % factor, out=out)
        return count

    def _fill_averaged(self, window: Window, out: NDArray[Any]) -> int:
        factor = self.relation.factor
        row, col = window.row * factor + self.relation.row, window.col * factor + self.relation.col
        source = np.empty((window.rows * factor, window.cols * factor), out.dtype)
        count = self._decode(Window(row, col, *source.shape), source)
        if self._classes:
            out[...] = source[factor // 2 :: factor, factor // 2 :: factor]
        else:
            average(source, factor, out)
        return count

    def _decode(self, window: Window, out: NDArray[Any]) -> int:
        """Fill `out` with source pixels, in the delivered encoding; returns how many were decoded.

        Columns beyond an edge are those on the raster's other side, where it goes round the Earth.
        """
        return sum(self._decode_part(held, out[part.within(window)]) for part, held in self.placement.unrolled(window))

    def _decode_part(self, window: Window, out: NDArray[Any]) -> int:
        inside = window.clipped(*self.placement.shape)
        if inside.pixels < window.pixels:
            out.fill(self.encoding.nodata)
        if not inside.pixels:
            return 0
        part = out[inside.within(window)]
        if self._as_stored:
            self._read_native(inside, part)
        else:
            native = np.empty(part.shape, self.stored.dtype)
            self._read_native(inside, native)
            part[...] = self._usable_as_float(inside, native)
        return inside.pixels

    def _read_native(self, window: Window, out: NDArray[Any]) -> None:
        dataset, rows = self._dataset(), self._file_window(window)
        blocks = None if self.placement.flipped else self._blocks()
        with self._datasets.reading(self._source.href):
            if blocks is not None and blocks.read(self._source.index, window, out):
                return
            if out.flags.c_contiguous and not self.placement.flipped:
                dataset.read(self._source.index, window=rows, out=out)
            else:
                out[...] = self._northup(dataset.read(self._source.index, window=rows))

    def _usable_as_float(self, window: Window, native: NDArray[Any]) -> NDArray[np.floating]:
        values = _as_float(native, self.stored.nodata, self.encoding.dtype)
        if self._masked:
            with self._datasets.reading(self._source.href):
                mask = self._dataset().read_masks(self._source.index, window=self._file_window(window))
            values[self._northup(mask) == 0] = np.nan
        return values

    def _northup(self, rows: NDArray[Any]) -> NDArray[Any]:
        return rows[::-1] if self.placement.flipped else rows

    def _file_window(self, window: Window) -> GdalWindow:
        top = self.placement.shape[0] - window.row - window.rows if self.placement.flipped else window.row
        return GdalWindow(window.col, top, window.cols, window.rows)

    def _dataset(self) -> DatasetReader:
        return self._datasets.get(self._source.href, self._source.variable, self._level)

    def _blocks(self) -> Blocks | None:
        return self._datasets.blocks(self._source.href, self._source.variable, self._level)

    def _needs_float(self) -> bool:
        """True where no number of the stored type can mark what is not usable, or pixels are averaged."""
        dtype, nodata = self.stored.dtype, self.stored.nodata
        resampled = self.relation.fit in (Fit.AVERAGE, Fit.WARP) and not self._classes
        if np.issubdtype(dtype, np.floating):
            return dtype != np.float32 or not np.isnan(nodata) or self._masked
        return resampled or np.isnan(nodata) or self._masked or dtype.itemsize > np.dtype(np.float32).itemsize

    def _use_overview(self, target: Target) -> None:
        ratio = Warp(self.placement, target).ratio
        factors = self._dataset().overviews(self._source.index)
        usable = [level for level, factor in enumerate(factors) if factor <= ratio]
        if ratio < OVERVIEW_RATIO or not usable:
            return
        masked = _has_mask(self._dataset(), self._source.index)
        self._level = usable[-1]
        overview = self._dataset()
        if masked and not _has_mask(overview, self._source.index):
            # The mask has no overviews: what it leaves out would pass for data.
            self._level = None
            return
        rows, cols = overview.shape
        step = Affine.scale(self.placement.shape[1] / cols, self.placement.shape[0] / rows)
        self.placement = Placement(
            crs=self.placement.crs,
            transform=self.placement.transform @ step,
            shape=(rows, cols),
            flipped=self.placement.flipped,
        )
        self.relation = relate(self.placement, target)


def _encoding(dataset: DatasetReader, source: Source) -> Encoding:
    if not 1 <= source.index <= dataset.count:
        raise BandMissingError(
            f"band {source.index} of {source.band} is not in the file, which has {dataset.count}",
            where=source.href,
            remedy="Ingest the source again; its STAC item does not fit the file.",
        )
    at = source.index - 1
    if dataset.dtypes[at].startswith("complex"):
        raise AssetUnreadableError(
            f"band {source.band} holds complex numbers ({dataset.dtypes[at]})",
            where=source.href,
            remedy="Make real ones of them first, such as their intensity.",
        )
    dtype = np.dtype(dataset.dtypes[at])
    return Encoding(
        dtype=dtype,
        nodata=_nodata(dataset, source, dtype),
        scale=dataset.scales[at] if source.scale is None else source.scale,
        offset=dataset.offsets[at] if source.offset is None else source.offset,
    )


def _floating(stored: Encoding, *, whole: bool) -> Encoding:
    """As float32; as float64 where whole numbers, such as bits, need more than its 24 bits."""
    wide = whole and stored.dtype.kind in "iu" and stored.dtype.itemsize > np.dtype(np.int16).itemsize
    dtype = np.dtype(np.float64 if wide else np.float32)
    return Encoding(dtype=dtype, nodata=np.nan, scale=stored.scale, offset=stored.offset)


def _nodata(dataset: DatasetReader, source: Source, dtype: np.dtype[Any]) -> float:
    """The catalogue's nodata, else the file's; NaN for floats without one.

    Raises:
        NodataError: Out of the type's range, or none at all for an integer band without a mask.
    """
    declared = dataset.nodatavals[source.index - 1] if source.nodata is None else source.nodata
    if np.issubdtype(dtype, np.floating):
        return np.nan if declared is None else float(declared)
    if declared is None and not _has_mask(dataset, source.index):
        raise NodataError(
            f"band {source.band} of type {dtype} has no nodata value and no mask",
            where=source.href,
            remedy="Ingest it with `--nodata 0` (or its number), or `--nodata nan` where every pixel is usable.",
        )
    if declared is None or np.isnan(declared):
        return np.nan
    limits = np.iinfo(dtype)
    if not limits.min <= declared <= limits.max or declared != int(declared):
        raise NodataError(
            f"nodata {declared:g} of band {source.band} does not fit its type {dtype}",
            where=source.href,
            remedy="Mend it with `gdal_edit.py -a_nodata`, or ingest with `--nodata`."
            if source.nodata is None
            else "Mend it in its STAC item, or as it was given to `--nodata`, and ingest that again.",
        )
    return float(declared)


def _has_mask(dataset: DatasetReader, index: int) -> bool:
    flags = dataset.mask_flag_enums[index - 1]
    return MaskFlags.per_dataset in flags or MaskFlags.alpha in flags


def _as_float(native: NDArray[Any], nodata: float, dtype: DTypeLike = np.float32) -> NDArray[np.floating]:
    # What float32 cannot hold is infinite, as it is in files of float32.
    with np.errstate(over="ignore"):
        values: NDArray[np.floating] = native.astype(dtype)
        if not np.isnan(nodata):
            values[native == nodata] = np.nan
    return values
