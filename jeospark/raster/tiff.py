"""What the directories of a TIFF say: how its tiles are packed, and how long the file has to be."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

HEADERS = {
    b"II*\0": ("<", "I", "H", "HHI4s"),
    b"MM\0*": (">", "I", "H", "HHI4s"),
    b"II+\0": ("<", "Q", "Q", "HHQ8s"),
    b"MM\0+": (">", "Q", "Q", "HHQ8s"),
}
"""First bytes of classic and BigTIFF: order of bytes, types of an offset and of the number of entries, and an entry:
tag, type, count, value or its offset."""
COMPRESSION, FILL_ORDER, PREDICTOR, TILE_WIDTH = 259, 266, 317, 322
WHOLE = {1: "B", 3: "H", 4: "I", 16: "Q"}
"""Types of whole numbers."""
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value by type (TIFF 6.0, section 2; 16 to 18 are BigTIFF's)."""
MOST_ENTRIES = 4096
"""More is no directory."""
MOST_DIRECTORIES = 64
"""Looked at: image, mask and overviews are far fewer."""
AT_ONCE = 2048
"""Bytes read together, which most directories fit in."""

Part = Callable[[int, int], bytes]
"""From a length and an offset to bytes of a file; fewer where it ends."""
Entry = tuple[int, int, int, bytes]
"""Tag, type, count, value or its offset."""


@dataclass(frozen=True, slots=True)
class Packing:
    """How the numbers of a tile became its bytes."""

    compression: int
    """TIFF's number of the method."""
    predictor: int
    """1 none, 2 differences, 3 differences of floats."""


def packing(part: Part) -> Packing | None:
    """How the tiles of a file are packed; None where it is no tiled little-endian TIFF, or one of reversed bits.

    Args:
        part: Gives bytes of the file.

    Raises:
        OSError: The file cannot be read.
    """
    first = next(_directories(part), None)
    if first is None or first.order != "<":
        return None
    tags = first.numbers()
    if TILE_WIDTH not in tags or tags.get(FILL_ORDER, 1) != 1:
        return None
    return Packing(tags.get(COMPRESSION, 1), tags.get(PREDICTOR, 1))


def length(part: Part) -> int:
    """Bytes that a TIFF has at least, as its directories and their values lie; 0 for any other file.

    GDAL opens a file that was cut off before the values of its tags, which writers often put last, and leaves out
    what they say: nodata, CRS, the places of tiles.

    Args:
        part: Gives bytes of the file.

    Raises:
        OSError: The file cannot be read.
    """
    return max((directory.end() for directory in _directories(part)), default=0)


@dataclass(frozen=True, slots=True)
class _Directory:
    order: str
    entries: tuple[Entry, ...]
    last: int
    """Byte at which the directory itself ends."""

    def numbers(self) -> dict[int, int]:
        """The tags that are one whole number."""
        return {
            tag: struct.unpack_from(self.order + WHOLE[kind], value)[0]
            for tag, kind, count, value in self.entries
            if count == 1 and kind in WHOLE and SIZES[kind] <= len(value)
        }

    def end(self) -> int:
        """Byte at which the directory and its values end."""
        ends = [self.last]
        for _, kind, count, value in self.entries:
            size = SIZES.get(kind, 0) * count
            if size > len(value):
                (offset,) = struct.unpack(self.order + ("I" if len(value) == 4 else "Q"), value)
                ends.append(offset + size)
        return max(ends)


def _directories(part: Part) -> Iterator[_Directory]:
    """The directories of a TIFF in the order in which they are linked; of one that is cut off, its end only."""
    head = part(16, 0)
    if len(head) < 16 or head[:4] not in HEADERS:
        return
    order, pointer, counter, entry = HEADERS[head[:4]]
    width, step, link = (struct.calcsize(order + form) for form in (counter, entry, pointer))
    (start,) = struct.unpack_from(order + pointer, head, link)
    seen: set[int] = set()
    while start and start not in seen and len(seen) < MOST_DIRECTORIES:
        seen.add(start)
        body = part(AT_ONCE, start)
        count = struct.unpack_from(order + counter, body)[0] if len(body) >= width else 0
        size = width + count * step + link
        if count > MOST_ENTRIES:
            return
        if len(body) < size:
            body = part(size, start)
        if not count or len(body) < size:
            yield _Directory(order, (), start + max(size, width + step))
            return
        yield _Directory(order, tuple(struct.iter_unpack(order + entry, body[width : size - link])), start + size)
        (start,) = struct.unpack_from(order + pointer, body, size - link)
