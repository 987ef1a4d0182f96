"""A product's files, in a folder or in a zip archive, by their path inside the product."""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jeospark.errors import SourceError


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """The files of one product."""

    path: str
    """Absolute path of the folder or archive."""
    sizes: Mapping[str, int]
    """Bytes of each file by its path inside, parts joined by slashes."""
    archive: bool
    """True = a zip archive."""

    @classmethod
    def open(cls, path: str) -> "Package":
        """List the files of a folder or zip archive.

        Raises:
            SourceError: It is missing, or no zip archive.
        """
        place = Path(path).resolve()
        if place.is_dir():
            files = sorted(file for file in place.rglob("*") if file.is_file())
            sizes = {file.relative_to(place).as_posix(): file.stat().st_size for file in files}
            return cls(path=str(place), sizes=sizes, archive=False)
        try:
            with zipfile.ZipFile(place) as archive:
                sizes = {entry.filename: entry.file_size for entry in archive.infolist() if not entry.is_dir()}
        except (OSError, zipfile.BadZipFile) as error:
            raise SourceError(
                f"cannot be opened as a zip archive ({error})", where=path, remedy="Fetch it again."
            ) from error
        return cls(path=str(place), sizes=sizes, archive=True)

    def read(self, name: str) -> bytes:
        """Read a whole file.

        Raises:
            SourceError: It cannot be read.
        """
        try:
            if not self.archive:
                return (Path(self.path) / name).read_bytes()
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(name)
        except (OSError, zipfile.BadZipFile, KeyError) as error:
            raise SourceError(f"cannot be read ({error})", where=self.href(name), remedy="Fetch it again.") from error

    def href(self, name: str) -> str:
        """Give the path by which GDAL opens a file."""
        return f"/vsizip/{self.path}/{name}" if self.archive else f"{self.path}/{name}"
