"""Atomic publishing of results: a reader sees all of a file or nothing, on every kind of storage.

Nothing else in jeospark creates, renames or looks for a result.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jeospark.errors import OutputUnwritableError
from jeospark.storage.href import is_cut, join
from jeospark.storage.kinds import is_remote, storage_of
from jeospark.storage.parts import final_name, is_dead
from jeospark.storage.posix import attempt_path, output_error, output_path
from jeospark.storage.tokens import redact
from jeospark.storage.upload import publishing_errors

__all__ = [
    "attempt_path", "check_writable", "exists", "names", "output_error", "output_path", "publish", "publishing",
    "publishing_folder",
    "read_bytes", "read_text", "remove", "remove_folder", "write_text_atomic",
]  # fmt: skip


def publish(tmp: str, final: str, *, durable: bool = True) -> None:
    """Give the finished file `tmp` its name `final`, replacing what bears it: a reader sees all of it or nothing.

    Args:
        tmp: Path.
        final: Href; where it is on a mounted file system, `tmp` is on the same one, and gone afterwards.
        durable: False where another file of the folder is published next, which makes both names outlast a power cut.

    Raises:
        DiskFullError: The storage could not take the file's last bytes.
        OutputUnwritableError: `final` cannot be replaced.
        OutputError: The storage failed otherwise.
    """
    storage_of(final).put(tmp, final, durable=durable)


@contextmanager
def publishing(final: str, *, durable: bool = True, private: bool = False) -> Iterator[str]:
    """Yield a temporary path to write; publish it when the block ends, remove it when the block raises.

    Args:
        final: See `publish`.
        durable: See `publish`.
        private: True where, on a file system, only the owner may read it.

    Raises:
        DiskFullError: See `publish`.
        OutputUnwritableError: See `publish`; or the folder cannot be made.
        OutputError: See `publish`.
    """
    tmp = storage_of(final).attempt(final)
    try:
        if private:
            _make_private(tmp, final)
        yield tmp
        publish(tmp, final, durable=durable)
    finally:
        Path(tmp).unlink(missing_ok=True)


@contextmanager
def publishing_folder(final: str) -> Iterator[str]:
    """Yield the name of a folder to make; it takes the place of `final` when the block ends, and goes when it raises.

    Args:
        final: Folder on a mounted file system; a reader sees the old one, the new one, or for a moment none.

    Raises:
        OutputUnwritableError: `final` cannot be replaced.
        OutputError: The storage failed otherwise.
    """
    place = output_path(final)
    for left in place.parent.iterdir():
        if final_name(left.name) == place.name and is_dead(left.name):
            shutil.rmtree(left, ignore_errors=True)
    tmp, old = Path(attempt_path(final)), Path(attempt_path(final))
    try:
        yield str(tmp)
        if place.is_dir():
            place.rename(old)
        tmp.rename(place)
    except OSError as error:
        raise output_error(error, final) from error
    finally:
        for folder in (tmp, old):
            shutil.rmtree(folder, ignore_errors=True)


def _make_private(path: str, final: str) -> None:
    try:
        Path(path).touch(mode=0o600)
    except OSError as error:
        raise output_error(error, final) from error


def exists(href: str) -> bool:
    """True where a published file is at `href`.

    Raises:
        StorageError: The storage does not tell.
    """
    return storage_of(href).exists(href)


def read_text(href: str) -> str:
    """Text (UTF-8) of a published file.

    Raises:
        FileNotFoundError: Nothing is at `href`.
        StorageError: The storage does not give it.
    """
    return read_bytes(href).decode("utf-8")


def read_bytes(href: str) -> bytes:
    """Content of a published file.

    Raises:
        FileNotFoundError: Nothing is at `href`.
        StorageError: The storage does not give it.
    """
    file = storage_of(href).open(href)
    try:
        return file.read([(0, file.size)])[0] if file.size else b""
    finally:
        file.close()


def names(folder: str) -> list[str]:
    """Names of the files and folders in a folder, sorted; none where it is not there.

    Raises:
        StorageError: The storage does not tell.
    """
    return storage_of(folder).names(folder)


def remove(href: str) -> None:
    """Remove a published file, if it is there.

    Raises:
        OutputError: The storage does not do it.
    """
    with publishing_errors(href):
        storage_of(href).remove(href)


def remove_folder(folder: str) -> None:
    """Remove a folder of published files; on a mounted file system those above it that are empty then go, too.

    Raises:
        OutputError: The storage does not do it.
    """
    for name in names(folder):
        remove(join(folder, name))
    if not is_remote(folder):
        with suppress(OSError):
            os.removedirs(output_path(folder))


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
        OutputUnwritableError: The folder cannot be made, nothing can be written in it, or the href is none of a folder.
        OutputError: The storage failed otherwise.
    """
    if is_cut(folder):
        what = "what follows `?` or `#` is no part of a folder's name"
        raise OutputUnwritableError(what, where=redact(folder), remedy="Choose a name without them.")
    with publishing_errors(folder):
        storage_of(folder).check(folder, size)
