"""Answers as files: CSV, GeoJSON, GeoParquet, GeoPackage, Arrow IPC, or a table of characters."""

import json
import math
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError
from pyproj import CRS

from jeospark.errors import CrsUnknownError, FormatError
from jeospark.settings import Settings
from jeospark.sql.answer import EXTENSION, WKB, Answer, unique
from jeospark.sql.crs import parse_crs, same_crs
from jeospark.storage.publish import check_writable, output_path, publish
from jeospark.storage.roots import Roots
from jeospark.vector.crs import NO_CODE

SUFFIXES = {
    ".txt": "table", ".csv": "csv", ".geojson": "geojson", ".json": "geojson", ".parquet": "geoparquet",
    ".geoparquet": "geoparquet", ".gpkg": "gpkg", ".arrow": "arrow", ".feather": "arrow",
}  # fmt: skip
"""Formats by the suffix of a file."""

_TYPES = {0: "Point", 1: "LineString", 2: "LineString", 3: "Polygon", 4: "MultiPoint", 5: "MultiLineString",
          6: "MultiPolygon", 7: "GeometryCollection"}  # fmt: skip
_LONGITUDE_FIRST = CRS("OGC:CRS84")


def format_of(path: str) -> str:
    """The format that the suffix of a file means.

    Raises:
        FormatError: It means none.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise FormatError(f"the suffix '{suffix}' means no format", where=path, remedy=f"Use {known}, or --format.")
    return SUFFIXES[suffix]


def write(answer: Answer, path: str, kind: str | None = None, crs: str | None = None) -> None:
    """Publish an answer as a file, in place of one that is there.

    Args:
        answer: The rows.
        path: The file.
        kind: Format; None for what the suffix means.
        crs: CRS of geometries that have none.

    Raises:
        FormatError: The format cannot hold the answer.
        CrsUnknownError: The format needs one CRS, and there is none, or several.
        OutputError: The file cannot be written.
        ForbiddenError: It would lie outside the allowed roots.
    """
    writer = WRITERS[kind or format_of(path)]
    target = output_path(path).absolute()
    Roots.load(Settings.load()).check(str(target))
    check_writable(str(target.parent))
    # GDAL looks at suffixes: the file has its own name, in a folder of its own.
    with tempfile.TemporaryDirectory(prefix=".jeosql-", dir=target.parent) as folder:
        part = str(Path(folder, target.name))
        try:
            writer(answer, part, crs)
        except (pa.ArrowException, DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError) as error:
            what = f"the answer cannot be written: {str(error).splitlines()[0]}"
            raise FormatError(what, where=path, remedy="Cast the column, or choose another format.") from error
        publish(part, str(target))


def _write_table(answer: Answer, path: str, _crs: str | None) -> None:
    Path(path).write_text(f"{answer!r}\n", encoding="utf-8")


def _write_csv(answer: Answer, path: str, _crs: str | None) -> None:
    pa.csv.write_csv(plain(answer, geometries=False), path)


def _write_arrow(answer: Answer, path: str, crs: str | None) -> None:
    table = marked(answer, crs)
    with pa.ipc.new_file(path, table.schema) as file:
        file.write_table(table)


def _write_geoparquet(answer: Answer, path: str, crs: str | None) -> None:
    table = answer.table
    if answer.srids:
        columns = {name: _geo_column(answer, name, crs) for name in answer.srids}
        geo = {"version": "1.1.0", "primary_column": next(iter(columns)), "columns": columns}
        bare = pa.schema([field.remove_metadata() for field in table.schema])
        table = table.cast(bare).replace_schema_metadata({"geo": json.dumps(geo)})
    pq.write_table(table, path, compression="zstd")


def _geo_column(answer: Answer, name: str, crs: str | None) -> dict[str, Any]:
    """What GeoParquet 1.1 says of a column; an unknown CRS is null, as absent would mean OGC:CRS84."""
    shapes = _shapes(answer, name)
    known = answer.crs(name, crs)
    bounds = _bounds(shapes)
    return {
        "encoding": "WKB",
        "crs": known and known.to_json_dict(),
        "geometry_types": _geometry_types(shapes),
        **({"bbox": bounds.tolist()} if bounds[0] == bounds[0] else {}),
    }


def _bounds(shapes: Any) -> Any:
    """West, south, east and north; with lowest and highest z where there is one (GeoParquet 1.1, "bbox")."""
    flat = shapely.total_bounds(shapes) if len(shapes) else np.full(4, np.nan)
    z = shapely.get_coordinates(shapes, include_z=True)[:, 2]
    if np.isnan(z).all():
        return flat
    return np.array([*flat[:2], np.nanmin(z), *flat[2:], np.nanmax(z)])


def _write_geojson(answer: Answer, path: str, crs: str | None) -> None:
    name, known = _one_geometry(answer, "GeoJSON", crs)
    if known is not None and not same_crs(known, _LONGITUDE_FIRST):
        remedy = f"Select ST_Transform({name}, 'EPSG:4326') instead, or write a GeoPackage."
        raise FormatError(
            f"GeoJSON is in longitude and latitude only, not {known.to_string()}", where=name, remedy=remedy
        )
    _write_ogr(answer, name, path, "GeoJSON", "OGC:CRS84", {"RFC7946": "YES", "WRITE_NAME": "NO"})


def _write_gpkg(answer: Answer, path: str, crs: str | None) -> None:
    name, known = _one_geometry(answer, "GeoPackage", crs)
    # A GeoPackage has longitude first whatever its CRS says (OGC 12-128r19, 1.1.1.1.1).
    longitude_first = known is not None and same_crs(known, _LONGITUDE_FIRST)
    text = None if known is None else "EPSG:4326" if longitude_first else known.to_wkt()
    # A column `fid` is data, not GDAL's own number of features.
    *_, number = unique([*answer.table.column_names, "fid"])
    _write_ogr(answer, name, path, "GPKG", text, {"GEOMETRY_NAME": name, "FID": number})


def _write_ogr(answer: Answer, name: str, path: str, driver: str, crs: str | None, options: dict[str, str]) -> None:
    shapes, table = _shapes(answer, name), plain(answer, geometries=True)
    _check_names(table.column_names, driver)
    types = _geometry_types(shapes)
    if driver == "GeoJSON":
        # It has no empty points.
        empty = shapely.is_empty(shapes) & (shapely.get_type_id(shapes) == 0)
        table = _without(_finite(table), name, pa.array(empty))
    with warnings.catch_warnings():
        # Without a CRS there is no geometry either: `_one_geometry` has seen to that.
        warnings.filterwarnings("ignore", message="'crs' was not provided", category=UserWarning)
        pyogrio.write_arrow(
            table,
            path,
            driver=driver,
            layer=Path(path).stem,
            geometry_name=name,
            geometry_type=types[0] if len(types) == 1 else "Unknown",
            crs=crs,
            layer_options=options,
        )


def _finite(table: pa.Table) -> pa.Table:
    """Without NaN and infinity, which JSON does not have: GDAL would leave the property out."""
    for field in table.schema:
        if pa.types.is_floating(field.type):
            table = _without(table, field.name, pc.invert(pc.is_finite(table.column(field.name))))
    return table


def _without(table: pa.Table, name: str, gone: pa.Array | pa.ChunkedArray) -> pa.Table:
    """A table with nulls in some rows of a column."""
    at = table.schema.get_field_index(name)
    return table.set_column(
        at, table.schema.field(at), pc.if_else(gone, pa.scalar(None, table.schema.field(at).type), table.column(at))
    )


def _check_names(names: list[str], kind: str) -> None:
    """GDAL takes names that differ by case alone for one: a GeoJSON would have one column with the other's values."""
    seen: dict[str, str] = {}
    for name in names:
        if name.lower() in seen:
            what = f"a {kind} takes the columns '{seen[name.lower()]}' and '{name}' for one"
            raise FormatError(what, remedy="Rename one with AS.")
        seen[name.lower()] = name


