"""Footprints of items: valid polygons in longitude and latitude, cut at the antimeridian (RFC 7946, section 3.1.9)."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from jeospark.errors import SourceError
from jeospark.model import Transform
from jeospark.tiling.footprints import box_around, unrolled

_EDGE_POINTS = 21
"""Points an edge: a straight edge of a projected raster is a curve in longitude and latitude."""

_LATTICE = 65
"""Points a side of a grid, where its outline does not tell."""

_FEWEST = 3
"""Points of an outline."""

_ROUNDING = 1e-9
"""Degrees between polygons that touch."""

_TOLERANCE = 0.05
"""By how much of a pixel the outline of a grid may be simplified."""


@cache
def _to_degrees(crs: str) -> Transformer:
    try:
        return Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
    except ProjError as error:
        raise SourceError(
            f"no way leads from the CRS {crs[:60]} to longitude and latitude ({error})",
            remedy="Give the item the true CRS of its raster; other bodies than the Earth have no place here.",
        ) from error


def footprint_of_ring(
    longitudes: NDArray[np.float64], latitudes: NDArray[np.float64], tolerance: float = 0.0
) -> dict[str, Any]:
    """Make the `geometry` and `bbox` of an item from the outline of its data.

    Args:
        longitudes: Degrees, -180..180, shape (n,); a step of more than 180 means that the outline crosses the
            antimeridian there; one that goes round the Earth's axis encloses the pole that it is near.
        latitudes: Degrees, shape (n,).
        tolerance: Points closer than this to the line between their neighbours are dropped, degrees.

    Returns:
        `{"geometry": GeoJSON, "bbox": [west, south, east, north]}`; west > east where the item crosses. Of an outline
        that goes once round a pole, what lies between it and the pole.

    Raises:
        SourceError: The outline has no area.
    """
    if len(longitudes) < _FEWEST:
        raise SourceError(f"the footprint has {len(longitudes)} points", remedy="Mend the item's geometry.")
    ring = np.column_stack([longitudes, np.clip(latitudes, -90.0, 90.0)])
    outline = shapely.simplify(shapely.polygons(unrolled(np.append(ring, ring[:1], axis=0))), tolerance)
    return _as_item_fields(_cut(_polygons(outline)))


def footprint_of_grid(crs: str, transform: Transform, shape: tuple[int, int]) -> dict[str, Any]:
    """Make the `geometry` and `bbox` of an item from the grid of its raster.

    Args:
        crs: `EPSG:nnnn` or WKT.
        transform: Of the outer corner.
        shape: (rows, columns).

    Raises:
        SourceError: The grid lies outside what the CRS can map, its CRS is of another body than the Earth, or the
            outline has no area.
    """
    rows, columns = shape
    along = np.linspace(0.0, 1.0, _EDGE_POINTS)[:-1]
    column = np.concatenate([along, np.ones_like(along), 1 - along, np.zeros_like(along)]) * columns
    row = np.concatenate([np.zeros_like(along), along, np.ones_like(along), 1 - along]) * rows
    a, b, c, d, e, f = transform
    longitudes, latitudes = _to_degrees(crs).transform(a * column + b * row + c, d * column + e * row + f)
    if not (np.isfinite(longitudes).all() and np.isfinite(latitudes).all()):
        return _of_places(crs, transform, shape)
    pole = _pole_within(crs, transform, shape)
    if pole:
        # All longitudes, from the outline's point that is furthest from the pole.
        edge = float(latitudes.min() if pole > 0 else latitudes.max())
        return _as_item_fields(shapely.box(-180.0, min(edge, pole), 180.0, max(edge, pole)))
    pixel = min(np.ptp(np.unwrap(longitudes, period=360.0)) / columns, np.ptp(latitudes) / rows)
    return footprint_of_ring(np.asarray(longitudes), np.asarray(latitudes), tolerance=_TOLERANCE * float(pixel))


def _of_places(crs: str, transform: Transform, shape: tuple[int, int]) -> dict[str, Any]:
    """The footprint of a grid that is partly off the Earth, as the corners of a world map are: around what is on it."""
    a, b, c, d, e, f = transform
    column, row = np.meshgrid(*(np.linspace(0.0, size, _LATTICE) for size in (shape[1], shape[0])))
    places = box_around(*_to_degrees(crs).transform(a * column + b * row + c, d * column + e * row + f))
    if places.is_empty:
        raise SourceError(
            f"the grid lies outside the area of its CRS {crs[:60]}", remedy="Check its CRS and transform."
        )
    return _as_item_fields(places)


def _pole_within(crs: str, transform: Transform, shape: tuple[int, int]) -> float:
    """Latitude of the pole that a grid holds, or that lies so near to it that points of its edges go round it; else 0.

    Only a pole that is one point of the CRS has longitudes all around it.
    """
    a, b, c, d, e, f = transform
    margin = 1 / (_EDGE_POINTS - 1)
    for pole in (-90.0, 90.0):
        meridians = np.arange(-180.0, 180.0, 90.0)
        xs, ys = _to_degrees(crs).transform(meridians, np.full(4, pole), direction="INVERSE")
        if not (np.isfinite(xs).all() and np.isfinite(ys).all()):
            continue
        shares = np.linalg.solve([[a * shape[1], b * shape[0]], [d * shape[1], e * shape[0]]], [xs - c, ys - f])
        if (shares > -margin).all() and (shares < 1 + margin).all() and np.ptp(shares, axis=1).max() < margin:
            return pole
    return 0.0


def footprint_of_geojson(geometry: Mapping[str, Any]) -> dict[str, Any]:
    """Mend a GeoJSON polygon into the `geometry` and `bbox` of an item; altitudes are dropped.

    Raises:
        SourceError: It is no GeoJSON geometry, or one without area.
    """
    try:
        shape = shapely.force_2d(shapely.geometry.shape(geometry))
        if shape.geom_type == "Polygon" and _jumps(shape):
            return footprint_of_ring(*np.asarray(shape.exterior.coords).T)
        return _as_item_fields(_cut(_polygons(shape)))
    except (shapely.errors.ShapelyError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise SourceError(f"the geometry is not GeoJSON ({error})", remedy="Mend the item's geometry.") from error


def footprint_of_bbox(bbox: Sequence[float]) -> dict[str, Any]:
    """Make the `geometry` and `bbox` of an item from its 2D or 3D bounding box; west > east means that it crosses."""
    half = len(bbox) // 2
    west, south, east, north = bbox[0], bbox[1], bbox[half], bbox[half + 1]
    return _as_item_fields(_cut(shapely.box(west, south, east + 360 if west > east else east, north)))


def footprint_within(declared: Mapping[str, Any] | None, grids: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Cut a declared footprint to where pixels can lie: many catalogues declare the bounding box of a turned raster.

    Args:
        declared: What `footprint_of_geojson` or `footprint_of_bbox` gave, None for nothing.
        grids: What `footprint_of_grid` gave, of every grid of the item; at least one.

    Returns:
        As they give; that of the grids where the two do not meet.
    """
    pixels = shapely.union_all([shapely.geometry.shape(grid["geometry"]) for grid in grids])
    common = shapely.intersection(pixels, shapely.geometry.shape(declared["geometry"])) if declared else pixels
    return _as_item_fields(_polygons(common if common.area > 0 else pixels))


