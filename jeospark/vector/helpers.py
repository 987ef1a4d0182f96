"""What is asked of two layers most often: features within zones, sums by zone, parts, and unions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jeospark.errors import ArgumentError
from jeospark.vector.grids import eea, h3, quadkey
from jeospark.vector.helpers_buffer import buffer_metres
from jeospark.vector.helpers_geometry import check_columns, column, geometry_column, quoted, st, transform, valid
from jeospark.vector.helpers_nearest import nearest
from jeospark.vector.joins import Predicate, Side, explain_join, join

__all__ = [
    "buffer_metres",
    "clip",
    "dissolve",
    "eea",
    "explain_join",
    "h3",
    "join",
    "nearest",
    "quadkey",
    "summary_by_zone",
    "transform",
    "within",
]

Boundary = Literal["each", "none", "one"]
FUNCTIONS = ("count", "count_distinct", "sum", "mean", "min", "max", "stddev", "median")
_COUNTS = ("count", "count_distinct")
"""What is 0, not null, where a zone holds nothing."""


def within(
    features: DataFrame,
    zones: DataFrame,
    *,
    boundary: Boundary = "each",
    keep: Sequence[str] | None = None,
    broadcast: Side | Literal["auto", "none"] = "auto",
) -> DataFrame:
    """Features with the columns of the zones that they lie in, one row a pair.

    Args:
        features: Points, or other geometries, which must lie in a zone wholly.
        zones: Polygons in the same CRS; they may overlap.
        boundary: What holds on the boundary of a zone. `each`: it belongs to the zone, so that a point on the line
            between two is in both. `none`: it belongs to no zone. `one`: as `each`, but every feature gets one row
            only, that of the zone whose kept columns come first in order.
        keep: Columns of the zones; None for all but the geometry. One that features have too becomes `right_NAME`.
        broadcast: See `explain_join`; left are the features.

    Raises:
        ArgumentError: `boundary` is unknown.
        LayerCrsError: See `join`.
        VectorError: See `join`.
    """
    predicates: dict[Boundary, Predicate] = {"each": "covered_by", "none": "within", "one": "covered_by"}
    if boundary not in predicates:
        raise ArgumentError(f"no boundary rule '{boundary}'", remedy="Say each, none or one.")
    check_columns(zones, keep or (), "zones")
    if boundary != "one":
        return join(features, zones, predicates[boundary], keep=keep, broadcast=broadcast)
    # Ids may be shared, or missing; the number of a row is its own.
    numbered = features.withColumn("__feature", F.monotonically_increasing_id())
    found = join(numbered, zones, predicates[boundary], keep=keep, broadcast=broadcast)
    added = [name for name in found.columns if name not in numbered.columns]
    # A struct orders by its fields; the features' own columns are equal in all rows of a feature.
    own = [F.first(column(name), ignorenulls=False).alias(name) for name in features.columns]
    least = F.min(F.struct(*map(column, added))).alias("__zone")
    grouped = found.groupBy("__feature").agg(*own, least)
    return grouped.select(
        *map(column, features.columns), *(F.col(f"__zone.{quoted(name)}").alias(name) for name in added)
    )


def summary_by_zone(
    features: DataFrame,
    zones: DataFrame,
    zone_id: str,
    aggregates: Mapping[str, tuple[str, str]] | None = None,
    *,
    boundary: Boundary = "each",
    broadcast: Side | Literal["auto", "none"] = "auto",
) -> DataFrame:
    """A row a zone: its columns, the number of features in it, and what is asked for of their columns.

    Zones that hold nothing are there too, with counts of 0 and null for the rest.

    Args:
        features: See `within`.
        zones: See `within`.
        zone_id: Column of the zones that identifies one.
        aggregates: Name of a result to (function, column of the features); the functions are those of `FUNCTIONS`.
            Without it, `count` alone.
        boundary: See `within`: with `each`, a feature on a shared boundary counts in both zones, and the counts may add
            up to more than there are features.
        broadcast: See `explain_join`.

    Raises:
        ArgumentError: A function or column is unknown, zones share an id or have none, a result has the name of one of
            their columns, or see `within`.
        LayerCrsError: See `join`.
        VectorError: See `join`.
    """
    wanted = {"count": ("count", "*"), **(aggregates or {})}
    unknown = sorted({function for function, _ in wanted.values()} - set(FUNCTIONS))
    if unknown:
        raise ArgumentError(f"no function '{unknown[0]}'", remedy=f"Known: {', '.join(FUNCTIONS)}.")
    needed = sorted({name for _, name in wanted.values() if name != "*"})
    check_columns(features, needed, "features")
    check_columns(zones, [zone_id], "zones")
    _check_zones(zones, zone_id, wanted)
    place = geometry_column(features, None, "features")
    # The zone's id gets a name that no feature has.
    slim = zones.withColumn("__zone_id", column(zone_id))
    found = within(
        features.select(column(place), *map(column, needed)), slim,
        boundary=boundary, keep=["__zone_id"], broadcast=broadcast,
    )  # fmt: skip
    sums = found.groupBy("__zone_id").agg(*(_aggregate(*wanted[name]).alias(name) for name in wanted))
    joined = zones.join(sums, column(zone_id) == F.col("__zone_id"), "left").drop("__zone_id")
    zero = [name for name, (function, _) in wanted.items() if function in _COUNTS]
    return joined.withColumns({name: F.coalesce(column(name), F.lit(0)) for name in zero})


def _check_zones(zones: DataFrame, zone_id: str, results: Iterable[str]) -> None:
    taken = sorted({name.lower() for name in zones.columns} & {name.lower() for name in results})
    if taken:
        remedy = "Rename it in the zones, or choose another name for the result."
        raise ArgumentError(f"the zones have a column '{taken[0]}' already", remedy=remedy)
    counts = zones.groupBy(column(zone_id).alias("id")).count()
    shared = counts.where("id IS NULL OR count > 1").limit(1).collect()
    if shared:
        which = "has none" if shared[0]["id"] is None else f"shares '{shared[0]['id']}' with another"
        remedy = "Choose a column that identifies a zone, or leave such zones out."
        raise ArgumentError(f"'{zone_id}' does not identify the zones: one {which}", remedy=remedy)


def _aggregate(function: str, name: str) -> Column:
    if name == "*":
        return F.count("*")
    made: Column = getattr(F, function)(column(name))
    return made


def clip(
    features: DataFrame, zones: DataFrame, *, keep: Sequence[str] | None = None,
    broadcast: Side | Literal["auto", "none"] = "auto",
) -> DataFrame:  # fmt: skip
    """The parts of features inside zones, one row a feature and zone, of as many dimensions as the feature has.

    A polygon that only touches a zone, in a line or point, has no part in it; the same holds for a line and a point.
    Invalid geometries are made valid first, since they have no parts.

    Args:
        features: A layer.
        zones: Polygons in the same CRS.
        keep: See `within`.
        broadcast: See `explain_join`; left are the features.

    Raises:
        ArgumentError: A column to keep is unknown.
        LayerCrsError: See `join`.
        VectorError: See `join`.
    """
    place, other = geometry_column(features, None, "features"), geometry_column(zones, None, "zones")
    check_columns(zones, keep or (), "zones")
    slim = zones.withColumn("__zone", valid(column(other))).drop(other)
    names = [name for name in (zones.columns if keep is None else keep) if name != other]
    pairs = join(features, slim, geometries=(place, "__zone"), keep=names, keep_geometry=True, broadcast=broadcast)
    kind = F.greatest(st("ST_Dimension", column(place)), F.lit(0))
    part = st("ST_CollectionExtract", st("ST_Intersection", valid(column(place)), F.col("__zone")), kind + 1)
    cut = pairs.withColumn("__part", st("ST_SetSRID", part, st("ST_SRID", column(place))))
    return cut.where(~st("ST_IsEmpty", F.col("__part"))).withColumn(place, F.col("__part")).drop("__part", "__zone")


def dissolve(
    layer: DataFrame, by: Sequence[str] = (), aggregates: Mapping[str, tuple[str, str]] | None = None
) -> DataFrame:
    """One feature for all that have the same values: the union of their geometries.

    Invalid geometries are made valid first, since they have no union.

    Args:
        layer: Features of one CRS; those without geometry add nothing.
        by: Columns whose values are the same; none for one feature of all.
        aggregates: Name of a result to (function, column); see `FUNCTIONS`.

    Raises:
        ArgumentError: A function or column is unknown.
        VectorError: See `geometry_column`.
    """
    place = geometry_column(layer, None, "features")
    wanted = dict(aggregates or {})
    unknown = sorted({function for function, _ in wanted.values()} - set(FUNCTIONS))
    if unknown:
        raise ArgumentError(f"no function '{unknown[0]}'", remedy=f"Known: {', '.join(FUNCTIONS)}.")
    check_columns(layer, [*by, *(name for _, name in wanted.values() if name != "*")], "features")
    # The union of Sedona has no SRID of its own.
    srid = F.max(st("ST_SRID", column(place))).alias("__srid")
    # A null breaks it; nothing is what it adds.
    nothing = st("ST_GeomFromText", F.lit("GEOMETRYCOLLECTION EMPTY"))
    union = st("ST_Union_Aggr", F.coalesce(valid(column(place)), nothing)).alias(place)
    grouped = layer.groupBy(*map(column, by)).agg(
        union, srid, *(_aggregate(*wanted[name]).alias(name) for name in wanted)
    )
    return grouped.withColumn(place, st("ST_SetSRID", column(place), F.col("__srid"))).drop("__srid")