def _one_geometry(answer: Answer, kind: str, crs: str | None) -> tuple[str, CRS | None]:
    if len(answer.srids) != 1:
        held = f"{len(answer.srids)} geometry columns ({', '.join(answer.srids)})" if answer.srids else "no geometry"
        remedy = "Select one of them, others as ST_AsText(…)." if answer.srids else "Use csv, geoparquet or arrow."
        raise FormatError(f"the answer has {held}; a {kind} has exactly one", remedy=remedy)
    (name,) = answer.srids
    known = answer.crs(name, crs)
    if known is None and answer.srids[name]:
        raise CrsUnknownError(
            f"the geometries have no CRS, and a {kind} needs one",
            where=name,
            remedy=f"Say which with --crs, or in the query with ST_SetSRID(geometry, code). {NO_CODE}",
        )
    return name, known


def marked(answer: Answer, crs: str | None) -> pa.Table:
    """The rows with a declared CRS in the metadata of geometry columns.

    Raises:
        CrsUnknownError: See `Answer.crs`.
    """
    if crs is None:
        return answer.table
    about = json.dumps({"crs": parse_crs(crs).to_json_dict(), "crs_type": "projjson"}).encode()
    fields = list(answer.table.schema)
    for at, field in enumerate(fields):
        if field.name in answer.srids and answer.crs(field.name, crs) is not None:
            fields[at] = field.with_metadata({EXTENSION: WKB, b"ARROW:extension:metadata": about})
    return answer.table.cast(pa.schema(fields))


