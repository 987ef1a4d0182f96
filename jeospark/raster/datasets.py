"""Open datasets, kept for reuse within one task, and GDAL's errors turned into named ones."""

import os
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.io import DatasetReader

from jeospark.errors import AssetMissingError, AssetUnreadableError
from jeospark.storage.href import gdal_path


class Datasets:
    """The most recently used open datasets of one task.

    Made inside the task: a dataset opened before a fork and read on both sides shares one file offset, and gives
    corrupt blocks.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._open: OrderedDict[tuple[str, int | None], DatasetReader] = OrderedDict()

    def get(self, href: str, variable: str | None = None, overview: int | None = None) -> DatasetReader:
        """The dataset of `href`, at an overview level where one is given.

        Raises:
            AssetMissingError: No such file.
            AssetUnreadableError: Empty, truncated, or of no format that GDAL knows.
        """
        key = (gdal_path(href, variable), overview)
        if key not in self._open:
            self._open[key] = _open(href, *key)
            if len(self._open) > self._capacity:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(key)
        return self._open[key]

    def close(self) -> None:
        """Close them all."""
        while self._open:
            self._open.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _open(href: str, path: str, overview: int | None) -> DatasetReader:
    options = {} if overview is None else {"overview_level": overview}
    with reading(href), warnings.catch_warnings():
        # Whether a raster is placed, by itself or by the catalogue, is for `placement` to say.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path, **options)


@contextmanager
def reading(href: str) -> Iterator[None]:
    """Turn what GDAL raises while it reads `href` into an error that names the file.

    Raises:
        AssetMissingError: No such file.
        AssetUnreadableError: Empty, truncated, or of no format that GDAL knows.
    """
    try:
        yield
    except RasterioError as error:
        raise _named(href, error) from error


def _named(href: str, error: RasterioError) -> AssetMissingError | AssetUnreadableError:
    local = _local_file(href)
    if local is not None and not os.path.lexists(local):
        return AssetMissingError(
            "the asset's file is not there", where=href, remedy="Bring it back, or ingest the source again."
        )
    if local is not None and Path(local).is_file() and Path(local).stat().st_size == 0:
        return AssetUnreadableError("the asset's file is empty", where=href, remedy="Fetch it again.")
    kind = "cannot be read to its end" if isinstance(error, RasterioIOError) else "cannot be read"
    cause = str(error.__cause__ or error)
    return AssetUnreadableError(
        f"the asset {kind} ({cause})", where=href, remedy="Check that it is complete; fetch it again if not."
    )


def _local_file(href: str) -> str | None:
    """The path to look at on disk, None for what is remote or inside an archive."""
    path = href.removeprefix("file://")
    return path if path.startswith("/") and not path.startswith("/vsi") else None
