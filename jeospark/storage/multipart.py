"""Several ranges of a file in one answer: `multipart/byteranges` (RFC 9110, section 14.6)."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from jeospark.storage.kind import Range

MOST_RANGES = 64
"""In one request: servers limit the length of a header."""
MOST_BYTES = 4 << 20
"""In one request, beyond which several connections are faster."""
MOST_HEAD = 1024
"""Bytes before each part, and at the end."""
_PLACE = re.compile(rb"content-range:\s*bytes (\d+)-(\d+)/(\d+)\s*$", re.IGNORECASE | re.MULTILINE)
_END = b"\r\n\r\n"


def gives_several(headers: Mapping[str, str]) -> bool:
    """True for a server that is known to give several ranges in one answer; others may send the whole file instead."""
    return headers.get("Server", "").startswith("XrootD")


def grouped(ranges: Sequence[Range]) -> list[list[Range]]:
    """Ranges that are asked for together, in their order."""
    groups: list[list[Range]] = []
    held = 0
    for place in ranges:
        if not groups or len(groups[-1]) == MOST_RANGES or held + place[1] > MOST_BYTES:
            groups.append([])
            held = 0
        groups[-1].append(place)
        held += place[1]
    return groups


def range_of(places: Sequence[Range]) -> str:
    """The value of the header `Range`."""
    return f"bytes={','.join(f'{start}-{start + length - 1}' for start, length in places)}"


def most_of(places: Sequence[Range]) -> int:
    """Bytes of an answer at most."""
    return sum(length + MOST_HEAD for _, length in places) + MOST_HEAD


def parts_of(
    status: int, headers: Mapping[str, str], body: bytes, places: Sequence[Range], size: int
) -> list[bytes] | None:
    """The bytes of each range; None where the answer is another than that.

    Args:
        status: Of the answer.
        headers: Of the answer.
        body: All of it.
        places: What was asked for.
        size: Of the file.
    """
    if status != HTTPStatus.PARTIAL_CONTENT or not headers.get("Content-Type", "").startswith("multipart/byteranges"):
        return None
    parts, at = [], 0
    for start, length in places:
        # Boundaries are not looked for: the bytes of a file may hold them.
        begin = body.find(_END, at)
        told = _PLACE.search(body, at, begin)
        if begin < 0 or told is None or tuple(map(int, told.groups())) != (start, start + length - 1, size):
            return None
        at = begin + len(_END) + length
        parts.append(body[begin + len(_END) : at])
    return parts if len(parts[-1]) == places[-1][1] else None
