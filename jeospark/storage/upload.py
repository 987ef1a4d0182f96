"""What the storages that are no file system have in common: results are made here, then sent."""

import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jeospark.errors import OutputError, OutputUnwritableError, StorageDeniedError, StorageError
from jeospark.storage.parts import part_name
from jeospark.storage.posix import output_error

Put = Callable[[str, str], None]


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
    return str(folder / f"jeospark-{uuid.uuid4().hex}{Path(href).suffix}")


def attempt_href(href: str) -> str:
    """A hidden name beside `href` that no other attempt uses."""
    folder, _, name = href.rpartition("/")
    return f"{folder}/{part_name(name)}"


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


def probe(href: str, scratch: str, put: Put, remove: Callable[[str], None]) -> None:
    """Publish a byte in a folder, and remove it.

    Raises:
        OutputError: It cannot be published.
        StorageError: It cannot be removed.
    """
    target = f"{href.rstrip('/')}/.probe.{uuid.uuid4().hex}"
    path = Path(local_attempt(target, scratch))
    try:
        path.write_bytes(b"\0")
        put(str(path), target)
    finally:
        path.unlink(missing_ok=True)
    remove(target)
