"""Where a raster lies, and how its pixels meet those of an output grid."""

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from math import isclose, pi

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.io import DatasetReader

from jeospark.errors import NoCrsError, NotRectifiedError
from jeospark.model import Source, Transform
from jeospark.raster.window import Window, split

PIXEL_TOLERANCE = 1e-3
"""Grids whose pixel edges differ by less than this part of a pixel are one grid: coordinates are rounded in files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A north-up raster on the ground."""

    crs: CRS
    transform: Affine
    """Always north-up (e < 0); see `flipped`."""
    shape: tuple[int, int]
    """(rows, columns)."""
    flipped: bool
    """True where the file holds its southernmost row first."""

    @property
    def turn(self) -> float:
        """Columns once round the Earth, whose multiples are one place; 0 where the CRS does not go round."""
        return turn_of(self.crs) / self.transform.a

    @property
    def around(self) -> int:
        """The same, where they are whole columns, so that one beyond the edge lies on one on the other side; else 0."""
        whole = round(self.turn)
        return whole if isclose(self.turn, whole, abs_tol=PIXEL_TOLERANCE) else 0

    def unrolled(self, window: Window) -> list[tuple[Window, Window]]:
        """Parts of a window of source pixels, and where each is held: columns are counted round the Earth.

        Those that the raster has more than once are taken from its beginning.
        """
        around, end = self.around, window.col + window.cols
        if not around or (window.col >= 0 and end <= max(around, self.shape[1])):
            return [(window, window)]
        cuts = split(Window(0, window.col, 1, window.cols), 1, around)
        return [
            (
                Window(window.row, cut.col, window.rows, cut.cols),
                Window(window.row, cut.col % around, window.rows, cut.cols),
            )
            for cut in cuts
        ]


@dataclass(frozen=True, slots=True)
class Target:
    """The grid that pixels are wanted on; windows count from its first pixel and may lie outside any tile."""

    crs: str
    transform: Transform

    @property
    def affine(self) -> Affine:
        """The transform as an `affine.Affine`."""
        return Affine(*self.transform)


class Fit(Enum):
    """How source pixels become target pixels."""

    SAME = "same"
    """One to one."""
    REPEAT = "repeat"
    """A source pixel covers n × n target pixels exactly."""
    AVERAGE = "average"
    """n × n source pixels cover a target pixel exactly."""
    WARP = "warp"
    """Anything else: another CRS, resolution or phase."""


@dataclass(frozen=True, slots=True)
class Relation:
    """The fit of a source to a target, with the whole numbers that describe it."""

    fit: Fit
    factor: int = 1
    """The n of `Fit.REPEAT` and `Fit.AVERAGE`."""
    row: int = 0
    """Target row 0 in pixels of the finer of the two grids, counted from the source's first edge."""
    col: int = 0
    """As `row`, for columns."""


@lru_cache(maxsize=256)
def parse_crs(text: str) -> CRS:
    """The CRS of an `EPSG:nnnn` code or WKT.

    Raises:
        NoCrsError: The text names no CRS.
    """
    try:
        return CRS.from_user_input(text)
    except CRSError as error:
        raise NoCrsError(f"'{text}' is no CRS ({error})", remedy="Give an EPSG code or WKT 2.") from error


def locate(dataset: DatasetReader, source: Source) -> Placement:
    """Place a dataset by its own georeference, or by the catalogue's where the file has none, or a nameless CRS.

    Raises:
        NoCrsError: Neither names a CRS.
        NotRectifiedError: Rotated, sheared, placed by ground control points only, or not placed at all.
    """
    transform = _transform(dataset, source)
    crs = dataset.crs
    if source.crs and (crs is None or not _registered(crs)):
        # What a file spells out loosely, the catalogue has looked up in the register.
        crs = parse_crs(source.crs)
    if crs is None:
        raise NoCrsError(
            "the raster has no coordinate reference system",
            where=source.href,
            remedy="Assign one with `gdal_edit.py -a_srs`, or declare `proj:code` in its STAC item.",
        )
    rows, cols = dataset.shape
    flipped = transform.e > 0
    if flipped:
        transform = transform @ Affine.translation(0, rows) @ Affine.scale(1, -1)
    return Placement(crs=crs, transform=transform, shape=(rows, cols), flipped=flipped)


@lru_cache(maxsize=256)
def _registered(crs: CRS) -> bool:
    """True where the CRS is one of the EPSG register's."""
    return crs.to_epsg() is not None


