"""What the storages that are no file system have in common: results are made here, then sent."""

import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from jeospark.errors import (
    OutputError,
    OutputUnwritableError,
    StorageDeniedError,
    StorageError,
    StorageSlowError,
    StorageUnreachableError,
)
from jeospark.storage.kind import Storage
from jeospark.storage.parts import final_name, is_dead, part_name
from jeospark.storage.patience import patiently
from jeospark.storage.posix import output_error

WAITING = "jeospark-result"
"""Stem of the names of results that wait in the scratch folder."""


def local_attempt(href: str, scratch: str) -> str:
    """A path in the scratch folder, used by nobody else, with the suffix of `href`.

    Raises:
        OutputUnwritableError: The scratch folder cannot be made.
    """
    folder = Path(scratch or tempfile.gettempdir())
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(error, str(folder)) from error
    _sweep_once(folder, os.getpid())
    return str(folder / part_name(f"{WAITING}{Path(href).suffix}"))


@lru_cache(maxsize=16)
def _sweep_once(folder: Path, _process: int) -> None:
    """Remove the results of killed processes, once a process: a fork does not count as its parent."""
    with suppress(OSError):
        for left in folder.iterdir():
            if Path(final_name(left.name) or "").stem == WAITING and is_dead(left.name):
                _remove(left)


def _remove(path: Path) -> None:
    # Another user's stays.
    with suppress(OSError):
        path.unlink()


def attempt_href(href: str) -> str:
    """A hidden name beside `href` that no other attempt uses."""
    folder, _, name = href.rpartition("/")
    return f"{folder}/{part_name(name)}"


def rename_patiently(rename: Callable[[], object], size_there: Callable[[], int], size: int, patience: float) -> None:
    """Rename a part that was sent, again where the server is away or busy.

    Args:
        rename: Tries once.
        size_there: Tells the bytes of what bears the new name.
        size: Bytes of the part.
        patience: Seconds.

    Raises:
        FileNotFoundError: The part is gone, and it was not an earlier try that renamed it.
        StorageError: The server does not do it.
    """
    lost = False

    def once() -> None:
        nonlocal lost
        try:
            rename()
        except (StorageUnreachableError, StorageSlowError):
            lost = True
            raise
        except FileNotFoundError:
            # A try whose answer was lost may have done it.
            if not lost or size_there() != size:
                raise

    patiently(once, patience)


@contextmanager
def publishing_errors(href: str) -> Iterator[None]:
    """Turn what a storage says while it takes a result into an error of publishing.

    Raises:
        OutputUnwritableError: It denies access.
        OutputError: It does not take it.
    """
    try:
        yield
    except StorageError as error:
        kind = OutputUnwritableError if isinstance(error, StorageDeniedError) else OutputError
        raise kind(error.what, where=error.where or href, remedy=error.remedy) from error
    except FileNotFoundError as error:
        raise OutputError(f"cannot write: {error}", where=href, remedy="Check the storage; then resume.") from error


def probe(href: str, scratch: str, storage: Storage) -> None:
    """Publish a byte in a folder, see that it is there, and remove it.

    Raises:
        OutputUnwritableError: It goes elsewhere.
        OutputError: It cannot be published.
        StorageError: It cannot be removed.
    """
    target = f"{href.rstrip('/')}/.probe.{uuid.uuid4().hex}"
    path = Path(local_attempt(target, scratch))
    try:
        path.write_bytes(b"\0")
        storage.put(str(path), target)
    finally:
        path.unlink(missing_ok=True)
    if not storage.exists(target):
        raise OutputUnwritableError(
            "the storage takes a file and puts it under another name",
            where=href,
            remedy="Choose a folder whose name has letters of ASCII and digits only, without spaces.",
        )
    storage.remove(target)
