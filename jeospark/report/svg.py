"""Drawings of a report as inline SVG; colours come from classes that the page's style sheet defines."""

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape

import pyarrow as pa
import pyarrow.compute as pc

from jeospark.report.numbers import NOTHING, Tally, percent, tallies
from jeospark.report.record import TileArea

WIDTH = 560.0
SIDE, TOP, BOTTOM = 58.0, 12.0, 24.0
"""Room for the graticule's labels, in drawing units."""
MAX_HEIGHT = 340.0
MAX_ROWS, MAX_COLUMNS = 60, 72
"""Cells of the matrix that a page can show."""
CELL = 18
STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)
"""Graticule spacings, degrees."""
Ring = Sequence[tuple[float, float]]


def state(of: Tally) -> str:
    """CSS classes of units: none, failed, kept (unknown share), or s0 to s5 by valid share; some-failed beside it."""
    if of.failed == of.units:
        return "failed" if of.failed else "none"
    fill = "kept" if of.share is None else f"s{math.ceil(5 * of.share)}"
    return f"{fill} some-failed" if of.failed else fill


def describe(of: Tally) -> str:
    """What a cell's tool tip says of its units."""
    parts = [f"{percent(of.share)} usable"] if of.share is not None else []
    parts += [f"{of.failed} failed"] if of.failed else []
    return ", ".join(parts) or ("unchanged" if of.units else "no unit")


def coverage_map(tiles: Sequence[TileArea], by_tile: Mapping[tuple[str, ...], Tally]) -> str:
    """Tiles in longitude and latitude, coloured by the share of usable pixels, over a graticule."""
    # A tile across the antimeridian has a ring on either side.
    rings = list(zip((area.tile for area in tiles), _unwrapped([area.ring for area in tiles]), strict=True))
    plane = _Plane([point for _, ring in rings for point in ring])
    shapes = "".join(_tile(name, ring, by_tile.get((name,), NOTHING), plane) for name, ring in rings)
    labels = "".join(_tile_label(name, ring, plane) for name, ring in dict(rings).items()) if len(rings) <= 40 else ""
    box = f"0 0 {WIDTH:.0f} {plane.height:.0f}"
    return (
        f'<svg class="map" viewBox="{box}" role="img" aria-label="Coverage by tile">'
        f"{''.join(_graticule(plane))}{shapes}{labels}</svg>"
    )


class _Plane:
    """Degrees to drawing units: equirectangular, true to scale in the middle latitude."""

    def __init__(self, points: Ring) -> None:
        xs, ys = zip(*points, strict=True)
        grow = 0.08 * max(max(xs) - min(xs), max(ys) - min(ys), 1e-4)
        self.west, self.east = min(xs) - grow, max(xs) + grow
        self.south, self.north = max(min(ys) - grow, -90.0), min(max(ys) + grow, 90.0)
        self._flat = max(math.cos(math.radians((self.south + self.north) / 2)), 0.05)
        wide = (self.east - self.west) * self._flat
        high = self.north - self.south
        self._scale = min((WIDTH - 2 * SIDE) / wide, MAX_HEIGHT / high)
        self._left = (WIDTH - self._scale * wide) / 2
        self.height = self._scale * high + TOP + BOTTOM

    def at(self, lon: float, lat: float) -> tuple[float, float]:
        """Place of a point in the drawing."""
        return self._left + (lon - self.west) * self._flat * self._scale, TOP + (self.north - lat) * self._scale


def _unwrapped(rings: Sequence[Ring]) -> list[Ring]:
    """Rings east of the antimeridian moved beside those west of it, where they are nearer so."""
    longitudes = [lon for ring in rings for lon, _ in ring]
    if max(longitudes) - min(longitudes) <= 180:
        return list(rings)
    return [[(lon + 360 if lon < 0 else lon, lat) for lon, lat in ring] for ring in rings]


