"""Tiles of one shape in one CRS."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

import numpy as np
import shapely
from numpy.typing import NDArray

from jeospark.errors import ExtentError, GridError
from jeospark.tiling.extent import BBox, PixelExtent, check_area, known_crs, turn_of
from jeospark.tiling.footprints import Floats, Geometries, Integers, cut, outlines, projected_bounds
from jeospark.tiling.pairs import MARGIN, degrees, furthest, near, sorted_pairs

MOST_TILES = 1 << 20
"""Under one item: their outlines take 5 GB."""


@dataclass(frozen=True, slots=True, order=True)
class TileIndex:
    """Place of a tile; rows count southwards, columns eastwards, from tile (0, 0) at the grid's origin."""

    row: int
    col: int

    @property
    def text(self) -> str:
        """Such as r0012c-0034; at least four digits."""
        return f"r{_padded(self.row)}c{_padded(self.col)}"

    @classmethod
    def parse(cls, text: str) -> "TileIndex":
        """Read what `text` writes.

        Raises:
            GridError: The text is of another form.
        """
        match = re.fullmatch(r"r(-?\d+)c(-?\d+)", text)
        index = cls(int(match[1]), int(match[2])) if match else None
        if index is None or index.text != text:
            raise GridError(f"'{text}' is not a tile", remedy="Write row and column, such as r0012c-0034.")
        return index


def _padded(number: int) -> str:
    return f"{'-' if number < 0 else ''}{abs(number):04d}"


