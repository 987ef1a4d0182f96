"""Pixels of plain GeoTIFFs without GDAL's copies: it says where a block lies, we fetch, decompress and place it.

GDAL spends a third of its time beside decompression: a block goes through its cache, and from there, line by line, to
the array. What is odd in any way is read by GDAL, so that its pixels and its errors are the only ones there are.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from isal import igzip_lib, isal_zlib
from numpy.typing import NDArray
from rasterio.enums import Interleaving
from rasterio.io import DatasetReader
from rasterio.windows import Window as GdalWindow

from jeospark.raster.tiff import Packing, packing
from jeospark.raster.window import Window, split
from udfs.predictor import add_up, add_up_floats

WASTE = 1.5
"""Decoded pixels for each wanted one, beyond which GDAL reads: its cache keeps the rest for the windows beside."""
NONE, DEFLATE, OLD_DEFLATE, ZSTD = 1, 8, 32946, 50000
"""TIFF's numbers of the compressions known here."""

Decoder = Callable[[memoryview, int], Any]
"""Packed bytes and the length of what they hold, to a buffer of it."""


def _inflated(packed: memoryview, size: int) -> Any:
    return isal_zlib.decompress(packed, isal_zlib.MAX_WBITS, size)


def _zstandard(packed: memoryview, size: int) -> Any:
    return pa.Codec("zstd").decompress(packed, size)


DECODERS: dict[int, Decoder] = {
    NONE: lambda packed, _: bytes(packed),
    DEFLATE: _inflated,
    OLD_DEFLATE: _inflated,
    ZSTD: _zstandard,
}


class Blocks:
    """The blocks of one open GeoTIFF, as long as they are of a plain form.

    Args:
        dataset: The open file.
        descriptor: The same file, open for reading; closed by `close`.
        form: How its tiles are packed.
        scratch: Room for packed bytes, which grows as needed.
    """

    def __init__(self, dataset: DatasetReader, descriptor: int, form: Packing, scratch: bytearray) -> None:
        self._dataset = dataset
        self._descriptor = descriptor
        self._decode = DECODERS[form.compression]
        self._predictor = 1 if form.compression == NONE else form.predictor
        self._scratch = scratch
        self._dtype = np.dtype(dataset.dtypes[0])
        self._block: tuple[int, int] = dataset.block_shapes[0]
        self._places: dict[tuple[int, int, int], tuple[int, int] | None] = {}

    def read(self, index: int, window: Window, out: NDArray[Any]) -> bool:
        """Fill `out` with a window's pixels as stored, unless too many others would be decoded with them.

        Args:
            index: Band, from 1.
            window: Inside the file.
            out: (rows, cols) of the window, of the file's type.

        Returns:
            True where `out` is filled, False where it is left to GDAL.

        Raises:
            RasterioError: A block is damaged.
        """
        if out.dtype != self._dtype or self._decoded(window) > WASTE * window.pixels:
            return False
        for part in split(window, *self._block):
            into = out[part.within(window)]
            if not self._fill(index, part, into):
                into[...] = self._dataset.read(index, window=GdalWindow(part.col, part.row, part.cols, part.rows))
        return True

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _decoded(self, window: Window) -> int:
        """Pixels, inside the file, of the blocks that a window touches."""
        height, width = self._dataset.shape
        rows, cols = self._block
        down = min(-(-(window.row + window.rows) // rows) * rows, height) - window.row // rows * rows
        across = min(-(-(window.col + window.cols) // cols) * cols, width) - window.col // cols * cols
        pixels: int = down * across
        return pixels

    def _fill(self, index: int, part: Window, out: NDArray[Any]) -> bool:
        """Fill `out` with a part of one block; False where there is anything odd about it."""
        rows, cols = self._block
        place = self._place(index, part.row // rows, part.col // cols)
        size = rows * cols * self._dtype.itemsize
        if place is None or place[1] > 2 * size:
            return False
        data = self._unpacked(*place, size)
        if data is None:
            return False
        self._put(data, part.row % rows, part.col % cols, out)
        return True

    def _place(self, index: int, row: int, col: int) -> tuple[int, int] | None:
        """Offset and length of a block in the file; None where GDAL names none, as of one that is not stored."""
        key = index, row, col
        if key not in self._places:
            names = (f"BLOCK_{part}_{col}_{row}" for part in ("OFFSET", "SIZE"))
            offset, size = (self._dataset.get_tag_item(name, "TIFF", bidx=index) for name in names)
            self._places[key] = (int(offset), int(size)) if offset and size else None
        return self._places[key]

    def _unpacked(self, offset: int, length: int, size: int) -> Any:
        """The bytes of a block, decompressed; None where they are not what they should be."""
        if len(self._scratch) < length:
            self._scratch.extend(bytes(length - len(self._scratch)))
        with memoryview(self._scratch) as whole, whole[:length] as packed:
            try:
                if os.preadv(self._descriptor, [packed], offset) != length:
                    return None
                data = self._decode(packed, size)
            except (OSError, igzip_lib.IsalError):  # type: ignore[misc]  # declared as an instance
                return None
        return data if len(data) == size else None

    def _put(self, data: Any, row: int, col: int, out: NDArray[Any]) -> None:
        numbers = np.frombuffer(data, f"<u{self._dtype.itemsize}").reshape(self._block)
        bits = out.view(numbers.dtype)
        if self._predictor == 3:
            add_up_floats(numbers.view(np.uint8).reshape(self._block[0], 4, self._block[1]), row, col, bits)
        elif self._predictor == 2:
            add_up(numbers, row, col, bits)
        else:
            bits[...] = numbers[row : row + out.shape[0], col : col + out.shape[1]]


def open_blocks(dataset: DatasetReader, path: str, seen: os.stat_result, scratch: bytearray) -> Blocks | None:
    """The blocks of an open dataset; None where they are not of a form known here.

    Args:
        dataset: Open, of no overview.
        path: Of the file.
        seen: What the file was just before GDAL opened it: one replaced since then is another.
        scratch: Room for packed bytes, which grows as needed.
    """
    if not _alike(dataset):
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    form = _form(descriptor, seen)
    if form is None or not _known(form, np.dtype(dataset.dtypes[0])):
        os.close(descriptor)
        return None
    return Blocks(dataset, descriptor, form, scratch)


def _alike(dataset: DatasetReader) -> bool:
    """True for a GeoTIFF whose bands are stored each for itself, of one type, in whole bytes."""
    apart = dataset.count == 1 or dataset.interleaving is Interleaving.band
    plain = "NBITS" not in dataset.tags(1, ns="IMAGE_STRUCTURE")
    return bool(dataset.driver == "GTiff" and apart and plain and len(set(dataset.dtypes)) == 1)


def _form(descriptor: int, seen: os.stat_result) -> Packing | None:
    try:
        now = os.fstat(descriptor)
        same = all(getattr(now, part) == getattr(seen, part) for part in ("st_dev", "st_ino", "st_size", "st_mtime_ns"))
        return packing(descriptor) if same else None
    except OSError:
        return None


def _known(form: Packing, dtype: np.dtype[Any]) -> bool:
    predictors = {1, 2, 3} if dtype == np.float32 else {1, 2}
    known = form.compression == NONE or (form.compression in DECODERS and form.predictor in predictors)
    return known and dtype.kind in "iuf" and dtype.itemsize <= 4
