"""Vector layers as tables."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jeospark.errors import SqlError
from jeospark.sql import ddl
from jeospark.sql.crs import UNKNOWN, srid_of
from jeospark.sql.relation import Files, Table, identifier
from jeospark.storage.href import literal_path
from jeospark.vector.crs import authority_code, parse_crs
from jeospark.vector.geoparquet import GREGORIAN
from jeospark.vector.layers import Layers
from jeospark.vector.sources.parquet import parquet_files


def layer_tables(root: str) -> list[Table]:
    """A table for each vector layer of a catalogue, geometries with the SRID of the layer's CRS.

    Args:
        root: Folder of the catalogue.

    Raises:
        SqlError: The file of a layer is no GeoParquet.
    """
    layers = Layers(root)
    return [layer_table(name, layers.path(name)) for name in layers.names()]


def layer_table(name: str, path: str) -> Table:
    """A table over GeoParquet.

    Args:
        name: Of the layer.
        path: A file, or a folder of files of one schema.

    Raises:
        SqlError: It is no GeoParquet.
    """
    schema = _schema(name, Path(path).absolute())
    columns = geometry_columns(name, schema)
    known = dict.fromkeys(columns, "GEOMETRY")
    file = Files(
        label=f"layer_{name}",
        columns=ddl.columns_ddl(schema, known),
        reader="geoparquet",
        path=literal_path(str(Path(path).absolute())),
        options=tuple(GREGORIAN.items()),
    )
    shown = [field.name for field in schema if field.name in known or ddl.type_ddl(field.type)]
    selected = ", ".join(_selected(each, columns) for each in shown)
    return Table(
        name=identifier(name),
        summary=f"vector layer {name}",
        query=f"SELECT {selected} FROM {file.reference}",
        files=(file,),
    )


def geometry_columns(name: str, schema: pa.Schema) -> dict[str, int]:
    """SRIDs of the geometry columns of a GeoParquet file, the primary one first; 0 for an unknown CRS.

    Raises:
        SqlError: It has none.
    """
    try:
        described: dict[str, Any] = json.loads((schema.metadata or {})[b"geo"])
        columns: dict[str, Mapping[str, Any]] = described["columns"]
        primary: str = described["primary_column"]
    except (KeyError, ValueError) as error:
        remedy = "Add the layer again with `jeospark vectors add`."
        raise SqlError(f"the file of layer '{name}' is no GeoParquet", where=name, remedy=remedy) from error
    ordered = sorted(columns, key=lambda each: each != primary)
    return {each: _srid(columns[each]) for each in ordered if each in schema.names}


def _srid(column: Mapping[str, Any]) -> int:
    # Absent means OGC:CRS84, null means unknown (GeoParquet 1.1, "crs").
    crs = column.get("crs", "OGC:CRS84")
    if crs is None:
        return UNKNOWN
    known = parse_crs(crs if isinstance(crs, str) else json.dumps(crs))
    return srid_of(authority_code(known) or known.to_wkt())


def _selected(column: str, srids: Mapping[str, int]) -> str:
    # Sedona's reader leaves the SRID at 0, whatever the file says.
    quoted, srid = ddl.name(column), srids.get(column, UNKNOWN)
    return quoted if srid == UNKNOWN else f"ST_SetSRID({quoted}, {srid}) AS {quoted}"


def _schema(name: str, path: Path) -> pa.Schema:
    file = next(iter(parquet_files(path)), None)
    if file is None:
        raise SqlError(
            f"layer '{name}' has no file", where=str(path), remedy="Add it again with `jeospark vectors add`."
        )
    try:
        return pq.read_schema(file)
    except (OSError, pa.ArrowInvalid) as error:
        remedy = "Add the layer again with `jeospark vectors add`."
        raise SqlError(
            f"the file of layer '{name}' cannot be read ({error})", where=str(file), remedy=remedy
        ) from error
