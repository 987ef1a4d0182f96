"""Buffers in metres on the ground, at any latitude and over the antimeridian.

A geometry in degrees is cut to pieces of a few degrees; each is laid out by distance and azimuth from its centre (the
azimuthal equidistant projection, by geodesics on WGS 84), widened there, and brought back; the union of the widened
pieces is the widened whole. Seen from a centre, what lies d metres away is drawn out crosswise by d²/6R²: 0.1 % at
500 km, which is as far as a piece and a narrow buffer reach; in a buffer of 1,000 km, 0.6 % of what its outer edge
turns away from the geometry. A round end has 64 edges, which lie inside the true circle by 0.12 % of the distance.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from pyproj import Geod
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jeospark.errors import ArgumentError, LayerCrsError
from jeospark.tiling.footprints import on_globe
from jeospark.vector.helpers_geometry import (
    DEGREES,
    Geometries,
    check_columns,
    code_of,
    column,
    geometries_of,
    geometry_column,
    is_degrees,
    map_arrow,
    replaced,
    srid_of,
    transform,
)

Floats = NDArray[np.float64]

FARTHEST = 2_000_000.0
"""Metres: beyond, the projection is no picture of distances between its points."""
PIECE = 5.0
"""Degrees a side of a piece; poleward of `POLAR`, a piece goes all around."""
POLAR = 85.0
STEP = 0.1
"""Degrees between vertices along an edge that is straight in degrees."""
ROUNDING = 1e-6
"""Degrees by which files may pass the edge of the Earth: a tenth of a metre."""
QUARTER = 16
"""Edges of a quarter of a circle."""
_GEOD = Geod(ellps="WGS84")
_WORLD = (-180.0, -90.0, 180.0, 90.0)


def buffer_metres(layer: DataFrame, metres: float | str, *, geometry: str | None = None) -> DataFrame:
    """The same features, their geometries widened by metres on the ground; see this module for how well.

    Layers in a projected CRS are brought to degrees and back. Results over the antimeridian are split there, and one
    around a pole reaches it along the antimeridian (RFC 7946, 3.1.9). Invalid geometries are made valid first.

    Args:
        layer: Features within ±180 and ±90 degrees.
        metres: A width, or the name of a column of widths, which null leaves null; 0 to 2,000 km.
        geometry: Column; None to find it.

    Raises:
        ArgumentError: There is no such column, or the width is negative or too large; that of a column, when it is
            computed.
        LayerCrsError: The layer has no CRS, or, when it is computed, coordinates that are no degrees.
        VectorError: See `geometry_column`.
    """
    name = geometry_column(layer, geometry, "features")
    if isinstance(metres, str):
        check_columns(layer, [metres], "features")
    else:
        check_width(np.array([float(metres)]))
    srid = srid_of(layer, name, "features")
    if srid and not is_degrees(srid):
        there = transform(layer, "OGC:CRS84", geometry=name)
        return transform(buffer_metres(there, metres, geometry=name), code_of(srid), geometry=name)
    width = column(metres) if isinstance(metres, str) else F.lit(float(metres))
    prepared = layer.withColumn("__width", width.cast("double"))
    return map_arrow(prepared, partial(_widened, name=name, srid=srid or DEGREES)).drop("__width")


def _widened(batch: pa.RecordBatch, *, name: str, srid: int) -> pa.RecordBatch:
    widths = batch.column("__width").to_numpy(zero_copy_only=False).astype(np.float64)
    found = geometries_of(batch, name)
    found[np.isnan(widths)] = None
    return replaced(batch, name, widen(found, np.nan_to_num(widths)), srid)


def check_width(widths: Floats) -> None:
    """Refuse widths that no buffer has.

    Raises:
        ArgumentError: One is negative, too large, or no number.
    """
    wrong = widths[~((widths >= 0) & (widths <= FARTHEST))]
    if wrong.size:
        raise ArgumentError(
            f"no buffer is {wrong[0]:g} m wide", remedy=f"Give 0 to {FARTHEST:,.0f} m; use ST_Buffer to shrink areas."
        )


def widen(geometries: Geometries, widths: Floats) -> Geometries:
    """Widen geometries in degrees.

    Args:
        geometries: Shape (n,); None and empty ones stay as they are.
        widths: Metres, shape (n,).

    Raises:
        ArgumentError: See `check_width`.
        LayerCrsError: Coordinates are not degrees.
    """
    check_width(widths)
    bounds = shapely.bounds(geometries)
    outside = np.abs(bounds) > np.array([180.0, 90.0, 180.0, 90.0]) + ROUNDING
    if outside.any():
        row = int(np.flatnonzero(outside.any(axis=1))[0])
        raise LayerCrsError(
            f"a geometry reaches {tuple(bounds[row].tolist())}, which are no degrees",
            remedy="Set its true SRID, or split it at the antimeridian.",
        )
    owner, pieces = _pieces(geometries)
    if not len(owner):
        return geometries
    round_pieces = _back(*_around(pieces, widths[owner]))
    made = geometries.copy()
    firsts = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
    lasts = np.append(firsts[1:], len(owner))
    for first, last in zip(firsts, lasts, strict=True):
        # Round pieces of one geometry are joined; nothing is joined where there is one.
        made[owner[first]] = round_pieces[first] if last - first == 1 else shapely.union_all(round_pieces[first:last])
    return made


def _pieces(geometries: Geometries) -> tuple[NDArray[np.int64], Geometries]:
    """Which geometry each piece is of, ascending, and the piece."""
    sized = ~(shapely.is_missing(geometries) | shapely.is_empty(geometries))
    rows = np.flatnonzero(sized)
    whole = _valid(geometries[rows])
    bounds = shapely.bounds(whole)
    large = (np.ptp(bounds[:, ::2], axis=1) > PIECE) | (np.ptp(bounds[:, 1::2], axis=1) > PIECE)
    owners, pieces = [rows[~large]], [shapely.segmentize(whole[~large], STEP)]
    for at in np.flatnonzero(large):
        row, cut = rows[at], _valid(_cut(whole[at]))
        owners.append(np.full(len(cut), row))
        pieces.append(shapely.segmentize(cut, STEP))
    owner, found = np.concatenate(owners), np.concatenate(pieces)
    order = np.argsort(owner, kind="stable")
    return owner[order], found[order]


def _valid(geometries: Geometries) -> Geometries:
    """Geometries made valid: of others, segmentize drops what crosses, and refuses lines without length."""
    found = geometries.copy()
    odd = ~shapely.is_valid(found)
    found[odd] = shapely.make_valid(found[odd])
    return found


def _cut(geometry: shapely.Geometry) -> Geometries:
    """Cut along whole pieces, the parts of a collection each alone."""
    parts = []
    for part in _simple(geometry):
        west, south, east, north = shapely.bounds(part)
        for low in _starts(south, north, -90.0):
            polar = low >= POLAR or low + PIECE <= -POLAR
            for left in (-180.0,) if polar else _starts(west, east, -180.0):
                right = 180.0 if polar else left + PIECE
                parts.append(_within(part, left, low, right, low + PIECE))
    cut = np.array(parts, dtype=object)
    kept: Geometries = cut[~shapely.is_empty(cut)]
    return kept


def _simple(geometry: shapely.Geometry) -> Iterator[shapely.Geometry]:
    """The points, lines and polygons of a geometry, whatever collections they are in."""
    for part in shapely.get_parts(geometry):
        if hasattr(part, "geoms"):
            yield from _simple(part)
        elif not part.is_empty:
            yield part


def _within(part: shapely.Geometry, west: float, south: float, east: float, north: float) -> shapely.Geometry:
    """What of a part a rectangle holds, edges and all."""
    if part.geom_type == "Polygon":
        return shapely.clip_by_rect(part, west, south, east, north)
    # Clipping would leave out what runs along an edge of the rectangle.
    return shapely.intersection(part, shapely.box(west, south, east, north))


def _starts(first: float, last: float, edge: float) -> Floats:
    """Where the pieces over an interval start, between `edge` and its opposite."""
    begin, end = (np.clip(np.floor(value / PIECE), edge / PIECE, -edge / PIECE - 1) for value in (first, last))
    starts: Floats = np.arange(begin, end + 1) * PIECE
    return starts


def _around(pieces: Geometries, widths: Floats) -> tuple[Geometries, Floats]:
    """Widen pieces in the plane around their centres; returns them there, and the centres."""
    bounds = shapely.bounds(pieces)
    centres = (bounds[:, :2] + bounds[:, 2:]) / 2
    polar = bounds[:, 2] - bounds[:, 0] > 2 * PIECE
    centres[polar, 1] = np.where(centres[polar, 1] > 0, 90.0, -90.0)
    points, row = shapely.get_coordinates(pieces, return_index=True)
    azimuth, _, length = _GEOD.inv(*centres[row].T, *points.T)
    turn = np.radians(azimuth)
    flat = np.stack([length * np.sin(turn), length * np.cos(turn)], axis=1)
    laid = shapely.set_coordinates(pieces.copy(), flat)
    areal = np.isin(shapely.get_type_id(laid), (3, 6, 7))
    laid[areal] = shapely.make_valid(laid[areal])
    return shapely.buffer(laid, widths, quad_segs=QUARTER), centres


def _back(flat: Geometries, centres: Floats) -> Geometries:
    """Bring areas from the planes around centres to degrees, within ±180."""
    # Near a pole, a short edge spans many degrees.
    reach = np.hypot(*np.maximum(np.abs(shapely.bounds(flat)[:, :2]), np.abs(shapely.bounds(flat)[:, 2:])).T)
    near_pole = np.abs(centres[:, 1]) + np.nan_to_num(reach) / 111_000.0 > POLAR
    flat[near_pole] = shapely.segmentize(flat[near_pole], np.maximum(reach[near_pole] / 512, 1e-3))
    points, row = shapely.get_coordinates(flat, return_index=True)
    azimuth = np.degrees(np.arctan2(points[:, 0], points[:, 1]))
    middle = centres[row, 0]
    lon, lat, _ = _GEOD.fwd(middle, centres[row, 1], azimuth, np.hypot(points[:, 0], points[:, 1]))
    lon = middle + (np.asarray(lon) - middle + 180.0) % 360.0 - 180.0
    made: Geometries = shapely.set_coordinates(flat, np.stack([lon, np.asarray(lat)], axis=1))
    over = shapely.bounds(made)
    folded = near_pole | (over[:, 0] < -180.0) | (over[:, 2] > 180.0)
    made[folded] = [on_globe(area) for area in made[folded]]
    # Rounding may let edges cross that ran a millionth of a metre apart.
    crossed = ~shapely.is_valid(made)
    made[crossed] = shapely.make_valid(made[crossed])
    return made
