"""Coordinate reference systems of layers: found, named, and transformed between; the order is always x, y."""

import json
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.exceptions import CRSError, ProjError
from pyproj.transformer import TransformerGroup

from jeospark.errors import LayerCrsError, TransformError

CRS84 = "OGC:CRS84"
NO_CODE = "If it is a layer whose CRS has no code, add that layer once more with --to-crs instead."
"""What to do about a CRS that a geometry cannot name."""
_WGS84_CODES = frozenset({"OGC:CRS84", "EPSG:4326"})


def parse_crs(text: str, where: str = "") -> CRS:
    """Read a CRS from an authority code, WKT, PROJ string or PROJJSON.

    Raises:
        LayerCrsError: Nobody knows it.
    """
    try:
        return CRS.from_user_input(json.loads(text) if text.lstrip().startswith("{") else text)
    except (CRSError, json.JSONDecodeError) as error:
        shown = text if len(text) < 60 else f"{text[:57]}…"
        raise LayerCrsError(
            f"no CRS is known as '{shown}'", where=where, remedy="Give one such as EPSG:3035 with --crs."
        ) from error


def authority_code(crs: CRS) -> str | None:
    """Give `AUTHORITY:code` of a CRS that states one or surely is one, else None."""
    # TOWGS84 in a WKT binds a CRS to a datum shift and hides the code of what is bound.
    plain = crs.source_crs if crs.is_bound and crs.source_crs else crs
    stated = plain.to_json_dict().get("id")
    if stated:
        return f"{stated['authority']}:{stated['code']}"
    found = plain.to_authority(min_confidence=25)
    # PROJ's low confidence can mean another axis order, which is nothing here, or other numbers.
    if found is None or not _agree(plain, CRS.from_authority(*found)):
        return None
    return ":".join(found)


def _agree(one: CRS, other: CRS) -> bool:
    """True where both have one datum, and coordinates of one mean the same in the other, to a millimetre."""
    area = other.area_of_use
    if area is None or one.geodetic_crs is None or other.geodetic_crs is None:
        return False
    if not one.geodetic_crs.equals(other.geodetic_crs, ignore_axis_order=True) and _datum(one) != _datum(other):
        return False
    east, north = np.meshgrid(np.linspace(area.west, area.east, 5)[1:4], np.linspace(area.south, area.north, 5)[1:4])
    points = Transformer.from_crs(other.geodetic_crs, other, always_xy=True).transform(east.ravel(), north.ravel())
    again = Transformer.from_crs(one.geodetic_crs, one, always_xy=True).transform(east.ravel(), north.ravel())
    return bool(np.allclose(points, again, rtol=0, atol=1e-9 if one.is_geographic else 1e-3))


def _datum(crs: CRS) -> str:
    name = (crs.datum.name if crs.datum else "").replace("_", " ").lower()
    return name.removesuffix(" ensemble")


def srid_of(code: str | None) -> int:
    """Give the number by which Sedona knows a CRS: that of its EPSG or ESRI code, 4326 for OGC:CRS84, 0 for none.

    Longitude comes first in every layer, so that OGC:CRS84 and EPSG:4326 hold the same numbers.
    """
    if code in _WGS84_CODES:
        return 4326
    authority, _, number = (code or "").partition(":")
    return int(number) if authority in {"EPSG", "ESRI"} and number.isdigit() else 0


def srid_crs(number: int, where: str) -> CRS:
    """The CRS that PostGIS knows by a number: that of EPSG, or else ESRI.

    Raises:
        LayerCrsError: Neither has it.
    """
    for authority in ("EPSG", "ESRI"):
        try:
            return CRS.from_authority(authority, number)
        except CRSError:
            continue
    raise LayerCrsError(
        f"SRID {number} is no code of EPSG or ESRI", where=where, remedy="Give the right CRS with --crs."
    )


