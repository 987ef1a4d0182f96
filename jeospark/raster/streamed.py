"""Datasets of remote storages: GDAL reads them through a stream of ours."""

from dataclasses import dataclass
from io import BytesIO, RawIOBase
from itertools import count
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from jeospark.errors import JeosparkError
from jeospark.storage.remote import RemoteFile, Stream

_NUMBERS = count()


@dataclass(slots=True)
class Streamed:
    """A remote file that GDAL has open."""

    file: RemoteFile
    failure: JeosparkError | FileNotFoundError | None = None
    """What the storage said when a read failed last: GDAL takes no exceptions from streams."""

    def taken_failure(self) -> JeosparkError | FileNotFoundError | None:
        """The failure, once."""
        failure, self.failure = self.failure, None
        return failure


def open_streamed(href: str, options: dict[str, int]) -> tuple[DatasetReader, Streamed]:
    """Open a dataset, and tell what it is read from.

    Args:
        href: On a remote storage.
        options: Of GDAL's driver.

    Raises:
        FileNotFoundError: Nothing is there.
        StorageError: The storage does not give it.
        RasterioError: GDAL cannot open it.
    """
    streamed = Streamed(RemoteFile(href))
    # A name of its own: rasterio (1.4.4) crashes where two datasets are open by one name and the older closes first.
    name = f"{next(_NUMBERS)}/{PurePosixPath(urlsplit(href).path).name}"

    def opener(path: str, *_: object, **__: object) -> RawIOBase | BytesIO:
        # rasterio tries an opener with a name of its own first.
        return _Quiet(streamed) if path == name else BytesIO()

    try:
        return rasterio.open(name, opener=opener, **options), streamed
    except RasterioError as error:
        streamed.file.close()
        raise streamed.taken_failure() or error from error


class _Quiet(Stream):
    """A stream that ends where it fails, and keeps the reason: an exception would end the process."""

    def __init__(self, streamed: Streamed) -> None:
        super().__init__(streamed.file)
        self._streamed = streamed

    def read(self, length: int | None = -1, /) -> bytes:
        """Bytes from here on."""
        try:
            return super().read(length)
        except (JeosparkError, FileNotFoundError) as error:
            self._streamed.failure = error
            return b""
