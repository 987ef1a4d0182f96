"""The zones of one tile, and what they cover of its windows: found once, used for every date and band."""

import hashlib
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from jeospark.model import Transform
from jeospark.raster.window import Window
from jeospark.task.zonal_place import box_of, rings_of
from jeospark.tiling.extent import PixelExtent
from udfs.coverage import Coverage, cover
from udfs.rings import Rings, boxes

Longs = NDArray[np.int64]
_NEAR = 64
"""Rows of pixels in which zones follow each other from left to right: neighbours share lines of the cache."""


@dataclass(frozen=True, slots=True)
class Covered:
    """The zones that meet a window."""

    zones: Longs
    """Their numbers in the tile."""
    whole: NDArray[np.bool_]
    """True for those that lie wholly in the window."""
    coverage: Coverage


@dataclass(frozen=True, slots=True, kw_only=True)
class TileZones:
    """The zones of one tile.

    Units of the tile may cover parts of it; their pixels are those of the tile's grid.
    """

    zones: pa.Array
    """Ids."""
    pixels: NDArray[np.float64]
    """That each zone covers in all."""
    alone: NDArray[np.bool_]
    """True for zones that meet no other tile of the plan."""
    rings: Rings
    boxes: Longs
    """See `udfs.rings.boxes`."""
    method: int
    digest: str
    """sha256 over the zones and the method."""
    memory: int
    """Bytes of coverage kept; windows beyond are covered anew each time."""
    kept: dict[tuple[int, int, int, int], Covered] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.zones)

    def covered(self, corner: tuple[int, int], window: Window) -> Covered:
        """What the zones cover of a window.

        Args:
            corner: First row and column of the unit, see `corner_of`.
            window: A part of the unit.
        """
        top, left = corner[0] + window.row, corner[1] + window.col
        key = (top, left, window.rows, window.cols)
        if key in self.kept:
            return self.kept[key]
        found = np.flatnonzero(self._meets(top, left, window))
        inside = self.boxes[found]
        end = (top + window.rows, left + window.cols)
        whole: NDArray[np.bool_] = np.all((inside[:, :2] >= (top, left)) & (inside[:, 2:] <= end), axis=1)
        shape = (window.rows, window.cols)
        covered = Covered(found, whole, cover(self.rings.take(found), (top, left), shape, self.method))
        if sum(each.coverage.nbytes for each in self.kept.values()) + covered.coverage.nbytes <= self.memory:
            self.kept[key] = covered
        return covered

    def meets(self, corner: tuple[int, int], window: Window) -> bool:
        """True where a zone's box reaches into a window."""
        return bool(self._meets(corner[0] + window.row, corner[1] + window.col, window).any())

    def within(self, corner: tuple[int, int], shape: tuple[int, int]) -> Longs:
        """Numbers of the zones whose boxes reach into a unit."""
        return np.flatnonzero(self._meets(*corner, Window(0, 0, *shape)))

    def _meets(self, top: int, left: int, window: Window) -> NDArray[np.bool_]:
        row_0, col_0, row_1, col_1 = self.boxes.T
        rows = (row_0 < top + window.rows) & (row_1 > top)
        meets: NDArray[np.bool_] = rows & (col_0 < left + window.cols) & (col_1 > left)
        return meets


def corner_of(crs: str, transform: Transform, shape: tuple[int, int]) -> tuple[int, int]:
    """First row and column of a unit, as `udfs.rings` counts."""
    row, col, _, _ = box_of(PixelExtent(crs=crs, transform=transform, shape=shape)).tolist()
    return row, col


def tile_zones(placed: pa.Table, extent: PixelExtent, method: int, memory: int) -> TileZones:
    """Make ready the zones of a tile.

    Args:
        placed: Rows of `zonal_place.PLACED`, in any order.
        extent: The tile, or a part of it.
        method: A value of `udfs.coverage.METHODS`.
        memory: Bytes of coverage that may be kept.
    """
    table = placed.take(pc.sort_indices(placed, [("zone", "ascending")])).combine_chunks()
    geometries = shapely.from_wkb(np.array(table.column("geometry").to_pylist(), dtype=object))
    rings = rings_of(geometries, extent)
    found = boxes(rings)
    order = np.lexsort((found[:, 1], found[:, 0] // _NEAR))
    ordered = table.take(pa.array(order)).combine_chunks()
    return TileZones(
        zones=ordered.column("zone").combine_chunks(),
        pixels=ordered.column("pixels").to_numpy(),
        alone=ordered.column("tiles").to_numpy() == 1,
        rings=rings.take(order),
        boxes=found[order],
        method=method,
        digest=_digest(table, method),
        memory=memory,
    )


def _digest(table: pa.Table, method: int) -> str:
    digest = hashlib.sha256(str(method).encode())
    for name in ("zone", "geometry", "pixels", "tiles"):
        column = table.column(name)
        for cell in column.to_pylist():
            data = cell if isinstance(cell, bytes) else str(cell).encode()
            digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()
