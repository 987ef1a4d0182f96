"""The one list of what a session of SQL gets."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from weakref import WeakKeyDictionary

from pyspark.sql import SparkSession

from jeospark.errors import SqlError
from jeospark.settings import Settings
from jeospark.sql.catalog import catalog_tables
from jeospark.sql.layers import layer_tables
from jeospark.sql.outcomes import outcome_table
from jeospark.sql.pixels.register import register_pixels
from jeospark.sql.relation import Table, session_statements
from jeospark.sql.zonal.register import register_zonal
from jeospark.storage.roots import Roots
from udfs.arrow import register as register_functions

Extra = Callable[[SparkSession, str], None]
"""Registers what is no view, such as a data source in Python; given the session and the catalogue's folder."""


def _chip_functions(spark: SparkSession, _catalog: str) -> None:
    register_functions(spark)


EXTRAS: tuple[Extra, ...] = (register_pixels, register_zonal, _chip_functions)
"""What sessions get beside tables; each checks `Roots` itself before it opens a file."""
_HELD: WeakKeyDictionary[SparkSession, frozenset[str]] = WeakKeyDictionary()
"""Names of the tables that `register` has made known to a session."""


def folder_of(catalog: str | None) -> str:
    """Folder of the catalogue that was asked for, by default that of the settings.

    Raises:
        SqlError: It was named, and is not there: a name typed wrongly would be a catalogue without items.
    """
    if catalog is not None and not Path(catalog).is_dir():
        raise SqlError("there is no such folder", where=catalog, remedy="`jeospark ingest` makes a catalogue.")
    return catalog or Settings.load().catalog


def tables(catalog: str, outputs: Sequence[str] = ()) -> list[Table]:
    """All tables, in the order in which lists show them.

    Args:
        catalog: Folder of the catalogue.
        outputs: Output folders of runs.

    Raises:
        SqlError: A layer or ledger cannot be read, or two tables have one name.
        ForbiddenError: A table lies outside the allowed roots.
    """
    found = [*catalog_tables(catalog), outcome_table(outputs), *layer_tables(catalog)]
    check_names(found)
    roots = Roots.load(Settings.load())
    for path in sorted({files.path for table in found for files in table.files}):
        roots.check_pattern(path)
    return found


def check_names(found: Iterable[Table]) -> None:
    """Make sure that no table hides another.

    Raises:
        SqlError: Two have one name.
    """
    seen: dict[str, str] = {}
    for table in found:
        if table.name in seen:
            what = f"'{table.summary}' and '{seen[table.name]}' would both be called {table.name}"
            raise SqlError(what, remedy="Give the layer another name.")
        seen[table.name] = table.summary


def register(spark: SparkSession, found: Iterable[Table], catalog: str) -> None:
    """Make tables and extras known to a session, in place of those of another catalogue; no job runs.

    Args:
        spark: A session with Sedona.
        found: See `tables`.
        catalog: Folder of the catalogue.
    """
    held = list(found)
    for name in _HELD.get(spark, frozenset()) - {table.name for table in held}:
        spark.catalog.dropTempView(name)
    for statement in session_statements(held):
        spark.sql(statement)
    _HELD[spark] = frozenset(table.name for table in held)
    register_extras(spark, catalog)


def register_extras(spark: SparkSession, catalog: str) -> None:
    """Make functions and data sources known to a session; no job runs.

    Args:
        spark: A session with Sedona.
        catalog: Folder of the catalogue.
    """
    for extra in EXTRAS:
        extra(spark, catalog)
