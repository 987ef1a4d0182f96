"""The tiles of Sentinel-2: 100 km squares of the Military Grid Reference System, each widened to 109.8 km.

Source of letters and bands: NGA.STND.0037, "Universal Grids and Grid Reference Systems", 2014, chapter 3. The corner
of a tile and the choice of the squares are those of ESA's "Sentinel-2 Level-1C tiling grid" (56,686 tiles): the upper
left corner of the square is moved outwards to a multiple of 60 m, counted from the equator in both hemispheres.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from jeospark.errors import GridError
from jeospark.tiling.footprints import LONLAT

SIDE = 109_800
"""Side of a tile in metres: whole pixels of 10, 20 and 60 m."""
SQUARE = 100_000
FALSE_NORTHING = 10_000_000
"""Northing of the equator in the southern UTM zones, metres."""

_COLUMNS = ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")
_ROWS = "ABCDEFGHJKLMNPQRSTUV"
_BANDS = "CDEFGHJKLMNPQRSTUVWX"
_ID = re.compile(r"(?:MGRS-|T)?(\d{1,2})([C-HJ-NP-X])([A-HJ-NP-Z])([A-HJ-NP-V])")
_SVALBARD = {31: (0.0, 9.0), 33: (9.0, 21.0), 35: (21.0, 33.0), 37: (33.0, 42.0)}
_FRAME = 31
"""The zone whose squares are transformed for all zones, which differ by their central meridian only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """A 100 km square of a UTM zone."""

    zone: int
    """1 to 60."""
    column: int
    """Easting of the western edge, 100 km."""
    row: int
    """Northing of the southern edge from the equator, 100 km; negative in the south."""

    @property
    def epsg(self) -> int:
        """Code of the tile's CRS, WGS 84 / UTM."""
        return (32600 if self.row >= 0 else 32700) + self.zone

    @property
    def corner(self) -> tuple[int, int]:
        """Easting and northing of the tile's upper left corner in its CRS, metres."""
        north = -(-(self.row + 1) * SQUARE // 60) * 60
        return self.column * SQUARE // 60 * 60, north if self.row >= 0 else north + FALSE_NORTHING


@lru_cache(1 << 16)
def normalised(tile: str) -> str:
    """Write a tile id in its five letters: `T5QKB`, `MGRS-05QKB` and `05QKB` are all `05QKB`.

    Raises:
        GridError: The text is not an MGRS tile id.
    """
    match = _ID.fullmatch(tile.upper())
    if match is None or not 1 <= int(match[1]) <= 60:
        raise GridError(f"'{tile}' is not an MGRS tile", remedy="Write zone, band, column and row, such as 29UNU.")
    return f"{int(match[1]):02d}{match[2]}{match[3]}{match[4]}"


def parse(tile: str) -> Square:
    """Find the square of a tile id.

    Raises:
        GridError: The text is not an MGRS tile id, or the zone and band have no square of these letters.
    """
    text = normalised(tile)
    zone, band = int(text[:2]), _BANDS.index(text[2])
    column = _COLUMNS[zone % 3].find(text[3]) + 1
    residue = _ROWS.index(text[4]) - _shift(zone)
    south, north = _band_limits(band)
    # A degree of latitude is 110.6 to 111.7 km; rows repeat after 2,000 km, a band is at most 1,340 km high.
    middle = (south + north) / 2 * 1.113
    row = residue + 20 * round((middle - residue) / 20)
    if column == 0 or abs(row + 0.5 - middle) > (north - south) / 2 * 1.117 + 1:
        raise GridError(f"no MGRS square '{tile}'", remedy=f"Zone {zone} band {text[2]} has no such letters.")
    return Square(zone=zone, column=column, row=row)


def _band_limits(band: int) -> tuple[int, int]:
    """Southern and northern latitude; the outer bands reach as far as Sentinel-2's tiles."""
    south = 8 * band - 80
    return (south if band else -84), (84 if band == len(_BANDS) - 1 else south + 8)


def _shift(zone: int) -> int:
    """Even zones start their row letters at F."""
    return 0 if zone % 2 else 5


def tile_id(square: Square, latitude: float) -> str:
    """Name a square by the band of its centre.

    Args:
        square: The square.
        latitude: Latitude of the square's centre, degrees.
    """
    band = _BANDS[min(max(int((latitude + 80) // 8), 0), 19)]
    column = _COLUMNS[square.zone % 3][square.column - 1]
    return f"{square.zone:02d}{band}{column}{_ROWS[(square.row + _shift(square.zone)) % 20]}"


@cache
def all_tiles() -> tuple[str, ...]:
    """Ids of the tiles that cover the Earth from 84° south to 84.6° north.

    A square belongs to a zone if the tile's centre lies east of the zone's western edge and some of the square lies
    west of its eastern edge. Zone 1 keeps all that crosses its western edge, zone 60 only what has its centre west of
    its eastern edge. This is ESA's list but for one tile in a thousand: near Norway and Svalbard, or with the centre
    on an edge.
    """
    columns, rows = (axis.ravel() for axis in np.meshgrid(np.arange(1, 9), np.arange(-93, 94)))
    ends, centre, latitude = _in_frame(columns, rows)
    names: list[str] = []
    for zone in range(1, 61):
        keep = _belongs(zone, ends, centre, latitude)
        names.extend(
            tile_id(Square(zone=zone, column=int(columns[i]), row=int(rows[i])), float(latitude[i]))
            for i in np.flatnonzero(keep)
        )
    return tuple(names)


def _in_frame(
    columns: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Longitudes of squares' western and eastern ends and of tiles' centres, and latitudes of squares' centres."""
    to_degrees = Transformer.from_crs(32600 + _FRAME, LONLAT, always_xy=True)
    corners = [
        to_degrees.transform((columns + right) * SQUARE, (rows + up) * SQUARE)[0] for right in (0, 1) for up in (0, 1)
    ]
    ends = np.stack([np.min(corners, axis=0), np.max(corners, axis=0)])
    x, y = columns * SQUARE // 60 * 60, -(-(rows + 1) * SQUARE // 60) * 60
    centre, _ = to_degrees.transform(x + SIDE / 2, y - SIDE / 2)
    _, latitude = to_degrees.transform((columns + 0.5) * SQUARE, (rows + 0.5) * SQUARE)
    return ends, centre, latitude


def _belongs(
    zone: int, ends: NDArray[np.float64], centre: NDArray[np.float64], latitude: NDArray[np.float64]
) -> NDArray[np.bool_]:
    first, last = _limits(zone, latitude)
    begins: NDArray[np.bool_] = ends[1] > first if zone == 1 else centre > first
    # Squares are symmetric about the central meridian, the centres of tiles are not.
    finishes: NDArray[np.bool_] = ends.mean(axis=0) < last if zone == 60 else ends[0] < last
    return begins & finishes


def _limits(zone: int, latitude: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Western and eastern edge of a zone at latitudes, degrees from its regular western edge."""
    regular = 6.0 * (zone - _FRAME)
    first, last = np.zeros_like(latitude), np.full_like(latitude, 6.0)
    norway, svalbard = (latitude >= 56) & (latitude < 64), latitude >= 72
    if zone == 31:
        # The column that starts at 3° E is kept.
        last[norway] = 3.01
    if zone == 32:
        first[norway] = -3.0
    if 31 <= zone <= 37:
        # The even zones are left out: an interval that ends before it begins.
        west, east = _SVALBARD.get(zone, (regular, regular - 1000.0))
        first[svalbard], last[svalbard] = west - regular, east - regular
    return first, last
