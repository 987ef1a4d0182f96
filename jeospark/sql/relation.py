"""What is registered: files with their schema, and views over them, all of it as SQL text.

Text can be given to any door: a session, `spark-sql -i`, a server. Nothing is read until a query needs it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from jeospark.sql import ddl
from jeospark.storage.href import hadoop_path

FILES = "{files}"
"""Stands in a view's query for where the files are registered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """One or more files of one schema, as a relation that views are made of."""

    label: str
    """What it is called, among others with the same path."""
    columns: str
    """Schema as DDL; given, so that no job has to find it out."""
    reader: str
    """Spark's name of the data source."""
    path: str
    """As a pattern of Hadoop; see `literal_path`."""
    options: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The same for the same files: sessions of one application share it."""
        key = sha256(repr((self.path, self.columns, self.options)).encode()).hexdigest()[:8]
        return f"{identifier(self.label)}_{key}"

    @property
    def reference(self) -> str:
        """How a view's query names it."""
        return f"{FILES}.{ddl.name(self.name)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table that users see."""

    name: str
    summary: str
    """One line for lists of tables."""
    query: str
    files: tuple[Files, ...] = ()


def identifier(label: str) -> str:
    """A label as a name that needs no quotes."""
    return re.sub(r"\W", "_", label).lower()


def nothing(kinds: Mapping[str, str]) -> str:
    """A query without rows.

    Args:
        kinds: Its columns and their types in DDL, Sedona's GEOMETRY among them.
    """
    values = {"GEOMETRY": "ST_GeomFromWKT(NULL)", "STRUCT<>": "named_struct()"}
    columns = (f"{values.get(kind) or f'CAST(NULL AS {kind})'} AS {ddl.name(each)}" for each, kind in kinds.items())
    return f"SELECT {', '.join(columns)} WHERE false"


def session_statements(tables: Iterable[Table]) -> list[str]:
    """Statements that register tables as temporary views of one session."""
    return _statements(
        tables, "global_temp", "CREATE OR REPLACE GLOBAL TEMPORARY VIEW", "CREATE OR REPLACE TEMPORARY VIEW"
    )


def server_statements(tables: Iterable[Table]) -> list[str]:
    """Statements that register tables for all sessions of a server whose catalogue lives in memory."""
    made = _statements(tables, "files", "CREATE TABLE IF NOT EXISTS", "CREATE OR REPLACE VIEW")
    return ["CREATE DATABASE IF NOT EXISTS files", *made]


def _statements(tables: Iterable[Table], place: str, make_files: str, make_view: str) -> list[str]:
    tables = list(tables)
    relations = {each.name: each for table in tables for each in table.files}
    return [
        *(f"{make_files} {_defined(each, place)}" for each in relations.values()),
        *(f"{make_view} {ddl.name(table.name)} AS {table.query.replace(FILES, place)}" for table in tables),
    ]


def _defined(files: Files, place: str) -> str:
    # A global temporary view is given without its database.
    where = "" if place == "global_temp" else f"{place}."
    given = [("path", hadoop_path(files.path)), *files.options]
    options = ", ".join(f"{ddl.text(key)} {ddl.text(value)}" for key, value in given)
    return f"{where}{ddl.name(files.name)} ({files.columns}) USING {files.reader} OPTIONS ({options})"
