"""Zones on the tiles of a grid, in the CRS of each tile; no pixel of a zone counts in two tiles."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from jeospark.errors import ZoneOutsideError
from jeospark.grid import Grid
from jeospark.task.zonal_project import lonlat, reprojected
from jeospark.task.zonal_zones import Geometries, Usable, rejects_of, usable
from jeospark.tiling.extent import PixelExtent
from jeospark.tiling.footprints import LONLAT
from jeospark.tiling.regular import RegularTiling
from udfs.counting import counted
from udfs.coverage import FRACTIONAL
from udfs.rings import Rings, boxes, first_pixel, lattice

PLACED = pa.schema(
    [
        pa.field("tile", pa.string()),
        pa.field("zone", pa.string()),
        # In the tile's CRS.
        pa.field("geometry", pa.binary()),
        # What the whole zone covers, in pixels.
        pa.field("pixels", pa.float64()),
        # Of the plan, that the zone meets: where it is 1, the tile knows all of the zone.
        pa.field("tiles", pa.int32()),
    ]
)
"""One row a zone and tile that it meets."""
REACH = 2.0
"""Pixels around a tile within which a zone is looked at: footprints are placed in degrees, which is not exact."""
MARGIN = 1e-3
"""Degrees around zones within which a plan has to reach."""
NEAR = 1e-2
"""Degrees from a tile within which what is placed by longitude and latitude is looked at in the tile's CRS."""
_DEGREE = 111_320.0
"""Metres of one of latitude, and of longitude at the equator."""
OUTSIDE = "the zone meets no pixel of the plan"
BEYOND = "the zone reaches beyond what the CRS of the pixels can map; cut it to where pixels are first"
"""What is wrong with zones that are nowhere."""
Pair = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Ground:
    """Where zones may count."""

    grid: Grid
    planned: Mapping[str, PixelExtent]
    """Tiles of the plan, and what of them its units make."""
    method: int = FRACTIONAL
    """A value of `udfs.coverage.METHODS`."""
    known: dict[str, PixelExtent] = field(default_factory=dict)
    """Whole tiles, as they are asked for."""
    outlines: dict[str, shapely.Geometry] = field(default_factory=dict)
    """Theirs in longitude and latitude, as they are asked for."""

    def tile(self, name: str) -> PixelExtent:
        """The whole tile."""
        if name not in self.known:
            self.known[name] = self.grid.extent(name)
        return self.known[name]

    def outline(self, name: str) -> shapely.Geometry:
        """The whole tile in longitude and latitude."""
        if name not in self.outlines:
            box = np.array([shapely.box(*self.tile(name).bounds)], dtype=object)
            self.outlines[name] = lonlat(box, self.tile(name).crs)[0]
        return self.outlines[name]


