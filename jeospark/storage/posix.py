"""Mounted file systems: a result is written beside its place and renamed."""

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from jeospark.errors import DiskFullError, OutputError, OutputUnwritableError
from jeospark.storage.href import href_scheme
from jeospark.storage.kind import Range
from jeospark.storage.parts import part_name

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_UNWRITABLE = frozenset(
    {
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ENOENT,
        errno.EEXIST,
        errno.ENAMETOOLONG,
        errno.ELOOP,
    }
)


def output_path(href: str) -> Path:
    """Path of an output href.

    Raises:
        OutputUnwritableError: The href is not on a mounted file system.
    """
    scheme = href_scheme(href)
    if scheme not in ("", "file") or href.startswith("/vsi"):
        raise OutputUnwritableError("this goes to a mounted file system only", where=href, remedy="Give a path.")
    return Path(unquote(urlsplit(href).path) if scheme else href)


def output_error(error: OSError, where: str) -> OutputError:
    """The named error for what the operating system said about an output path."""
    what = f"cannot write: {error.strerror or error}"
    if error.errno in _FULL:
        return DiskFullError(what, where=where, remedy="Free space there, or choose another folder; then resume.")
    if error.errno in _UNWRITABLE:
        return OutputUnwritableError(what, where=where, remedy="Choose a folder that you may write.")
    return OutputError(what, where=where, remedy="Check the storage; then resume.")


def attempt_path(final: str) -> str:
    """A hidden name beside `final` that no other attempt uses."""
    path = output_path(final)
    return str(path.with_name(part_name(path.name)))


class Posix:
    """See `kind.Storage`."""

    def attempt(self, href: str) -> str:
        """See `kind.Storage.attempt`."""
        path = attempt_path(href)
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(error, href) from error
        return path

    def put(self, path: str, href: str, *, durable: bool = True) -> None:
        """See `kind.Storage.put`."""
        target = output_path(href)
        try:
            _sync(path)
            Path(path).replace(target)
            if durable:
                _sync(str(target.parent))
        except OSError as error:
            raise output_error(error, href) from error

    def exists(self, href: str) -> bool:
        """See `kind.Storage.exists`."""
        return output_path(href).is_file()

    def open(self, href: str) -> "PosixFile":
        """See `kind.Storage.open`."""
        return PosixFile(output_path(href))

    def remove(self, href: str) -> None:
        """See `kind.Storage.remove`."""
        try:
            output_path(href).unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise output_error(error, href) from error

    def names(self, folder: str) -> list[str]:
        """See `kind.Storage.names`."""
        try:
            return sorted(path.name for path in output_path(folder).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def check(self, folder: str, size: int) -> None:
        """See `kind.Storage.check`; the folder is made."""
        path = output_path(folder)
        probe = path / part_name("probe")
        try:
            path.mkdir(parents=True, exist_ok=True)
            with probe.open("xb") as file:
                os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            raise output_error(error, folder) from error
        finally:
            with suppress(OSError):
                probe.unlink()


class PosixFile:
    """See `kind.Ranges`."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    @property
    def size(self) -> int:
        """Bytes."""
        return os.fstat(self._descriptor).st_size

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """See `kind.Ranges.read`."""
        return [os.pread(self._descriptor, length, offset) for offset, length in ranges]

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
