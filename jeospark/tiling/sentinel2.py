"""The tiles of Sentinel-2, in the UTM zone of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import shapely
from numpy.typing import NDArray

from jeospark.errors import ExtentError, GridError
from jeospark.tiling.extent import BBox, PixelExtent, check_area
from jeospark.tiling.footprints import Geometries, Integers, outlines
from jeospark.tiling.pairs import MARGIN, degrees, furthest, sorted_pairs
from jeospark.tiling.squares import SIDE, all_tiles, normalised, parse

SERVED = (-180.0, -84.0, 180.0, 84.6)
"""West, south, east, north, degrees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MgrsTiling:
    """Tiles of 109.8 km, which overlap."""

    resolution: int
    """10, 20 or 60 metres."""

    def __post_init__(self) -> None:
        """Check what the constructor was given."""
        if self.resolution not in {10, 20, 60}:
            raise GridError(f"the MGRS grid has no pixels of {self.resolution} m", remedy="Use 10, 20 or 60 m.")

    @property
    def name(self) -> str:
        """Such as mgrs:10."""
        return f"mgrs:{self.resolution}"

    def check(self, area: BBox) -> None:
        """Refuse an area about a pole.

        Raises:
            ExtentError: No tile can meet it.
        """
        check_area(area, SERVED, self.name)

    def extent(self, tile: str) -> PixelExtent:
        """Place the pixels of a tile.

        Raises:
            GridError: The text is not an MGRS tile.
        """
        square = parse(tile)
        (x, y), size = square.corner, float(self.resolution)
        pixels = SIDE // self.resolution
        return PixelExtent(
            crs=f"EPSG:{square.epsg}", transform=(size, 0.0, float(x), 0.0, -size, float(y)), shape=(pixels, pixels)
        )

    def tiles_over(self, area: BBox) -> tuple[str, ...]:
        """Name the tiles that the bounds of an area touch, sorted.

        Raises:
            ExtentError: No tile meets it.
        """
        west, south, east, north = area.lonlat
        east += 360.0 if west > east else 0.0
        turns = [(max(west - turn, -180.0), min(east - turn, 180.0)) for turn in (-360.0, 0.0, 360.0)]
        boxes = np.array([shapely.box(first, south, last, north) for first, last in turns if first < last])
        _, found = _tree(self.resolution).query(boxes, predicate="intersects")
        if not found.size:
            raise ExtentError(f"no MGRS tile meets the area {area.lonlat}")
        return tuple(sorted({all_tiles()[place] for place in found.tolist()}))

    def assign(
        self, footprints: Geometries, mgrs: Sequence[str | None], margin: float, area: BBox | None
    ) -> tuple[Integers, NDArray[np.str_]]:
        """See `jeospark.grid.Grid.assign`; an item that names its tile goes to that one and no other."""
        del area
        given, inverse = np.unique(np.array([tile or "" for tile in mgrs], dtype=np.str_), return_inverse=True)
        proper = np.array([normalised(str(tile)) if tile else "" for tile in given], dtype=np.str_)[inverse]
        item, free = np.flatnonzero(proper != ""), np.flatnonzero(proper == "")
        tile = proper[item]
        if free.size:
            met, found = self._meetings(shapely.from_wkb(footprints[free]), margin)
            item, tile = np.concatenate([item, free[met]]), np.concatenate([tile, found])
        names, which = np.unique(tile, return_inverse=True)
        return sorted_pairs(item, which, names)

    def _meetings(self, shapes: Geometries, margin: float) -> tuple[Integers, NDArray[np.str_]]:
        tree = _tree(self.resolution)
        if margin > 0:
            met, place = tree.query(shapes, predicate="dwithin", distance=degrees(margin, furthest(shapes)))
        else:
            met, place = tree.query(shapes, predicate="intersects")
        return met, np.array(all_tiles(), dtype=np.str_)[place]


@cache
def _tree(resolution: int) -> shapely.STRtree:
    squares = [parse(tile) for tile in all_tiles()]
    epsg = np.array([square.epsg for square in squares])
    corner = np.array([square.corner for square in squares], dtype=np.float64)
    near, far = MARGIN * resolution, SIDE - MARGIN * resolution
    bounds = corner[:, [0, 1, 0, 1]] + np.array([near, -far, far, -near])
    found = np.empty(len(squares), dtype=object)
    for code in np.unique(epsg):
        found[epsg == code] = outlines(f"EPSG:{code}", bounds[epsg == code])
    return shapely.STRtree(found)
