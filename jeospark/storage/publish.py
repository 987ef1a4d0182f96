"""Atomic publishing of results: written under a name of this attempt only, then renamed.

The seam for other storages: nothing else in jeospark creates, renames or looks for a result. Here, POSIX file systems.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from jeospark.errors import DiskFullError, OutputError, OutputUnwritableError
from jeospark.storage.href import href_scheme
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
        raise OutputUnwritableError("results go to a mounted file system only", where=href, remedy="Give a path.")
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


def publish(tmp: str, final: str, *, durable: bool = True) -> None:
    """Give the finished file `tmp` its name `final`, replacing what bears it: a reader sees all of it or nothing.

    Args:
        tmp: Path.
        final: Href.
        durable: False where another file of the folder is published next, which makes both names outlast a power cut.

    Raises:
        DiskFullError: The storage could not take the file's last bytes.
        OutputUnwritableError: `final` cannot be replaced.
        OutputError: The storage failed otherwise.
    """
    target = output_path(final)
    try:
        _sync(tmp)
        Path(tmp).replace(target)
        if durable:
            _sync(str(target.parent))
    except OSError as error:
        raise output_error(error, final) from error


@contextmanager
def publishing(final: str, *, durable: bool = True, private: bool = False) -> Iterator[str]:
    """Yield a temporary path to write; publish it when the block ends, remove it when the block raises.

    Args:
        final: See `publish`.
        durable: See `publish`.
        private: True where only the owner may read it, and the folder that is made for it.

    Raises:
        DiskFullError: See `publish`.
        OutputUnwritableError: See `publish`; or the folder cannot be made.
        OutputError: See `publish`.
    """
    tmp = attempt_path(final)
    try:
        Path(tmp).parent.mkdir(mode=0o700 if private else 0o777, parents=True, exist_ok=True)
        if private:
            Path(tmp).touch(mode=0o600)
    except OSError as error:
        raise output_error(error, final) from error
    try:
        yield tmp
        publish(tmp, final, durable=durable)
    finally:
        Path(tmp).unlink(missing_ok=True)


def exists(href: str) -> bool:
    """True where a published file is at `href`."""
    return output_path(href).is_file()


def read_text(href: str) -> str:
    """Text (UTF-8) of a published file.

    Raises:
        FileNotFoundError: Nothing is at `href`.
    """
    return output_path(href).read_text(encoding="utf-8")


def read_bytes(href: str) -> bytes:
    """Content of a published file.

    Raises:
        FileNotFoundError: Nothing is at `href`.
    """
    return output_path(href).read_bytes()


def write_text_atomic(href: str, text: str, *, private: bool = False) -> None:
    """Publish a text as UTF-8, its folder made where missing.

    Args:
        href: Where.
        text: What.
        private: See `publishing`.

    Raises:
        DiskFullError: See `publish`.
        OutputUnwritableError: See `publishing`.
        OutputError: See `publish`.
    """
    with publishing(href, private=private) as tmp:
        try:
            Path(tmp).write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise output_error(error, href) from error


def check_writable(folder: str, size: int = 1) -> None:
    """Make the folder where missing, and make sure that `size` bytes can be written there, leaving nothing behind.

    Raises:
        DiskFullError: There is no room for them.
        OutputUnwritableError: The folder cannot be made, or nothing can be written in it.
        OutputError: The storage failed otherwise.
    """
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


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
