"""What can be read off well-known binary without making geometry objects: boxes, types, sizes, damage."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from udfs.jit import compiled

TYPES = (
    "Geometry",
    "Point",
    "LineString",
    "Polygon",
    "MultiPoint",
    "MultiLineString",
    "MultiPolygon",
    "GeometryCollection",
)
"""GeoParquet's names, by the number of the type in WKB."""

DAMAGED, EXTENDED, BIG_ENDIAN, HAS_Z, HAS_M, NOT_FINITE = 1, 2, 4, 8, 16, 32
"""Flags of `Scan`: cannot be parsed; PostGIS's EWKB; a byte order; dimensions; an infinite coordinate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One value a geometry, n in all."""

    bounds: npt.NDArray[np.float64]
    """Shape (n, 4): xmin, ymin, xmax, ymax; NaN for null and empty ones."""
    kind: npt.NDArray[np.uint8]
    """Index in `TYPES`; 0 for null and damaged ones."""
    flags: npt.NDArray[np.uint8]
    """Sums of the flags of this module."""
    vertices: npt.NDArray[np.int64]
    """0 for null and empty ones."""
    stride: npt.NDArray[np.float64]
    """The longest step along x between neighbouring vertices of a line or ring."""

    def type_names(self) -> npt.NDArray[np.object_]:
        """GeoParquet's name of each type, with ` Z`, ` M` or ` ZM`."""
        suffix = np.array(["", " Z", " M", " ZM"], dtype=object)
        names = np.array(TYPES, dtype=object)[self.kind]
        whole: npt.NDArray[np.object_] = names + suffix[(self.flags & (HAS_Z | HAS_M)) >> 3]
        return whole


def scan(column: pa.BinaryArray) -> Scan:
    """Look through the geometries of a column of WKB (ISO or EWKB, any byte order)."""
    offsets, data = binary_buffers(column)
    rows = len(column)
    found = Scan(
        bounds=np.full((rows, 4), np.nan),
        kind=np.zeros(rows, np.uint8),
        flags=np.zeros(rows, np.uint8),
        vertices=np.zeros(rows, np.int64),
        stride=np.zeros(rows),
    )
    known = column.is_valid().to_numpy(zero_copy_only=False)
    _scan(data, offsets, known, found.bounds, found.kind, found.flags, found.vertices, found.stride)
    return found


def is_curved(geometry: bytes) -> bool:
    """True for the types of ISO 13249-3 that have arcs, or may have: CircularString to MultiSurface, Curve, Surface."""
    if len(geometry) < 5:
        return False
    code = int.from_bytes(geometry[1:5], "little" if geometry[0] else "big") & 0x0FFFFFFF
    return code % 1000 in {8, 9, 10, 11, 12, 13, 14}


