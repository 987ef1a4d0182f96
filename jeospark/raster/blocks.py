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

from jeospark.raster.packed import LocalFile, PackedFile
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
        file: The same file.
        form: How its tiles are packed.
    """

    def __init__(self, dataset: DatasetReader, file: PackedFile, form: Packing) -> None:
        self._dataset = dataset
        self._file = file
        self._decode = DECODERS[form.compression]
        self._predictor = 1 if form.compression == NONE else form.predictor
        self._dtype = np.dtype(dataset.dtypes[0])
        self._block: tuple[int, int] = dataset.block_shapes[0]
        self._size = self._block[0] * self._block[1] * self._dtype.itemsize
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
        parts = split(window, *self._block)
        self._file.expect([place for part in parts if (place := self._wanted(index, part)) is not None])
        for part in parts:
            into = out[part.within(window)]
            if not self._fill(index, part, into):
                into[...] = self._dataset.read(index, window=GdalWindow(part.col, part.row, part.cols, part.rows))
        return True

    def close(self) -> None:
        """Close the file."""
        self._file.close()

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
        place = self._wanted(index, part)
        if place is None:
            return False
        data = self._unpacked(place)
        if data is None:
            return False
        rows, cols = self._block
        self._put(data, part.row % rows, part.col % cols, out)
        return True

    def _wanted(self, index: int, part: Window) -> tuple[int, int] | None:
        """Where the block of a part is; None where it is not stored, or larger than it should be."""
        rows, cols = self._block
        place = self._place(index, part.row // rows, part.col // cols)
        return place if place is not None and place[1] <= 2 * self._size else None

    def _place(self, index: int, row: int, col: int) -> tuple[int, int] | None:
        """Offset and length of a block in the file; None where GDAL names none, as of one that is not stored."""
        key = index, row, col
        if key not in self._places:
            names = (f"BLOCK_{part}_{col}_{row}" for part in ("OFFSET", "SIZE"))
            offset, size = (self._dataset.get_tag_item(name, "TIFF", bidx=index) for name in names)
            self._places[key] = (int(offset), int(size)) if offset and size else None
        return self._places[key]

    def _unpacked(self, place: tuple[int, int]) -> Any:
        """The bytes of a block, decompressed; None where they are not what they should be."""
        packed = self._file.taken(*place)
        if packed is None:
            return None
        with packed:
            try:
                data = self._decode(packed, self._size)
            except (OSError, igzip_lib.IsalError):  # type: ignore[misc]  # declared as an instance
                return None
        return data if len(data) == self._size else None

    def _put(self, data: Any, row: int, col: int, out: NDArray[Any]) -> None:
        numbers = np.frombuffer(data, f"<u{self._dtype.itemsize}").reshape(self._block)
        bits = out.view(numbers.dtype)
        if self._predictor == 3:
            add_up_floats(numbers.view(np.uint8).reshape(self._block[0], 4, self._block[1]), row, col, bits)
        elif self._predictor == 2:
            add_up(numbers, row, col, bits)
        else:
            bits[...] = numbers[row : row + out.shape[0], col : col + out.shape[1]]


def local_blocks(dataset: DatasetReader, path: str, seen: os.stat_result, scratch: bytearray) -> Blocks | None:
    """The blocks of an open local dataset; None where they are not of a form known here.

    Args:
        dataset: Open, of no overview.
        path: Of the file.
        seen: What the file was just before GDAL opened it.
        scratch: See `LocalFile`.
    """
    try:
        file = LocalFile(path, scratch)
    except OSError:
        return None
    try:
        blocks = open_blocks(dataset, file) if file.same(seen) else None
    except OSError:
        blocks = None
    if blocks is None:
        file.close()
    return blocks


def open_blocks(dataset: DatasetReader, file: PackedFile) -> Blocks | None:
    """The blocks of an open dataset; None where they are not of a form known here.

    Args:
        dataset: Open, of no overview.
        file: What GDAL opened; closed with the blocks.

    Raises:
        OSError: The file cannot be read.
        StorageError: Its storage does not give it.
    """
    form = packing(file.part) if _alike(dataset) else None
    known = form is not None and _known(form, np.dtype(dataset.dtypes[0]))
    return Blocks(dataset, file, form) if known and form is not None else None


def _alike(dataset: DatasetReader) -> bool:
    """True for a GeoTIFF whose bands are stored each for itself, of one type, in whole bytes."""
    apart = dataset.count == 1 or dataset.interleaving is Interleaving.band
    plain = "NBITS" not in dataset.tags(1, ns="IMAGE_STRUCTURE")
    return bool(dataset.driver == "GTiff" and apart and plain and len(set(dataset.dtypes)) == 1)


def _known(form: Packing, dtype: np.dtype[Any]) -> bool:
    predictors = {1, 2, 3} if dtype == np.float32 else {1, 2}
    known = form.compression == NONE or (form.compression in DECODERS and form.predictor in predictors)
    return known and dtype.kind in "iuf" and dtype.itemsize <= 4
