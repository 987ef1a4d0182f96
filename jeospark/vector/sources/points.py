"""Geometries made of columns: x and y, or well-known text."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from jeospark.errors import VectorSourceError
from jeospark.vector.sources.request import Request

MADE = "\0geometry"
"""Name of the column of geometries that are made of others: no text has such a column, and many have one `geometry`."""
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
        shapes = wkt_wkb(batch.column(request.wkt), request.href, row)
        rest = batch.drop_columns([request.wkt])
    else:
        x, y = (_numbers(batch.column(name), name, request.href, row) for name in (request.x, request.y))
        shapes, rest = point_wkb(x, y), batch
    return rest.append_column(MADE, shapes)


def wkt_wkb(column: pa.Array, where: str, row: int) -> pa.BinaryArray:
    """Well-known text as WKB.

    Raises:
        VectorSourceError: A value is no well-known text.
    """
    texts = column.cast(pa.string()).to_numpy(zero_copy_only=False)
    texts = np.where(texts == "", None, texts)
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
    return pa.array(shapely.to_wkb(shapes, output_dimension=4, flavor="iso"), pa.binary())


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
        f"{count} values are not {wanted}; the first is '{shown}', of row {row + 1}",
        where=where,
        remedy="Correct the file, or the name of the column or the delimiter.",
    )
