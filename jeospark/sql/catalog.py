"""The catalogue's tables: `collections`, `items`, `assets` and `bands`."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa

from jeospark.catalog.schema import INDEX_TYPES, MGRS, OBSERVATION, SOURCES
from jeospark.catalog.store import Catalog
from jeospark.catalog.writer import DOCUMENT
from jeospark.schema import SOURCE
from jeospark.sql import ddl
from jeospark.sql.crs import CRS84
from jeospark.sql.relation import Files, Table, nothing
from jeospark.storage.href import literal_path

_TOP_LEVEL = frozenset(
    ("type", "stac_version", "stac_extensions", "id", "collection", "geometry", "bbox", "links", "assets", "datetime")
)

ITEM_TYPES = {
    "collection": "STRING",
    "id": "STRING",
    "datetime": "TIMESTAMP",
    "geometry": "GEOMETRY",
    "observation": "STRING",
    "mgrs": "STRING",
    "bbox": "STRUCT<xmin: DOUBLE, ymin: DOUBLE, xmax: DOUBLE, ymax: DOUBLE>",
}
"""Columns of `items` beside `properties`."""
ASSET_TYPES = {"href": "STRING", "type": "STRING", "title": "STRING", "roles": "ARRAY<STRING>", "proj:code": "STRING",
               "file:size": "BIGINT"}  # fmt: skip
"""Fields of an asset that are columns of `assets`."""
_ASSET_NAMES = {"proj:code": "crs", "file:size": "size"}
_COLLECTION = (
    "id STRING, title STRING, description STRING, license STRING, "
    "extent STRUCT<spatial: STRUCT<bbox: ARRAY<ARRAY<DOUBLE>>>, temporal: STRUCT<interval: ARRAY<ARRAY<STRING>>>>, "
    "summaries STRUCT<bands: ARRAY<STRUCT<name: STRING>>>"
)


def catalog_tables(root: str) -> list[Table]:
    """The tables of a catalogue, which may be empty.

    Args:
        root: Its folder.
    """
    catalog = Catalog(root)
    names = [document["id"] for document in catalog.collections()]
    schemas = {name: catalog.schema(name) for name in names}
    files = {name: _items_file(name, catalog.items_path(name), schema) for name, schema in schemas.items()}
    properties = _property_types(schemas.values())
    queries = {
        "items": [_items(name, files[name], schemas[name], properties) for name in names] or [_no_items()],
        "assets": [_assets(name, files[name], schemas[name]) for name in names] or [_no_assets()],
        "bands": [_bands(name, files[name]) for name in names] or [_no_bands()],
    }
    summaries = {
        "items": "acquisitions of all collections: geometry in OGC:CRS84, properties as a struct",
        "assets": "files: a row an item and asset",
        "bands": "bands: a row an item and band, with where its pixels are and how to read them",
    }
    tables = [
        Table(name=each, summary=summaries[each], query=" UNION ALL ".join(texts), files=tuple(files.values()))
        for each, texts in queries.items()
    ]
    return [_collections(root, there=bool(names)), *tables]


def _items_file(collection: str, path: str, schema: pa.Schema) -> Files:
    columns = ddl.columns_ddl(schema, {"datetime": "TIMESTAMP"})
    return Files(label=f"items_{collection}", columns=columns, reader="parquet", path=literal_path(path))


def _property_types(schemas: Iterable[pa.Schema]) -> dict[str, str]:
    """The type of each property that any collection has: its own, DOUBLE for numbers that differ, else STRING."""
    seen: dict[str, list[pa.DataType]] = {}
    for schema in schemas:
        for field in schema:
            if field.name not in _TOP_LEVEL and field.name not in INDEX_TYPES and ddl.type_ddl(field.type):
                seen.setdefault(field.name, []).append(field.type)
    return {name: _common(kinds) for name, kinds in sorted(seen.items())}


def _common(kinds: list[pa.DataType]) -> str:
    names = {str(ddl.type_ddl(kind)) for kind in kinds}
    if len(names) == 1:
        return names.pop()
    numeric = all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds)
    return "DOUBLE" if numeric else "STRING"


def _as(schema: Mapping[str, pa.DataType], column: str, wanted: str, prefix: str = "") -> str:
    """A column in a type, whatever the file has in its place."""
    kind = schema.get(column)
    have = None if kind is None else ddl.type_ddl(kind)
    reference = prefix + ddl.name(column)
    if have is None:
        return f"CAST(NULL AS {wanted})"
    if have == wanted:
        return reference
    return f"to_json({reference})" if pa.types.is_nested(kind) else f"CAST({reference} AS {wanted})"


def _kinds(fields: Iterable[pa.Field]) -> dict[str, pa.DataType]:
    return {field.name: field.type for field in fields}


def _items(collection: str, file: Files, schema: pa.Schema, properties: Mapping[str, str]) -> str:
    kinds = _kinds(schema)
    fields = (f"{ddl.text(each)}, {_as(kinds, each, kind)}" for each, kind in properties.items())
    box = ", ".join(f"'{side}', bbox.{side}" for side in ("xmin", "ymin", "xmax", "ymax"))
    return (
        f"SELECT {ddl.text(collection)} AS collection, id, datetime, "
        f"ST_SetSRID(ST_GeomFromWKB(geometry), {CRS84}) AS geometry, named_struct({', '.join(fields)}) AS properties, "
        f"{ddl.name(OBSERVATION)} AS observation, {ddl.name(MGRS)} AS mgrs, named_struct({box}) AS bbox "
        f"FROM {file.reference}"
    )


def _no_items() -> str:
    kinds = {**ITEM_TYPES, "properties": "STRUCT<>"}
    return nothing({name: kinds[name] for name in (*list(ITEM_TYPES)[:4], "properties", *list(ITEM_TYPES)[4:])})


def _assets(collection: str, file: Files, schema: pa.Schema) -> str:
    kind = schema.field("assets").type
    assets = [asset for asset in kind if pa.types.is_struct(asset.type)] if pa.types.is_struct(kind) else []
    if not assets:
        return _no_assets()
    one = ", ".join(_asset(asset) for asset in assets)
    columns = ", ".join(f"each.{ddl.name(column)}" for column in _asset_columns())
    return (
        f"SELECT {ddl.text(collection)} AS collection, id AS item_id, datetime, {columns} FROM (SELECT id, datetime, "
        f"explode(filter(array({one}), asset -> asset.href IS NOT NULL)) AS each FROM {file.reference})"
    )


def _asset(asset: pa.Field) -> str:
    prefix, kinds = f"assets.{ddl.name(asset.name)}.", _kinds(asset.type)
    fields = [f"'asset', {ddl.text(asset.name)}"]
    fields += [
        f"'{_ASSET_NAMES.get(each, each)}', {_as(kinds, each, kind, prefix)}" for each, kind in ASSET_TYPES.items()
    ]
    return f"named_struct({', '.join(fields)}, 'document', to_json({prefix[:-1]}))"


def _asset_columns() -> dict[str, str]:
    return {"asset": "STRING", **{_ASSET_NAMES.get(each, each): kind for each, kind in ASSET_TYPES.items()},
            "document": "STRING"}  # fmt: skip


_KEYS = {"collection": "STRING", "item_id": "STRING", "datetime": "TIMESTAMP"}


def _no_assets() -> str:
    return nothing({**_KEYS, **_asset_columns()})


def _bands(collection: str, file: Files) -> str:
    columns = ", ".join(f"each.{ddl.name(field.name)}" for field in SOURCE)
    return (
        f"SELECT {ddl.text(collection)} AS collection, id AS item_id, datetime, {columns} "
        f"FROM (SELECT id, datetime, explode({ddl.name(SOURCES)}) AS each FROM {file.reference})"
    )


def _no_bands() -> str:
    return nothing({**_KEYS, **{field.name: str(ddl.type_ddl(field.type)) for field in SOURCE}})


def _collections(root: str, *, there: bool) -> Table:
    path = str(Path(literal_path(str(Path(root).absolute())), "*", DOCUMENT))
    file = Files(label="collections", columns=_COLLECTION, reader="json", path=path, options=(("multiLine", "true"),))
    box = "extent.spatial.bbox[0]"
    # West > east crosses the antimeridian (RFC 7946, section 5.2).
    west, east = (
        _box(f"{box}[0]", f"{box}[1]", "180D", f"{box}[3]"),
        _box("-180D", f"{box}[1]", f"{box}[2]", f"{box}[3]"),
    )
    whole = _box(*(f"{box}[{side}]" for side in range(4)))
    query = (
        "SELECT id, title, description, license, CAST(extent.temporal.interval[0][0] AS TIMESTAMP) AS start_datetime, "
        "CAST(extent.temporal.interval[0][1] AS TIMESTAMP) AS end_datetime, "
        f"ST_SetSRID(IF({box}[0] <= {box}[2], {whole}, ST_Collect({west}, {east})), {CRS84}) AS geometry, "
        f"summaries.bands.name AS bands FROM {file.reference}"
    )
    kinds = {"id": "STRING", "title": "STRING", "description": "STRING", "license": "STRING",
             "start_datetime": "TIMESTAMP", "end_datetime": "TIMESTAMP", "geometry": "GEOMETRY",
             "bands": "ARRAY<STRING>"}  # fmt: skip
    summary = "collections of the catalogue, with their extents"
    if not there:
        return Table(name="collections", summary=summary, query=nothing(kinds))
    return Table(name="collections", summary=summary, query=query, files=(file,))


def _box(*sides: str) -> str:
    return f"ST_PolygonFromEnvelope({', '.join(sides)})"
