"""What every kind of storage can do."""

from collections.abc import Sequence
from typing import Protocol

from jeospark.errors import StorageAnswerError

Range = tuple[int, int]
"""Offset and length in bytes, inside the file."""


def replaced(what: str, where: str) -> StorageAnswerError:
    """The error of a file that another one took the place of while it was read: their pixels must not be mixed."""
    return StorageAnswerError(what, where=where, remedy="It was replaced while it was read: resume.")


class Ranges(Protocol):
    """A published file that is read in pieces."""

    @property
    def size(self) -> int:
        """Bytes."""

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """The bytes of each range.

        Raises:
            StorageError: The storage does not give them.
            FileNotFoundError: The file is gone.
        """

    def close(self) -> None:
        """Let go of it."""


class Storage(Protocol):
    """One kind of storage. Whatever it publishes is seen whole or not at all."""

    def attempt(self, href: str) -> str:
        """A path of this machine, used by nobody else, to write what shall be published at `href`.

        Raises:
            OutputError: There can be none.
        """

    def put(self, path: str, href: str, *, durable: bool = True) -> None:
        """Publish the finished file at `path`, replacing what is at `href`.

        Args:
            path: From `attempt`.
            href: Where.
            durable: False where another file of the folder is published next, which makes both outlast a power cut.

        Raises:
            OutputError: The storage does not take it.
            StorageError: The storage does not answer.
        """

    def exists(self, href: str) -> bool:
        """True where a published file is.

        Raises:
            StorageError: The storage does not tell.
        """

    def open(self, href: str) -> Ranges:
        """A published file.

        Raises:
            FileNotFoundError: Nothing is at `href`.
            StorageError: The storage does not give it.
        """

    def remove(self, href: str) -> None:
        """Remove a published file, if it is there.

        Raises:
            OutputError: It cannot be removed.
            StorageError: The storage does not do it.
        """

    def names(self, folder: str) -> list[str]:
        """Names of what is directly in a folder, files and folders, sorted; none where it is not there.

        Raises:
            StorageError: The storage does not tell.
        """

    def check(self, folder: str, size: int) -> None:
        """Make sure that `size` bytes can be published in a folder, leaving nothing behind.

        Raises:
            OutputError: They cannot.
            StorageError: The storage does not answer.
        """
