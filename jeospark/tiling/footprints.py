"""Footprints on the Earth against rectangles of a projected grid; longitude and latitude are OGC:CRS84, degrees."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Geometries = NDArray[np.object_]

LONLAT = "OGC:CRS84"
"""WGS 84, longitude before latitude."""
_WIDE = 3.0
"""Boxes of more degrees than this get many points an edge."""
_MANY = 64
LARGE = 90.0
"""Boxes of more degrees than this, of longitude and of latitude, are bounded by no outline."""
_EDGE = 16
"""Points on an edge of a rectangle's outline: a chord of a 16th bends 256 times less than the whole edge."""


@cache
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


def projected_bounds(
    crs: str, west: Floats, south: Floats, east: Floats, north: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Bound boxes of longitude and latitude in a CRS.

    Edges are followed by several points, and their greatest bend between the points is added. A box with west > east
    crosses the antimeridian. One of the Earth or much of it is cut to where the CRS is used: projections fold far from
    there, so that the outline of such a box bounds nothing.

    Args:
        crs: Any text that PROJ understands.
        west: Degrees, shape (n,), as the other edges.
        south: See `west`.
        east: See `west`.
        north: See `west`.

    Returns:
        Least x, least y, greatest x, greatest y in the units of the CRS, each of shape (n,); NaN where no point of a
        box can be projected.
    """
    east = np.where(west > east, east + 360.0, east)
    used = _area_of_use(crs)
    if used is not None:
        west, south, east, north = cut(west, south, east, north, used)
    wide = np.maximum(east - west, north - south) > _WIDE
    bounds = np.empty((4, west.size))
    for chosen, points in ((~wide, 2), (wide, _MANY)):
        ring = _ring(west[chosen], south[chosen], east[chosen], north[chosen], points)
        bounds[:, chosen] = _bounds_of(LONLAT, crs, ring)
    return bounds[0], bounds[1], bounds[2], bounds[3]


def cut(
    west: Floats, south: Floats, east: Floats, north: Floats, served: tuple[float, float, float, float]
) -> tuple[Floats, Floats, Floats, Floats]:
    """Cut boxes of the Earth or much of it to another box; smaller ones stay as they are.

    Args:
        west: Degrees, shape (n,), as the other edges.
        south: See `west`.
        east: Not less than `west`.
        north: See `west`.
        served: West, south, east, north in degrees; west > east crosses the antimeridian.

    Returns:
        As given; NaN where nothing is left.
    """
    first, low, last, high = served
    turns = np.array([-360.0, 0.0, 360.0])[:, None]
    begin = np.maximum(west, first + turns)
    end = np.minimum(east, (last + 360.0 if first > last else last) + turns)
    meets = begin < end
    large = (east - west > LARGE) & (north - south > LARGE)
    lost = large & ~(meets.any(axis=0) & (np.maximum(south, low) < np.minimum(north, high)))
    inside = (
        np.where(meets, begin, np.inf).min(axis=0),
        np.maximum(south, low),
        np.where(meets, end, -np.inf).max(axis=0),
        np.minimum(north, high),
    )
    west, south, east, north = (
        np.where(lost, np.nan, np.where(large, kept, edge))
        for kept, edge in zip(inside, (west, south, east, north), strict=True)
    )
    return west, south, east, north


@cache
def _area_of_use(crs: str) -> tuple[float, float, float, float] | None:
    """Where a projection is used; None where that is not known, or the CRS is none of a plane."""
    known = CRS.from_user_input(crs)
    return known.area_of_use.bounds if known.area_of_use is not None and not known.is_geographic else None


def reprojected_bounds(source: str, target: str, rectangles: Floats) -> Floats:
    """Bound rectangles of one CRS in another, see `projected_bounds`; the antimeridian has no meaning here.

    Args:
        source: CRS of the rectangles.
        target: CRS of the bounds.
        rectangles: Least x, least y, greatest x, greatest y, shape (n, 4).

    Returns:
        As `rectangles`.
    """
    bounds = _bounds_of(
        source, target, _ring(rectangles[:, 0], rectangles[:, 1], rectangles[:, 2], rectangles[:, 3], _MANY)
    )
    return bounds.T


def _bounds_of(source: str, target: str, ring: Floats) -> Floats:
    """Bound rings with an even number of pieces an edge, shape (4, n)."""
    x, y = _transformer(source, target).transform(ring[..., 0], ring[..., 1])
    (x0, x1), (y0, y1) = (_range(np.where(np.isfinite(values), values, np.nan)) for values in (x, y))
    return np.stack([x0, y0, x1, y1])


def _range(values: Floats) -> tuple[Floats, Floats]:
    pad = _greatest_bend(values)
    return np.fmin.reduce(values, axis=1) - pad, np.fmax.reduce(values, axis=1) + pad


def _greatest_bend(values: Floats) -> Floats:
    """Half the distance of every second point from the chord of its neighbours, the greatest of a ring.

    A parabola through three points passes its outer points by a quarter of this distance at most.
    """
    bend = np.abs(values[:, 1::2] - (values[:, 0:-1:2] + values[:, 2::2]) / 2)
    greatest: Floats = np.nan_to_num(np.fmax.reduce(bend, axis=1) / 2)
    return greatest


def _ring(x0: Floats, y0: Floats, x1: Floats, y1: Floats, points: int) -> Floats:
    """Closed rings of boxes, shape (n, 4 · points + 1, 2), counterclockwise from the lower left."""
    steps = np.arange(points) / points
    low, high = np.zeros(points), np.ones(points)
    along = np.concatenate([steps, high, 1 - steps, low, [0.0]])
    across = np.concatenate([low, steps, high, 1 - steps, [0.0]])
    x = x0[:, None] + (x1 - x0)[:, None] * along
    y = y0[:, None] + (y1 - y0)[:, None] * across
    return np.stack([x, y], axis=-1)


def outlines(crs: str, bounds: Floats) -> Geometries:
    """Outline rectangles of a CRS in longitude and latitude.

    A rectangle over the antimeridian becomes a MultiPolygon of its two parts, one over a pole all that lies poleward of
    its outline, one that is partly off the Earth a box around what is on it.

    Args:
        crs: Any text that PROJ understands.
        bounds: Least x, least y, greatest x, greatest y, shape (n, 4), units of the CRS.

    Returns:
        Polygons and MultiPolygons, shape (n,); empty where the outline has no place on the Earth.
    """
    ring = _ring(bounds[:, 0], bounds[:, 1], bounds[:, 2], bounds[:, 3], _EDGE)
    longitude, latitude = _transformer(crs, LONLAT).transform(ring[..., 0], ring[..., 1])
    usable = np.isfinite(longitude).all(axis=1) & np.isfinite(latitude).all(axis=1)
    longitude = np.where(usable[:, None], longitude, 0.0)
    turned = longitude[:, :1] + np.cumsum((np.diff(longitude, axis=1) + 180.0) % 360.0 - 180.0, axis=1)
    unrolled = np.concatenate([longitude[:, :1], turned], axis=1)
    polar = usable & (np.abs(unrolled[:, -1] - unrolled[:, 0]) > 180.0)
    plain = usable & ~polar
    found = np.full(len(bounds), shapely.Polygon(), dtype=object)
    for at in np.flatnonzero(~usable):
        x0, y0, x1, y1 = bounds[at]
        places = np.meshgrid(np.linspace(x0, x1, _MANY + 1), np.linspace(y0, y1, _MANY + 1))
        found[at] = box_around(*_transformer(crs, LONLAT).transform(*places))
    found[plain] = shapely.polygons(np.stack([unrolled[plain], latitude[plain]], axis=-1))
    beyond = plain & ((unrolled.max(axis=1) > 180.0) | (unrolled.min(axis=1) < -180.0))
    found[beyond] = [_folded(polygon) for polygon in found[beyond]]
    found[polar] = [_cap(row) for row in latitude[polar]]
    return found


def box_around(longitude: Floats, latitude: Floats) -> shapely.Geometry:
    """A box around places of a lattice, and what may lie between it and those that are off the Earth.

    Args:
        longitude: Degrees, shape (rows, columns), infinite off the Earth.
        latitude: See `longitude`.

    Returns:
        A polygon, of all longitudes where neighbours lie on two sides of the antimeridian; empty for no place at all.
    """
    known = np.isfinite(longitude) & np.isfinite(latitude)
    if not known.any():
        return shapely.Polygon()
    (west, east, wide), (south, north, high) = (
        _reach(np.where(known, values, np.nan)) for values in (longitude, latitude)
    )
    if wide > 180.0:
        west, east = -180.0, 180.0
    return shapely.box(
        max(west - wide, -180.0), max(south - high, -90.0), min(east + wide, 180.0), min(north + high, 90.0)
    )


def _reach(values: Floats) -> tuple[float, float, float]:
    """Least and greatest of a lattice, and the greatest step between neighbours; NaN is left out."""
    steps = [np.abs(np.diff(values, axis=axis)) for axis in (0, 1)]
    widest = max((float(np.nanmax(step)) for step in steps if np.isfinite(step).any()), default=0.0)
    return float(np.nanmin(values)), float(np.nanmax(values)), widest


def _folded(area: shapely.Geometry, turns: Sequence[float] = (-360.0, 0.0, 360.0)) -> shapely.Geometry:
    """Bring the parts beyond 180° back by whole turns."""
    parts = []
    for turn in turns:
        part = shapely.clip_by_rect(area, turn - 180.0, -90.0, turn + 180.0, 90.0)
        parts.append(shapely.transform(part, lambda points, turn=turn: points - np.array([turn, 0.0])))
    return shapely.union_all(parts)


def _cap(latitude: Floats) -> shapely.Geometry:
    if latitude.mean() > 0:
        return shapely.box(-180.0, float(latitude.min()), 180.0, 90.0)
    return shapely.box(-180.0, -90.0, 180.0, float(latitude.max()))


def on_globe(area: shapely.Geometry) -> shapely.Geometry:
    """An area whose longitudes may jump by 360, or lie beyond ±180, as it is on the globe, within ±180.

    A ring that winds around the Earth's axis encloses the pole that it is near.

    Args:
        area: A Polygon or MultiPolygon, degrees.
    """
    parts = []
    for polygon in shapely.get_parts(area):
        holes = [_enclosed(shapely.get_coordinates(hole)) for hole in polygon.interiors]
        shell = _enclosed(shapely.get_coordinates(polygon.exterior))
        parts.append(shapely.difference(shell, shapely.union_all(holes)))
    # Where a ring runs to and fro, nothing but a line is left.
    found = [part for part in shapely.get_parts(shapely.union_all(parts)) if part.geom_type == "Polygon"]
    return found[0] if len(found) == 1 else shapely.MultiPolygon(found)


def unrolled(points: Floats) -> Floats:
    """A closed ring without jumps of its longitudes; one that winds around the Earth's axis goes by the pole near it.

    Args:
        points: Longitude and latitude, degrees, shape (n, 2).
    """
    lon, lat = np.unwrap(points[:, 0], period=360.0), points[:, 1]
    if abs(lon[-1] - lon[0]) > 180.0:
        pole = np.copysign(90.0, lat.mean())
        lon, lat = np.append(lon, [lon[-1], lon[0]]), np.append(lat, [pole, pole])
    return np.column_stack([lon, lat])


def _enclosed(points: Floats) -> shapely.Geometry:
    """What a ring encloses."""
    whole = shapely.make_valid(shapely.polygons(unrolled(points)))
    return _folded(whole, (-720.0, -360.0, 0.0, 360.0, 720.0))
