"""How many ships are where, and when: by zone and hour, and by cell at the moments of acquisitions."""

from functools import partial
from typing import Literal

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jeospark.errors import ArgumentError, FeedError, TooLargeError
from jeospark.vector.ais.ports import good
from jeospark.vector.ais.positions import COLUMNS, check_free, standard
from jeospark.vector.ais.streams import grouped
from jeospark.vector.ais.tracks import SECOND, USUAL, TrackRules, followed
from jeospark.vector.grids import eea, h3, quadkey
from jeospark.vector.helpers import within
from jeospark.vector.helpers_geometry import (
    DEGREES,
    check_same,
    column,
    geometry_column,
    geometry_columns,
    srid_of,
    st,
)
from jeospark.vector.joins import Side
from udfs.ais import samples
from udfs.earth import ecef, lonlat

MOST = 1_000_000
"""Acquisitions at most: their instants go to every worker."""

HOUR = 3600 * SECOND
"""Microseconds."""

AT = pa.schema(
    [
        pa.field("mmsi", pa.int64(), nullable=False),
        pa.field("__instant", pa.int64(), nullable=False),
        pa.field("lon", pa.float64(), nullable=False),
        pa.field("lat", pa.float64(), nullable=False),
    ]
)
"""Where ships were at instants (microseconds since 1970)."""


def ships_per_zone_and_hour(
    frame: DataFrame, zones: DataFrame, zone_id: str, *,
    boundary: Literal["each", "none"] = "each", rules: TrackRules = USUAL,
    broadcast: Side | Literal["auto", "none"] = "auto",
) -> DataFrame:  # fmt: skip
    """Ships and positions by zone and hour (UTC); only where there are some.

    Args:
        frame: Positions, see `positions`.
        zones: Areas in longitude and latitude; they may overlap.
        zone_id: Column that identifies one; rows that share an id are parts of one zone.
        boundary: See `within`.
        rules: Which positions cannot be.
        broadcast: See `explain_join`; right are the zones.

    Returns:
        `zone_id` under its own name, `hour` (its first instant), `ships`, `positions`.

    Raises:
        ArgumentError: `zone_id` is called like a column of the result.
        FeedError: A column is missing.
        LayerCrsError: The zones have no CRS, or another one.
        VectorError: The zones have no geometry column, or several.
    """
    check_free(zone_id, ("hour", "ships", "positions"))
    named = zones.withColumn("__zone", column(zone_id))
    there = within(good(frame, rules), named, boundary=boundary, keep=["__zone"], broadcast=broadcast)
    # A position in several parts of a zone is there once.
    once = there.select("__zone", "mmsi", "time").distinct()
    # In UTC, whatever the time zone of the session, in which `date_trunc` cuts: some are half an hour beside it.
    hour = F.timestamp_micros(F.unix_micros("time") - F.pmod(F.unix_micros("time"), F.lit(HOUR)))
    found = once.groupBy(F.col("__zone").alias(zone_id), hour.alias("hour"))
    return found.agg(F.count_distinct("mmsi").alias("ships"), F.count("*").alias("positions"))


