"""Areas asked for, and the pixels that serve them."""

from dataclasses import dataclass, replace
from functools import cache
from math import ceil, floor, pi

import numpy as np
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError

from jeospark.errors import ExtentError, GridError
from jeospark.model import Transform
from jeospark.tiling.footprints import LARGE, LONLAT, Floats, outlines, projected_bounds, reprojected_bounds

SNAP = 1e-6
"""Part of a pixel that counts as rounding when an area is fitted to pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BBox:
    """A rectangle of a CRS; in degrees, west > east crosses the antimeridian."""

    west: float
    south: float
    east: float
    north: float
    crs: str = LONLAT
    """Any text that PROJ understands; x comes before y."""

    def __post_init__(self) -> None:
        """Check what the constructor was given."""
        edges = (self.west, self.south, self.east, self.north)
        if not all(np.isfinite(edges)):
            raise ExtentError(f"the area {edges} has an edge that is no number")
        # Compared as projected: in degrees, an area may run eastwards over the antimeridian.
        if self.south >= self.north or self.west == self.east or (self.west > self.east and not self._degrees):
            raise ExtentError(f"the area {edges} is inverted or empty", remedy="Give west, south, east, north.")
        if self._degrees and not (
            max(abs(self.south), abs(self.north)) <= 90 and abs(self.west) <= 360 >= abs(self.east)
        ):
            raise ExtentError(
                f"the area {edges} is not on the Earth", remedy="Give degrees, longitude first, or a CRS."
            )

    @property
    def lonlat(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees; west > east crosses the antimeridian."""
        if self._degrees:
            return self.west, self.south, self.east, self.north
        west, south, east, north = reprojected_bounds(self.crs, LONLAT, self._edges())[0].tolist()
        return west, south, east, north

    def bounds_in(self, crs: str) -> tuple[float, float, float, float]:
        """Bound the area in another CRS: least x, least y, greatest x, greatest y; NaN where it has no place there."""
        if same_crs(self.crs, crs) and self.west < self.east:
            return self.west, self.south, self.east, self.north
        if self._degrees:
            x0, y0, x1, y1 = (float(edge[0]) for edge in projected_bounds(crs, *self._edges().T))
        else:
            x0, y0, x1, y1 = reprojected_bounds(self.crs, crs, self._edges())[0].tolist()
        return x0, y0, x1, y1

    def parts_in(self, crs: str) -> list[tuple[float, float, float, float]]:
        """As `bounds_in`, for all that is the area: both sides of the antimeridian, and longitudes of other turns."""
        turn = turn_of(crs)
        if turn:
            x0, y0, x1, y1 = self.bounds_in(crs)
            return [(x0 + shift, y0, x1 + shift, y1) for shift in (0.0, -turn, turn)]
        if not self._degrees:
            return [self.bounds_in(crs)]
        return [replace(self, west=west, east=east).bounds_in(crs) for west, east in self._sides]

    def covers_much(self, extent: "PixelExtent") -> bool:
        """Whether the area is much of the Earth, whose bounds in a projection tell little, and holds an extent."""
        wide = sum(east - west for west, east in self._sides)
        if not self._degrees or min(wide, self.north - self.south) <= LARGE:
            return False
        held = shapely.union_all([shapely.box(west, self.south, east, self.north) for west, east in self._sides])
        outline = outlines(extent.crs, np.array([extent.bounds]))[0]
        return not outline.is_empty and bool(shapely.covers(held, outline))

    @property
    def _sides(self) -> list[tuple[float, float]]:
        """West and east of the area's parts between -180 and 180 degrees."""
        west, east = self.west, self.east + (360.0 if self.west > self.east else 0.0)
        sides = [(max(west - shift, -180.0), min(east - shift, 180.0)) for shift in (-360.0, 0.0, 360.0)]
        return [(first, last) for first, last in sides if first < last]

    def _edges(self) -> Floats:
        return np.array([[self.west, self.south, self.east, self.north]])

    @property
    def _degrees(self) -> bool:
        return known_crs(self.crs).is_geographic


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelExtent:
    """Where the pixels of a tile, or of a part of it, lie."""

    crs: str
    transform: Transform
    shape: tuple[int, int]
    """(rows, columns)."""

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Least x, least y, greatest x, greatest y."""
        a, _, c, _, e, f = self.transform
        rows, columns = self.shape
        return c, f + rows * e, c + columns * a, f

    def crop(self, area: BBox) -> "PixelExtent | None":
        """Keep the whole pixels that the area's bounds touch, and those between them; None where there are none."""
        if area.covers_much(self):
            return self
        parts = [part for bounds in area.parts_in(self.crs) if (part := self._touched(*bounds)) is not None]
        if not parts:
            return None
        top, left = (min(part[axis][0] for part in parts) for axis in (0, 1))
        bottom, right = (max(part[axis][1] for part in parts) for axis in (0, 1))
        a, _, c, _, e, f = self.transform
        return PixelExtent(
            crs=self.crs,
            transform=(a, 0.0, c + left * a, 0.0, e, f + top * e),
            shape=(bottom - top, right - left),
        )

    def _touched(self, x0: float, y0: float, x1: float, y1: float) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """First and last row and column (exclusive) of the pixels that bounds touch."""
        a, _, c, _, e, f = self.transform
        rows = _interval((y1 - f) / e, (y0 - f) / e, self.shape[0])
        columns = _interval((x0 - c) / a, (x1 - c) / a, self.shape[1])
        return None if rows is None or columns is None else (rows, columns)


def _interval(first: float, last: float, size: int) -> tuple[int, int] | None:
    if not (np.isfinite(first) and np.isfinite(last)):
        return None
    start, stop = max(floor(first + SNAP), 0), min(ceil(last - SNAP), size)
    return (start, stop) if start < stop else None


@cache
def known_crs(crs: str) -> CRS:
    """Look a CRS up.

    Raises:
        GridError: PROJ does not know it.
    """
    try:
        return CRS.from_user_input(crs)
    except CRSError as error:
        raise GridError(f"no CRS '{crs}'", remedy="Give a code, such as EPSG:3035.") from error


@cache
def turn_of(crs: str) -> float:
    """Once round the Earth in units of a geographic CRS; 0 where the CRS does not go round.

    Raises:
        GridError: PROJ does not know it.
    """
    known = known_crs(crs)
    return 2 * pi / known.axis_info[0].unit_conversion_factor if known.is_geographic else 0.0


@cache
def same_crs(one: str, other: str) -> bool:
    """Whether two texts mean the same CRS, the order of axes apart."""
    return known_crs(one).equals(known_crs(other), ignore_axis_order=True)


def check_area(area: BBox, served: tuple[float, float, float, float], name: str) -> None:
    """Refuse an area that lies wholly outside what a CRS or grid serves.

    Args:
        area: What is asked for.
        served: West, south, east, north in degrees.
        name: What serves it.

    Raises:
        ExtentError: They do not meet.
    """
    west, south, east, north = area.lonlat
    first, low, last, high = served
    width, wide = (east - west) % 360.0 or 360.0, (last - first) % 360.0 or 360.0
    apart = (west - first) % 360.0
    if south >= high or north <= low or not (apart < wide or 360.0 - apart < width):
        raise ExtentError(
            f"the area {west:g}, {south:g}, {east:g}, {north:g} lies outside {name}",
            remedy=f"It serves {first:g}, {low:g}, {last:g}, {high:g}.",
        )
