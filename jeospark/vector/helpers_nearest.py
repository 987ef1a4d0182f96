"""The nearest features of a layer, with distances in metres.

In degrees, points are compared by the straight line through the Earth, in a k-d tree that every executor gets: neither
a pole nor the antimeridian is a place like no other there. In a projected CRS Sedona joins, and metres are its own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import DoubleType, IntegerType, StructField, StructType

from jeospark.errors import ArgumentError, TooLargeError, VectorError
from jeospark.vector.helpers_geometry import (
    check_metres,
    check_same,
    column,
    free_names,
    from_wkb,
    geometry_column,
    geometry_columns,
    is_degrees,
    map_in_arrow,
    quoted,
    srid_of,
    st,
    to_wkb,
)
from udfs.earth import ecef, geodesic, tree
from udfs.earth import nearest as nearest_points

MOST = 2_000_000
"""Points of the right side at most: their tree and columns go to every worker."""
SPARE = 4
"""Neighbours more than asked for that are measured on the ellipsoid: there, the order may differ from the chord's by
half a per cent of the distance."""
_X, _Y = "__x", "__y"


def nearest(
    left: DataFrame,
    right: DataFrame,
    k: int = 1,
    *,
    max_metres: float | None = None,
    metres: str = "metres",
) -> DataFrame:
    """Each feature of `left` with its k nearest ones of `right`, a row each, the nearest first by `rank` (from 1).

    Features without geometry have no neighbours. Of neighbours that are equally far, any may come first.

    Args:
        left: Points; in a projected CRS, any geometry.
        right: Points, 2 million at most; in a projected CRS, any geometry. In the same CRS.
        k: How many.
        max_metres: Farther ones are left out; None for no limit.
        metres: Name of the column of distances: geodesics on WGS 84 to the millimetre in degrees, else plane distances
            in the CRS, whose unit must be the metre.

    Raises:
        ArgumentError: `k` is less than 1, or a column has the name of one that is added.
        LayerCrsError: A layer has no CRS, the two differ, or its unit is neither degree nor metre.
        TooLargeError: `right` has too many points.
        VectorError: A layer has no geometry column, or, in degrees, geometries that are no points.
    """
    if k < 1:
        raise ArgumentError(f"there are no {k} nearest features", remedy="Give k of 1 or more.")
    have = {name.lower() for name in left.columns}
    taken = [name for name in (metres, "rank") if name.lower() in have]
    if taken:
        raise ArgumentError(f"the left layer has a column {taken[0]}", remedy="Rename it, or give another `metres`.")
    one, other = geometry_column(left, None, "left"), geometry_column(right, None, "right")
    srids = srid_of(left, one, "left"), srid_of(right, other, "right")
    check_same(*srids, ("left", "right"))
    names = free_names([name for name in right.columns if name != other], (*left.columns, metres, "rank"))
    slim = right.select(column(other), *(column(name).alias(names[name]) for name in names))
    if is_degrees(srids[0] or srids[1]):
        return _on_the_ellipsoid(left, slim, (one, other), k, max_metres, metres)
    check_metres(srids[0] or srids[1])
    return _in_the_plane(left, slim, (one, other), k, max_metres, metres)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """What a worker needs to answer for a batch."""

    placed: NDArray[np.float64]
    lonlat: NDArray[np.float64]
    """Degrees of the points in the order of the tree, shape (n, 2)."""
    rows: pa.Table
    """Columns of the points in the order of the tree."""
    k: int
    limit: float
    names: tuple[str, ...]
    """Columns of the left side."""
    geometry: str
    schema: pa.Schema


def _on_the_ellipsoid(
    left: DataFrame, right: DataFrame, places: tuple[str, str], k: int, limit: float | None, metres: str
) -> DataFrame:  # fmt: skip
    one, other = places
    points = to_wkb(_with_xy(right, other).drop(other))
    held = points.limit(MOST + 1).toArrow()
    if held.num_rows > MOST:
        raise TooLargeError(
            f"the right layer has more than {MOST:,} points",
            remedy="Filter it, or transform both layers to a CRS in metres.",
        )
    lonlat = np.stack([held.column(name).to_numpy() for name in (_X, _Y)], axis=1).astype(np.float64)
    if np.isinf(lonlat).any():
        raise _not_points("right", other)
    known = np.flatnonzero(np.isfinite(lonlat).all(axis=1))
    placed, order = tree(ecef(*lonlat[known].T))
    rows = held.drop_columns([_X, _Y]).take(pa.array(known[order])).combine_chunks()
    prepared = _with_xy(left, one)
    plain = to_wkb(prepared)
    shape = StructType(
        [
            *(field for field in plain.schema.fields if field.name not in (_X, _Y)),
            *(field for field in points.schema.fields if field.name not in (_X, _Y)),
            StructField(metres, DoubleType(), nullable=False),
            StructField("rank", IntegerType(), nullable=False),
        ]
    )
    search = _Search(
        placed=placed, lonlat=lonlat[known[order]], rows=rows, k=k, limit=np.inf if limit is None else limit,
        names=tuple(left.columns), geometry=one, schema=to_arrow_schema(shape),
    )  # fmt: skip
    # Sent once to each worker, not with each task.
    shared = left.sparkSession.sparkContext.broadcast(search)

    def mapper(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield _answered(batch, shared.value)

    geometries = [*geometry_columns(left), *(name for name in geometry_columns(right) if name != other)]
    return from_wkb(map_in_arrow(plain, mapper, shape), geometries)


def _with_xy(frame: DataFrame, place: str) -> DataFrame:
    """Add degrees: null where there is no point, infinite for what is something else than a point on the Earth."""
    geometry = column(place)
    x, y = st("ST_X", geometry), st("ST_Y", geometry)
    there = (st("ST_GeometryType", geometry) == "ST_Point") & x.between(-180, 180) & y.between(-90, 90)
    wrong = ~st("ST_IsEmpty", geometry) & ~F.coalesce(there, F.expr("false"))
    infinite = F.lit(float("inf"))
    return frame.withColumns({_X: F.when(wrong, infinite).otherwise(x), _Y: F.when(wrong, infinite).otherwise(y)})


def _not_points(layer: str, name: str) -> VectorError:
    return VectorError(
        "in degrees, only points within ±180 and ±90 have nearest points",
        where=f"{layer}, column {name}",
        remedy="Take ST_PointOnSurface or ST_Boundary's points, or transform both layers to a CRS in metres.",
    )


def _answered(batch: pa.RecordBatch, search: _Search) -> pa.RecordBatch:
    lon, lat = (batch.column(name).to_numpy(zero_copy_only=False).astype(np.float64) for name in (_X, _Y))
    if np.isinf(lon).any():
        raise _not_points("left", search.geometry)
    asked = np.flatnonzero(np.isfinite(lon) & np.isfinite(lat))
    row, place, apart, rank = _neighbours(lon[asked], lat[asked], search)
    taken = batch.select(list(search.names)).take(pa.array(asked[row]))
    found = search.rows.take(pa.array(place)).combine_chunks()
    columns = [
        *taken.columns,
        *(_whole(found.column(name)) for name in found.column_names),
        pa.array(apart),
        pa.array(rank, pa.int32()),
    ]
    cast = [values.cast(field.type) for values, field in zip(columns, search.schema, strict=True)]
    return pa.RecordBatch.from_arrays(cast, schema=search.schema)


def _whole(values: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)


def _neighbours(lon: Any, lat: Any, search: _Search) -> tuple[Any, Any, Any, Any]:
    """Row, place in the tree, metres and rank of each neighbour, by row and rank."""
    many = min(search.k + SPARE, len(search.placed))
    places, _ = nearest_points(search.placed, ecef(lon, lat), max(many, 1))
    row, place = np.repeat(np.arange(len(lon)), places.shape[1]), places.ravel()
    row, place = row[place >= 0], place[place >= 0]
    there = search.lonlat[place]
    apart = geodesic(lon[row], lat[row], np.ascontiguousarray(there[:, 0]), np.ascontiguousarray(there[:, 1]))
    order = np.lexsort((place, apart, row))
    row, place, apart = row[order], place[order], apart[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row) + 1
    keep = (rank <= search.k) & (apart <= search.limit)
    return row[keep], place[keep], apart[keep], rank[keep]


def _in_the_plane(
    left: DataFrame, right: DataFrame, places: tuple[str, str], k: int, limit: float | None, metres: str
) -> DataFrame:  # fmt: skip
    one, other = places
    # The search takes what has no place for neighbours of all.
    numbered = _there(left, one).withColumn("__row", F.monotonically_increasing_id())
    held = _there(right, other).withColumnRenamed(other, "__place")
    pairs = numbered.alias("l").join(held.alias("r"), F.expr(f"ST_KNN(l.{quoted(one)}, r.__place, {int(k)}, false)"))
    found = pairs.withColumn(metres, st("ST_Distance", column(one), F.col("__place")))
    ranked = found.withColumn("rank", F.row_number().over(Window.partitionBy("__row").orderBy(column(metres))))
    # Not before: a condition would become one of the search.
    near = F.lit(limit is None) | (column(metres) <= F.lit(limit))
    return ranked.where((F.col("rank") <= k) & near).drop("__row", "__place")


def _there(layer: DataFrame, name: str) -> DataFrame:
    """The features that have a place."""
    return layer.where(column(name).isNotNull() & ~st("ST_IsEmpty", column(name)))
