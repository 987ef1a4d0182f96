"""Tables and views of a PostGIS database, as Arrow by ADBC (`pip install jeospark[postgis]`).

Tables are read by ranges of their pages, several at a time, each over a connection of its own that copies as it reads.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyproj import CRS

from jeospark.errors import VectorSourceError
from jeospark.vector.crs import parse_crs
from jeospark.vector.sources.columns import tidy
from jeospark.vector.sources.request import GEOMETRY, Opened, Request

PAGES = 16_384
"""Pages of 8 KiB in a piece."""

_TABLES = """
SELECT n.nspname AS schema, c.relname AS name, a.attname AS geometry, c.relkind::text AS kind, c.relpages AS pages
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
WHERE t.typname IN ('geometry', 'geography') AND c.relkind IN ('r', 'v', 'm', 'p', 'f') AND NOT a.attisdropped
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2, a.attnum
"""
_COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type, t.typname AS udt, t.typtype::text AS kind
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_KEY = """
SELECT a.attname AS name FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
WHERE i.indrelid = $1::regclass AND i.indisprimary
"""
_PLAIN = frozenset(
    {
        "bool", "int2", "int4", "int8", "float4", "float8", "text", "varchar", "bpchar", "bytea", "date", "timestamp",
        "timestamptz",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """A table with a geometry column; names are quoted."""

    name: str
    geometry: str
    edges: str
    kind: str
    select: str


def open_postgis(request: Request) -> Opened:
    """Open a table or view; the password comes from the URL, PGPASSWORD or the password file.

    Raises:
        VectorSourceError: The driver is not installed, the server does not answer, or a choice is to be made.
        LayerCrsError: Nobody knows the CRS.
    """
    with closing(_connect(request.href)) as connection:
        table = _table(connection, request)
        crs, crs_from = _crs(connection, table, request.href)
        pages = _rows(connection, f"SELECT pg_relation_size('{_literal(table.name)}') / 8192 AS pages")[0]["pages"]
        key = [row["name"] for row in _rows(connection, _KEY, table.name)] if table.kind in {"r", "p"} else []
    starts = range(0, max(int(pages), 1), PAGES) if table.kind == "r" else range(1)
    last = starts[-1]

    def read(start: int) -> Iterator[pa.RecordBatch]:
        return _batches(request, table, start, whole=len(starts) == 1, open_end=start == last)

    return Opened(
        driver="PostgreSQL",
        layer=table.name,
        crs=crs,
        crs_from=crs_from,
        read=read,
        pieces=tuple(starts),
        id=key[0] if len(key) == 1 else None,
        edges=table.edges,
    )


def _connect(href: str) -> Any:
    try:
        from adbc_driver_manager import Error  # noqa: PLC0415 (optional)
        from adbc_driver_postgresql import dbapi  # noqa: PLC0415 (optional)
    except ImportError as error:
        raise VectorSourceError(
            "the driver of PostgreSQL is not installed", remedy="Run pip install 'jeospark[postgis]'."
        ) from error
    try:
        return dbapi.connect(href)
    except Error as error:
        raise _failed(error) from error


def _rows(connection: Any, sql: str, *parameters: str) -> list[dict[str, Any]]:
    from adbc_driver_manager import Error  # noqa: PLC0415 (optional)

    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, list(parameters) or None)
            rows: list[dict[str, Any]] = cursor.fetch_arrow_table().to_pylist()
    except Error as error:
        raise _failed(error) from error
    return rows


def _table(connection: Any, request: Request) -> _Table:
    found: dict[str, dict[str, Any]] = {}
    for row in _rows(connection, _TABLES):
        if request.geometry in {None, row["geometry"]}:
            found.setdefault(f"{row['schema']}.{row['name']}", row)
    wanted = request.layer if request.layer is None or "." in request.layer else f"public.{request.layer}"
    if wanted is None and len(found) == 1:
        wanted = next(iter(found))
    if wanted not in found:
        raise VectorSourceError(
            f"no table '{wanted}' has a geometry" if wanted else "no table is chosen",
            where="PostgreSQL",
            remedy=f"Choose with --layer from: {', '.join(found) or 'none'}.",
        )
    row = found[wanted]
    name = f"{_quoted(row['schema'])}.{_quoted(row['name'])}"
    columns = _rows(connection, _COLUMNS, name)
    geometry = _quoted(row["geometry"])
    kinds = {column["name"]: column["udt"] for column in columns}
    listed = [_selected(column) for column in columns if column["udt"] not in {"geometry", "geography"}]
    shape = f"ST_AsBinary({geometry}, 'NDR') AS {_quoted(GEOMETRY)}"
    edges = "spherical" if kinds[row["geometry"]] == "geography" else "planar"
    select = f"SELECT {', '.join([*listed, shape])} FROM {name}"
    return _Table(name=name, geometry=geometry, edges=edges, kind=row["kind"], select=select)


def _selected(column: dict[str, Any]) -> str:
    name = _quoted(column["name"])
    alias = _quoted(f"{column['name']}_1") if column["name"] == GEOMETRY else name
    if column["udt"] == "numeric":
        return f"{name}::float8 AS {alias}"
    return f"{name} AS {alias}" if column["udt"] in _PLAIN else f"{name}::text AS {alias}"


def _crs(connection: Any, table: _Table, where: str) -> tuple[CRS | None, str]:
    geometry = f"{table.geometry}::geometry"
    rows = _rows(
        connection, f"SELECT DISTINCT ST_SRID({geometry}) AS srid FROM {table.name} WHERE {table.geometry} IS NOT NULL"
    )
    numbers = {int(row["srid"]) for row in rows}
    if len(numbers) > 1:
        raise VectorSourceError(
            f"its geometries have the SRIDs {', '.join(map(str, sorted(numbers)))}",
            where=table.name,
            remedy="Make a view of those of one SRID, and add it.",
        )
    number = next(iter(numbers), 0)
    if number == 0:
        return None, ""
    known = _rows(connection, f"SELECT auth_name, auth_srid, srtext FROM spatial_ref_sys WHERE srid = {number}")
    if not known:
        return None, ""
    code, text = f"{known[0]['auth_name']}:{known[0]['auth_srid']}", known[0]["srtext"]
    stated = code if known[0]["auth_name"] in {"EPSG", "ESRI"} else text
    return parse_crs(stated, where), f"SRID {number} of the table's geometries"


def _batches(request: Request, table: _Table, start: int, *, whole: bool, open_end: bool) -> Iterator[pa.RecordBatch]:
    from adbc_driver_manager import Error  # noqa: PLC0415 (optional)

    end = "" if open_end else f" AND ctid < '({start + PAGES},0)'::tid"
    condition = "" if whole else f" WHERE ctid >= '({start},0)'::tid{end}"
    try:
        with closing(_connect(request.href)) as connection, connection.cursor() as cursor:
            cursor.execute(table.select + condition)
            reader = cursor.fetch_record_batch()
            yield tidy(pa.RecordBatch.from_pylist([], reader.schema), GEOMETRY, table.name)
            for batch in reader:
                yield tidy(batch, GEOMETRY, table.name)
    except (Error, pa.ArrowException, OSError) as error:
        raise _failed(error) from error


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return text.replace("'", "''")


def _failed(error: Exception) -> VectorSourceError:
    # What libpq says may repeat the URL; its first line does not.
    text = str(error).splitlines()[0][:200]
    return VectorSourceError(
        f"PostgreSQL says: {text}", where="PostgreSQL", remedy="Check the URL, the rights and that the server runs."
    )