def _transform(dataset: DatasetReader, source: Source) -> Affine:
    transform: Affine = dataset.transform
    # Of a netCDF variable GDAL always says that the first row is the northernmost; the catalogue has looked.
    if source.transform is not None and (transform.is_identity or source.variable is not None):
        transform = Affine(*source.transform)
    if transform.is_identity:
        cause = "is placed by ground control points only" if dataset.gcps[0] else "has no geotransform"
        raise NotRectifiedError(f"the raster {cause}", where=source.href, remedy="Rectify it first, with `gdalwarp`.")
    (rows, cols), (a, b, c, d, e, f) = dataset.shape, tuple(transform)[:6]
    if not np.isfinite((a, b, c, d, e, f)).all() or a * e == b * d:
        raise NotRectifiedError(
            f"the raster's pixels have no size or place ({a:g}, {b:g}, {c:g}, {d:g}, {e:g}, {f:g})",
            where=source.href,
            remedy="Mend its geotransform with `gdal_edit.py -a_ullr`, or fetch it again.",
        )
    # What rounding leaves of a rotation moves no pixel.
    if abs(b) * rows > PIXEL_TOLERANCE * abs(a) or abs(d) * cols > PIXEL_TOLERANCE * abs(e):
        raise NotRectifiedError(
            f"the raster is rotated or sheared (b = {b:g}, d = {d:g})",
            where=source.href,
            remedy="Rectify it first, with `gdalwarp`.",
        )
    return Affine(a, 0.0, c, 0.0, e, f)


def relate(placement: Placement, target: Target) -> Relation:
    """How the pixels of a placed raster meet those of the target."""
    ours, theirs = placement.transform, target.affine
    if not same_crs(placement.crs, target.crs) or _passes_antimeridian(placement):
        return Relation(Fit.WARP)
    coarser = _whole_ratio(ours, theirs)
    finer = _whole_ratio(theirs, ours)
    if coarser is None and finer is None:
        return Relation(Fit.WARP)
    unit = theirs if finer is None else ours
    col = (theirs.c - ours.c) / unit.a
    row = (theirs.f - ours.f) / unit.e
    if abs(col - round(col)) > PIXEL_TOLERANCE or abs(row - round(row)) > PIXEL_TOLERANCE:
        return Relation(Fit.WARP)
    if finer is None:
        return Relation(Fit.REPEAT, coarser or 1, round(row), round(col))
    fit = Fit.SAME if finer == 1 else Fit.AVERAGE
    return Relation(fit, finer, round(row), round(col))


def turn_of(crs: CRS) -> float:
    """Once round the Earth in the units of a geographic CRS; 0 where the CRS does not go round."""
    return 2 * pi / crs.units_factor[1] if crs.is_geographic else 0.0


def _passes_antimeridian(placement: Placement) -> bool:
    """True where columns lie beyond 180 degrees, whose places have longitudes of -180 to 180 in other grids.

    Where a turn is whole columns, such places are the same pixels.
    """
    if placement.around:
        return False
    half, across = turn_of(placement.crs) / 2, placement.transform.a
    west, east = placement.transform.c, placement.transform.c + placement.shape[1] * across
    return half > 0 and (west < -half - PIXEL_TOLERANCE * across or east > half + PIXEL_TOLERANCE * across)


def project(
    source: CRS, target: CRS, xs: NDArray[np.float64], ys: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points (x, y) of one CRS in another; infinite where that cannot map them, for which rasterio's own raises.

    Raises:
        NoCrsError: PROJ knows no way from one to the other.
    """
    x, y = _transformer(source, target).transform(xs, ys)
    return np.asarray(x), np.asarray(y)


@lru_cache(maxsize=64)
def _transformer(source: CRS, target: CRS) -> Transformer:
    try:
        return Transformer.from_crs(source.to_wkt(), target.to_wkt(), always_xy=True)
    except ProjError as error:
        raise NoCrsError(
            f"there is no way from '{_named(source)}' to '{_named(target)}' ({error})",
            remedy="Assign the raster's true CRS with `gdal_edit.py -a_srs`, or fetch it again if it is damaged.",
        ) from error


def _named(crs: CRS) -> str:
    return str(crs.to_string())[:80]


@lru_cache(maxsize=1024)
def same_crs(crs: CRS, text: str) -> bool:
    """True where `text` names the CRS `crs`."""
    return bool(crs == parse_crs(text))


def _whole_ratio(coarse: Affine, fine: Affine) -> int | None:
    """How many pixels of `fine` span one of `coarse`, where that is a whole number and the same on both axes."""
    across, down = coarse.a / fine.a, coarse.e / fine.e
    whole = round(across)
    exact = isclose(across, whole, rel_tol=1e-6) and isclose(down, whole, rel_tol=1e-6)
    return whole if whole >= 1 and exact else None
