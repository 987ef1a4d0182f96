"""A log-log chart as SVG."""

from collections.abc import Mapping, Sequence
from html import escape
from math import log10

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 210, 36, 56
COLOURS = ("#1f5fa8", "#8a8f98", "#c2571a", "#3f8f4f")
Line = Sequence[tuple[float, float]]


def chart(title: str, x: str, y: str, lines: Mapping[str, Line], ticks: Sequence[float]) -> str:
    """Lines with their names at the right; all values are positive.

    Args:
        title: Above the chart.
        x: Name of the axis, as `y`.
        y: Name of the axis.
        lines: Points of each.
        ticks: Values that the axis of x names.
    """
    ys = [value for line in lines.values() for _, value in line]
    low, high = 10 ** _floor(min(ys)), 10 ** (_floor(max(ys)) + 1)
    plane = _Plane(min(ticks), max(ticks), low, high)
    powers = [10.0**power for power in range(_floor(low), _floor(high) + 1)]
    body = [
        f'<text x="{LEFT}" y="20" font-weight="bold">{escape(title)}</text>',
        *(plane.vertical(tick) for tick in ticks),
        *(plane.horizontal(power) for power in powers),
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(x)}</text>',
        f'<text transform="translate(16 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(y)}</text>',
        *(plane.line(line, colour) for line, colour in zip(lines.values(), COLOURS, strict=False)),
        *_labels(plane, lines),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="13"><rect width="100%" height="100%" fill="#fff"/>{"".join(body)}</svg>\n'
    )


def _floor(value: float) -> int:
    return int(log10(value) // 1)


def _labels(plane: "_Plane", lines: Mapping[str, Line]) -> list[str]:
    """Names beside the lines' ends, moved apart where they would overlap."""
    ends = sorted((plane.at(*line[-1])[1], name, colour)
                  for (name, line), colour in zip(lines.items(), COLOURS, strict=False))  # fmt: skip
    texts, below = [], float("-inf")
    for y, name, colour in ends:
        below = max(y + 4, below + 16)
        texts.append(f'<text x="{WIDTH - RIGHT + 8}" y="{below:.1f}" fill="{colour}">{escape(name)}</text>')
    return texts


class _Plane:
    """Values to places in the drawing."""

    def __init__(self, x0: float, x1: float, y0: float, y1: float) -> None:
        self._x, self._y = (log10(x0), log10(x1)), (log10(y0), log10(y1))

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Place of a point."""
        (x0, x1), (y0, y1) = self._x, self._y
        across, up = (log10(x) - x0) / (x1 - x0), (log10(y) - y0) / (y1 - y0)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    def vertical(self, x: float) -> str:
        """A grid line with its value."""
        place, _ = self.at(x, 1.0)
        line = f'<line x1="{place:.1f}" x2="{place:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#e3e5e8"/>'
        return f'{line}<text x="{place:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{x:g}</text>'

    def horizontal(self, y: float) -> str:
        """A grid line with its value."""
        _, place = self.at(1.0, y)
        line = f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place:.1f}" y2="{place:.1f}" stroke="#e3e5e8"/>'
        return f'{line}<text x="{LEFT - 8}" y="{place + 4:.1f}" text-anchor="end">{y:g}</text>'

    def line(self, points: Line, colour: str) -> str:
        """A line through points."""
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in (self.at(*point) for point in points))
        return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
