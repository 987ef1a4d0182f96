"""Polygons from one CRS to another, with points along edges that bend."""

from collections.abc import Callable
from functools import cache

import numpy as np
import shapely
from pyproj import Transformer

from jeospark.task.zonal_zones import Geometries
from jeospark.tiling.extent import known_crs, same_crs
from jeospark.tiling.footprints import LONLAT, Floats, on_globe

TOLERANCE = 1e-3
"""Part of a pixel by which an edge may miss its true course."""
_ROUNDS = 6
"""How often edges are cut anew; once is enough where a CRS bends evenly."""
_FINEST = 1 << 12
"""Parts of an edge at most."""
_MOST = 1 << 20
"""Points of an outline at most: near the edge of what a CRS can map, edges bend without end."""
_HALF = 180.0
"""Degrees: no polygon that is wider is in one piece where it crosses the antimeridian."""
_LONLAT_PIXEL = 1e-2
"""Degrees: what is placed by longitude and latitude is looked at again in the CRS of the tile."""


@cache
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


def reprojected(geometries: Geometries, source: str, target: str, pixel: float) -> Geometries:
    """Reproject polygons.

    Args:
        geometries: Polygons, shape (n,); edges are straight in their CRS.
        source: Theirs.
        target: The CRS wanted.
        pixel: Size of a pixel in it: edges follow their true course to a thousandth of this.

    Returns:
        As `geometries`; coordinates without a place in the target are infinite, and what would take more than a million
        points to follow its course is None. In degrees, those over the antimeridian
        are cut there, and those around a pole reach it.
    """
    if same_crs(source, target):
        return geometries
    moved = _transformer(source, target).transform
    degrees = known_crs(target).is_geographic
    missed = _missed_on_globe if degrees else _missed
    shapes = geometries.copy()
    for _ in range(_ROUNDS):
        lengths = _lengths(shapes, lambda points: np.stack(moved(points[:, 0], points[:, 1]), axis=1), missed, pixel)
        long = np.isfinite(lengths)
        if not long.any():
            break
        endless = shapely.length(shapes) > lengths * _MOST
        shapes[endless], long[endless] = None, False
        shapes[long] = shapely.segmentize(shapes[long], lengths[long])
    there = shapely.transform(shapes, lambda points: np.stack(moved(points[:, 0], points[:, 1]), axis=1))
    return _cut_at_antimeridian(there) if degrees else np.asarray(there)


def _cut_at_antimeridian(shapes: Geometries) -> Geometries:
    """Polygons in degrees, whose longitudes jump where they cross the antimeridian, as they are on the globe."""
    bounds = shapely.bounds(shapes)
    known = np.isfinite(bounds).all(axis=1)
    with np.errstate(invalid="ignore"):
        wide = bounds[:, 2] - bounds[:, 0] > _HALF
    for at in np.flatnonzero(known & wide).tolist():
        shapes[at] = on_globe(shapes[at])
    return shapes


def lonlat(geometries: Geometries, source: str) -> Geometries:
    """Polygons in longitude and latitude, see `reprojected`."""
    return reprojected(geometries, source, LONLAT, _LONLAT_PIXEL)


def _missed(one: Floats, other: Floats, middle: Floats) -> Floats:
    """How far the middles of edges are from their true places, shape (n,).

    Args:
        one: First ends of edges, shape (n, 2).
        other: Their other ends.
        middle: Where their middles belong.
    """
    off = middle - (one + other) / 2
    return np.asarray(np.hypot(off[:, 0], off[:, 1]))


def _missed_on_globe(one: Floats, other: Floats, middle: Floats) -> Floats:
    """As `_missed`, in degrees: across the antimeridian too, and degrees of longitude as narrow as they are there."""
    aim = one + _turned(other - one) / 2
    off = _turned(middle - aim)
    off[:, 0] *= np.cos(np.radians(middle[:, 1]))
    return np.asarray(np.hypot(off[:, 0], off[:, 1]))


def _turned(step: Floats) -> Floats:
    """Steps of longitude and latitude the short way round."""
    return np.stack([(step[:, 0] + 180.0) % 360.0 - 180.0, step[:, 1]], axis=1)


def _lengths(
    shapes: Geometries, moved: Callable[[Floats], Floats], missed: Callable[[Floats, Floats, Floats], Floats],
    pixel: float,
) -> Floats:  # fmt: skip
    """The longest edge that each polygon may have, infinite where all its edges are short enough, 0 where none is.

    The distance of an edge from its true course grows with the square of its length.
    """
    parts, zone = shapely.get_parts(shapes, return_index=True)
    lines, part = shapely.get_rings(parts, return_index=True)
    points, line = shapely.get_coordinates(lines, return_index=True)
    first = np.flatnonzero(line[1:] == line[:-1])
    one, other = points[first], points[first + 1]
    ends, middle = moved(points), moved((one + other) / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        miss = missed(ends[first], ends[first + 1], middle) / (pixel * TOLERANCE)
        cuts = np.minimum(np.sqrt(miss), _FINEST)
        # What has no place in the target gets none by more points.
        cut = np.isfinite(miss) & (cuts > 1)
        allowed = np.where(cut, np.hypot(*(other - one).T) / cuts * 0.99, np.inf)
    # Between ends that have a place, an edge without one in the middle would be drawn where it is not.
    allowed[np.isfinite(ends[first]).all(axis=1) & np.isfinite(ends[first + 1]).all(axis=1) & ~np.isfinite(miss)] = 0.0
    lengths = np.full(len(shapes), np.inf)
    np.fmin.at(lengths, zone[part[line[first]]], allowed)
    return lengths
