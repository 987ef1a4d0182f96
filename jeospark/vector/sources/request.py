"""What a user asks of a source, and what opening it tells."""

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from pyproj import CRS

from jeospark.errors import LayerCrsError, VectorEncodingError, VectorSourceError
from jeospark.vector.crs import parse_crs

GEOMETRY = "geometry"
"""Name of the column of WKB in every batch that a source gives."""

FID = "fid"
"""Column of GDAL's number of a feature, which in most formats is that of its row."""

Reader = Callable[[Any], Iterator[pa.RecordBatch]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A source, and what it does not say of itself."""

    href: str
    """Path of a file or folder, or a PostgreSQL URL."""
    layer: str | None = None
    """Which of several; `schema.table` in a database; a file's name in an archive."""
    crs: str | None = None
    """CRS of the coordinates; overrides what the source states."""
    encoding: str | None = None
    """Of texts, where the format does not state it or states it wrongly."""
    x: str | None = None
    """Column of the first coordinate (longitude), in formats without geometries."""
    y: str | None = None
    """Column of the second coordinate (latitude)."""
    wkt: str | None = None
    """Column of well-known text or binary, the latter in hexadecimal digits in a text."""
    geometry: str | None = None
    """Which geometry column, where there are several."""
    delimiter: str | None = None
    """Between the columns of a text; told from the file's name and first line where None."""
    types: pa.Schema = field(default_factory=lambda: pa.schema([]))
    """Of the columns that a layer has already: what a text's values are read as."""

    def __post_init__(self) -> None:
        """Check what the constructor was given.

        Raises:
            VectorEncodingError: There is no such encoding.
            VectorSourceError: The delimiter is not one character.
        """
        try:
            codecs.lookup(self.encoding or "utf-8")
        except LookupError as error:
            raise VectorEncodingError(f"there is no encoding '{self.encoding}'", where=self.href) from error
        if self.delimiter is not None and len(self.delimiter) != 1:
            remedy = r"Give one; a tab is --delimiter $'\t' in a shell."
            raise VectorSourceError(f"'{self.delimiter}' is not one character", where=self.href, remedy=remedy)


def stated_crs(text: str, request: Request) -> CRS | None:
    """The CRS that a source states; None where nobody knows it, and the request gives another.

    Raises:
        LayerCrsError: Nobody knows it, and the request gives none.
    """
    try:
        return parse_crs(text, request.href)
    except LayerCrsError:
        if request.crs:
            return None
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A source that can be read."""

    driver: str
    """GDAL's name of the format, or `Parquet`, `CSV`, `PostgreSQL`."""
    layer: str | None
    crs: CRS | None
    """None where the source states none."""
    crs_from: str
    """Where it says so."""
    read: Reader
    """Gives the batches of a piece: a column `geometry` of WKB, x first, and attributes."""
    pieces: tuple[Any, ...] = (None,)
    """What can be read independently of one another."""
    features: int | None = None
    """How many features the source says it has; None where it does not say."""
    id: str | None = None
    """Column that identifies a feature in the source."""
    edges: str = "planar"
    """`spherical` where the source says that its edges are geodesics or great circles."""
    extent: tuple[float, float, float, float] | None = None
    """xmin, ymin, xmax, ymax that the source states of its features; None where it states none."""
    notes: tuple[str, ...] = field(default=())
