"""How many points lie in each pixel of a grid: rows (tile, period, pixel, count), and COGs made of them.

Pixels travel as rows here only where there is a point.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jeospark.errors import ArgumentError, FeedError, GridError
from jeospark.periods import PERIODS, labels
from jeospark.tiling.regular import RegularTiling, TileIndex
from jeospark.vector.helpers_geometry import code_of, column, geometry_column, srid_of, st

EAST, SOUTH = 180.0, -90.0
"""Degrees."""
INSIDE = 1e-6
"""Part of a pixel by which the south pole is brought in."""
PIXELS = "tile string, period string, pixel bigint, key string, number bigint"
"""`pixel` counts along the rows of the tile; `key` is null where points are counted, not what they are of."""
_ARROW = pa.schema(
    [
        ("tile", pa.string()),
        ("period", pa.string()),
        ("pixel", pa.int64()),
        ("key", pa.string()),
        ("number", pa.int64()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """What is counted, and into which pixels."""

    tiling: RegularTiling
    source: str
    """CRS of the points."""
    period: str
    """One of `jeospark.periods.PERIODS`; `all` needs no time."""
    keyed: bool
    """True to count different keys, False to count points."""


def pixel_counts(
    points: DataFrame, tiling: object, *, distinct: str | None = None, time: str | None = None, period: str = "all"
) -> DataFrame:
    """Count points by tile, period and pixel; only where there are some.

    A point on the line between two pixels belongs to the one right of it or below; 180 degrees is -180, and on
    grids in degrees the south pole is in the last row.

    Args:
        points: A layer of points in any CRS; what is no point, or has no place on the grid, counts nowhere (in Web
            Mercator, what lies beyond 85.05 degrees).
        tiling: `Grid.tiling` of a grid of regular tiles.
        distinct: Column whose different values are counted, such as `mmsi`; None to count points.
        time: Column of instants, for a period.
        period: See `jeospark.periods`.

    Returns:
        `tile`, `period`, `pixel` (along the rows of the tile, from its upper left), `number`.

    Raises:
        ArgumentError: The period is unknown, or has no time.
        FeedError: A column is missing.
        GridError: The tiles overlap, as those of mgrs do.
        LayerCrsError: The points have no CRS.
        VectorError: See `geometry_column`.
    """
    if not isinstance(tiling, RegularTiling):
        raise GridError("points are counted on regular tiles only", remedy="Give a grid such as EPSG:3035:1000.")
    if period not in PERIODS or (period != "all" and time is None):
        raise ArgumentError(f"no points by '{period}'", remedy="Give one of jeospark.periods, and the column of time.")
    missing = [name for name in (distinct, time) if name and name not in points.columns]
    if missing:
        raise FeedError(f"the points lack {missing[0]}", remedy=f"There are {', '.join(points.columns)}.")
    place = geometry_column(points, None, "points")
    counting = Counting(
        tiling=tiling, source=code_of(srid_of(points, place, "points") or 4326), period=period, keyed=bool(distinct)
    )
    moment = F.lit(0) if time is None else F.unix_seconds(column(time).cast("timestamp"))
    plain = points.select(
        st("ST_X", column(place)).alias("x"), st("ST_Y", column(place)).alias("y"), moment.alias("seconds"),
        (column(distinct) if distinct else F.lit(None)).cast("string").alias("key"),
    ).dropna(subset=["x", "y", "seconds", *(["key"] if distinct else [])])  # fmt: skip
    partial_sums = plain.mapInArrow(partial(_mapper, counting=counting), PIXELS)
    where = ["tile", "period", "pixel"]
    if distinct:
        return partial_sums.select(*where, "key").distinct().groupBy(*where).agg(F.count("*").alias("number"))
    return partial_sums.groupBy(*where).agg(F.sum("number").alias("number"))


def _mapper(batches: Iterable[pa.RecordBatch], counting: Counting) -> Iterator[pa.RecordBatch]:
    transformer = Transformer.from_crs(counting.source, counting.tiling.crs, always_xy=True)
    for batch in batches:
        yield _counted(batch, counting, transformer)


def _counted(batch: pa.RecordBatch, counting: Counting, transformer: Transformer) -> pa.RecordBatch:
    x, y = map(np.asarray, transformer.transform(batch.column("x").to_numpy(), batch.column("y").to_numpy()))
    if CRS.from_user_input(counting.tiling.crs).is_geographic:
        x, y = _within_earth(x, y, counting.tiling.resolution[1])
    row, col, pixel, on = pixels_of(counting.tiling, x, y)
    when = batch.column("seconds").to_numpy()[on].astype("datetime64[s]")
    words = labels(counting.period, when)
    period, which = np.unique(words, return_inverse=True)
    names, key = np.array([""]), np.zeros(len(pixel), np.int64)
    if counting.keyed:
        encoded = batch.column("key").dictionary_encode()
        names, key = encoded.dictionary.to_numpy(zero_copy_only=False), encoded.indices.to_numpy()[on].astype(np.int64)
    table = np.stack([row, col, which, pixel, key], axis=1)
    unique, number = np.unique(table, axis=0, return_counts=True)
    tiles, of_tile = np.unique(unique[:, :2], axis=0, return_inverse=True)
    texts = np.array([TileIndex(*place).text for place in tiles.tolist()], dtype=object)
    return pa.RecordBatch.from_arrays(
        [
            pa.array(texts[of_tile.ravel()], pa.string()),
            pa.array(period[unique[:, 2]].astype(object), pa.string()),
            pa.array(unique[:, 3]),
            pa.array(names[unique[:, 4]], pa.string()) if counting.keyed else pa.nulls(len(unique), pa.string()),
            pa.array(number),
        ],
        schema=_ARROW,
    )


def _within_earth(
    x: NDArray[np.float64], y: NDArray[np.float64], height: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Degrees of points, those on the last edges of the Earth brought in: beyond, there are no pixels."""
    return np.where(x == EAST, -EAST, x), np.maximum(y, SOUTH + height * INSIDE)


