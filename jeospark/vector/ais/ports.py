"""Ships at ports: calls, and the nearest port."""

from functools import partial
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema

from jeospark.errors import ArgumentError
from jeospark.vector.ais.positions import check_free, positions
from jeospark.vector.ais.streams import INSTANT, grouped, instants, whole
from jeospark.vector.ais.tracks import SECOND, USUAL, TrackRules, checked
from jeospark.vector.helpers import buffer_metres, nearest, within
from jeospark.vector.helpers_geometry import DEGREES, column, geometry_column, st
from jeospark.vector.joins import Side
from udfs.ais import first_rows, stays

AREAL = 2
"""Dimensions of an area."""


def placed(frame: DataFrame) -> DataFrame:
    """Positions with their place as `geometry`, a point in degrees (SRID 4326); null where it is none on the Earth."""
    known = positions(frame)
    inside = F.col("lon").between(-180, 180) & F.col("lat").between(-90, 90)
    point = st("ST_SetSRID", st("ST_Point", F.col("lon"), F.col("lat")), DEGREES)
    return known.withColumn("geometry", F.when(inside, point))


def good(frame: DataFrame, rules: TrackRules = USUAL) -> DataFrame:
    """The positions that nothing is wrong with, see `checked`, placed."""
    sound = checked(positions(frame).select("mmsi", "time", "lon", "lat"), rules).where("problem = ''")
    return placed(sound.drop("problem", "leg_km"))


def port_calls(  # noqa: PLR0913 - a call has this many rules
    frame: DataFrame, ports: DataFrame, port_id: str, *,
    radius_metres: float | None = None, min_minutes: float = 60.0, max_absence_minutes: float = 60.0,
    rules: TrackRules = USUAL, broadcast: Side | Literal["auto", "none"] = "auto",
) -> DataFrame:  # fmt: skip
    """Calls of ships at ports, a row each.

    A call goes from the first position in a port to the last one, as long as no two positions there that follow each
    other are farther apart in time than `max_absence_minutes`; leaving and coming back sooner is one call. Where ports
    overlap, a ship calls at each. Rows that share an id are parts of one port.

    Args:
        frame: Positions, see `positions`.
        ports: Areas in longitude and latitude, or points with a radius.
        port_id: Column that identifies a port.
        radius_metres: Width by which ports are widened, see `buffer_metres`; points need one.
        min_minutes: Shortest call.
        max_absence_minutes: Longest time without a position in the port.
        rules: Which positions cannot be.
        broadcast: See `explain_join`; right are the ports.

    Returns:
        `mmsi`, `port_id` under its own name, `start`, `end`, `minutes` between them, `positions`.

    Raises:
        ArgumentError: A time is negative, ports that are no areas have no radius, `port_id` is called like a column of
            the result, or see `buffer_metres`.
        FeedError: A column is missing.
        LayerCrsError: The ports have no CRS, or another one.
        VectorError: The ports have no geometry column, or several.
    """
    if min_minutes < 0 or max_absence_minutes < 0:
        raise ArgumentError("a time is negative", remedy="Give minutes of 0 or more.")
    check_free(port_id, ("mmsi", "start", "end", "minutes", "positions"))
    place = geometry_column(ports, None, "ports")
    areas = ports.select(column(port_id).alias("port"), column(place))
    if radius_metres is not None:
        areas = buffer_metres(areas, radius_metres, geometry=place)
    elif areas.where(st("ST_Dimension", column(place)) < AREAL).limit(1).collect():
        raise ArgumentError("ports that are no areas have no ships in them", remedy="Give `radius_metres`.")
    there = within(good(frame, rules), areas, keep=["port"], broadcast=broadcast).select("mmsi", "port", "time")
    fields = [
        pa.field("mmsi", pa.int64(), nullable=False), to_arrow_schema(there.schema).field("port"),
        pa.field("start", INSTANT, nullable=False), pa.field("end", INSTANT, nullable=False),
        pa.field("minutes", pa.float64(), nullable=False), pa.field("positions", pa.int64(), nullable=False),
    ]  # fmt: skip
    change = partial(_calls, least=min_minutes, absence=round(max_absence_minutes * 60 * SECOND))
    found = grouped(there, ["mmsi", "port"], ["mmsi", "port", "time"], change, pa.schema(fields))
    return found.withColumnRenamed("port", port_id)


def _calls(table: pa.Table, least: float, absence: int) -> pa.Table:
    # A position in several parts of a port is there once.
    once = first_rows(whole(table, "mmsi"), _numbers(table), whole(table, "time"))
    table = table.take(pa.array(once)).combine_chunks()
    mmsi, time, number = whole(table, "mmsi"), whole(table, "time"), _numbers(table)
    starts = stays((mmsi, number), time, time, absence)
    counts = np.diff(np.append(starts, len(time)))
    begin, end = time[starts], time[starts + counts - 1] if len(starts) else time[starts]
    minutes = (end - begin) / (60 * SECOND)
    long = minutes >= least
    kept = table.take(pa.array(starts[long]))
    return pa.table(
        {
            "mmsi": kept.column("mmsi"),
            "port": kept.column("port"),
            "start": instants(begin[long]),
            "end": instants(end[long]),
            "minutes": minutes[long],
            "positions": counts[long],
        }
    )


def _numbers(table: pa.Table) -> NDArray[np.int64]:
    """Numbers that differ where ports do."""
    port = table.column("port").combine_chunks().dictionary_encode()
    indices = (port.combine_chunks() if isinstance(port, pa.ChunkedArray) else port).indices
    found: NDArray[np.int64] = indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def nearest_port(frame: DataFrame, ports: DataFrame, k: int = 1, *, max_km: float | None = None) -> DataFrame:
    """Positions with their k nearest ports, `km` to each and `rank`; see `nearest`.

    Args:
        frame: Positions, see `positions`; those without a place have no port.
        ports: Points in longitude and latitude.
        k: How many.
        max_km: Farther ports are left out.

    Raises:
        ArgumentError: The positions have a column `km`, or see `nearest`.
        FeedError: A column is missing.
        LayerCrsError: The ports have no CRS, or another one.
        TooLargeError: See `nearest`.
        VectorError: The ports are no points.
    """
    limit = None if max_km is None else max_km * 1000
    found = nearest(placed(frame), ports, k, max_metres=limit, metres="km")
    return found.withColumn("km", F.col("km") / 1000)