def _written(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegularTiling:
    """North-up tiles, without end in all directions unless they are counted."""

    crs: str
    """`EPSG:nnnn` or another authority's code."""
    resolution: tuple[float, float]
    """Width and height of a pixel, positive, in units of the CRS."""
    origin: tuple[float, float]
    """x and y of the outer corner of pixel (0, 0) of tile (0, 0)."""
    tile_shape: tuple[int, int]
    """(rows, columns) in pixels."""
    alias: str = ""
    """A shorter name that `words.tiling_of` knows."""
    count: tuple[int, int] | None = None
    """Rows and columns of tiles, from tile (0, 0) on; None for tiles without end."""

    def __post_init__(self) -> None:
        """Check what the constructor was given."""
        known = known_crs(self.crs)
        if not (known.is_projected or known.is_geographic):
            remedy = "Take a projected CRS, or one of longitude and latitude."
            raise GridError(f"a {known.type_name} has no plane for pixels", where=self.crs, remedy=remedy)
        if not all(np.isfinite((*self.resolution, *self.origin))) or min(self.resolution) <= 0:
            raise GridError(
                f"no grid has the resolution {self.resolution} and the origin {self.origin}", where=self.crs
            )
        if min(self.tile_shape) < 1:
            raise GridError(f"no tile has {self.tile_shape} pixels", where=self.crs, remedy="Give rows x columns.")

    @property
    def name(self) -> str:
        """The alias, or CRS, resolution, tile shape and origin, such as EPSG:3035:10:1000x1000:0,0."""
        x, y = (_written(value) for value in self.resolution)
        left, top = (_written(value) for value in self.origin)
        rows, columns = self.tile_shape
        return self.alias or f"{self.crs}:{x if x == y else f'{x}x{y}'}:{rows}x{columns}:{left},{top}"

    def check(self, area: BBox) -> None:
        """Refuse an area outside the CRS's area of use.

        Raises:
            ExtentError: They do not meet.
        """
        used = known_crs(self.crs).area_of_use
        if used is not None:
            check_area(area, used.bounds, self.crs)

    def extent(self, tile: str) -> PixelExtent:
        """Place the pixels of a tile.

        Raises:
            GridError: The text is not a tile, or the grid ends before it.
        """
        index = TileIndex.parse(tile)
        if self.count is not None and not (0 <= index.row < self.count[0] and 0 <= index.col < self.count[1]):
            rows, columns = self.count
            raise GridError(f"no tile '{tile}'", where=self.name, remedy=f"The grid has {rows} x {columns} tiles.")
        left, _, _, top = self._bounds(np.array([index.row]), np.array([index.col]))[0].tolist()
        x, y = self.resolution
        return PixelExtent(crs=self.crs, transform=(x, 0.0, left, 0.0, -y, top), shape=self.tile_shape)

    def tiles_over(self, area: BBox) -> tuple[str, ...]:
        """Name the tiles that the bounds of an area touch, sorted.

        Raises:
            ExtentError: The area has no place in the CRS.
        """
        x0, y0, x1, y1 = (np.array([edge]) for edge in area.bounds_in(self.crs))
        rows_columns = self._ranges(x0, y0, x1, y1)
        first_row, last_row, first_col, last_col = (int(number[0]) for number in rows_columns)
        rows, columns = range(first_row, last_row + 1), range(first_col, last_col + 1)
        if not rows or not columns:
            raise ExtentError(f"the area {area.lonlat} has no place in {self.crs}")
        return tuple(sorted(TileIndex(row, col).text for row in rows for col in columns))

    def tiles_for_bboxes(
        self, west: Floats, south: Floats, east: Floats, north: Floats
    ) -> tuple[Integers, Integers, Integers, Integers]:
        """Bound the tiles that boxes of longitude and latitude may reach into.

        Args:
            west: Degrees, shape (n,), as the other edges; west > east crosses the antimeridian.
            south: See `west`.
            east: See `west`.
            north: See `west`.

        Returns:
            First row, last row, first column, last column, both ends included; the last comes before the first where
            the box has no place in the CRS.
        """
        return self._ranges(*projected_bounds(self.crs, west, south, east, north))

    def assign(
        self, footprints: Geometries, mgrs: Sequence[str | None], margin: float, area: BBox | None
    ) -> tuple[Integers, NDArray[np.str_]]:
        """See `jeospark.grid.Grid.assign`; tiles outside the area may come too."""
        del mgrs
        parts, item = shapely.get_parts(shapely.from_wkb(footprints), return_index=True)
        part, row, col, certain = self._candidates(parts, margin, area)
        least, width = col.min(initial=0), col.max(initial=0) - col.min(initial=0) + 1
        code, which = np.unique(row * width + (col - least), return_inverse=True)
        rows, columns = code // width, code % width + least
        open_pairs = np.flatnonzero(~certain)
        shapely.prepare(parts)
        meets = certain.copy()
        meets[open_pairs] = near(parts[part[open_pairs]], self._outlines(rows, columns)[which[open_pairs]], margin)
        names = np.array(
            [TileIndex(*place).text for place in zip(rows.tolist(), columns.tolist(), strict=True)], dtype=np.str_
        )
        return sorted_pairs(item[part[meets]], which[meets], names)

    def _candidates(
        self, parts: Geometries, margin: float, area: BBox | None
    ) -> tuple[Integers, Integers, Integers, NDArray[np.bool_]]:
        """Pair polygons with the tiles under their boxes: polygon, row, column, and whether it is the only tile."""
        reach = degrees(margin, furthest(parts))
        west, south, east, north = shapely.bounds(parts).T
        south, north = np.maximum(south - reach, -90.0), np.minimum(north + reach, 90.0)
        boxes = west - reach, south, east + reach, north
        of, west, south, east, north = self._turned(*(boxes if area is None else cut(*boxes, area.lonlat)))
        first_row, last_row, first_col, last_col = self.tiles_for_bboxes(west, south, east, north)
        high, wide = np.maximum(last_row - first_row + 1, 0), np.maximum(last_col - first_col + 1, 0)
        count = high * wide
        if (high.astype(np.float64) * wide > MOST_TILES).any():
            raise GridError(
                f"an item lies on more than {MOST_TILES:,} tiles",
                where=self.name,
                remedy="Take larger pixels, which are in units of the CRS, or larger tiles.",
            )
        box = np.repeat(np.arange(len(of)), count)
        nth = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return of[box], first_row[box] + nth // wide[box], first_col[box] + nth % wide[box], (count == 1)[box]

    def turned(self, shapes: Geometries) -> Geometries:
        """Bring polygons of the grid's CRS to where its tiles are, see `_first`; those that lie across are cut.

        Args:
            shapes: In the CRS of the grid, shape (n,); infinite coordinates stay.
        """
        first, turn = self._first, turn_of(self.crs)
        if first is None:
            return shapes
        west, _, east, _ = shapely.bounds(shapes).T
        known = np.isfinite(west) & np.isfinite(east)
        moved = shapes.copy()
        for at in np.flatnonzero(known & ((west < first) | (east > first + turn))).tolist():
            turns = range(floor((west[at] - first) / turn), ceil((east[at] - first) / turn))
            moved[at] = shapely.union_all([_moved(shapes[at], first, first + turn, turn * number) for number in turns])
        return moved

    @property
    def _first(self) -> float | None:
        """From where longitudes are counted, where the first tile lies beyond the antimeridian, as of 0 to 360 degrees.

        None where they are counted from the antimeridian, and where the CRS does not go round.
        """
        turn, left = turn_of(self.crs), self.origin[0]
        right = left + self.tile_shape[1] * self.resolution[0]
        return None if not turn or (left >= -turn / 2 and right <= turn / 2) else left

    def _turned(
        self, west: Floats, south: Floats, east: Floats, north: Floats
    ) -> tuple[Integers, Floats, Floats, Floats, Floats]:
        """Boxes in the longitudes of the grid: number of the box that each was, and its edges."""
        if self._first is None:
            return np.arange(len(west)), west, south, east, north
        first = self._first * 360.0 / turn_of(self.crs)
        shifts = np.arange(np.floor((first - 180.0) / 360.0), np.ceil((first + 180.0) / 360.0) + 1)[:, None] * 360.0
        begin, end = np.maximum(west + shifts, first), np.minimum(east + shifts, first + 360.0)
        turned, of = np.nonzero(begin < end)
        return of, begin[turned, of], south[of], end[turned, of], north[of]

    def _outlines(self, rows: Integers, columns: Integers) -> Geometries:
        x, y = self.resolution
        return outlines(self.crs, self._bounds(rows, columns) + MARGIN * np.array([x, y, -x, -y]))

    def _bounds(self, rows: Integers, columns: Integers) -> Floats:
        """Least x, least y, greatest x, greatest y, shape (n, 4).

        Whole pixels are counted before the resolution comes in, so that neighbours share their edge to the last bit.
        """
        (high, wide), (x, y) = self.tile_shape, self.resolution
        left, right = self.origin[0] + columns * wide * x, self.origin[0] + (columns + 1) * wide * x
        top, bottom = self.origin[1] - rows * high * y, self.origin[1] - (rows + 1) * high * y
        return np.stack([left, bottom, right, top], axis=1)

    def _ranges(self, x0: Floats, y0: Floats, x1: Floats, y1: Floats) -> tuple[Integers, Integers, Integers, Integers]:
        (high, wide), (x, y) = self.tile_shape, self.resolution
        rows = _span((self.origin[1] - y1) / y, (self.origin[1] - y0) / y, high)
        columns = _span((x0 - self.origin[0]) / x, (x1 - self.origin[0]) / x, wide)
        if self.count is None:
            return *rows, *columns
        (first_row, last_row), (first_col, last_col) = rows, columns
        last_row, last_col = np.minimum(last_row, self.count[0] - 1), np.minimum(last_col, self.count[1] - 1)
        return np.maximum(first_row, 0), last_row, np.maximum(first_col, 0), last_col


def _moved(shape: shapely.Geometry, left: float, right: float, by: float) -> shapely.Geometry:
    """What of a polygon lies between two longitudes and some turns further east, brought back."""
    x0, y0, x1, y1 = shape.bounds
    part = shapely.intersection(shape, shapely.box(max(left + by, x0), y0, min(right + by, x1), y1))
    return shapely.transform(part, lambda points: points - np.array([by, 0.0]))


def _span(first: Floats, last: Floats, size: int) -> tuple[Integers, Integers]:
    """First and last tile of `size` pixels under an interval counted in pixels, less the margin at both ends."""
    known = np.isfinite(first) & np.isfinite(last)
    begin = np.floor((np.where(known, first, 0.0) + MARGIN) / size).astype(np.int64)
    end = np.ceil((np.where(known, last, 0.0) - MARGIN) / size).astype(np.int64) - 1
    return begin, np.where(known, np.maximum(begin, end), begin - 1)