def plain(answer: Answer, *, geometries: bool) -> pa.Table:
    """The rows in types that files of rows have: nested values are JSON, bytes are hexadecimal.

    Args:
        answer: The rows.
        geometries: True to keep geometries as WKB, False for WKT.
    """
    columns: list[pa.ChunkedArray | pa.Array] = []
    fields: list[pa.Field] = []
    for field, column in zip(answer.table.schema, answer.table.columns, strict=True):
        if field.name in answer.srids:
            made = (
                column if geometries else pa.array(shapely.to_wkt(_shapes(answer, field.name), rounding_precision=-1))
            )
        else:
            made = _flat(field.type, column, geo=geometries)
        columns.append(made)
        kept = field.metadata if made.type == field.type else None
        fields.append(pa.field(field.name, made.type, metadata=kept))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _flat(kind: pa.DataType, column: pa.ChunkedArray, *, geo: bool) -> pa.ChunkedArray | pa.Array:
    if pa.types.is_nested(kind):
        values = (None if each is None else _json(each) for each in column.to_pylist(maps_as_pydicts="strict"))
        return pa.array(values, pa.string())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pa.array((None if each is None else each.hex() for each in column.to_pylist()), pa.string())
    if pa.types.is_decimal(kind) and geo:
        # GDAL would make a text of it.
        return column.cast(pa.float64())
    if pa.types.is_null(kind) or pa.types.is_duration(kind) or pa.types.is_interval(kind):
        return pa.array((None if each is None else str(each) for each in column.to_pylist()), pa.string())
    return column


def _json(value: Any) -> str:
    return json.dumps(_plain(value), allow_nan=False, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """A nested value in the types of JSON: no NaN, texts for keys, bytes as hexadecimal."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return value.hex()
    return value if value is None or isinstance(value, bool | int) else str(value)


def _shapes(answer: Answer, name: str) -> Any:
    return shapely.from_wkb(answer.table.column(name).to_numpy())


def _geometry_types(shapes: Any) -> list[str]:
    known = shapes[~shapely.is_missing(shapes)]
    ids, deep = shapely.get_type_id(known), shapely.has_z(known)
    return sorted({_TYPES[int(each)] + (" Z" if z else "") for each, z in zip(ids, deep, strict=True)})


Writer = Callable[[Answer, str, str | None], None]
"""Writes an answer to a new file; the last argument is the CRS of geometries that have none."""

WRITERS: dict[str, Writer] = {
    "table": _write_table, "csv": _write_csv, "geojson": _write_geojson, "geoparquet": _write_geoparquet,
    "gpkg": _write_gpkg, "arrow": _write_arrow,
}  # fmt: skip
TEXTS = ("table", "csv", "geojson")
"""Formats that a terminal can show."""
