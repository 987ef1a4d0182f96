"""The area that pixels are asked for: a box, or polygons, in a CRS that is stated."""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import CRSError

from jeospark.errors import ExtentError, OptionError
from jeospark.grid import BBox, PixelExtent
from jeospark.tiling.extent import turn_of

LONLAT = "OGC:CRS84"
PIECES = 500
"""Into how many pieces the longest side of polygons is cut before they are transformed to another CRS."""

_EWKT = re.compile(r"\s*SRID=(\d+);(.*)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Where pixels are asked for."""

    bbox: BBox
    """Bounds, in the area's CRS."""
    wkb: bytes | None = None
    """Polygons in that CRS; None where the bounds themselves are the area."""

    def inside(self, extent: PixelExtent) -> NDArray[np.bool_] | None:
        """Which pixel centres of an extent lie in the polygons, (rows, cols); None where all do."""
        if self.wkb is None:
            return None
        shape = _shape(self.wkb, self.bbox.crs, extent.crs)
        turn = turn_of(extent.crs)
        # A grid in degrees may count its longitudes in another turn than the polygons do.
        turned = [_moved(extent, shift) for shift in ((0.0, -turn, turn) if turn else (0.0,))]
        if any(shapely.covers(shape, shapely.box(*each.bounds)) for each in turned):
            return None
        kept = np.zeros(extent.shape, np.bool_)
        for each in turned:
            if shapely.intersects(shape, shapely.box(*each.bounds)):
                kept |= shapely.contains_xy(shape, *np.meshgrid(*centres(each)))
        return kept


def centres(extent: PixelExtent) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """X of the centres of columns, and y of those of rows."""
    a, _, c, _, e, f = extent.transform
    rows, cols = extent.shape
    along, down = np.arange(cols) + np.float64(0.5), np.arange(rows) + np.float64(0.5)
    return np.asarray(c + a * along, np.float64), np.asarray(f + e * down, np.float64)


def _moved(extent: PixelExtent, east: float) -> PixelExtent:
    a, b, c, d, e, f = extent.transform
    return replace(extent, transform=(a, b, c + east, d, e, f))


def area_from_bbox(text: str, crs: str | None) -> Area:
    """A box from `west,south,east,north`, in degrees unless a CRS says more.

    Raises:
        OptionError: It is not four numbers.
        ExtentError: The box is inverted, empty, or not on the Earth.
        GridError: The CRS is unknown.
    """
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as error:
        remedy = "Write west,south,east,north, such as 13.2,45.1,13.4,45.3; degrees, unless crs says more."
        raise OptionError(f"'{text}' is no bounding box", where="bbox", remedy=remedy) from error
    return Area(bbox=BBox(west=west, south=south, east=east, north=north, crs=crs or LONLAT))


def area_from_wkt(text: str, crs: str | None) -> Area:
    """Polygons from WKT, whose CRS is stated by `SRID=3035;` in front or by itself.

    Raises:
        OptionError: It is no WKT of a polygon, not valid, or its CRS is not stated or stated twice.
        ExtentError: It is empty, or not on the Earth.
        GridError: The CRS is unknown.
    """
    srid = _EWKT.fullmatch(text)
    stated = f"EPSG:{srid[1]}" if srid else None
    if (stated is None) == (crs is None):
        what = "the CRS of the WKT is not stated" if crs is None else "the CRS of the WKT is stated twice"
        raise OptionError(what, where="wkt", remedy="Write SRID=3035; before it, or give crs, such as EPSG:3035.")
    try:
        shape = shapely.from_wkt(srid[2] if srid else text)
    except shapely.errors.GEOSException as error:
        raise OptionError(f"'{text[:60]}' is no WKT ({error})", where="wkt") from error
    if shape is None or shapely.get_dimensions(shape) != 2:
        raise OptionError(f"'{text[:60]}' is no polygon", where="wkt", remedy="Give a POLYGON or MULTIPOLYGON.")
    if not shape.is_valid:
        reason = shapely.is_valid_reason(shape)
        raise OptionError(f"the polygon is not valid ({reason})", where="wkt", remedy="Repair it with ST_MakeValid.")
    west, south, east, north = shape.bounds
    box = BBox(west=west, south=south, east=east, north=north, crs=_lonlat(stated or crs or LONLAT))
    return Area(bbox=box, wkb=shapely.to_wkb(shape))


def crop(extent: PixelExtent, area: Area | BBox | None) -> PixelExtent | None:
    """The whole pixels of an extent that the bounds of an area touch; None where there are none."""
    if area is None:
        return extent
    return extent.crop(area.bbox if isinstance(area, Area) else area)


def part(extent: PixelExtent, row: int, col: int, shape: tuple[int, int]) -> PixelExtent:
    """The part of an extent that begins at a row and column."""
    a, b, c, d, e, f = extent.transform
    return replace(extent, transform=(a, b, c + a * col, d, e, f + e * row), shape=shape)


def _lonlat(crs: str) -> str:
    return LONLAT if crs.upper() == "EPSG:4326" else crs


@lru_cache(maxsize=32)
def _shape(wkb: bytes, source: str, target: str) -> shapely.Geometry:
    """Polygons in a CRS, their edges straight in their own; prepared for many tests."""
    shape = shapely.from_wkb(wkb)
    if source != target:
        west, south, east, north = shape.bounds
        cut = shapely.segmentize(shape, max(east - west, north - south) / PIECES)
        shape = shapely.transform(cut, _transformer(source, target).transform, interleaved=False)
        if not np.isfinite(shapely.get_coordinates(shape)).all():
            raise ExtentError(f"the polygon has no place in {target}")
    shapely.prepare(shape)
    return shape


@lru_cache(maxsize=32)
def _transformer(source: str, target: str) -> Transformer:
    try:
        return Transformer.from_crs(source, target, always_xy=True)
    except CRSError as error:
        raise ExtentError(f"nothing leads from {source} to {target}") from error
