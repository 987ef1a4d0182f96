"""Tracks of ships, and what is wrong with positions that are on none."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import to_arrow_schema

from jeospark.errors import ArgumentError
from jeospark.vector.ais.positions import COLUMNS, check_free, positions, standard
from jeospark.vector.ais.streams import INSTANT, grouped, instants, real, whole
from jeospark.vector.helpers_geometry import DEGREES, from_wkb, to_wkb
from udfs.ais import PROBLEMS, first_rows, follow, problems

KNOT = 1852 / 3600
"""Metres a second."""
SECOND = 1_000_000
"""Microseconds: times are counted in these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRules:
    """When a track ends, and which positions cannot be."""

    max_gap_minutes: float = 60.0
    """Longest silence within a track."""
    max_knots: float = 60.0
    """Greatest speed over ground between positions; faster ones are jumps, or start a new track."""

    def __post_init__(self) -> None:
        """Check what the constructor was given."""
        if not (self.max_gap_minutes > 0 and self.max_knots > 0):
            raise ArgumentError(
                f"no track has gaps of {self.max_gap_minutes} minutes at {self.max_knots} knots",
                remedy="Give numbers above 0.",
            )

    @property
    def gap(self) -> int:
        """Microseconds."""
        return round(self.max_gap_minutes * 60 * SECOND)

    @property
    def speed(self) -> float:
        """Metres a microsecond."""
        return self.max_knots * KNOT / SECOND


USUAL = TrackRules()

ADDED = ("problem", "track", "leg_km")
"""Columns that `checked` adds."""

