"""Whatever GDAL's vector drivers read: GeoPackage, shapefile, FlatGeobuf, GeoJSON, GML, KML, SQLite."""

import codecs
import itertools
import json
import re
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyogrio
from pyogrio.errors import CRSError, DataLayerError, DataSourceError, FieldError, GeometryError
from pyogrio.raw import open_arrow
from pyproj import CRS

from jeospark.errors import LayerCrsError, VectorEncodingError, VectorSourceError
from jeospark.vector.crs import CRS84, authority_code, parse_crs
from jeospark.vector.sources.columns import tidy
from jeospark.vector.sources.request import FID, Opened, Request, stated_crs

BATCH = 1 << 16
"""Features of a batch."""
PIECE = BATCH * 8
"""Features of a piece."""
_GDAL = (DataSourceError, DataLayerError, FieldError, GeometryError, RuntimeError, ValueError)
_LONGITUDE_FIRST = {
    "GeoJSON": "RFC 7946 has longitude and latitude on WGS 84",
    "GeoJSONSeq": "RFC 8142 and RFC 7946 have longitude and latitude on WGS 84",
    "KML": "KML 2.3 has longitude and latitude on WGS 84",
    "LIBKML": "KML 2.3 has longitude and latitude on WGS 84",
}
_BY_POSITION = frozenset({"ESRI Shapefile", "FlatGeobuf"})
"""Drivers that find the n-th feature without reading those before it."""
_ON_WGS84 = frozenset({"EPSG:4326", "EPSG:4979", CRS84})
"""Codes that GDAL gives to what its standard has in longitude and latitude on WGS 84; 4979 where there are heights."""
_UNDEFINED = re.compile(r"undefined (geographic|cartesian) SRS", re.IGNORECASE)
"""GDAL's names of the numbers 0 and -1, by which a GeoPackage says that it knows no CRS (OGC 12-128r19, 1.1.2.1.2)."""
_COUNTED = frozenset({"GeoJSONSeq", "SQLite"})
"""Drivers that give what they could read of a damaged file, and say nothing: features are counted in another way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """Features to read: a condition, or the first and how many."""

    where: str | None = None
    skip: int = 0
    count: int | None = None


def open_ogr(request: Request, path: str) -> Opened:
    """Open a file or folder with GDAL.

    Args:
        request: What the user asked for.
        path: Of what was asked for, or of what came out of its archive.

    Raises:
        VectorEncodingError: Its names are not in the encoding stated.
        VectorSourceError: GDAL cannot open it, it is cut short, or holds several layers and none is chosen.
        LayerCrsError: It states a CRS that PROJ does not know.
    """
    check_whole(path)
    layer = _layer(request, path)
    info = _info(request, path, layer)
    driver = info["driver"]
    deleted = _deleted(path, layer) if driver == "ESRI Shapefile" else 0
    features = _records(path, request.href) if driver == "GeoJSONSeq" else int(info["features"]) - (deleted or 0)
    counted = deleted is not None and (driver in _COUNTED or info["capabilities"]["fast_feature_count"])
    if driver == "GeoJSON":
        _check_one_text(path, features, request.href)
    if driver == "GeoJSON" and request.crs is None:
        _check_member(path, info, request.href)
    crs, crs_from = _crs(info, request)
    options = {"WRITE_GFS": "NO"} if driver == "GML" else {}
    if driver == "FlatGeobuf":
        # GDAL's own reader of Arrow for it ends the process at a null geometry that is not the first.
        pyogrio.set_gdal_config_options({"OGR_FLATGEOBUF_STREAM_BASE_IMPL": True})

    def read(span: _Span) -> Iterator[pa.RecordBatch]:
        return _batches(request, path, layer, span, info, options)

    return Opened(
        driver=driver,
        layer=layer,
        crs=crs,
        crs_from=crs_from,
        read=read,
        # GDAL skips records by their number, deleted ones among them.
        pieces=_spans(info, path, layer) if deleted == 0 else (_Span(),),
        features=features if counted else None,
        id=FID,
        extent=_extent(info),
        notes=_notes(info, request, path),
    )


def _layer(request: Request, path: str) -> str:
    try:
        # What GDAL warns of in other layers is no matter.
        with warnings.catch_warnings(action="ignore"):
            layers = [(str(name), kind) for name, kind in pyogrio.list_layers(path)]
    except _GDAL as error:
        raise _unreadable(request.href, error) from error
    spatial = [name for name, kind in layers if kind is not None]
    if request.layer is not None and request.layer in spatial:
        return request.layer
    if request.layer is None and len(spatial) == 1:
        return spatial[0]
    if not spatial:
        raise VectorSourceError("nothing in it has a geometry", where=request.href)
    what = "it holds several layers" if request.layer is None else f"it holds no layer '{request.layer}' of geometries"
    raise VectorSourceError(what, where=request.href, remedy=f"Choose with --layer from: {', '.join(spatial)}.")


def _info(request: Request, path: str, layer: str) -> dict[str, Any]:
    try:
        with warnings.catch_warnings(action="ignore"):
            info: dict[str, Any] = pyogrio.read_info(path, layer=layer, encoding=request.encoding)
            if info["driver"] == "SQLite":
                counted = pyogrio.read_info(path, layer=layer, encoding=request.encoding, force_feature_count=True)
                info["features"] = counted["features"]
    except CRSError as error:
        raise LayerCrsError(
            f"its CRS cannot be read ({error})", where=request.href, remedy="Give the right one with --crs."
        ) from error
    except _GDAL as error:
        raise _unreadable(request.href, error) from error
    return info


def _records(path: str, where: str) -> int:
    """Count the records of a GeoJSON sequence, each a line or, by RFC 8142, what follows a record separator.

    Raises:
        VectorSourceError: The last one is cut short.
    """
    count, last = 0, b""
    with Path(path).open("rb") as file:
        separated = file.read(1) == b"\x1e"
        file.seek(0)
        for line in file:
            if line.startswith(b"\x1e") or (line.strip() and not separated):
                count, last = count + 1, line.lstrip(b"\x1e")
            else:
                last += line
    try:
        json.loads(last or b"{}")
    except ValueError as error:
        raise VectorSourceError(
            f"it is cut short: its last record, number {count}, does not end", where=where, remedy="Fetch it again."
        ) from error
    return count


def _check_one_text(path: str, features: int, where: str) -> None:
    """GDAL takes a sequence after a byte order mark for its first feature alone.

    Raises:
        VectorSourceError: Something follows the only feature.
    """
    if features != 1 or not Path(path).is_file():
        return
    with Path(path).open("rb") as file:
        if file.read(3) != codecs.BOM_UTF8:
            return
        try:
            json.loads(file.read())
        except ValueError as error:
            raise VectorSourceError(
                f"more than one JSON text is in it, after a byte order mark ({error})",
                where=where,
                remedy="Remove the first three bytes.",
            ) from error


def _check_member(path: str, info: dict[str, Any], where: str) -> None:
    """GDAL takes a `crs` that it does not know, or that a link would tell, for that of RFC 7946.

    Raises:
        LayerCrsError: The file has such a CRS.
    """
    if info["crs"] is None or not Path(path).is_file():
        return
    with Path(path).open("rb") as file:
        head = file.read(1 << 16).partition(b'"features"')[0].decode("utf-8", "replace")
    linked = re.search(r'"crs"\s*:\s*\{[^{}]*(?:\{[^{}]*\}[^{}]*)?"type"\s*:\s*"link"', head)
    if linked:
        raise LayerCrsError("its CRS is behind a link", where=where, remedy="Say which it is with --crs.")
    named = re.search(r'"crs"\s*:\s*\{[^{}]*"properties"\s*:\s*\{[^{}]*"name"\s*:\s*"([^"]*)"', head)
    if named and authority_code(CRS(info["crs"])) in _ON_WGS84:
        parse_crs(named[1], where)


def _crs(info: dict[str, Any], request: Request) -> tuple[CRS | None, str]:
    crs, driver = stated_crs(info["crs"], request) if info["crs"] else None, info["driver"]
    if crs is None:
        return None, ""
    if _UNDEFINED.fullmatch(crs.name):
        return None, ""
    if driver in _LONGITUDE_FIRST and authority_code(crs) in _ON_WGS84:
        return parse_crs(CRS84), _LONGITUDE_FIRST[driver]
    if driver in {"GeoJSON", "GeoJSONSeq"}:
        return crs, "stated by the source in a `crs` member, which RFC 7946 has no more"
    return crs, "stated by the source"


def _extent(info: dict[str, Any]) -> tuple[float, float, float, float] | None:
    """What the header of a GeoPackage, shapefile or FlatGeobuf says; other formats have none."""
    bounds = info["total_bounds"]
    if info["driver"] not in {"GPKG", *_BY_POSITION} or bounds is None or not np.isfinite(bounds).all():
        return None
    xmin, ymin, xmax, ymax = map(float, bounds)
    return (xmin, ymin, xmax, ymax) if xmin <= xmax and ymin <= ymax else None


def _spans(info: dict[str, Any], path: str, layer: str) -> tuple[_Span, ...]:
    count = int(info["features"])
    if info["driver"] == "GPKG" and info["fid_column"] and count > PIECE:
        return _fid_spans(info["fid_column"], count, path, layer)
    if info["driver"] in _BY_POSITION and count > PIECE:
        return tuple(_Span(skip=first, count=min(PIECE, count - first)) for first in range(0, count, PIECE))
    return (_Span(),)


def _deleted(path: str, layer: str) -> int | None:
    """Records of a shapefile that are marked as deleted: GDAL counts them and reads none; None if nobody can tell."""
    table = _beside(path, layer, ".dbf")
    if table is None:
        return None
    with table.open("rb") as file:
        rows, start, width = struct.unpack("<IHH", file.read(12)[4:])
    if not rows or table.stat().st_size < start + rows * width:
        return 0
    marks = np.memmap(table, np.uint8, "r", start, (rows, width))[:, 0]
    return int((marks == ord("*")).sum())


def _fid_spans(column: str, count: int, path: str, layer: str) -> tuple[_Span, ...]:
    quoted, table = column.replace('"', '""'), layer.replace('"', '""')
    first, last = (
        # Asked for in one query, SQLite would go through the whole table.
        int(pyogrio.raw.read(path, sql=f'SELECT {which}("{quoted}") AS edge FROM "{table}"')[3][0][0])
        for which in ("min", "max")
    )
    pieces = -(-count // PIECE)
    edges = [first + (last + 1 - first) * number // pieces for number in range(pieces + 1)]
    return tuple(
        _Span(where=f'"{quoted}" >= {start} AND "{quoted}" < {end}')
        for start, end in itertools.pairwise(edges)
        if end > start
    )


def _batches(
    request: Request, path: str, layer: str, span: _Span, info: dict[str, Any], options: dict[str, str]
) -> Iterator[pa.RecordBatch]:
    left = span.count
    try:
        with (
            warnings.catch_warnings(),
            open_arrow(
                path, layer=layer, encoding=request.encoding, skip_features=span.skip, where=span.where,
                return_fids=True, batch_size=BATCH, use_pyarrow=True, **options,
            ) as (meta, reader),
        ):  # fmt: skip
            geometry = meta["geometry_name"] or "wkb_geometry"
            fid = info["fid_column"] or "OGC_FID"
            # The schema of a source without features is of use too.
            yield tidy(_with_fid(pa.RecordBatch.from_pylist([], reader.schema), fid), geometry, request.href)
            for batch in reader:
                part = batch if left is None else batch.slice(0, left)
                left = None if left is None else left - part.num_rows
                yield tidy(_with_fid(part, fid), geometry, request.href)
                if left == 0:
                    return
    except (pa.ArrowInvalid, pa.ArrowException, OSError, *_GDAL) as error:
        raise _unreadable(request.href, error) from error


def _with_fid(batch: pa.RecordBatch, fid: str) -> pa.RecordBatch:
    """Name GDAL's feature id, which comes first, `fid`."""
    places = batch.schema.get_all_field_indices(fid)
    if not places:
        return batch
    numbers = batch.column(places[0]).cast(pa.int64())
    rest = batch.remove_column(places[0])
    return rest if FID in rest.schema.names else rest.add_column(0, FID, numbers)