def same_crs(one: CRS, other: CRS) -> bool:
    """True where coordinates in x, y order mean the same in both."""
    if {authority_code(one), authority_code(other)} <= _WGS84_CODES:
        return True
    return bool(one.equals(other, ignore_axis_order=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Transformation:
    """How coordinates get from one CRS to another."""

    source: CRS
    target: CRS

    def transformer(self) -> Transformer:
        """The PROJ pipeline; x, y in and out. Where several are known, PROJ takes the best for each place.

        Raises:
            TransformError: PROJ knows no way, or only a ballpark one.
        """
        try:
            return Transformer.from_crs(self.source, self.target, always_xy=True, allow_ballpark=False)
        except ProjError as error:
            raise TransformError(
                f"PROJ knows no transformation with a stated accuracy ({error})",
                where=f"{self.source.name} → {self.target.name}",
                remedy="Choose another CRS, or install PROJ's grids for the area.",
            ) from error

    def describe(self, bounds: tuple[float, float, float, float] | None) -> dict[str, Any]:
        """What it does, for the layer's document.

        Args:
            bounds: Of the result, in the target CRS.

        Returns:
            `from`, `to`, PROJ's `description`, `accuracy` in metres (None where unknown), and `better`: the name of a
            better one whose grids are not installed, or None.
        """
        area = degrees_area(self.target, bounds) if bounds else None
        with warnings.catch_warnings():
            # What the warning says stands in `better`.
            warnings.simplefilter("ignore", UserWarning)
            group = TransformerGroup(
                self.source,
                self.target,
                always_xy=True,
                area_of_interest=AreaOfInterest(*area) if area else None,  # type: ignore[arg-type]
                allow_ballpark=False,
            )
        best = group.transformers[0] if group.transformers else self.transformer()
        lacking = group.unavailable_operations
        return {
            "from": authority_code(self.source) or self.source.name,
            "to": authority_code(self.target) or self.target.name,
            "description": best.description,
            "accuracy": best.accuracy if best.accuracy >= 0 else None,
            "better": None if group.best_available or not lacking else lacking[0].name,
        }


_TURN, _POLE = 360.0, 90.0
"""Degrees beyond which no longitude and latitude are written."""


def transform_points(points: npt.NDArray[np.float64], transformer: Transformer, where: str) -> npt.NDArray[np.float64]:
    """Transform coordinates.

    Args:
        points: Shape (n, 2) or (n, 3): x, y and, where there is one, z.
        transformer: From `Transformation.transformer`.
        where: The source, for the error.

    Raises:
        TransformError: Some coordinates cannot be expressed in the target CRS.
    """
    columns = transformer.transform(*points.T, errcheck=False)  # type: ignore[call-overload]
    moved: npt.NDArray[np.float64] = np.column_stack(columns)
    lost = np.flatnonzero(~np.isfinite(moved).all(axis=1) & np.isfinite(points).all(axis=1))
    if lost.size:
        x, y = points[lost[0], :2]
        source = transformer.source_crs
        no_degrees = source is not None and source.is_geographic and (abs(x) > _TURN or abs(y) > _POLE)
        raise TransformError(
            f"{lost.size} coordinates cannot be transformed, the first is x {x:.10g}, y {y:.10g}",
            where=where,
            remedy="These are no degrees: say the CRS that they are in (--crs, or ST_SetSRID)."
            if no_degrees
            else "Check the CRS of the source (jeospark vectors check), or choose another target.",
        )
    return moved


def degrees_area(crs: CRS, bounds: tuple[float, float, float, float]) -> tuple[float, float, float, float] | None:
    """West, south, east, north in degrees of bounds in a CRS; None where they cannot be told."""
    try:
        to_degrees = Transformer.from_crs(crs, CRS.from_user_input(CRS84), always_xy=True)
        box = to_degrees.transform_bounds(*bounds)
    except ProjError:
        return None
    inside = -180 <= box[0] <= box[2] <= 180 and -90 <= box[1] <= box[3] <= 90
    return box if inside and np.isfinite(box).all() else None


def area_of_use(crs: CRS) -> tuple[float, float, float, float] | None:
    """Bounds, in its units, of the area that a CRS is made for; None where nobody says, or across the antimeridian."""
    area = crs.area_of_use
    if area is None or area.west > area.east:
        return None
    try:
        there = Transformer.from_crs(CRS.from_user_input(CRS84), crs, always_xy=True)
        box = there.transform_bounds(area.west, area.south, area.east, area.north, densify_pts=21)
    except ProjError:
        return None
    return box if np.isfinite(box).all() else None
