"""The way from what a user names to a reader of it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from jeospark.errors import VectorSourceError
from jeospark.vector.sources.archive import unpack
from jeospark.vector.sources.delimited import open_delimited
from jeospark.vector.sources.ogr import open_ogr
from jeospark.vector.sources.parquet import open_parquet
from jeospark.vector.sources.request import Opened, Request

_TEXTS = frozenset({".csv", ".tsv", ".txt"})
_PARQUET = frozenset({".parquet", ".geoparquet"})
DATABASES = ("postgresql://", "postgres://")


Opener = Callable[[Request, str], Opened]
"""Opens what is at a path."""


def open_source(request: Request, scratch: Path, opener: Opener | None = None) -> Opened:
    """Open a source by its scheme, its ending, and what is in it.

    Args:
        request: What is asked for.
        scratch: Folder for what comes out of archives; must outlive the reading.
        opener: What opens a file, where its ending does not decide.

    Raises:
        VectorSourceError: It is missing, damaged, of no known format, or a choice in it is to be made.
        VectorEncodingError: Its texts are not in the encoding stated.
        LayerCrsError: Its CRS is unknown.
    """
    if request.href.startswith(DATABASES):
        from jeospark.vector.sources.postgis import open_postgis  # noqa: PLC0415 (its driver is optional)

        return open_postgis(request)
    path, opener = request.href.removeprefix("file://"), opener or open_path
    if "://" in path:
        remedy = "Fetch it, and add the file; databases are postgresql://user@host/database."
        raise VectorSourceError("only files of this machine and PostgreSQL are read", where=request.href, remedy=remedy)
    if Path(path).suffix.lower() == ".zip":
        inner, by_name = unpack(path, scratch, request.layer)
        return opener(replace(request, layer=None) if by_name else request, inner)
    return opener(request, path)


def open_path(request: Request, path: str) -> Opened:
    """Open a file or folder by its ending.

    Raises:
        VectorError: See `open_source`.
    """
    place = Path(path)
    suffixes = {suffix.lower() for suffix in place.suffixes[-2:]}
    if place.suffix.lower() in _PARQUET or (place.is_dir() and next(place.rglob("*.parquet"), None)):
        return open_parquet(request, path)
    if place.suffix.lower() in _TEXTS or (place.suffix.lower() == ".gz" and suffixes & _TEXTS):
        return open_delimited(request, path)
    return open_ogr(request, path)
