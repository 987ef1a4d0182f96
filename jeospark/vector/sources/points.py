"""Geometries made of columns: x and y, or well-known text or binary, as PostGIS exports them too."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from pyproj import CRS

from jeospark.errors import VectorSourceError
from jeospark.vector.crs import srid_crs
from jeospark.vector.sources.request import Request
from jeospark.words import are, numbered

MADE = "\0geometry"
"""Name of the column of geometries that are made of others: no text has such a column, and many have one `geometry`."""
_HEX = r"^(\\x)?0[01][0-9A-Fa-f]{8,}$"
"""Well-known binary in hexadecimal digits, as PostGIS prints geometries, and bytes."""
_SRID = (
    r"^(?:\\x)?01.{6}[2367ABEFabef].(?P<little>[0-9A-Fa-f]{8})|^(?:\\x)?00[2367ABEFabef].{7}(?P<big>[0-9A-Fa-f]{8})"
    r"|^SRID=(?P<text>\d+);"
)
"""Where EWKB, whose type has the bit 0x20000000 then, and EWKT have the SRID."""
_POINT = np.dtype([("order", "u1"), ("type", "<u4"), ("x", "<f8"), ("y", "<f8")])


def point_wkb(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> pa.BinaryArray:
    """Points as WKB; null where x or y is NaN."""
    known = np.isfinite(x) & np.isfinite(y)
    records = np.empty(len(x), _POINT)
    records["order"], records["type"], records["x"], records["y"] = 1, 1, x, y
    offsets = np.arange(len(x) + 1, dtype=np.int32) * _POINT.itemsize
    mask = pa.array(known).buffers()[1]
    parts = [mask, pa.py_buffer(offsets), pa.py_buffer(records.tobytes())]
    return pa.BinaryArray.from_buffers(pa.binary(), len(x), parts)


def has_columns(request: Request) -> bool:
    """True where the request says which columns make the geometry."""
    return bool(request.wkt or (request.x and request.y))


def check_columns(request: Request, names: list[str]) -> None:
    """Make sure that the columns of the request are there.

    Raises:
        VectorSourceError: One is not, or the request names none.
    """
    if not has_columns(request):
        raise VectorSourceError(
            f"there is no geometry among the columns {', '.join(names)}",
            where=request.href,
            remedy="Give --x and --y, or --wkt, and --crs.",
        )
    for name in (request.wkt,) if request.wkt else (request.x, request.y):
        if name not in names:
            raise VectorSourceError(
                f"there is no column '{name}'", where=request.href, remedy=f"There are {', '.join(names)}."
            )


def with_geometry(batch: pa.RecordBatch, request: Request, row: int) -> pa.RecordBatch:
    """Add the column `MADE` of geometries; that of well-known text goes, those of coordinates stay.

    Args:
        batch: With the columns that `check_columns` looked for.
        request: Names them.
        row: Number of the batch's first row in the source, for the error.

    Raises:
        VectorSourceError: A value is no number, or no well-known text.
    """
    if request.wkt:
        shapes = text_wkb(batch.column(request.wkt), request.href, row)
        rest = batch.drop_columns([request.wkt])
    else:
        x, y = (_numbers(batch.column(name), name, request.href, row) for name in (request.x, request.y))
        shapes, rest = point_wkb(x, y), batch
    return rest.append_column(MADE, shapes)


def srids_of(column: pa.Array) -> set[int]:
    """SRIDs that EWKB, in hexadecimal digits or not, and EWKT state; 0 for a geometry that states none."""
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        heads = pc.unique(pc.binary_slice(column.drop_null(), 0, 9)).to_pylist()
        column = pa.array([head.hex() for head in heads], pa.string())
    texts = column.cast(pa.string())
    texts = texts.filter(pc.not_equal(texts, ""))
    found = pc.extract_regex(texts, _SRID)
    silent = {0} if found.null_count else set()
    little, big, text = (
        [value for value in pc.unique(pc.struct_field(found, name)).to_pylist() if value]
        for name in ("little", "big", "text")
    )
    turned = (int.from_bytes(bytes.fromhex(value), "little") for value in little)
    return silent | set(turned) | {int(value, 16) for value in big} | set(map(int, text))


def srids_crs(srids: set[int], request: Request) -> tuple[CRS | None, str]:
    """The CRS that the SRIDs of all geometries name, and why; None where they name none, or the request does.

    Raises:
        VectorSourceError: They are several.
        LayerCrsError: It is the code of none.
    """
    if len(srids) > 1:
        raise VectorSourceError(
            f"its geometries have the SRIDs {', '.join(map(str, sorted(srids)))}",
            where=request.href,
            remedy="Make a file of those of each SRID (0: those that state none).",
        )
    number = next(iter(srids), 0)
    if number == 0 or request.crs:
        return None, ""
    return srid_crs(number, request.href), f"SRID {number} of the geometries"


def text_wkb(column: pa.Array, where: str, row: int) -> pa.BinaryArray:
    """Well-known text, or well-known binary in hexadecimal digits or not, as WKB; with or without an SRID before it.

    Raises:
        VectorSourceError: A value is neither.
    """
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return column.cast(pa.binary())
    plain = column.cast(pa.string())
    coded = pc.match_substring_regex(plain, _HEX).fill_null(fill_value=False).to_numpy(zero_copy_only=False)
    texts = pc.replace_substring_regex(plain, r"^SRID=\d+;|^\\x", "").to_numpy(zero_copy_only=False)
    shapes = np.full(len(texts), None, dtype=object)
    for at in np.flatnonzero(coded).tolist():
        if len(texts[at]) % 2:
            raise _bad_value(1, texts[at], "well-known binary", where, row + at)
        shapes[at] = bytes.fromhex(texts[at])
    texts[coded] = None
    shapes[~coded] = _parsed(texts, where, row)[~coded]
    return pa.array(shapes, pa.binary())


def _parsed(texts: npt.NDArray[np.object_], where: str, row: int) -> npt.NDArray[np.object_]:
    texts = texts.copy()
    texts[texts == ""] = None
    try:
        shapes = shapely.from_wkt(texts, on_invalid="ignore")
    except NotImplementedError as error:
        raise VectorSourceError(
            "it has curves, and layers are of straight lines",
            where=where,
            remedy="Make them straight with `ogr2ogr -nlt CONVERT_TO_LINEAR`.",
        ) from error
    bad = np.flatnonzero(shapely.is_missing(shapes) & (texts != None))  # noqa: E711 (elementwise)
    if bad.size:
        raise _bad_value(bad.size, texts[bad[0]], "well-known text", where, row + int(bad[0]))
    made: npt.NDArray[np.object_] = shapely.to_wkb(shapes, output_dimension=4, flavor="iso")
    return made


def _numbers(column: pa.Array, name: str | None, where: str, row: int) -> npt.NDArray[np.float64]:
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        values: npt.NDArray[np.float64] = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        return values
    texts = pc.utf8_trim_whitespace(column.cast(pa.string()))
    texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    good = pc.match_substring_regex(texts, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[nN]a[nN]$")
    bad = np.flatnonzero(~good.fill_null(fill_value=True).to_numpy(zero_copy_only=False))
    if bad.size:
        raise _bad_value(bad.size, texts[int(bad[0])].as_py(), f"a number, in column {name}", where, row + int(bad[0]))
    numbers: npt.NDArray[np.float64] = texts.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return numbers


def _bad_value(count: int, text: Any, wanted: str, where: str, row: int) -> VectorSourceError:
    shown = text if len(text) < 60 else f"{text[:57]}…"
    return VectorSourceError(
        f"{numbered(count, 'value')} {are(count)} not {wanted}; the first is '{shown}', of row {row + 1}",
        where=where,
        remedy="Correct the file, or the name of the column or the delimiter.",
    )