def pixels_of(
    tiling: RegularTiling, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Row and column of the tile, and place in it, of each point that has one; and True for those that do."""
    (high, wide), (width, height) = tiling.tile_shape, tiling.resolution
    across, down = np.floor((x - tiling.origin[0]) / width), np.floor((tiling.origin[1] - y) / height)
    on = np.isfinite(across) & np.isfinite(down)
    if tiling.count is not None:
        rows, cols = tiling.count[0] * high, tiling.count[1] * wide
        # Such tiles go round the Earth: its last edge is its first.
        across = np.where(across == cols, 0, across)
        on &= (across >= 0) & (across < cols) & (down >= 0) & (down < rows)
    across, down = across[on].astype(np.int64), down[on].astype(np.int64)
    return down // high, across // wide, down % high * wide + across % wide, on


def square_km(tiling: RegularTiling, tile: str, pixel: NDArray[np.int64]) -> NDArray[np.float64]:
    """True areas of pixels on the ellipsoid of the CRS.

    The radii of curvature at the centre, times how far longitude and latitude go from edge to edge of the pixel: any
    projection, no scale of its own. Pixels of 10 km are right to some millionths.

    Args:
        tiling: The grid.
        tile: Of its tiles.
        pixel: Places in the tile.
    """
    extent = tiling.extent(tile)
    a, _, c, _, e, f = extent.transform
    row, col = np.divmod(pixel, extent.shape[1])
    x, y = c + (col + 0.5) * a, f + (row + 0.5) * e
    crs = CRS.from_user_input(tiling.crs)
    geod = crs.get_geod() or Geod(ellps="WGS84")
    transformer = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    _, lat = transformer.transform(x, y)
    east, south = (_step(transformer, x, y, *half) for half in ((a / 2, 0.0), (0.0, e / 2)))
    curved = 1 - geod.es * np.sin(np.radians(lat)) ** 2
    # M · N · cos φ, the radii of curvature along and across the meridian.
    scale = geod.a**2 * (1 - geod.es) / curved**2 * np.cos(np.radians(lat))
    area: NDArray[np.float64] = scale * np.abs(east[0] * south[1] - east[1] * south[0]) / 1e6
    return area


def _step(
    transformer: Transformer, x: NDArray[np.float64], y: NDArray[np.float64], across: float, down: float
) -> NDArray[np.float64]:
    """Radians of longitude and latitude from one side of places to the other, shape (2, n)."""
    before = np.stack(transformer.transform(x - across, y - down))
    after = np.stack(transformer.transform(x + across, y + down))
    step = (after - before + 180.0) % 360.0 - 180.0
    found: NDArray[np.float64] = np.radians(step)
    return found
