"""What the first directory of a TIFF says about how its tiles are packed."""

import struct
from collections.abc import Callable
from dataclasses import dataclass

HEADERS = {b"II*\0": ("<I", 4, "<H", "<HHI4s"), b"II+\0": ("<Q", 8, "<Q", "<HHQ8s")}
"""First bytes of classic and BigTIFF in little-endian order: type and position of the first directory's offset, type of
the number of its entries, and an entry: tag, type, count, value."""
COMPRESSION, FILL_ORDER, PREDICTOR, TILE_WIDTH = 259, 266, 317, 322
WHOLE = {1: "<B", 3: "<H", 4: "<I", 16: "<Q"}
"""Types of whole numbers."""
Part = Callable[[int, int], bytes]
"""From a length and an offset to bytes of a file; fewer where it ends."""
MOST_ENTRIES = 4096
"""More is no directory."""


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
    tags = _tags(part)
    if TILE_WIDTH not in tags or tags.get(FILL_ORDER, 1) != 1:
        return None
    return Packing(tags.get(COMPRESSION, 1), tags.get(PREDICTOR, 1))


def _tags(part: Part) -> dict[int, int]:
    """The tags of the first directory that are one whole number; none where there is no such directory."""
    head = part(16, 0)
    if len(head) < 16 or head[:4] not in HEADERS:
        return {}
    pointer, position, counter, entry = HEADERS[head[:4]]
    (start,) = struct.unpack_from(pointer, head, position)
    width, step = struct.calcsize(counter), struct.calcsize(entry)
    count = part(width, start)
    if len(count) < width:
        return {}
    body = part(min(struct.unpack(counter, count)[0], MOST_ENTRIES) * step, start + width)
    return {
        tag: struct.unpack_from(WHOLE[kind], value)[0]
        for tag, kind, number, value in struct.iter_unpack(entry, body[: len(body) // step * step])
        if number == 1 and kind in WHOLE and struct.calcsize(WHOLE[kind]) <= len(value)
    }