def binary_buffers(column: pa.BinaryArray) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Offsets, (n + 1), and bytes of a binary column, without a copy."""
    _, offsets, data = column.buffers()
    start = column.offset
    # Read-only arrays in every case, so that the kernels are compiled once.
    places = np.frombuffer(offsets or bytes(4), np.int32)[start : start + len(column) + 1]
    return places, np.frombuffer(data or b"", np.uint8)


def hilbert(bounds: npt.NDArray[np.float64], half: float) -> npt.NDArray[np.int64]:
    """Place of the centres of boxes along a Hilbert curve over the square from -half to half.

    Skilling, J., 2004, Programming the Hilbert curve, AIP Conf. Proc. 707, doi:10.1063/1.1751381.

    Args:
        bounds: Shape (n, 4); rows of NaN come last on the curve.
        half: Half the side of the square; centres outside go to its edge.
    """
    keys = np.empty(len(bounds), np.int64)
    _hilbert(bounds, float(half), keys)
    return keys


@compiled(nogil=True, error_model="numpy")
def _hilbert(bounds: Any, half: Any, keys: Any) -> None:
    side = 1 << 31
    for row in range(bounds.shape[0]):
        if not np.isfinite(bounds[row, 0] + bounds[row, 1] + bounds[row, 2] + bounds[row, 3]):
            keys[row] = np.iinfo(np.int64).max
            continue
        x = _cell((bounds[row, 0] + bounds[row, 2]) * 0.5, half, side)
        y = _cell((bounds[row, 1] + bounds[row, 3]) * 0.5, half, side)
        key, step = np.int64(0), side >> 1
        while step > 0:
            right, up = (x & step) > 0, (y & step) > 0
            key = (key << 2) | ((3 if right else 0) ^ (1 if up else 0))
            if not up:
                if right:
                    x, y = step - 1 - (x & (step - 1)), step - 1 - (y & (step - 1))
                x, y = y, x
            step >>= 1
        keys[row] = key


@compiled(nogil=True, error_model="numpy")
def _cell(value: Any, half: Any, side: Any) -> Any:
    return np.int64(min(max((value + half) / (2.0 * half) * side, 0.0), side - 1.0))


@compiled(nogil=True, error_model="numpy")
def _scan(  # noqa: PLR0913, PLR0917 (arrays in, arrays out)
    data: Any, offsets: Any, known: Any, bounds: Any, kinds: Any, flags: Any, vertices: Any, strides: Any
) -> None:
    for row in range(known.shape[0]):
        if known[row]:
            piece = data[offsets[row] : offsets[row + 1]]
            kind, flag, count, stride = _scan_one(piece, bounds[row])
            damaged = (flag & DAMAGED) > 0
            kinds[row] = 0 if damaged else kind
            flags[row], vertices[row], strides[row] = flag, 0 if damaged else count, stride
            if damaged or count == 0:
                bounds[row, :] = np.nan


@compiled(nogil=True, error_model="numpy")
def _scan_one(piece: Any, box: Any) -> Any:  # noqa: C901, PLR0911, PLR0912, PLR0915 (one loop over bytes)
    size, at, pending, first = piece.shape[0], 0, 1, True
    outer, flag, count, stride = 0, 0, 0, 0.0
    box[0], box[1], box[2], box[3] = np.inf, np.inf, -np.inf, -np.inf
    while pending > 0:
        pending -= 1
        if at + 5 > size or piece[at] > 1:
            return 0, flag | DAMAGED, 0, 0.0
        big = piece[at] == 0
        code = _whole(piece, at + 1, big)
        at += 5
        extended = code & 0xE0000000
        has_z, has_m = (code & 0x80000000) > 0, (code & 0x40000000) > 0
        if code & 0x20000000:
            at += 4
        code &= 0x1FFFFFFF
        has_z, has_m = has_z or code // 1000 in {1, 3}, has_m or code // 1000 in {2, 3}
        kind = code % 1000
        if code >= 4000 or kind < 1 or kind > 7:
            return 0, flag | DAMAGED, 0, 0.0
        flag |= (EXTENDED if extended else 0) | (BIG_ENDIAN if big else 0)
        flag |= (HAS_Z if has_z else 0) | (HAS_M if has_m else 0)
        if first:
            outer, first = kind, False
        width = 16 + 8 * has_z + 8 * has_m
        rings = 1
        if kind != 1:
            if at + 4 > size:
                return 0, flag | DAMAGED, 0, 0.0
            parts = _whole(piece, at, big)
            if kind >= 4:
                at += 4
                pending += parts
                if pending > size:
                    return 0, flag | DAMAGED, 0, 0.0
                continue
            if kind == 3:
                at, rings = at + 4, parts
        for _ in range(rings):
            points = 1
            if kind != 1:
                if at + 4 > size:
                    return 0, flag | DAMAGED, 0, 0.0
                points, at = _whole(piece, at, big), at + 4
            if points * width > size - at:
                return 0, flag | DAMAGED, 0, 0.0
            last = np.nan
            for point in range(points):
                x, y = _real(piece, at, big), _real(piece, at + 8, big)
                at += width
                if kind == 1 and np.isnan(x) and np.isnan(y):
                    continue
                if not (np.isfinite(x) and np.isfinite(y)):
                    flag |= NOT_FINITE
                    continue
                count += 1
                box[0], box[1] = min(box[0], x), min(box[1], y)
                box[2], box[3] = max(box[2], x), max(box[3], y)
                if point > 0 and abs(x - last) > stride:
                    stride = abs(x - last)
                last = x
    return outer, flag, count, stride


@compiled(nogil=True, error_model="numpy")
def _whole(piece: Any, at: Any, big: Any) -> Any:
    a, b, c, d = np.int64(piece[at]), np.int64(piece[at + 1]), np.int64(piece[at + 2]), np.int64(piece[at + 3])
    return (a << 24 | b << 16 | c << 8 | d) if big else (d << 24 | c << 16 | b << 8 | a)


@compiled(nogil=True, error_model="numpy")
def _real(piece: Any, at: Any, big: Any) -> Any:
    if big:
        return piece[at : at + 8][::-1].copy().view(np.float64)[0]
    return piece[at : at + 8].view(np.float64)[0]
