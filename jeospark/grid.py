"""Grids of output tiles, and the only door to odc.geo: other modules take GeoBox values from here."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from odc.geo.geom import BoundingBox

from jeospark.errors import ExtentError, GridError
from jeospark.model import Transform
from jeospark.tiling.extent import BBox, PixelExtent, known_crs
from jeospark.tiling.footprints import outlines
from jeospark.tiling.pairs import MARGIN, near
from jeospark.tiling.regular import RegularTiling, TileIndex
from jeospark.tiling.sentinel2 import MgrsTiling
from jeospark.tiling.words import tiling_of

__all__ = ["BBox", "GeoBox", "Grid", "PixelExtent", "TileIndex", "geobox_from", "geobox_of_bbox"]


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid of output tiles; equal texts make equal grids."""

    tiling: RegularTiling | MgrsTiling
    """How the Earth is cut."""

    @classmethod
    def parse(cls, text: str) -> "Grid":
        """Make a grid from words.

        `mgrs` or `mgrs:20`: the tiles of Sentinel-2 in pixels of 10, 20 or 60 m. `webmercator:12`: the pixels of that
        level of the tile matrix set WebMercatorQuad (OGC 17-083r4), in tiles of 4096², or all of it. Any other:
        `CRS:resolution:rowsxcolumns:x,y` with the origin x, y, such as `EPSG:3035:10:1000x1000:0,0`; tiles of 10,000²
        and the origin 0,0 may be left out, and so may the 10 m of EPSG:3035. A resolution of two numbers is `XxY`.

        Raises:
            GridError: The text is of another form, or the CRS is unknown.
        """
        return cls(tiling_of(text))

    @property
    def text(self) -> str:
        """Words that `parse` makes the same grid of."""
        return self.tiling.name

    @property
    def crs(self) -> str | None:
        """CRS of all tiles; None where each has its own."""
        return self.tiling.crs if isinstance(self.tiling, RegularTiling) else None

    @property
    def pixel(self) -> tuple[float, float]:
        """Width and height of a pixel in units of the CRS."""
        if isinstance(self.tiling, RegularTiling):
            return self.tiling.resolution
        return float(self.tiling.resolution), float(self.tiling.resolution)

    def check(self, area: BBox) -> None:
        """Refuse an area that the grid does not serve at all.

        Raises:
            ExtentError: The area lies outside.
        """
        self.tiling.check(area)

    def extent(self, tile: str) -> PixelExtent:
        """Place the pixels of a tile: CRS, transform, shape.

        Raises:
            GridError: The grid has no such tile.
        """
        return self.tiling.extent(tile)

    def geobox(self, tile: str) -> GeoBox:
        """Place the pixels of a tile.

        Raises:
            GridError: The grid has no such tile.
        """
        extent = self.extent(tile)
        return geobox_from(extent.crs, extent.transform, extent.shape)

    def window(self, tile: str, area: BBox | None) -> PixelExtent:
        """Place the pixels of a tile that the bounds of an area touch; all of them without an area.

        Raises:
            GridError: The grid has no such tile.
            ExtentError: The area does not touch it.
        """
        extent = self.extent(tile)
        part = extent if area is None else extent.crop(area)
        if part is None:
            raise ExtentError(f"the area does not touch tile {tile}", where=self.text)
        return part

    def tiles_over(self, area: BBox) -> tuple[str, ...]:
        """Name the tiles that the bounds of an area touch, sorted.

        Raises:
            ExtentError: The area has no place on the grid.
        """
        return self.tiling.tiles_over(area)

    def assign(
        self,
        footprints: NDArray[np.object_],
        mgrs: Sequence[str | None],
        *,
        margin: float = 0.0,
        area: BBox | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
        """Pair items with the tiles that they reach into by a quarter of a pixel or more.

        Args:
            footprints: WKB in longitude and latitude, split at the antimeridian, shape (n,). Straight lines are
                straight in degrees (RFC 7946), so edges that are straight in another CRS need points along them.
            mgrs: The Sentinel-2 tile of each item, None for those without. On the MGRS grid, an item that names its
                tile goes to that one and no other; elsewhere it says nothing.
            margin: Metres around a tile within which an item matters to it all the same.
            area: Only tiles that it touches, and of their items only those that reach into `window`; None for all.

        Returns:
            Position of the item and name of the tile, one a pair, sorted by item, then tile.

        Raises:
            GridError: An item names a tile that is none.
        """
        item, tile = self.tiling.assign(footprints, mgrs, margin, area)
        if area is None:
            return item, tile
        names, which = np.unique(tile, return_inverse=True)
        windows = np.array([_outline(self.extent(str(name)).crop(area)) for name in names], dtype=object)
        keep = near(shapely.from_wkb(footprints[item]), windows[which], margin)
        return item[keep], tile[keep]


def _outline(extent: PixelExtent | None) -> shapely.Geometry:
    """Outline an extent in degrees, less the part of a pixel that a footprint must reach into it; empty for none."""
    if extent is None:
        return shapely.Polygon()
    x, y = (abs(extent.transform[at]) * MARGIN for at in (0, 4))
    return outlines(extent.crs, np.array([extent.bounds]) + np.array([x, y, -x, -y]))[0]


def geobox_from(crs: str, transform: Transform, shape: tuple[int, int]) -> GeoBox:
    """Make a GeoBox.

    Args:
        crs: Any text that PROJ understands.
        transform: Affine coefficients, origin at the outer corner.
        shape: (rows, columns).

    Raises:
        GridError: The CRS is unknown.
    """
    known_crs(crs)
    return GeoBox(shape, Affine(*transform), crs)


def geobox_of_bbox(
    bbox: BBox, *, crs: str, resolution: float | None = None, shape: tuple[int, int] | None = None
) -> GeoBox:
    """Make a north-up GeoBox that covers the bounds of an area.

    Args:
        bbox: The area.
        crs: CRS of the pixels.
        resolution: Side of a pixel in units of the CRS; pixels then lie on its multiples. Give this or `shape`.
        shape: (rows, columns); pixels then fill the bounds exactly, and may be oblong.

    Raises:
        GridError: The CRS is unknown, or both or neither of resolution and shape are given.
        ExtentError: The area has no place in the CRS.
    """
    known_crs(crs)
    bounds = bbox.bounds_in(crs)
    if not np.isfinite(bounds).all():
        raise ExtentError(f"the area {bbox.lonlat} has no place in {crs}")
    if (resolution is None) == (shape is None):
        raise GridError("a GeoBox needs a resolution or a shape, one of the two")
    box = BoundingBox(*bounds, crs=crs)
    if shape is not None:
        return GeoBox.from_bbox(box, shape=shape, tight=True)
    return GeoBox.from_bbox(box, resolution=resolution)