def _notes(info: dict[str, Any], request: Request, path: str) -> tuple[str, ...]:
    if info["driver"] != "ESRI Shapefile" or request.encoding:
        return ()
    table = _beside(path, info["layer_name"], ".dbf")
    if table is None or _beside(path, info["layer_name"], ".cpg"):
        return ()
    with table.open("rb") as file:
        language = file.read(30)[29:30]
    if language in {b"", b"\0"}:
        return ("the shapefile does not state its encoding; its texts are UTF-8, or ASCII (else: --encoding)",)
    return ()


def _beside(path: str, layer: str, suffix: str) -> Path | None:
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    return next((file for file in folder.glob("*") if file.stem == layer and file.suffix.lower() == suffix), None)


def check_whole(path: str) -> None:
    """Compare the length of a file with the one that its header states.

    Raises:
        VectorSourceError: The file is not there, is empty, or is cut short.
    """
    file = Path(path)
    if not file.exists():
        raise VectorSourceError("there is no such file", where=path)
    if file.is_dir():
        return
    size = file.stat().st_size
    with file.open("rb") as stream:
        head = stream.read(100)
    wanted = 1
    if file.suffix.lower() in {".shp", ".shx"} and len(head) >= 28:
        wanted = struct.unpack(">i", head[24:28])[0] * 2
    elif head.startswith(b"SQLite format 3\0") and len(head) == 100:
        page = struct.unpack(">H", head[16:18])[0]
        wanted = struct.unpack(">I", head[28:32])[0] * (65536 if page == 1 else page)
    if size < wanted:
        raise VectorSourceError(
            "it is empty" if size == 0 else f"it is cut short: {size} of {wanted} bytes are there",
            where=path,
            remedy="Fetch it again.",
        )
    if file.suffix.lower() == ".shp":
        _check_parts(file)
    if file.suffix.lower() in {".gml", ".kml", ".gpx", ".xml"}:
        _check_end(file)


