"""Bounding boxes, and the places of a cube's pixels."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from jeospark.errors import ExtentError, RecipeError
from jeospark.model import Chunk
from jeospark.recipe.registry import did_you_mean

Bounds = tuple[float, float, float, float]
"""West, south, east, north."""
_SIDES = ("west", "south", "east", "north")
_KNOWN = (*_SIDES, "crs", "base", "height")


class Placement(Protocol):
    """What is needed of an odc-geo GeoBox."""

    @property
    def affine(self) -> Any:
        """Affine coefficients as attributes a to f."""

    @property
    def crs(self) -> Any:
        """Anything whose text pyproj understands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundingBox:
    """A rectangle in a CRS."""

    bounds: Bounds
    crs: str
    """`EPSG:nnnn` or WKT 2."""

    @classmethod
    def from_json(cls, extent: Mapping[str, object]) -> "BoundingBox":
        """Read openEO's form; without `crs` it is in degrees, EPSG:4326.

        Raises:
            ExtentError: A side is missing or no number, or the box is inverted.
        """
        for key in extent:
            if key not in _KNOWN:
                raise ExtentError(f"a bounding box has no '{key}'", remedy=did_you_mean(key, _KNOWN))
        sides = [extent.get(side) for side in _SIDES]
        if not all(isinstance(side, (int, float)) and np.isfinite(side) for side in sides):
            raise ExtentError(f"a bounding box needs the numbers {', '.join(_SIDES)}", where=str(dict(extent)))
        west, south, east, north = (float(side) for side in sides)  # type: ignore[arg-type]
        crs = _crs_text(extent.get("crs"))
        if south > north or (west > east and not _is_geographic(crs)):
            raise ExtentError(f"the bounding box is inverted: {(west, south, east, north)}", remedy="Swap the sides.")
        return cls(bounds=(west, south, east, north), crs=crs)

    def bounds_in(self, crs: str) -> Bounds:
        """Give the sides in another CRS.

        Raises:
            ExtentError: The box does not fit into that CRS.
        """
        return self.bounds if crs == self.crs else _transformed(self.bounds, self.crs, crs)


@lru_cache(maxsize=256)
def _transformed(bounds: Bounds, source: str, target: str) -> Bounds:
    sides = Transformer.from_crs(source, target, always_xy=True).transform_bounds(*bounds)
    if not np.isfinite(sides).all():
        raise ExtentError(f"the bounding box {bounds} does not fit into {target}", remedy="Make it smaller.")
    return sides


def _crs_text(crs: object) -> str:
    text = "EPSG:4326" if crs is None else f"EPSG:{crs}" if isinstance(crs, int) else str(crs)
    try:
        code = CRS.from_user_input(text).to_authority(min_confidence=100)
    except CRSError as error:
        raise ExtentError(f"'{text}' is no coordinate reference system", remedy="Give an EPSG code.") from error
    return ":".join(code) if code else text


@lru_cache(maxsize=64)
def _is_geographic(crs: str) -> bool:
    return bool(CRS.from_user_input(crs).is_geographic)


def centres(cube: Chunk) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
    """Give x and y of the pixel centres, one a column and one a row, and their CRS.

    Raises:
        RecipeError: The cube does not know where its pixels are.
    """
    if "x" in cube.labels and "y" in cube.labels:
        crs = str(cube.labels.get("crs", ("EPSG:4326",))[0])
        return np.array(cube.labels["x"], np.float64), np.array(cube.labels["y"], np.float64), crs
    place = placement(cube)
    rows, columns = cube.data.shape[cube.dims.index("y")], cube.data.shape[cube.dims.index("x")]
    affine = place.affine
    return (
        affine.c + affine.a * (np.arange(columns) + 0.5),
        affine.f + affine.e * (np.arange(rows) + 0.5),
        str(place.crs),
    )


def placement(cube: Chunk) -> Placement:
    """Give the place of a cube's pixels.

    Raises:
        RecipeError: The cube has none.
    """
    if cube.geobox is None:
        raise RecipeError("the data cube does not know where its pixels are")
    return cube.geobox  # type: ignore[return-value]


def pixel_metres(cube: Chunk) -> tuple[float, float]:
    """Give height and width of a pixel in metres of the CRS.

    Raises:
        RecipeError: The cube has no place, or its CRS is in degrees.
    """
    place = placement(cube)
    factor = _metres_a_unit(str(place.crs))
    affine = place.affine
    return float(np.hypot(affine.b, affine.e)) * factor, float(np.hypot(affine.a, affine.d)) * factor


@lru_cache(maxsize=64)
def _metres_a_unit(crs: str) -> float:
    system = CRS.from_user_input(crs)
    if system.is_geographic:
        raise RecipeError("a distance in metres on a grid in degrees", remedy="Compute on a projected grid.")
    return float(system.axis_info[0].unit_conversion_factor)