def _tile(name: str, ring: Ring, of: Tally, plane: _Plane) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (plane.at(*point) for point in ring))
    title = f"<title>{escape(name)}: {describe(of)}</title>"
    return f'<polygon class="tile {state(of)}" points="{path}">{title}</polygon>'


def _tile_label(name: str, ring: Ring, plane: _Plane) -> str:
    xs, ys = zip(*(plane.at(*point) for point in ring), strict=True)
    if max(xs) - min(xs) < 6.5 * len(name):
        return ""
    x, y = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
    return f'<text class="tile-label" x="{x:.1f}" y="{y + 4:.1f}">{escape(name)}</text>'


def _graticule(plane: _Plane) -> Iterator[str]:
    """Lines with their labels at the left and at the bottom."""
    span = max(plane.east - plane.west, plane.north - plane.south)
    step = next((step for step in STEPS if span / step <= 5), STEPS[-1])
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    (left, bottom), (right, top) = plane.at(plane.west, plane.south), plane.at(plane.east, plane.north)
    yield f'<rect class="frame" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"/>'
    for lon in _multiples(plane.west, plane.east, step):
        x, _ = plane.at(lon, plane.south)
        yield f'<line class="grid" x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" y2="{bottom:.1f}"/>'
        yield f'<text class="lon" x="{x:.1f}" y="{bottom + 16:.1f}">{_degrees(_wrapped(lon), digits, "EW")}</text>'
    for lat in _multiples(plane.south, plane.north, step):
        _, y = plane.at(plane.west, lat)
        yield f'<line class="grid" x1="{left:.1f}" y1="{y:.1f}" x2="{right:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="lat" x="{left - 6:.1f}" y="{y + 4:.1f}">{_degrees(lat, digits, "NS")}</text>'


def _multiples(low: float, high: float, step: float) -> list[float]:
    return [index * step for index in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _wrapped(lon: float) -> float:
    return lon - 360 if lon > 180 else lon


def _degrees(value: float, digits: int, letters: str) -> str:
    return f"{abs(value):.{digits}f}°{letters[0] if value >= 0 else letters[1]}"


def matrix(outcomes: pa.Table) -> str:
    """Tiles down, periods across, each unit a cell; at most `MAX_ROWS` by `MAX_COLUMNS` of them.

    Args:
        outcomes: Rows of `jeospark.schema.OUTCOMES`, one or more.
    """
    rows = sorted(pc.unique(outcomes.column("tile")).to_pylist())[:MAX_ROWS]
    columns = sorted(pc.unique(outcomes.column("period")).to_pylist())[:MAX_COLUMNS]
    drawn = outcomes.filter(pc.field("tile").isin(rows) & pc.field("period").isin(columns))
    cells = tallies(drawn, ["tile", "period"])
    left = 12 + 7 * max(len(tile) for tile in rows)
    top = 12 + 5 * max(len(period) for period in columns)
    width, height = left + CELL * len(columns) + 40, top + CELL * len(rows) + 4
    body = [
        *(f'<text class="row" x="{left - 6}" y="{top + CELL * row + 13}">{escape(tile)}</text>'
          for row, tile in enumerate(rows)),
        *(f'<text class="col" transform="translate({left + CELL * column + 12} {top - 5}) rotate(-45)">'
          f"{escape(period)}</text>" for column, period in enumerate(columns)),
        *(_cell(left + CELL * column, top + CELL * row, f"{tile}/{period}", cells.get((tile, period), NOTHING))
          for row, tile in enumerate(rows) for column, period in enumerate(columns)),
    ]  # fmt: skip
    return (
        f'<svg class="matrix" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="Units by tile and period">{"".join(body)}</svg>'
    )


def _cell(x: int, y: int, name: str, of: Tally) -> str:
    side = CELL - 2
    title = f"<title>{escape(name)}: {describe(of)}</title>"
    return f'<rect class="tile {state(of)}" x="{x}" y="{y}" width="{side}" height="{side}" rx="2">{title}</rect>'
