"""Where the pixels of items lie, as far as the catalogue tells: sharper than footprints."""

from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from jeospark.grid import BBox, Grid
from jeospark.tiling.extent import PixelExtent, turn_of
from jeospark.tiling.pairs import MARGIN

TILES = 1 << 16
"""Tiles that a process remembers: all of Sentinel-2's."""

Bounds = NDArray[np.float64]
"""(n, 4): least x, least y, greatest x, greatest y; NaN where they are not known."""


@lru_cache(TILES)
def extent_of(grid: str, tile: str, area: BBox | None) -> PixelExtent:
    """See `Grid.window`; of the grid that a text means."""
    return Grid.parse(grid).window(tile, area)


def reach(
    items: pa.StructArray, at: NDArray[np.int64], tiles: NDArray[np.str_], grid: str, area: BBox | None
) -> NDArray[np.bool_]:
    """Whether items reach into tiles, by their pixels where these lie in the tile's CRS; else True.

    An edge that is straight in degrees bulges tens of metres beyond one that is straight in a CRS, so that a footprint
    of four corners seems to reach into the tile beside its own.

    Args:
        items: Values of `schema.ITEM`.
        at: Position of the item of each pair.
        tiles: Name of its tile.
        grid: Text form of the tiles' grid.
        area: What is asked for of them; None for whole tiles.
    """
    bounds, names = _bounds(items)
    known, which = np.unique(tiles, return_inverse=True)
    places = [_shrunk(grid, name, area) for name in known.tolist()]
    inner = np.array([bounds for _, bounds in places], np.float64).reshape(-1, 4)[which]
    same = names[at] == np.array([crs for crs, _ in places], object)[which]
    own = bounds[at]
    turn = np.array([turn_of(crs) for crs, _ in places], np.float64)[which]
    beside = [(own[:, 0] + shift > inner[:, 2]) | (own[:, 2] + shift < inner[:, 0]) for shift in (0.0, -turn, turn)]
    apart = np.logical_and.reduce(beside) | (own[:, 1] > inner[:, 3]) | (own[:, 3] < inner[:, 1])
    reaching: NDArray[np.bool_] = ~(same & apart)
    return reaching


@lru_cache(TILES)
def _shrunk(grid: str, tile: str, area: BBox | None) -> tuple[str, tuple[float, float, float, float]]:
    """CRS of a tile, and its bounds less the part of a pixel that an item must reach into them."""
    place = extent_of(grid, tile, area)
    left, bottom, right, top = place.bounds
    x, y = (abs(place.transform[number]) * MARGIN for number in (0, 4))
    return place.crs, (left + x, bottom + y, right - x, top - y)


def _bounds(items: pa.StructArray) -> tuple[Bounds, NDArray[np.object_]]:
    """Bounds of the pixels of all sources of each item, and their CRS."""
    sources = pc.struct_field(items, "sources")
    counts = pc.fill_null(pc.list_value_length(sources), 0).to_numpy(zero_copy_only=False)
    each, names = _source_bounds(sources.flatten())
    some = np.flatnonzero(counts)
    bounds, crs = np.full((len(items), 4), np.nan), np.full(len(items), None, object)
    if len(some):
        starts = (np.cumsum(counts) - counts)[some]
        crs[some] = names[starts]
        each[names != np.repeat(names[starts], counts[some])] = np.nan
        bounds[some, :2] = np.minimum.reduceat(each[:, :2], starts)
        bounds[some, 2:] = np.maximum.reduceat(each[:, 2:], starts)
    return bounds, crs


def _source_bounds(sources: pa.StructArray) -> tuple[Bounds, NDArray[np.object_]]:
    transform, shape, crs = (pc.struct_field(sources, name) for name in ("transform", "shape", "crs"))
    placed = pc.and_(pc.equal(pc.list_value_length(transform), 6), pc.equal(pc.list_value_length(shape), 2))
    placed = pc.and_kleene(pc.fill_null(placed, fill_value=False), pc.is_valid(crs))
    bounds = np.full((len(sources), 4), np.nan)
    a, b, c, d, e, f = transform.filter(placed).flatten().to_numpy().reshape(-1, 6).T
    rows, cols = shape.filter(placed).flatten().to_numpy().reshape(-1, 2).T
    x, y = np.stack([c, c + a * cols]), np.stack([f, f + e * rows])
    corners = np.stack([x.min(axis=0), y.min(axis=0), x.max(axis=0), y.max(axis=0)], axis=1)
    names, there = crs.to_numpy(zero_copy_only=False), placed.to_numpy(zero_copy_only=False)
    corners[(b != 0) | (d != 0)] = np.nan
    bounds[there] = corners
    return bounds, names
