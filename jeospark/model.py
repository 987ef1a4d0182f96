"""The plain records that travel between the layers; no I/O, no GDAL, no Spark."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

Transform = tuple[float, float, float, float, float, float]
"""Affine coefficients (a, b, c, d, e, f): x = a·col + b·row + c, y = d·col + e·row + f; origin at the outer corner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterInfo:
    """What the header of one raster file says."""

    crs: str | None
    """A code, such as `EPSG:3035` or `ESRI:54009`, where the file's CRS has one, else WKT 2; None where it has none."""
    transform: Transform | None
    """None where the file is placed by ground control points or not at all."""
    shape: tuple[int, int]
    """(rows, columns) in pixels."""
    dtypes: tuple[str, ...]
    """numpy names, one a band."""
    nodata: tuple[float | None, ...]
    """One a band."""
    scales: tuple[float, ...]
    """physical = stored · scale + offset, one a band."""
    offsets: tuple[float, ...]
    """See `scales`, one a band."""
    block: tuple[int, int]
    """(rows, columns) of a block of the first band."""
    descriptions: tuple[str | None, ...] = ()
    """Band names as the file gives them, one a band."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One band of one item: where its pixels are and how to read them."""

    band: str
    """Name in the collection, such as B04."""
    href: str
    """Absolute path or URL of the file."""
    variable: str | None = None
    """netCDF or HDF5 variable inside the file, None for a plain raster."""
    index: int = 1
    """GDAL band number, from 1."""
    data_type: str | None = None
    """numpy name of the stored type as the catalogue declares it."""
    nodata: float | None = None
    """Declared by the catalogue; None leaves it to the file."""
    scale: float | None = None
    """physical = stored · scale + offset, as the catalogue declares it; None leaves it to the file."""
    offset: float | None = None
    """See `scale`."""
    crs: str | None = None
    """Declared CRS, for files that carry none."""
    transform: Transform | None = None
    """Declared affine coefficients, for files that carry none."""
    shape: tuple[int, int] | None = None
    """(rows, columns) as declared."""
    size: int | None = None
    """Bytes of the file that are this band's, about; None where the file's size is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRef:
    """An item as a unit of work sees it."""

    item_id: str
    observation: str
    """Items of one orbit pass and solar day share this key, and are mosaicked before anything else is done."""
    datetime: datetime
    """UTC."""
    footprint: bytes | None
    """WKB polygon, longitude and latitude (OGC:CRS84)."""
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One unit of work: one output tile in one period."""

    unit_id: str
    """`{tile}/{period}`, unique in a plan."""
    tile: str
    period: str
    """Label, see `jeospark.periods`: 2019-07-14 (date), 2019-20 (dekad), 2019-07, 2019-jja, 2019, or all."""
    start: datetime
    """First instant of the period, inclusive, UTC."""
    end: datetime
    """Last instant of the period, exclusive, UTC."""
    crs: str
    transform: Transform
    shape: tuple[int, int]
    """(rows, columns) of the output."""
    output_href: str
    """Where the COG is published."""
    digest: str
    """sha256 over everything that decides the pixels: recipe, geobox, items and their sources."""
    items: tuple[ItemRef, ...]
    """Sorted by datetime, then id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """An asset that could not be used in a unit."""

    item_id: str
    band: str
    asset: str
    """The asset's href."""
    error: str
    """Name of the error's class."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What happened to one unit: a row of the ledger."""

    unit_id: str
    tile: str
    period: str
    status: str
    """`done`, `skipped` (already published with the same digest), `empty` (no usable pixel), or `failed`."""
    href: str | None = None
    digest: str = ""
    error: str | None = None
    """Name of the error's class."""
    message: str | None = None
    """Names unit, item, asset and band."""
    item_id: str | None = None
    band: str | None = None
    asset: str | None = None
    items: int = 0
    pixels: int = 0
    """Pixels of the output (rows · columns)."""
    pixels_read: int = 0
    """Source pixels decoded, all bands and dates."""
    pixels_skipped: int = 0
    """Source pixels that the mask or the footprint made needless to decode."""
    pixels_valid: int = 0
    """Usable pixels in the output's first band."""
    bytes_written: int = 0
    seconds_read: float = 0.0
    seconds_warp: float = 0.0
    seconds_compute: float = 0.0
    seconds_write: float = 0.0
    seconds: float = 0.0
    peak_mb: float = 0.0
    """Peak resident memory of the worker process so far, MiB."""
    rejects: tuple[Reject, ...] = ()
    """The bad assets met: what a failed unit failed of, or what a done one was allowed to leave out."""
    host: str = ""
    started: datetime | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """An array with named dimensions, and beside it which of its cells can be used.

    `dims` are openEO's names in order, a subset of ("t", "bands", "y", "x") for a raster.
    """

    data: NDArray[np.generic]
    """Physical values, shape as `dims`."""
    valid: NDArray[np.bool_]
    """Same shape as `data` (or broadcast to it, read-only); True = usable, False = openEO's null."""
    dims: tuple[str, ...]
    labels: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    """Labels a dimension: datetimes for t, names for bands; y and x need none."""
    geobox: object | None = None
    """The odc-geo GeoBox of y and x, for what needs metres."""