def place_zones(
    batch: pa.RecordBatch | pa.Table, crs: str, ground: Ground, repeats: frozenset[str] = frozenset()
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Place zones on the tiles of a plan.

    Where tiles overlap, a zone counts in the first by name that holds all of it; one that none holds is cut, and each
    piece counts in the first tile that has it. Tiles of the plan come before all others.

    Args:
        batch: Rows of `zonal_zones.ZONES`.
        crs: Theirs; x comes before y. In degrees, a zone over the antimeridian is in two parts.
        ground: Where they may count.
        repeats: Ids that several zones have.

    Returns:
        Rows of `PLACED`, and of `zonal_zones.REJECTS`.
    """
    given = usable(batch, repeats)
    if not len(given.zones):
        return pa.RecordBatch.from_pylist([], schema=PLACED), given.rejects
    tiling = ground.grid.tiling
    shapes, beyond = (
        _regular(given, crs, ground, tiling) if isinstance(tiling, RegularTiling) else _overlapping(given, crs, ground)
    )
    rows, lost = _rows(given, shapes, ground)
    outside = [(given.zones[at], ZoneOutsideError, BEYOND if at in beyond else OUTSIDE) for at in lost.tolist()]
    rejects = pa.concat_batches([given.rejects, rejects_of(outside)])
    return rows, rejects


def lonlat_bounds(
    batch: pa.RecordBatch | pa.Table, crs: str, repeats: frozenset[str] = frozenset()
) -> NDArray[np.float64]:
    """West, south, east and north of zones, a little wider; NaN where none can be used.

    Args:
        batch: Rows of `zonal_zones.ZONES`.
        crs: Theirs; x comes before y.
        repeats: Ids that several zones have.
    """
    bounds = shapely.bounds(lonlat(usable(batch, repeats).geometries, crs))
    known = bounds[np.isfinite(bounds).all(axis=1)]
    if not len(known):
        return np.full(4, np.nan)
    lower = np.maximum(known[:, :2].min(axis=0) - MARGIN, (-180.0, -90.0))
    upper = np.minimum(known[:, 2:].max(axis=0) + MARGIN, (180.0, 90.0))
    return np.concatenate([lower, upper])


def rings_of(geometries: Geometries, extent: PixelExtent) -> Rings:
    """Put polygons in the CRS of a tile on the lattice of its pixels."""
    a, _, c, _, e, f = extent.transform
    parts, zone = shapely.get_parts(geometries, return_index=True)
    lines, part = shapely.get_rings(parts, return_index=True)
    points, sizes = shapely.get_coordinates(lines), shapely.get_num_coordinates(lines)
    return Rings(
        x=lattice(points[:, 0], a, c),
        y=lattice(points[:, 1], e, f),
        rings=np.append(0, np.cumsum(sizes, dtype=np.int64)),
        holes=np.append(False, part[1:] == part[:-1]) if len(part) else np.empty(0, np.bool_),
        zones=np.searchsorted(zone[part], np.arange(len(geometries) + 1)).astype(np.int64),
    )


def box_of(extent: PixelExtent) -> NDArray[np.int64]:
    """First row, first column, last row + 1, last column + 1 of a tile, as `udfs.rings.boxes` counts."""
    a, _, c, _, e, f = extent.transform
    row, col = first_pixel(e, f), first_pixel(a, c)
    return np.array([row, col, row + extent.shape[0], col + extent.shape[1]], np.int64)


def _regular(
    given: Usable, crs: str, ground: Ground, tiling: RegularTiling
) -> tuple[dict[Pair, shapely.Geometry], frozenset[int]]:
    """Whole zones on the tiles of the plan that their boxes meet, and zones without a place; tiles do not overlap."""
    if not ground.planned:
        return {}, frozenset()
    some = next(iter(ground.planned.values()))
    shapes = reprojected(given.geometries, crs, some.crs, min(abs(some.transform[0]), abs(some.transform[4])))
    shapes = tiling.turned(shapes)
    there = _placed(shapes)
    found = np.flatnonzero(there)
    tree = shapely.STRtree([shapely.box(*extent.bounds) for extent in ground.planned.values()])
    names = list(ground.planned)
    met, tile = tree.query(shapes[found])
    pairs = zip(found[met].tolist(), tile.tolist(), strict=True)
    return {(at, names[place]): shapes[at] for at, place in pairs}, frozenset(np.flatnonzero(~there).tolist())


def _placed(shapes: Geometries) -> NDArray[np.bool_]:
    """True for shapes that are there, with all their points."""
    return np.asarray(np.isfinite(shapely.bounds(shapes)).all(axis=1))


def _overlapping(given: Usable, crs: str, ground: Ground) -> tuple[dict[Pair, shapely.Geometry], frozenset[int]]:
    """Zones, or the pieces of them, on all tiles that they meet, and zones that have no place in the CRS of one."""
    pixel = float(next(iter(ground.planned.values())).transform[0]) if ground.planned else 10.0
    degrees = lonlat(given.geometries, crs)
    known = np.flatnonzero(_placed(degrees))
    # What is nowhere near costs no more, however large it is.
    known = known[_near(degrees[known], [ground.outline(name) for name in ground.planned])]
    nowhere: list[str | None] = [None] * len(known)
    at, names = ground.grid.assign(shapely.to_wkb(degrees[known]), nowhere, margin=REACH * pixel)
    pairs = list(zip(known[at].tolist(), names.tolist(), strict=True))
    shapes: dict[Pair, shapely.Geometry] = {}
    beyond: set[int] = set()
    cut: set[int] = set()
    for target in sorted({ground.tile(name).crs for _, name in pairs}):
        here = [pair for pair in pairs if ground.tile(pair[1]).crs == target]
        zones = np.unique([zone for zone, _ in here])
        moved = reprojected(given.geometries[zones], crs, target, pixel)
        wide = np.flatnonzero(~_placed(moved))
        if len(wide):
            outlines = [ground.outline(name) for name in sorted({name for _, name in here})]
            moved[wide] = _parts_near(given.geometries[zones[wide]], crs, outlines, target, pixel)
            cut.update(zones[wide].tolist())
        beyond.update(zones[~(_placed(moved) | shapely.is_empty(moved))].tolist())
        there = dict(zip(zones.tolist(), moved, strict=True))
        shapes.update({pair: there[pair[0]] for pair in here if not shapely.is_empty(there[pair[0]])})
    # A zone without a place in one of its tiles would lose that part unsaid.
    shapes = {pair: shape for pair, shape in shapes.items() if pair[0] not in beyond}
    return _shared(shapes, ground, cut), frozenset(beyond)


def _parts_near(
    geometries: Geometries, crs: str, outlines: list[shapely.Geometry], target: str, pixel: float
) -> Geometries:
    """What of zones lies around tiles, in the CRS of these: the whole has no place in it."""
    degrees = reprojected(geometries, crs, LONLAT, pixel / _DEGREE)
    around = shapely.bounds(shapely.get_parts(outlines)) + np.array([-NEAR, -NEAR, NEAR, NEAR])
    found = shapely.intersection(degrees, shapely.union_all(shapely.box(*around.T)))
    polygons = [None if one is None else _polygons(one) for one in found]
    return reprojected(np.array(polygons, dtype=object), LONLAT, target, pixel)


def _near(shapes: Geometries, outlines: list[shapely.Geometry]) -> NDArray[np.intp]:
    """Which shapes are at some outline or near it, all of them in degrees."""
    met, _ = shapely.STRtree(outlines).query(shapes, predicate="dwithin", distance=NEAR)
    return np.unique(met)


def _shared(shapes: dict[Pair, shapely.Geometry], ground: Ground, cut: set[int]) -> dict[Pair, shapely.Geometry]:
    """Leave each zone to one tile, or cut it; of those that are cut already, no tile has all."""
    by_zone: dict[int, list[str]] = {}
    for zone, name in shapes:
        by_zone.setdefault(zone, []).append(name)
    shared: dict[Pair, shapely.Geometry] = {}
    for zone, names in by_zone.items():
        order = sorted(names, key=lambda name: (name not in ground.planned, name))
        holding = (name for name in order if _holds(ground.tile(name), shapes[zone, name]))
        whole = None if zone in cut else next(holding, None)
        if whole is not None:
            shared[zone, whole] = shapes[zone, whole]
            continue
        tree = shapely.STRtree([ground.outline(name) for name in order])
        for rank, name in enumerate(order):
            near = np.sort(tree.query(ground.outline(name), predicate="dwithin", distance=NEAR))
            before = [ground.tile(order[other]) for other in near[near < rank]]
            piece = _piece(shapes[zone, name], ground.tile(name), before)
            if not piece.is_empty:
                shared[zone, name] = piece
    return shared


def _holds(extent: PixelExtent, shape: shapely.Geometry) -> bool:
    x0, y0, x1, y1 = extent.bounds
    west, south, east, north = shape.bounds
    return bool(x0 <= west and y0 <= south and east <= x1 and north <= y1)


def _piece(shape: shapely.Geometry, extent: PixelExtent, before: list[PixelExtent]) -> shapely.Geometry:
    """What of a zone lies in a tile, and in none of those near it that come before."""
    box = shapely.box(*extent.bounds)
    # Most tiles of a large zone lie inside: told once for all of a CRS.
    shapely.prepare(shape)
    piece = box if shapely.contains_properly(shape, box) else shapely.intersection(shape, box)
    for other in before:
        outline = np.array([shapely.box(*other.bounds)], dtype=object)
        piece = shapely.difference(piece, reprojected(outline, other.crs, extent.crs, abs(extent.transform[0]))[0])
    return _polygons(piece)


def _polygons(shape: shapely.Geometry) -> shapely.MultiPolygon:
    return shapely.MultiPolygon(
        [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon" and part.area > 0]
    )


def _rows(
    given: Usable, shapes: Mapping[Pair, shapely.Geometry], ground: Ground
) -> tuple[pa.RecordBatch, NDArray[np.int64]]:
    """Rows of `PLACED`, and which zones have none."""
    pairs = list(shapes)
    zone = np.array([pair[0] for pair in pairs], np.int64)
    pixels, meets = np.zeros(len(given.zones)), np.zeros(len(pairs), np.bool_)
    seen: set[int] = set()
    regular = isinstance(ground.grid.tiling, RegularTiling)
    for name in sorted({pair[1] for pair in pairs}):
        here = np.array([at for at, pair in enumerate(pairs) if pair[1] == name])
        rings = rings_of(np.array([shapes[pairs[at]] for at in here], dtype=object), ground.tile(name))
        # On a regular grid the shape is the whole zone, whichever tile it is looked at in.
        fresh = np.array([not regular or int(zone[at]) not in seen for at in here])
        seen.update(zone[here].tolist())
        pixels[zone[here[fresh]]] += counted(rings.take(np.flatnonzero(fresh)), ground.method)
        if name in ground.planned:
            meets[here] = _meets(boxes(rings), box_of(ground.planned[name]))
    kept = np.flatnonzero(meets)
    tiles = np.bincount(zone[kept], minlength=len(given.zones))
    columns = [
        [pairs[at][1] for at in kept],
        given.zones[zone[kept]],
        shapely.to_wkb(np.array([shapes[pairs[at]] for at in kept], dtype=object)),
        pixels[zone[kept]],
        tiles[zone[kept]],
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, PLACED, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=PLACED), np.flatnonzero(tiles == 0)


def _meets(found: NDArray[np.int64], box: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.asarray((found[:, :2] < box[2:]).all(axis=1) & (found[:, 2:] > box[:2]).all(axis=1))
