"""Item footprints in the pixels of a target grid."""

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Geometry

from jeospark.raster.placement import Target, parse_crs, project, turn_of
from jeospark.raster.window import Window

MARGIN_DEGREES = 0.01
"""Catalogued footprints are simplified: pixels up to about a kilometre outside them may exist."""
SEGMENT_DEGREES = 0.25
"""Longest edge kept straight when a footprint is projected."""
LONLAT = "OGC:CRS84"


class Footprint:
    """Where an item may have pixels, asked window by window; anywhere where its footprint does not tell."""

    def __init__(self, wkb: bytes | None, target: Target) -> None:
        self._area = None if wkb is None else _in_pixels(wkb, target)
        turn = turn_of(parse_crs(target.crs)) / target.affine.a
        # Longitudes that differ by a turn are one place.
        self._turns = (0.0, -turn, turn) if turn else (0.0,)
        if self._area is not None:
            shapely.prepare(self._area)

    def meets(self, window: Window) -> bool:
        """True where the item may have pixels in the window."""
        if self._area is None:
            return True
        left, right = (np.array(self._turns) + col for col in (window.col, window.col + window.cols))
        boxes = shapely.box(left, window.row, right, window.row + window.rows)
        return bool(shapely.intersects(self._area, boxes).any())


def _in_pixels(wkb: bytes, target: Target) -> Geometry | None:
    outline = shapely.from_wkb(wkb, on_invalid="ignore")
    if outline is None:
        return None
    area = shapely.segmentize(shapely.buffer(outline, MARGIN_DEGREES, quad_segs=2), SEGMENT_DEGREES)
    inverse = ~target.affine

    def to_pixels(points: NDArray[np.float64]) -> NDArray[np.float64]:
        xs, ys = project(parse_crs(LONLAT), parse_crs(target.crs), points[:, 0], points[:, 1])
        return np.column_stack([inverse.a * xs + inverse.c, inverse.e * ys + inverse.f])

    pixels = shapely.transform(area, to_pixels)
    return pixels if np.isfinite(shapely.bounds(pixels)).all() and shapely.is_valid(pixels) else None