def _check_end(file: Path) -> None:
    """GDAL gives what it could read of a broken XML, and says nothing."""
    with file.open("rb") as stream:
        head = re.sub(rb"<!--.*?-->", b"", stream.read(1 << 16), flags=re.DOTALL)
        root = re.search(rb"<([A-Za-z_][\w.:-]*)", head)
        stream.seek(max(file.stat().st_size - 1024, 0))
        tail = stream.read()
    if root and b"\0" not in tail and b"</" + root[1] not in tail:
        raise VectorSourceError(
            "it is cut short: its root element does not end", where=str(file), remedy="Fetch it again."
        )


def _check_parts(file: Path) -> None:
    have = {each.suffix.lower(): each for each in file.parent.glob(f"{file.stem}.*")}
    for suffix in (".shx", ".dbf"):
        if suffix not in have:
            raise VectorSourceError(
                f"the shapefile has no {suffix}", where=str(file), remedy="A shapefile is .shp, .shx and .dbf together."
            )
    with have[".dbf"].open("rb") as stream:
        head = stream.read(12)
    if len(head) < 12:
        raise VectorSourceError("its .dbf is cut short", where=str(file), remedy="Fetch it again.")
    rows, start, width = struct.unpack("<IHH", head[4:12])
    if have[".dbf"].stat().st_size < start + rows * width:
        raise VectorSourceError("its .dbf is cut short", where=str(file), remedy="Fetch it again.")
    check_whole(str(have[".shx"]))
    _check_last(file, have[".shx"])