def query_shape(bbox: Sequence[float]) -> BaseGeometry:
    """Make the polygon of a bounding box (west, south, east, north) in degrees; west > east means that it crosses."""
    west, south, east, north = bbox
    return _cut(shapely.box(west, south, east + 360 if west > east else east, north))


def _jumps(polygon: shapely.Polygon) -> bool:
    steps = np.abs(np.diff(np.asarray(polygon.exterior.coords)[:, 0]))
    # A step of 360 is the edge of a polygon round the whole Earth.
    return bool(((steps > 180) & (steps < 360)).any())


def _polygons(shape: BaseGeometry) -> BaseGeometry:
    """Make valid and keep what has an area."""
    valid = shape if shape.is_valid else shapely.make_valid(shape)
    parts = [part for part in shapely.get_parts(valid, return_index=False) if part.area > 0]
    flat = [leaf for part in parts for leaf in shapely.get_parts(part) if leaf.geom_type == "Polygon"]
    if not flat:
        raise SourceError("the footprint has no area", remedy="Mend the item's geometry.")
    return flat[0] if len(flat) == 1 else shapely.union_all(flat)


def _cut(shape: BaseGeometry) -> BaseGeometry:
    """Bring an outline that runs past ±180 back into -180..180, one polygon a side."""
    west, _, east, _ = shape.bounds
    if west >= -180 and east <= 180:
        return shape
    parts = []
    for turn in range(int(np.floor((west + 180) / 360)), int(np.ceil((east - 180) / 360)) + 1):
        side = shape.intersection(shapely.box(turn * 360 - 180, -90, turn * 360 + 180, 90))
        parts += [leaf for leaf in shapely.get_parts(translate(side, xoff=-360.0 * turn)) if leaf.area > 0]
    return parts[0] if len(parts) == 1 else shapely.union_all(parts)


def _as_item_fields(shape: BaseGeometry) -> dict[str, Any]:
    return {"geometry": shapely.geometry.mapping(shape), "bbox": _bbox(shape)}


def _bbox(shape: BaseGeometry) -> list[float]:
    west, south, east, north = shape.bounds
    parts = [part.bounds for part in shapely.get_parts(shape)]
    if west == -180 and east == 180:
        west, east = _sides([(part[0], part[2]) for part in parts])
    return [float(west), float(south), float(east), float(north)]


def _sides(spans: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """West and east of what touches the antimeridian from both sides (RFC 7946, section 5.2).

    Outside is the widest gap between its parts; where there is none, they are all longitudes.
    """
    ordered = sorted(spans)
    reached, widest, sides = ordered[0][1], _ROUNDING, (-180.0, 180.0)
    for start, end in ordered[1:]:
        if start - reached > widest:
            widest, sides = start - reached, (start, reached)
        reached = max(reached, end)
    return sides
