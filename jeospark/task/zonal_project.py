"""Polygons from one CRS to another, with points along edges that bend."""

from functools import cache

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from jeospark.task.zonal_zones import Geometries
from jeospark.tiling.extent import same_crs
from jeospark.tiling.footprints import LONLAT

TOLERANCE = 1e-3
"""Part of a pixel by which an edge may miss its true course."""
_ROUNDS = 6
"""How often edges are cut anew; once is enough where a CRS bends evenly."""
_FINEST = 1 << 12
"""Parts of an edge at most."""
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
        As `geometries`; coordinates without a place in the target are infinite.
    """
    if same_crs(source, target):
        return geometries
    moved = _transformer(source, target).transform
    shapes = geometries
    for _ in range(_ROUNDS):
        lengths = _lengths(shapes, lambda points: np.stack(moved(points[:, 0], points[:, 1]), axis=1), pixel)
        long = np.isfinite(lengths)
        if not long.any():
            break
        shapes = shapes.copy()
        shapes[long] = shapely.segmentize(shapes[long], lengths[long])
    return np.asarray(shapely.transform(shapes, lambda points: np.stack(moved(points[:, 0], points[:, 1]), axis=1)))


def lonlat(geometries: Geometries, source: str) -> Geometries:
    """Polygons in longitude and latitude; those over the antimeridian are cut there."""
    if same_crs(source, LONLAT):
        return geometries
    shapes = reprojected(geometries, source, LONLAT, _LONLAT_PIXEL)
    bounds = shapely.bounds(shapes)
    for at in np.flatnonzero(bounds[:, 2] - bounds[:, 0] > 180.0).tolist():
        turned = shapely.transform(shapes[at], lambda points: points + np.array([360.0, 0.0]) * (points[:, :1] < 0))
        east = shapely.transform(
            shapely.clip_by_rect(turned, 180.0, -90.0, 540.0, 90.0), lambda points: points - np.array([360.0, 0.0])
        )
        shapes[at] = shapely.union(shapely.clip_by_rect(turned, -180.0, -90.0, 180.0, 90.0), east)
    return shapes


def _lengths(shapes: Geometries, moved: object, pixel: float) -> NDArray[np.float64]:
    """The longest edge that each polygon may have, infinite where all its edges are short enough.

    The distance of an edge from its true course grows with the square of its length.
    """
    parts, zone = shapely.get_parts(shapes, return_index=True)
    lines, part = shapely.get_rings(parts, return_index=True)
    points, line = shapely.get_coordinates(lines, return_index=True)
    first = np.flatnonzero(line[1:] == line[:-1])
    one, other = points[first], points[first + 1]
    ends = moved(points)  # type: ignore[operator]
    middle = moved((one + other) / 2)  # type: ignore[operator]
    with np.errstate(invalid="ignore", divide="ignore"):
        miss = np.hypot(*(middle - (ends[first] + ends[first + 1]) / 2).T) / (pixel * TOLERANCE)
        cuts = np.minimum(np.sqrt(miss), _FINEST)
        # What has no place in the target gets none by more points.
        cut = np.isfinite(miss) & (cuts > 1)
        allowed = np.where(cut, np.hypot(*(other - one).T) / cuts * 0.99, np.inf)
    lengths = np.full(len(shapes), np.inf)
    np.fmin.at(lengths, zone[part[line[first]]], allowed)
    return lengths
