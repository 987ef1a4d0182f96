"""Grids in words."""

from collections.abc import Sequence
from difflib import get_close_matches

from jeospark.errors import GridError
from jeospark.tiling.regular import RegularTiling
from jeospark.tiling.sentinel2 import MgrsTiling

_MERCATOR_HALF = 20037508.342789244
"""Half the equator of EPSG:3857, a sphere of radius 6,378,137 m; metres."""
_MERCATOR_SIDE = 4096
"""Rows and columns of a tile; of a level that has fewer, all of it."""
_DEFAULTS = ("10", "10000x10000", "0,0")
"""Resolution (of EPSG:3035 only), tile shape, origin; on EPSG:3035 the 100 km cells of the EEA reference grid."""
_EXAMPLES = "Write mgrs:10, webmercator:12, EPSG:3035, or such as EPSG:3035:10:1000x1000:0,0."


def tiling_of(text: str) -> RegularTiling | MgrsTiling:
    """Make a tiling from words, see `jeospark.grid.Grid.parse`.

    Raises:
        GridError: The text is of another form, or the CRS is unknown.
    """
    parts = text.strip().split(":")
    name = parts[0].lower()
    if name == "mgrs" and len(parts) <= 2:
        return MgrsTiling(resolution=_whole(text, parts[1]) if len(parts) == 2 else 10)
    if name == "webmercator" and len(parts) == 2:
        return _web_mercator(text, _whole(text, parts[1]))
    return _any(text, parts)


def _web_mercator(text: str, zoom: int) -> RegularTiling:
    if zoom > 24:
        raise GridError(f"no zoom level {zoom}", where=text, remedy="Levels go from 0 to 24.")
    size, side = 2 * _MERCATOR_HALF / 256 / 2**zoom, min(256 << zoom, _MERCATOR_SIDE)
    count = (256 << zoom) // side
    return RegularTiling(
        alias=f"webmercator:{zoom}",
        crs="EPSG:3857",
        resolution=(size, size),
        origin=(-_MERCATOR_HALF, _MERCATOR_HALF),
        tile_shape=(side, side),
        count=(count, count),
    )


def _any(text: str, parts: Sequence[str]) -> RegularTiling:
    crs, given = ":".join(parts[:2]).upper(), parts[2:]
    if len(given) > len(_DEFAULTS) or not (given or crs == "EPSG:3035"):
        raise _unreadable(text)
    size, shape, origin = [*given, *_DEFAULTS[len(given) :]]
    rows, columns = _numbers(text, shape.split("x"))
    return RegularTiling(
        crs=crs,
        resolution=_numbers(text, size.split("x") if "x" in size else [size, size]),
        origin=_numbers(text, origin.split(",")),
        tile_shape=(_pixels(text, rows), _pixels(text, columns)),
    )


def _numbers(text: str, parts: Sequence[str]) -> tuple[float, float]:
    try:
        first, second = (float(part) for part in parts)
    except ValueError as error:
        raise _unreadable(text) from error
    return first, second


def _pixels(text: str, number: float) -> int:
    if number < 0 or not number.is_integer():
        raise _unreadable(text)
    return int(number)


def _whole(text: str, part: str) -> int:
    if not part.isascii() or not part.isdigit():
        raise _unreadable(text)
    return int(part)


def _unreadable(text: str) -> GridError:
    near = get_close_matches(text.partition(":")[0].lower(), ("mgrs", "webmercator"), n=1)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    return GridError(f"'{text}' is not a grid", remedy=hint + _EXAMPLES)
