"""Bounding boxes, and the places of a cube's pixels."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS, Proj, Transformer
from pyproj.exceptions import CRSError

from jeospark.errors import ExtentError, RecipeError
from jeospark.model import Chunk
from jeospark.recipe.registry import did_you_mean
from jeospark.tiling.extent import turn_of

Bounds = tuple[float, float, float, float]
"""West, south, east, north."""
Sizes = NDArray[np.float64]
CYLINDRICAL = (
    "Mercator",
    "Popular Visualisation Pseudo Mercator",
    "Equidistant Cylindrical",
    "Lambert Cylindrical Equal Area",
)
"""Beginnings of EPSG's names of methods whose scale depends on the latitude only, and much."""
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
        crs = crs_text(extent.get("crs"))
        if south > north or (west > east and not _is_geographic(crs)):
            raise ExtentError(f"the bounding box is inverted: {(west, south, east, north)}", remedy="Swap the sides.")
        return cls(bounds=(west, south, east, north), crs=crs)

    def bounds_in(self, crs: str) -> Bounds:
        """Give the sides in another CRS.

        Raises:
            ExtentError: The box does not fit into that CRS.
        """
        return self.bounds if crs == self.crs else _transformed(self.bounds, self.crs, crs)

    def columns(self, x: NDArray[np.float64], crs: str) -> NDArray[np.bool_]:
        """Tell which x of another CRS lie between the sides; longitudes are counted round the Earth.

        Raises:
            ExtentError: The box does not fit into that CRS.
        """
        west, south, east, north = self.bounds
        turn = turn_of(crs)
        if west > east and not turn:
            sides = (replace(self, bounds=each) for each in ((west, south, 180.0, north), (-180.0, south, east, north)))
            either: NDArray[np.bool_] = np.logical_or.reduce([side.columns(x, crs) for side in sides])
            return either
        first, _, last, _ = self.bounds_in(crs)
        if not turn:
            return np.asarray((x >= first) & (x <= last))
        return np.asarray((x - first) % turn <= (last - first if last >= first else last - first + turn))


@lru_cache(maxsize=256)
def _transformed(bounds: Bounds, source: str, target: str) -> Bounds:
    sides = Transformer.from_crs(source, target, always_xy=True).transform_bounds(*bounds)
    if not np.isfinite(sides).all():
        raise ExtentError(f"the bounding box {bounds} does not fit into {target}", remedy="Make it smaller.")
    return sides


def crs_text(crs: object) -> str:
    """Write a CRS as `EPSG:nnnn` where it is surely one; None is EPSG:4326, a number the code of an EPSG CRS.

    Raises:
        ExtentError: It is no CRS.
    """
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


def row_metres(place: Placement, first: int, last: int) -> tuple[Sizes, Sizes]:
    """Give height and width of the pixels of rows, in metres on the ground.

    In cylindrical projections, such as Web Mercator and EASE-Grid, they depend on the latitude, by the scale of PROJ
    along the meridian and the parallel; one number a row. Elsewhere the metre of the CRS counts as one on the ground,
    for all rows: in UTM it is within a thousandth of it, in EPSG:3035 over Europe within two hundredths.

    Args:
        place: Of row 0.
        first: Number of the first row.
        last: Number of the row after the last.

    Raises:
        RecipeError: The CRS is in degrees.
    """
    crs, affine = str(place.crs), place.affine
    factor = _metres_a_unit(crs)
    height, width = np.hypot(affine.b, affine.e) * factor, np.hypot(affine.a, affine.d) * factor
    if not _is_cylindrical(crs):
        return np.array([height]), np.array([width])
    # To the millimetre: the same row gives the same number whatever window it is counted from.
    y = np.round(affine.f + affine.e * (np.arange(first, last) + 0.5), 3)
    projection = _projection(crs)
    longitude, latitude = projection(np.full(len(y), affine.c), y, inverse=True)
    scale = projection.get_factors(longitude, latitude)
    return height / _finite(scale.meridional_scale), width / _finite(scale.parallel_scale)


def _finite(scale: ArrayLike) -> Sizes:
    """Beyond the poles, where nothing is to be measured, there is no scale."""
    factors = np.asarray(scale, np.float64)
    return np.where(np.isfinite(factors) & (factors > 0), factors, 1.0)


def halo_pixels(place: Placement, rows: int, metres: float) -> int:
    """Give the pixels around a window within which others lie nearer than a distance.

    Args:
        place: Of the window.
        rows: How many it has.
        metres: The distance, on the ground.

    Raises:
        RecipeError: The CRS is in degrees.
    """
    if not metres:
        return 0
    inside = ceil(metres / np.min(row_metres(place, 0, rows)))
    # The rows of the halo may be nearer to a pole.
    return ceil(metres / np.min(row_metres(place, -2 * inside, rows + 2 * inside)))


@lru_cache(maxsize=64)
def _metres_a_unit(crs: str) -> float:
    system = CRS.from_user_input(crs)
    if system.is_geographic:
        raise RecipeError("a distance in metres on a grid in degrees", remedy="Compute on a projected grid.")
    return float(system.axis_info[0].unit_conversion_factor)


@lru_cache(maxsize=64)
def _is_cylindrical(crs: str) -> bool:
    operation = CRS.from_user_input(crs).coordinate_operation
    return operation is not None and operation.method_name.startswith(CYLINDRICAL)


@lru_cache(maxsize=64)
def _projection(crs: str) -> Proj:
    return Proj(crs)
