"""Files whose bytes are read without GDAL."""

import os
from collections.abc import Sequence
from typing import Protocol


class PackedFile(Protocol):
    """A file that blocks are in; `storage.remote.RemoteFile` is one, too."""

    def expect(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Say which ranges (offset, length) are `taken` next, so that they can be fetched together."""

    def taken(self, offset: int, length: int) -> memoryview | None:
        """The bytes of a range, until the next one is taken; None where they cannot be had."""

    def part(self, length: int, offset: int) -> bytes:
        """Bytes from `offset`; fewer where the file ends."""

    def close(self) -> None:
        """Close it."""


class LocalFile:
    """See `PackedFile`: a file on a mounted file system.

    Args:
        path: Of the file.
        scratch: Room for packed bytes, which grows as needed; what `taken` gives lies in it.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, path: str, scratch: bytearray) -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._scratch = scratch

    def expect(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Nothing to do: the kernel reads ahead."""

    def taken(self, offset: int, length: int) -> memoryview | None:
        """See `PackedFile.taken`."""
        if len(self._scratch) < length:
            self._scratch.extend(bytes(length - len(self._scratch)))
        packed = memoryview(self._scratch)[:length]
        try:
            if os.preadv(self.descriptor, [packed], offset) == length:
                return packed
        except OSError:
            pass
        packed.release()
        return None

    def part(self, length: int, offset: int) -> bytes:
        """See `PackedFile.part`."""
        return os.pread(self.descriptor, length, offset)

    def same(self, seen: os.stat_result) -> bool:
        """True where the file is the one that was seen before: one replaced since then is another."""
        now = os.fstat(self.descriptor)
        return all(getattr(now, part) == getattr(seen, part) for part in ("st_dev", "st_ino", "st_size", "st_mtime_ns"))

    def close(self) -> None:
        """Close it."""
        os.close(self.descriptor)
