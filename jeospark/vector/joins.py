"""Joins of layers by place: which side is broadcast, which predicate holds, and what the result has of each side.

Sedona joins. A small side goes to every executor with an index over it, and the other is streamed past it without a
shuffle; where both are large, Sedona partitions both by place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jeospark.errors import ArgumentError
from jeospark.vector.helpers_geometry import check_columns, check_same, column, free_names, geometry_column, srid_of, st
from jeospark.vector.lookup import looked_up, worth_it
from jeospark.vector.measure import Size, by_footers, measure

Predicate = Literal["intersects", "within", "covered_by", "contains", "covers", "touches", "crosses", "overlaps"]
Side = Literal["left", "right"]

PREDICATES: dict[str, str] = {
    "intersects": "ST_Intersects",
    "within": "ST_Within",
    "covered_by": "ST_CoveredBy",
    "contains": "ST_Contains",
    "covers": "ST_Covers",
    "touches": "ST_Touches",
    "crosses": "ST_Crosses",
    "overlaps": "ST_Overlaps",
}
"""Names of OGC 06-103r4, read from left to right: `within` is left within right, whose boundary is not enough."""


@dataclass(frozen=True, slots=True)
class JoinChoice:
    """Which side of a join is broadcast, and why."""

    broadcast: Side | None
    """None: both sides are partitioned by place."""
    why: str
    left: Size | None
    """None where it did not matter."""
    right: Size | None

    def __str__(self) -> str:
        """Such as `broadcasts right: at most 177 rows, 0.2 MiB (Parquet footers); left: not measured`."""
        does = f"broadcasts {self.broadcast}" if self.broadcast else "partitions both sides"
        return f"{does}: {self.why}; left: {self.left or 'not measured'}; right: {self.right or 'not measured'}"

    def hinted(self, left: DataFrame, right: DataFrame) -> tuple[DataFrame, DataFrame]:
        """The sides, with the hint that Sedona follows."""
        if self.broadcast == "left":
            return F.broadcast(left), right
        return (left, F.broadcast(right)) if self.broadcast == "right" else (left, right)


def explain_join(
    left: DataFrame, right: DataFrame, *, broadcast: Side | Literal["auto", "none"] = "auto"
) -> JoinChoice:
    """Which side a join of two layers broadcasts, and why; the joins of this package do just that.

    Sizes come from the footers of Parquet files where a side reads nothing else; otherwise rows are counted, up to what
    counts as small (`measure.SMALL_ROWS`, `measure.SMALL_BYTES`).

    Args:
        left: A layer.
        right: A layer.
        broadcast: A side, or `none`, to decide it yourself; nothing is measured then.

    Raises:
        ArgumentError: `broadcast` is something else.
    """
    if broadcast == "none":
        return JoinChoice(None, "asked for", None, None)
    if broadcast in ("left", "right"):
        return JoinChoice("left" if broadcast == "left" else "right", "asked for", None, None)
    if broadcast != "auto":
        raise ArgumentError(f"no side '{broadcast}'", remedy="Say left, right, none or auto.")
    second = measure(right)
    first = by_footers(left) if second.small else measure(left)
    if second.small and not (first and first.small and first.bytes < second.bytes):
        return JoinChoice("right", "it is small", first, second)
    if first is not None and first.small:
        why = "it is the smaller of two small sides" if second.small else "it is small, the right side is not"
        return JoinChoice("left", why, first, second)
    return JoinChoice(None, "neither is small", first, second)


def join(
    left: DataFrame,
    right: DataFrame,
    predicate: Predicate = "intersects",
    *,
    geometries: tuple[str | None, str | None] = (None, None),
    keep: Sequence[str] | None = None,
    keep_geometry: bool = False,
    broadcast: Side | Literal["auto", "none"] = "auto",
) -> DataFrame:
    """Pairs of features for which a predicate holds: one row each, with the columns of both.

    Null and empty geometries meet nothing. Layers in degrees must be split at the antimeridian (RFC 7946), as those of
    jeospark are; no geometry is taken to run over it.

    Args:
        left: A layer.
        right: A layer, in the same CRS.
        predicate: One of `PREDICATES`, read from left to right.
        geometries: Geometry columns of both sides; None to find them.
        keep: Columns of `right` in the result; None for all but its geometry. One that `left` has too, in whatever
            case, becomes `right_NAME`.
        keep_geometry: True to keep the geometry of `right` too.
        broadcast: See `explain_join`.

    Raises:
        ArgumentError: The predicate, the side to broadcast or a column to keep is unknown.
        LayerCrsError: A layer has no CRS, or the two differ.
        VectorError: A layer has no geometry column, or several.
    """
    if predicate not in PREDICATES:
        raise ArgumentError(f"no predicate '{predicate}'", remedy=f"Known: {', '.join(PREDICATES)}.")
    one = geometry_column(left, geometries[0], "left")
    other = geometry_column(right, geometries[1], "right")
    check_same(srid_of(left, one, "left"), srid_of(right, other, "right"), ("left", "right"))
    choice = explain_join(left, right, broadcast=broadcast)
    check_columns(right, keep or (), "right")
    wanted = [name for name in (right.columns if keep is None else keep) if name != other]
    names = free_names([*wanted, *([other] if keep_geometry else [])], left.columns)
    # The name of the geometry is one that no side has, so that the condition cannot mean another column.
    place = "__right_geometry"
    second = right.select(column(other).alias(place), *(column(name).alias(names[name]) for name in wanted))
    pairs = _pairs((left, second), (one, place), predicate, choice)
    return (pairs.withColumn(names[other], F.col(place)) if keep_geometry else pairs).drop(place)


def _pairs(
    sides: tuple[DataFrame, DataFrame], places: tuple[str, str], predicate: Predicate, choice: JoinChoice
) -> DataFrame:
    """All columns of both sides, a row a pair."""
    one, other = places
    left, right = choice.hinted(*sides)
    at = 0 if choice.broadcast == "left" else 1
    names = [name for side in sides for name in side.columns]
    unique = len({name.lower() for name in names}) == len(names)
    if choice.broadcast is None or not unique or worth_it(sides[at]) is None:
        return left.join(right, st(PREDICATES[predicate], column(one), column(other)))
    there = sides[at].where(column(places[at]).isNotNull())
    found = looked_up(there, there.columns.index(places[at]))
    rows = F.broadcast(found.rows)
    if at == 0:
        pairs = rows.join(right, st(PREDICATES[predicate], found.geometry, column(other)))
    else:
        pairs = left.join(rows, st(PREDICATES[predicate], column(one), found.geometry))
    return pairs.select(*(found.geometry.alias(name) if name == places[at] else column(name) for name in names))