TRACKS = pa.schema(
    [
        pa.field("mmsi", pa.int64(), nullable=False),
        pa.field("track", pa.int32(), nullable=False),
        pa.field("start", INSTANT, nullable=False),
        pa.field("end", INSTANT, nullable=False),
        pa.field("points", pa.int64(), nullable=False),
        pa.field("km", pa.float64(), nullable=False),
        pa.field("geometry", pa.binary(), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True)
class Followed:
    """Positions of whole ships, sorted by ship and time, with what was found of them; one value a position."""

    mmsi: NDArray[np.int64]
    time: NDArray[np.int64]
    """Microseconds."""
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    problem: NDArray[np.uint8]
    """Index in `PROBLEMS`."""
    track: NDArray[np.int32]
    """-1 for those on none."""
    leg: NDArray[np.float64]
    """Metres from the position before in the track."""

    def kept(self) -> "Followed":
        """Those on a track alone."""
        on = self.track >= 0
        return Followed(*(getattr(self, name)[on] for name in self.__slots__))


def followed(table: pa.Table, rules: TrackRules) -> Followed:
    """Check and follow the positions of a table that is sorted by ship and time."""
    mmsi, time, lon, lat = whole(table, "mmsi"), whole(table, "time"), real(table, "lon"), real(table, "lat")
    known = table.column("time").is_valid().to_numpy()
    wrong = problems(mmsi, known, lon, lat)
    return Followed(mmsi, time, lon, lat, *follow(mmsi, time, lon, lat, wrong, gap=rules.gap, speed=rules.speed))


def checked(frame: DataFrame, rules: TrackRules = USUAL) -> DataFrame:
    """All positions, sorted within each ship, with what is wrong with each and its track.

    What it says does not depend on the order or partitions of the input: positions are sorted by time, longitude and
    latitude, and of those of one instant the first counts.

    Args:
        frame: Positions, see `positions`.
        rules: When a track ends.

    Returns:
        Columns of `positions`, and `problem` (one of `udfs.ais.PROBLEMS`; empty for a good one), `track` (its number
        within the ship; null for a bad one) and `leg_km` from the position before.

    Raises:
        ArgumentError: A column is called like one that is added.
        FeedError: A column is missing.
    """
    known = positions(frame)
    for name in known.columns:
        check_free(name, ADDED)
    plain = to_wkb(known)
    geometries = [
        name for name in plain.columns if name in frame.columns and plain.schema[name].dataType.typeName() == "binary"
    ]
    schema = to_arrow_schema(plain.schema)
    for field in (pa.field("problem", pa.string()), pa.field("track", pa.int32()), pa.field("leg_km", pa.float64())):
        schema = schema.append(field)
    found = grouped(plain, ["mmsi"], COLUMNS, partial(_checked, rules=rules), schema)
    return from_wkb(found, [name for name in geometries if frame.schema[name].dataType.typeName() != "binary"])


def _checked(table: pa.Table, rules: TrackRules) -> pa.Table:
    found = followed(table, rules)
    words = pa.DictionaryArray.from_arrays(pa.array(found.problem), pa.array(PROBLEMS)).cast(pa.string())
    table = table.append_column("problem", words)
    table = table.append_column("track", pa.array(found.track, mask=found.track < 0))
    return table.append_column("leg_km", pa.array(found.leg / 1000, mask=found.track < 0))


def tracks(frame: DataFrame, rules: TrackRules = USUAL, *, min_points: int = 2) -> DataFrame:
    """Tracks of ships, a row each.

    Args:
        frame: Positions, see `positions`.
        rules: When a track ends.
        min_points: Tracks of fewer positions are left out; 2 or more.

    Returns:
        `mmsi`, `track` (from 0 within a ship), `start`, `end`, `points`, `km` along geodesics of WGS 84, and
        `geometry`: a line through the positions in degrees (SRID 4326), split where it crosses the antimeridian.

    Raises:
        ArgumentError: `min_points` is less than 2.
        FeedError: A column is missing.
    """
    if min_points < 2:
        raise ArgumentError(f"no line has {min_points} points", remedy="Give `min_points` of 2 or more.")
    change = partial(_tracks, rules=rules, least=min_points)
    return from_wkb(grouped(standard(frame), ["mmsi"], COLUMNS, change, TRACKS), ["geometry"], DEGREES)


def _tracks(table: pa.Table, rules: TrackRules, least: int) -> pa.Table:
    found = followed(table, rules).kept()
    firsts = first_rows(found.mmsi, found.track)
    points = np.diff(np.append(firsts, len(found.mmsi)))
    long = points >= least
    on = np.repeat(long, points)
    firsts, points = firsts[long], points[long]
    km = np.add.reduceat(found.leg, firsts) / 1000 if len(firsts) else np.zeros(0)
    owner = np.repeat(np.arange(len(firsts)), points)
    wkb = shapely.to_wkb(lines(found.lon[on], found.lat[on], owner))
    return pa.table(
        {
            "mmsi": found.mmsi[firsts],
            "track": found.track[firsts],
            "start": instants(found.time[firsts]),
            "end": instants(found.time[firsts + points - 1]),
            "points": points,
            "km": km,
            "geometry": pa.array(wkb, pa.binary()),
        }
    )


def lines(lon: NDArray[np.float64], lat: NDArray[np.float64], owner: NDArray[np.int64]) -> NDArray[Any]:
    """Lines through points, split where a step of more than 180 degrees says that it crosses the antimeridian.

    Args:
        lon: Degrees, shape (n,).
        lat: Degrees.
        owner: Which line each point is of: 0, 1, … in order, two points or more each.

    Returns:
        LineString or MultiLineString, one a line.
    """
    step = np.diff(lon)
    over = np.flatnonzero((np.abs(step) > 180.0) & (owner[1:] == owner[:-1]))
    east = np.where(step[over] < 0, 180.0, -180.0)
    # The step, the short way round; the crossing lies where it has gone as far as the antimeridian.
    short = step[over] + 2 * east
    share = np.divide(east - lon[over], short, out=np.zeros(len(over)), where=short != 0)
    height = lat[over] + share * (lat[over + 1] - lat[over])
    at = np.repeat(over + 1, 2)
    x = np.insert(lon, at, np.stack([east, -east], axis=1).ravel())
    y = np.insert(lat, at, np.repeat(height, 2))
    line = np.insert(owner, at, np.repeat(owner[over], 2))
    part = np.zeros(len(x), np.int64)
    part[over + 2 * np.arange(len(over)) + 2] = 1
    if len(x):
        part[1:] |= line[1:] != line[:-1]
    part = np.cumsum(part)
    made = shapely.linestrings(np.stack([x, y], axis=1), indices=part) if len(x) else np.zeros(0, object)
    of_part = line[first_rows(part)]
    count = np.bincount(of_part)
    split = count[of_part] > 1
    result = np.empty(len(count), dtype=object)
    result[of_part[~split]] = made[~split]
    if split.any():
        shapely.multilinestrings(made[split], indices=of_part[split], out=result)
    return result