def _check_last(file: Path, index: Path) -> None:
    """A copy that broke off may have its full length, and zeros where the rest belongs: no record's header is zero.

    Raises:
        VectorSourceError: The last record of a shapefile was not written.
    """
    if index.stat().st_size < 108:
        return
    with index.open("rb") as stream:
        stream.seek(-8, 2)
        start = struct.unpack(">i", stream.read(4))[0] * 2
    with file.open("rb") as stream:
        stream.seek(start)
        head = stream.read(8)
    if start < 100 or head in {b"", bytes(8)}:
        raise VectorSourceError(
            "it is cut short: its last record is not there", where=str(file), remedy="Fetch it again."
        )


def _unreadable(where: str, error: Exception) -> VectorSourceError | VectorEncodingError:
    text = " ".join(str(error).split())
    if isinstance(error, UnicodeDecodeError):
        # Names of columns; those who write shapefiles state an encoding that GDAL does not know, or a wrong one.
        return VectorEncodingError(
            f"its names are not in the encoding that it states ({text[:200]})",
            where=where,
            remedy="Say which with --encoding, such as --encoding ISO-8859-1.",
        )
    return VectorSourceError(
        f"GDAL cannot read it ({text[:300]})", where=where, remedy="Check that it is whole and of a vector format."
    )
