"""A remote file as GDAL and Arrow read files: what is small and near is read once and kept."""

import io
from collections import OrderedDict
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from jeospark.storage.kind import Range
from jeospark.storage.kinds import storage_of

CHUNK = 1 << 14
"""What is smaller is read in chunks of this size, which are kept; what is larger is read as it is asked for."""
KEPT = 64
"""Chunks kept."""
GAP = 1 << 12
"""Bytes between two ranges that are read rather than asked for around."""


class RemoteFile:
    """A published file, open for reading.

    Args:
        href: Where it is.

    Raises:
        FileNotFoundError: Nothing is there.
        StorageError: The storage does not give it.
    """

    def __init__(self, href: str) -> None:
        self._ranges = storage_of(href).open(href)
        self._chunks: OrderedDict[int, bytes] = OrderedDict()
        self._expected: dict[Range, memoryview] = {}
        self.size = self._ranges.size
        """Bytes."""

    def expect(self, ranges: Sequence[Range]) -> None:
        """Fetch ranges together, for `taken` to give; those of the call before are dropped.

        Raises:
            FileNotFoundError: The file is gone.
            StorageError: The storage does not give them.
        """
        self._expected = {}
        whole = joined([place for place in ranges if sum(place) <= self.size])
        for (start, _), data in zip(whole, self._ranges.read(whole), strict=True):
            view = memoryview(data)
            for place in ranges:
                at = place[0] - start
                if at >= 0 and at + place[1] <= len(data):
                    self._expected[place] = view[at : at + place[1]]

    def taken(self, offset: int, length: int) -> memoryview | None:
        """A range that was expected, once; None where it was not.

        A second request for it asks the storage anew: what it sent may have been damaged.
        """
        return self._expected.pop((offset, length), None)

    def part(self, length: int, offset: int) -> bytes:
        """Bytes from `offset`; fewer where the file ends.

        Raises:
            FileNotFoundError: The file is gone.
            StorageError: The storage does not give them.
        """
        length = max(min(length, self.size - offset), 0)
        if length > CHUNK:
            return self._ranges.read([(offset, length)])[0]
        first, last = offset // CHUNK, (offset + max(length, 1) - 1) // CHUNK
        data = b"".join(self._chunk(number) for number in range(first, last + 1)) if length else b""
        return data[offset - first * CHUNK :][:length]

    def _chunk(self, number: int) -> bytes:
        if number not in self._chunks:
            start = number * CHUNK
            (self._chunks[number],) = self._ranges.read([(start, min(CHUNK, self.size - start))])
            if len(self._chunks) > KEPT:
                self._chunks.popitem(last=False)
        self._chunks.move_to_end(number)
        return self._chunks[number]

    def close(self) -> None:
        """Let go of the file."""
        self._ranges.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Stream(io.RawIOBase):
    """A remote file as a stream, with a place of its own; the file stays open when the stream is closed.

    `read` raises FileNotFoundError or StorageError where the storage does not give the bytes.
    """

    def __init__(self, file: RemoteFile) -> None:
        super().__init__()
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Where the next `read` begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to an offset from the start, the place, or the end."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        return self._at

    def read(self, length: int | None = -1, /) -> bytes:
        """Bytes from here on; fewer where the file ends."""
        wanted = self._file.size - self._at if length is None or length < 0 else length
        data = self._file.part(wanted, self._at)
        self._at += len(data)
        return data


def joined(ranges: Sequence[Range]) -> list[Range]:
    """Ranges in order, those near each other made one."""
    found: list[Range] = []
    for start, length in sorted(ranges):
        if found and start <= sum(found[-1]) + GAP:
            first, held = found.pop()
            found.append((first, max(held, start + length - first)))
        else:
            found.append((start, length))
    return found