def ships_at(
    frame: DataFrame, acquisitions: DataFrame, *, acquisition_id: str = "id", time: str = "datetime",
    rules: TrackRules = USUAL,
) -> DataFrame:  # fmt: skip
    """Where ships were at the moments of acquisitions, on the straight line between the positions before and after.

    Args:
        frame: Positions, see `positions`.
        acquisitions: A row each, such as the table `items`; with a geometry (footprint, longitude and latitude), only
            the ships inside.
        acquisition_id: Column that identifies one.
        time: Column of its instant.
        rules: Within a track alone is a ship's place known.

    Returns:
        `acquisition_id` under its own name, `mmsi`, `time`, `lon`, `lat`, `geometry` (SRID 4326).

    Raises:
        FeedError: A column is missing.
        LayerCrsError: The footprints are not in longitude and latitude.
        TooLargeError: There are more than a million instants.
    """
    check_free(acquisition_id, ("mmsi", "time", "lon", "lat", "geometry"))
    missing = [name for name in (acquisition_id, time) if name not in acquisitions.columns]
    if missing:
        raise FeedError(f"the acquisitions lack {' and '.join(missing)}", remedy="Name the columns.")
    places = [geometry_column(acquisitions, None, "acquisitions")] if geometry_columns(acquisitions) else []
    for name in places:
        check_same(DEGREES, srid_of(acquisitions, name, "acquisitions"), ("ships", "acquisitions"))
    moments = acquisitions.select(
        column(acquisition_id), F.unix_micros(column(time).cast("timestamp")).alias("__instant"),
        *(column(name).alias("__footprint") for name in places),
    )  # fmt: skip
    held = moments.select("__instant").where("__instant IS NOT NULL").distinct().limit(MOST + 1).toArrow()
    if held.num_rows > MOST:
        raise TooLargeError(f"there are more than {MOST:,} instants", remedy="Filter the acquisitions.")
    known = np.sort(held.column("__instant").to_numpy())
    shared = frame.sparkSession.sparkContext.broadcast(known)
    change = partial(_at, shared=shared, rules=rules)
    there = grouped(standard(frame), ["mmsi"], COLUMNS, change, AT)
    pairs = there.join(F.broadcast(moments), "__instant")
    point = st("ST_SetSRID", st("ST_Point", F.col("lon"), F.col("lat")), DEGREES)
    found = pairs.withColumn("geometry", point).withColumn("time", F.timestamp_micros("__instant"))
    if places:
        # The instants are met already; what is left is a test a row, no join.
        found = found.where(st("ST_Intersects", F.col("__footprint"), F.col("geometry")))
    return found.select(column(acquisition_id), "mmsi", "time", "lon", "lat", "geometry")


def _at(table: pa.Table, shared: object, rules: TrackRules) -> pa.Table:
    known = shared.value  # type: ignore[attr-defined]
    found = followed(table, rules).kept()
    leads = np.zeros(len(found.mmsi), np.bool_)
    leads[:-1] = (found.mmsi[1:] == found.mmsi[:-1]) & (found.track[1:] == found.track[:-1])
    row, number, points = samples(leads, found.time, ecef(found.lon, found.lat), known)
    lon, lat = lonlat(points)
    return pa.table({"mmsi": found.mmsi[row], "__instant": known[number], "lon": lon, "lat": lat})


def density_per_acquisition(
    frame: DataFrame, acquisitions: DataFrame, cells: str = "h3:5", *, acquisition_id: str = "id",
    time: str = "datetime", rules: TrackRules = USUAL,
) -> DataFrame:  # fmt: skip
    """Ships by cell and acquisition; only where there are some.

    Args:
        frame: Positions, see `positions`.
        acquisitions: See `ships_at`.
        cells: `h3:5`, `quadkey:9` or `eea:10km`: a grid and its level.
        acquisition_id: See `ships_at`.
        time: See `ships_at`.
        rules: See `ships_at`.

    Returns:
        `acquisition_id` under its own name, `cell`, `ships`.

    Raises:
        ArgumentError: The grid or its level is unknown.
        FeedError: See `ships_at`.
        GridError: See `eea`.
        LayerCrsError: See `ships_at`.
        TooLargeError: See `ships_at`.
    """
    check_free(acquisition_id, ("cell", "ships"))
    kind, _, level = cells.partition(":")
    there = ships_at(frame, acquisitions, acquisition_id=acquisition_id, time=time, rules=rules)
    if kind == "eea":
        held = eea(there, level, name="cell")
    elif kind in ("h3", "quadkey") and level.isdigit():
        held = (h3 if kind == "h3" else quadkey)(there, int(level), name="cell")
    else:
        raise ArgumentError(f"no cells '{cells}'", remedy="Say h3:5, quadkey:9 or eea:10km.")
    return held.groupBy(column(acquisition_id), "cell").agg(F.count_distinct("mmsi").alias("ships"))
