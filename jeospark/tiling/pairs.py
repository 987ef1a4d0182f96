"""Pairs of items and tiles."""

import numpy as np
import shapely
from numpy.typing import NDArray

from jeospark.tiling.footprints import Floats, Geometries, Integers

MARGIN = 0.25
"""Part of a pixel by which a footprint must reach into a tile: the centre of a pixel lies deeper, rounding does not."""
_METRES = 110_574.0
"""Length of the shortest degree of latitude on WGS 84."""


def degrees(metres: float, latitude: Floats) -> Floats:
    """Degrees that reach `metres` in every direction at a latitude (89° at most) or nearer to the equator."""
    return metres / (_METRES * np.cos(np.radians(np.minimum(np.abs(latitude), 89.0))))


def near(one: Geometries, other: Geometries, margin: float) -> NDArray[np.bool_]:
    """Whether geometries of two arrays meet, or come nearer than a margin in metres; the first should be prepared."""
    meets: NDArray[np.bool_] = shapely.intersects(one, other)
    if margin > 0:
        apart = np.flatnonzero(~meets)
        first, second = one[apart], other[apart]
        meets[apart] = shapely.dwithin(first, second, degrees(margin, np.maximum(furthest(first), furthest(second))))
    return meets


def furthest(geometries: Geometries) -> Floats:
    """Greatest distance from the equator, degrees; 0 for an empty geometry."""
    bounds = shapely.bounds(geometries)
    distance: Floats = np.nan_to_num(np.maximum(np.abs(bounds[:, 1]), np.abs(bounds[:, 3])))
    return distance


def sorted_pairs(item: Integers, which: Integers, names: NDArray[np.str_]) -> tuple[Integers, NDArray[np.str_]]:
    """Sort pairs of item and place in `names` by item and name; equal pairs become one."""
    order = np.argsort(names, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    unique = np.unique(item * max(names.size, 1) + rank[which])
    return unique // max(names.size, 1), names[order][unique % max(names.size, 1)]
