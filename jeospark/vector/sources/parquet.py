"""GeoParquet 1.0 and 1.1, Parquet with native GEOMETRY and GEOGRAPHY columns, and Parquet with columns of x and y."""

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyproj import CRS

from jeospark.errors import LayerCrsError, VectorSourceError
from jeospark.vector.crs import CRS84, parse_crs, same_crs
from jeospark.vector.sources.columns import tidy
from jeospark.vector.sources.points import MADE, check_columns, has_columns, srids_crs, srids_of, with_geometry
from jeospark.vector.sources.request import Opened, Request, stated_crs

BATCH = 1 << 16
_DEFAULT = "the default of its format"
_SHAPES = {
    "point": shapely.GeometryType.POINT,
    "linestring": shapely.GeometryType.LINESTRING,
    "polygon": shapely.GeometryType.POLYGON,
    "multipoint": shapely.GeometryType.MULTIPOINT,
    "multilinestring": shapely.GeometryType.MULTILINESTRING,
    "multipolygon": shapely.GeometryType.MULTIPOLYGON,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """A geometry column."""

    name: str
    encoding: str
    """`wkb`, or a geometry type of GeoArrow in lower case."""
    crs: CRS | None
    crs_from: str
    edges: str = "planar"
    covering: str | None = None
    """Column of boxes that goes with it."""
    extent: tuple[float, float, float, float] | None = None


def open_parquet(request: Request, path: str) -> Opened:
    """Open a Parquet file, or a folder of them that have one schema.

    Raises:
        VectorSourceError: It is damaged, or no column is a geometry.
        LayerCrsError: Its CRS is unknown.
    """
    files = _files(path, request.href)
    with _file(files[0], request.href) as first:
        schema, column, rows = first.schema_arrow, _chosen(first, request), 0
    if column is None:
        check_columns(request, schema.names)
    pieces, srids = [], set[int]()
    for each in files:
        with _file(each, request.href) as file:
            srids |= _srids(file, request) if column is None else set()
            _check_alike(_chosen(file, request), column, f"{request.href}: {Path(each).name}")
            rows += file.metadata.num_rows
            pieces += [(each, group) for group in range(max(file.num_row_groups, 1))]

    crs, crs_from = srids_crs(srids, request) if column is None else (column.crs, column.crs_from)

    def read(piece: tuple[str, int]) -> Iterator[pa.RecordBatch]:
        return _batches(piece, request, column)

    return Opened(
        driver="Parquet",
        layer=None,
        crs=crs,
        crs_from=crs_from,
        read=read,
        pieces=tuple(pieces),
        features=rows,
        id=next((name for name in schema.names if name.lower() == "id"), None),
        edges=column.edges if column else "planar",
        # A folder's files each speak of themselves only.
        extent=column.extent if column and len(files) == 1 else None,
    )


def _srids(file: pq.ParquetFile, request: Request) -> set[int]:
    """SRIDs that geometries in a column of well-known text or binary state."""
    if request.wkt is None:
        return set()
    return set[int]().union(*(srids_of(batch.column(0)) for batch in file.iter_batches(BATCH, columns=[request.wkt])))


def parquet_files(place: Path) -> list[Path]:
    """A file itself, or the files of a folder that readers of Parquet see, sorted: names with _ first are left out."""
    if place.is_file():
        return [place]
    return sorted(file for file in place.rglob("*.parquet") if not file.name.startswith(("_", ".")))


def _check_alike(one: _Column | None, first: _Column | None, where: str) -> None:
    """Refuse a folder whose files mean different things by their coordinates.

    Raises:
        VectorSourceError: A file has another CRS or encoding than the first.
    """
    if (one is None) != (first is None) or (one and first and not _same(one, first)):
        raise VectorSourceError(
            "it has another CRS or encoding than the first file of its folder",
            where=where,
            remedy="Add the files of each CRS as a layer of their own.",
        )


def _same(one: _Column, other: _Column) -> bool:
    alike = (one.name, one.encoding, one.crs is None) == (other.name, other.encoding, other.crs is None)
    return alike and (one.crs is None or other.crs is None or same_crs(one.crs, other.crs))


def _files(path: str, where: str) -> list[str]:
    place = Path(path)
    if not place.exists():
        raise VectorSourceError("there is no such file", where=where)
    if not place.is_dir():
        return [path]
    files = [str(file) for file in parquet_files(place)]
    if not files:
        raise VectorSourceError("no Parquet file is in this folder", where=where)
    return files


def _file(path: str, where: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        text = " ".join(str(error).split())
        raise VectorSourceError(
            f"it is no whole Parquet file ({text[:200]})", where=f"{where}: {Path(path).name}", remedy="Fetch it again."
        ) from error


def _chosen(file: pq.ParquetFile, request: Request) -> _Column | None:
    columns = {column.name: column for column in _native_columns(file, request)}
    stated, primary = _stated_columns(file, request)
    lacking = sorted({column.name for column in stated} - set(file.schema_arrow.names))
    if lacking:
        raise VectorSourceError(
            f"its GeoParquet metadata tell of a column '{lacking[0]}', which it does not have",
            where=request.href,
            remedy="Write it again.",
        )
    columns |= {column.name: column for column in stated}
    if request.geometry:
        if request.geometry not in columns:
            raise VectorSourceError(
                f"'{request.geometry}' is no geometry column",
                where=request.href,
                remedy=f"There are {', '.join(columns) or 'none'}.",
            )
        return columns[request.geometry]
    if has_columns(request):
        return None
    if primary in columns:
        return columns[primary]
    if len(columns) > 1:
        raise VectorSourceError(
            "it has several geometry columns",
            where=request.href,
            remedy=f"Choose with --geometry from: {', '.join(columns)}.",
        )
    return next(iter(columns.values()), None)


def _stated_columns(file: pq.ParquetFile, request: Request) -> tuple[list[_Column], str]:
    text = (file.metadata.metadata or {}).get(b"geo")
    if text is None:
        return [], ""
    try:
        geo = json.loads(text)
        found = [_stated(name, column, request) for name, column in geo["columns"].items()]
        return found, geo.get("primary_column", "")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise VectorSourceError("its GeoParquet metadata cannot be read", where=request.href) from error


def _stated(name: str, column: dict[str, Any], request: Request) -> _Column:
    crs: CRS | None
    if "crs" not in column:
        crs, crs_from = parse_crs(CRS84), f"{_DEFAULT}: GeoParquet has OGC:CRS84 where nothing is stated"
    elif column["crs"] is None:
        crs, crs_from = None, ""
    else:
        # Before version 1.0 it was well-known text.
        text = column["crs"] if isinstance(column["crs"], str) else json.dumps(column["crs"])
        crs, crs_from = stated_crs(text, request), "stated by the source"
    box = column.get("covering", {}).get("bbox", {}).get("xmin", [])
    return _Column(
        name=name,
        encoding=column["encoding"].lower(),
        crs=crs,
        crs_from=crs_from,
        edges=column.get("edges", "planar"),
        covering=box[0] if box else None,
        extent=_extent(column.get("bbox")),
    )


def _extent(box: list[float] | None) -> tuple[float, float, float, float] | None:
    if box is None or len(box) not in {4, 6} or box[0] > box[len(box) // 2]:
        return None
    deep = len(box) // 2
    return box[0], box[1], box[deep], box[deep + 1]


def _native_columns(file: pq.ParquetFile, request: Request) -> Iterator[_Column]:
    for place in range(len(file.schema)):
        column = file.schema.column(place)
        logical = json.loads(column.logical_type.to_json())
        if logical.get("Type") in {"Geometry", "Geography"}:
            crs, crs_from = _native_crs(logical.get("crs", ""), file, request)
            edges = "planar" if logical["Type"] == "Geometry" else "spherical"
            yield _Column(name=column.path, encoding="wkb", crs=crs, crs_from=crs_from, edges=edges)


def _native_crs(stated: Any, file: pq.ParquetFile, request: Request) -> tuple[CRS | None, str]:
    if not stated:
        return parse_crs(CRS84), f"{_DEFAULT}: Parquet has OGC:CRS84 where nothing is stated"
    if isinstance(stated, dict):
        return stated_crs(json.dumps(stated), request), "stated by the source"
    kind, _, rest = stated.partition(":")
    if kind == "srid":
        return (None, "") if rest == "0" else (stated_crs(f"EPSG:{rest}", request), "stated by the source")
    if kind == "projjson":
        text = (file.metadata.metadata or {}).get(rest.encode())
        if text is None:
            raise LayerCrsError(f"its CRS is said to be in '{rest}', which is not there", where=request.href)
        return stated_crs(text.decode(), request), "stated by the source"
    return stated_crs(stated, request), "stated by the source"


def _batches(piece: tuple[str, int], request: Request, column: _Column | None) -> Iterator[pa.RecordBatch]:
    path, group = piece
    where, row, more = request.href, 0, _partitions(path, request)
    with _file(path, where) as file:
        try:
            groups = [group] if group < file.num_row_groups else []
            nothing = pa.RecordBatch.from_pylist([], file.schema_arrow)
            for read in itertools.chain([nothing], file.iter_batches(BATCH, row_groups=groups)):
                batch = _with_partitions(read, more)
                if column is None:
                    made = with_geometry(batch, request, row)
                    yield tidy(made, MADE, where)
                else:
                    yield tidy(_as_wkb(batch, column, where), column.name, where)
                row += batch.num_rows
        except (pa.ArrowInvalid, OSError) as error:
            text = " ".join(str(error).split())
            raise VectorSourceError(
                f"row group {group} is damaged ({text[:200]})",
                where=f"{where}: {Path(path).name}",
                remedy="Fetch it again.",
            ) from error


def _partitions(path: str, request: Request) -> dict[str, str | None]:
    """Columns that the folders of a file tell, `year=2020`, as texts."""
    root = Path(request.href.removeprefix("file://")).absolute()
    folders = Path(path).absolute().parent
    parts = folders.relative_to(root).parts if folders.is_relative_to(root) else ()
    pairs = [unquote(part).partition("=") for part in parts if "=" in part]
    return {name: None if value == "__HIVE_DEFAULT_PARTITION__" else value for name, _, value in pairs}


def _with_partitions(batch: pa.RecordBatch, more: dict[str, str | None]) -> pa.RecordBatch:
    for name, value in more.items():
        if name not in batch.schema.names:
            batch = batch.append_column(name, pa.repeat(pa.scalar(value, pa.string()), batch.num_rows))
    return batch


def _as_wkb(batch: pa.RecordBatch, column: _Column, where: str) -> pa.RecordBatch:
    rest = batch.drop_columns([column.covering]) if column.covering in batch.schema.names else batch
    if column.encoding == "wkb":
        _check_binary(rest.schema.field(column.name), where)
        return rest
    if column.encoding not in _SHAPES:
        raise VectorSourceError(f"the encoding '{column.encoding}' is not known", where=where)
    place = rest.schema.get_field_index(column.name)
    _check_separated(rest.schema.field(place), where)
    return rest.set_column(place, column.name, _from_arrow(rest.column(place), column.encoding))


def _check_binary(column: pa.Field, where: str) -> None:
    kind = column.type.storage_type if isinstance(column.type, pa.BaseExtensionType) else column.type
    if not any(same(kind) for same in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)):
        remedy = "Write it again, or name another column: --geometry, or --wkt."
        raise VectorSourceError(f"column '{column.name}' is {kind}, not WKB", where=where, remedy=remedy)


def _check_separated(column: pa.Field, where: str) -> None:
    """GeoParquet 1.1 has GeoArrow's coordinates as structures of x and y, never side by side in one list.

    Raises:
        VectorSourceError: They are.
    """
    kind = column.type
    while pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind = kind.value_type
    if not pa.types.is_struct(kind):
        raise VectorSourceError(
            f"the coordinates of column '{column.name}' are {kind}, not structures of x and y",
            where=where,
            remedy="Write it with geometries as WKB.",
        )


def _from_arrow(column: pa.Array, encoding: str) -> pa.BinaryArray:
    """Geometries in GeoArrow's nested lists as WKB."""
    known = column.is_valid().to_numpy(zero_copy_only=False)
    offsets: list[npt.NDArray[np.int64]] = []
    values = column.filter(column.is_valid())
    while pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        starts = values.offsets.to_numpy()
        offsets.insert(0, (starts - starts[0]).astype(np.int64))
        values = values.flatten()
    names = [name for name in ("x", "y", "z") if values.type.get_field_index(name) >= 0]
    points = np.column_stack([values.field(name).to_numpy(zero_copy_only=False) for name in names])
    shapes = np.full(len(column), None, dtype=object)
    shapes[known] = shapely.from_ragged_array(_SHAPES[encoding], points, tuple(offsets) or None)
    return pa.array(shapely.to_wkb(shapes, flavor="iso"), pa.binary())


def primary_column(paths: Sequence[str]) -> tuple[str, CRS | None]:
    """Name and CRS of the geometry column of GeoParquet files of one layer.

    Raises:
        VectorSourceError: They have none, several without a first among them, one that is not WKB, or several CRS.
    """
    first: _Column | None = None
    for path in paths:
        with _file(path, path) as file:
            column = _chosen(file, Request(href=path))
        if column is None or column.encoding != "wkb":
            remedy = "Add it: jeospark vectors add."
            raise VectorSourceError("it has no geometry column of WKB", where=path, remedy=remedy)
        first = first or column
        _check_alike(column, first, path)
    if first is None:
        raise VectorSourceError("there is no Parquet file")
    return first.name, first.crs
