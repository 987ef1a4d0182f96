"""Open datasets, kept for reuse within one task, and GDAL's errors turned into named ones."""

import os
import stat
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import rasterio
from rasterio._err import CPLE_OutOfMemoryError
from rasterio.env import Env
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.io import DatasetReader

from jeospark.errors import AssetMissingError, AssetUnreadableError, JeosparkError
from jeospark.raster.blocks import Blocks, local_blocks, open_blocks
from jeospark.raster.streamed import Streamed, open_streamed
from jeospark.raster.tiff import length
from jeospark.storage.href import gdal_path, href_scheme, local_path
from jeospark.storage.kinds import is_remote
from jeospark.storage.tokens import redact

SIDECARS = (".msk", ".ovr", ".aux.xml")
"""Ends of names of files that GDAL reads with the one that they stand beside."""


class Datasets:
    """The most recently used open datasets of one task.

    Made inside the task: a dataset opened before a fork and read on both sides shares one file offset, and gives
    corrupt blocks.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._open: OrderedDict[tuple[str, str | None, int | None], _Entry] = OrderedDict()
        self._scratch = bytearray()

    def get(self, href: str, variable: str | None = None, overview: int | None = None) -> DatasetReader:
        """The dataset of `href`, at an overview level where one is given.

        Raises:
            AssetMissingError: No such file.
            AssetUnreadableError: Empty, truncated, or of no format that GDAL knows.
        """
        return self._entry(href, variable, overview).dataset

    def blocks(self, href: str, variable: str | None = None, overview: int | None = None) -> Blocks | None:
        """The blocks of the same dataset, where they can be read without GDAL; None where not.

        Raises:
            AssetMissingError: See `get`.
            AssetUnreadableError: See `get`.
        """
        entry = self._entry(href, variable, overview)
        if not entry.asked and overview is None:
            entry.blocks = self._blocks(href, entry)
        entry.asked = True
        return entry.blocks

    @contextmanager
    def reading(self, href: str) -> Iterator[None]:
        """Turn what GDAL raises while it reads `href` into an error that names the file, or what its storage said.

        Raises:
            AssetMissingError: No such file.
            AssetUnreadableError: Truncated or damaged.
            StorageError: Its storage does not give the bytes.
        """
        with reading(href):
            try:
                yield
            except RasterioError as error:
                raise self._failure(href) or error from error

    def _failure(self, href: str) -> JeosparkError | FileNotFoundError | None:
        entries = (entry for (name, _, _), entry in self._open.items() if name == href)
        failures = (entry.streamed.taken_failure() for entry in entries if entry.streamed is not None)
        return next((failure for failure in failures if failure is not None), None)

    def close(self) -> None:
        """Close them all."""
        while self._open:
            self._open.popitem()[1].close()

    def _blocks(self, href: str, entry: "_Entry") -> Blocks | None:
        if entry.streamed is not None:
            return open_blocks(entry.dataset, entry.streamed.file)
        return local_blocks(entry.dataset, gdal_path(href), entry.seen, self._scratch) if entry.seen else None

    def _entry(self, href: str, variable: str | None, overview: int | None) -> "_Entry":
        key = (href, variable, overview)
        if key not in self._open:
            self._open[key] = _opened(href, variable, overview)
            if len(self._open) > self._capacity:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(key)
        return self._open[key]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


@dataclass(slots=True)
class _Entry:
    """An open dataset."""

    dataset: DatasetReader
    seen: os.stat_result | None = None
    """Its file just before it was opened; None of what is no local file."""
    streamed: Streamed | None = None
    """What GDAL reads it from; None of what GDAL opens by itself."""
    asked: bool = False
    """True once somebody asked for its blocks."""
    blocks: Blocks | None = None

    def close(self) -> None:
        self.dataset.close()
        if self.streamed is not None:
            self.streamed.file.close()
        elif self.blocks is not None:
            self.blocks.close()


def _opened(href: str, variable: str | None, overview: int | None) -> _Entry:
    options = {} if overview is None else {"overview_level": overview}
    with reading(href), warnings.catch_warnings():
        # Whether a raster is placed, by itself or by the catalogue, is for `placement` to say.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        if is_remote(href) and variable is None:
            dataset, streamed = open_streamed(href, options)
            return _Entry(dataset, streamed=streamed)
        path = gdal_path(href, variable)
        seen = _seen(path)
        if seen is not None:
            _check_length(href, path, seen.st_size)
        with _beside(path):
            return _Entry(rasterio.open(path, **options), seen if overview is None else None)


def _check_length(href: str, path: str, size: int) -> None:
    """Refuse a TIFF that is cut off where GDAL would not notice.

    Raises:
        AssetUnreadableError: It is.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return  # GDAL says why
    try:
        needed = length(lambda size, at: os.pread(descriptor, size, at))
    except OSError:
        return
    finally:
        os.close(descriptor)
    if needed > size:
        raise AssetUnreadableError(
            f"the asset is truncated: it ends at byte {size}, what its header names at {needed}",
            where=href,
            remedy="Fetch it again.",
        )


def _beside(path: str) -> AbstractContextManager[object]:
    """Let GDAL look for files beside a local one where there are any that say more of it: a mask, overviews, nodata.

    Otherwise it is told that there are none: looking for each costs as much as opening the file, on mounted storage.
    """
    there = any(os.path.exists(path + suffix) for suffix in SIDECARS)  # noqa: PTH110 - GDAL's names are no paths
    return Env(GDAL_DISABLE_READDIR_ON_OPEN="TRUE") if there else nullcontext()


def _seen(path: str) -> os.stat_result | None:
    """What the file system says of a file; None of a folder, and of GDAL's own names."""
    try:
        seen = os.stat(path)  # noqa: PTH116 - GDAL's names are no paths
    except OSError:
        return None
    return seen if stat.S_ISREG(seen.st_mode) else None


@contextmanager
def reading(href: str) -> Iterator[None]:
    """Turn what GDAL raises while it reads `href` into an error that names the file.

    Raises:
        MemoryError: GDAL got no memory, for which the file is not to blame.
        AssetMissingError: No such file.
        AssetUnreadableError: Empty, truncated, or of no format that GDAL knows.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise _missing(href) from error
    except RasterioError as error:
        raise _named(href, error) from error


def _missing(href: str) -> AssetMissingError:
    remedy = "Bring it back, or ingest the source again."
    return AssetMissingError("the asset's file is not there", where=href, remedy=remedy)


def _named(href: str, error: RasterioError) -> AssetMissingError | AssetUnreadableError | MemoryError:
    if isinstance(error.__cause__, CPLE_OutOfMemoryError):
        return MemoryError(str(error.__cause__))
    local = _local_file(href)
    if local is not None and not os.path.lexists(local):
        return _missing(href)
    if local is not None and Path(local).is_file() and Path(local).stat().st_size == 0:
        return AssetUnreadableError("the asset's file is empty", where=href, remedy="Fetch it again.")
    kind = "cannot be read to its end" if isinstance(error, RasterioIOError) else "cannot be read"
    cause = redact(str(error.__cause__ or error))
    return AssetUnreadableError(
        f"the asset {kind} ({cause})", where=href, remedy="Check that it is complete; fetch it again if not."
    )


def _local_file(href: str) -> str | None:
    """The path to look at on disk, None for what is remote or inside an archive."""
    scheme = href_scheme(href)
    path = local_path(href, scheme) if scheme in {"", "file"} else ""
    return path if path.startswith("/") and not path.startswith("/vsi") else None
