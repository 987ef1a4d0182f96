"""Ships that meet: two within some hundred metres of each other for some minutes.

Positions are interpolated along tracks to common instants; the samples of some minutes and of a cube of some tens of
kilometres are compared where they lie. Cubes of the Cartesian space that the Earth lies in have no pole and no
antimeridian; those ships that lie within the distance of another cube are sent there too. What travels on are runs of
instants, not pairs: work grows with the samples and the pairs there are, memory with the densest cube alone.
"""

from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame

from jeospark.errors import ArgumentError
from jeospark.vector.ais.positions import COLUMNS, standard
from jeospark.vector.ais.streams import INSTANT, grouped, instants, real, whole
from jeospark.vector.ais.tracks import SECOND, USUAL, TrackRules, followed
from jeospark.vector.helpers_geometry import DEGREES, column, st
from udfs.ais import close_pairs, first_rows, samples, stays
from udfs.earth import ecef, lonlat

BLOCK = 30
"""Instants of a block."""
WIDTH = 100
"""Side of a cube, in units of the distance."""
CHUNK = 100_000
"""Samples compared together."""

SAMPLES = pa.schema(
    [
        ("block", pa.int64()),
        ("cube", pa.int64()),
        ("bin", pa.int64()),
        ("mmsi", pa.int64()),
        ("x", pa.float64()),
        ("y", pa.float64()),
        ("z", pa.float64()),
        ("home", pa.bool_()),
    ]
)
"""`bin` counts steps since 1970; `home` is True in the cube that holds the ship, False where it is a neighbour's."""
RUNS = pa.schema(
    [
        ("one", pa.int64()),
        ("other", pa.int64()),
        ("first", pa.int64()),
        ("last", pa.int64()),
        ("metres", pa.float64()),
        ("x", pa.float64()),
        ("y", pa.float64()),
        ("z", pa.float64()),
    ]
)
"""Instants one after the other at which two ships are close, the least distance, and where that was."""
ENCOUNTERS = pa.schema(
    [
        pa.field("mmsi_1", pa.int64(), nullable=False),
        pa.field("mmsi_2", pa.int64(), nullable=False),
        pa.field("start", INSTANT, nullable=False),
        pa.field("end", INSTANT, nullable=False),
        pa.field("minutes", pa.float64(), nullable=False),
        pa.field("metres", pa.float64(), nullable=False),
        pa.field("lon", pa.float64(), nullable=False),
        pa.field("lat", pa.float64(), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncounterRules:
    """What counts as an encounter."""

    metres: float = 500.0
    """Greatest distance."""
    minutes: float = 10.0
    """Least time from the first instant to the last, without a break."""
    step_seconds: int = 60
    """Time between instants; they are the whole multiples since 1970."""

    def __post_init__(self) -> None:
        """Check what the constructor was given."""
        if not (10.0 <= self.metres <= 50_000.0 and self.minutes >= 0 and self.step_seconds >= 1):
            raise ArgumentError(
                f"no encounter is within {self.metres} m for {self.minutes} minutes in steps of {self.step_seconds} s",
                remedy="Give 10 m to 50 km, 0 minutes or more, and a step of 1 s or more.",
            )

    @property
    def step(self) -> int:
        """Microseconds."""
        return self.step_seconds * SECOND

    @property
    def side(self) -> float:
        """Metres of a cube's edge; the Earth is a few hundred of them wide at most."""
        return max(self.metres * WIDTH, 50_000.0)


MEETING = EncounterRules()


def encounters(frame: DataFrame, rules: EncounterRules = MEETING, track_rules: TrackRules = USUAL) -> DataFrame:
    """Pairs of ships that stay close, a row for each time they do.

    Distances are straight lines between places on WGS 84 (those of 500 m are shorter than the geodesic by less than a
    thousandth of a millimetre). A ship is where the straight line between its positions before and after puts it, as
    long as both are on one track. Ships moored side by side are close too: filter positions by `sog`, or by `within`,
    first.

    Args:
        frame: Positions, see `positions`.
        rules: What counts as an encounter.
        track_rules: When a track ends.

    Returns:
        `mmsi_1` < `mmsi_2`, `start`, `end` (first and last instant), `minutes` between them, `metres` at the closest,
        `lon` and `lat` midway between them there, and the same as `geometry` (SRID 4326).

    Raises:
        FeedError: A column is missing.
    """
    sampled = grouped(
        standard(frame), ["mmsi"], COLUMNS, partial(_sampled, rules=rules, track_rules=track_rules), SAMPLES
    )
    near = partial(_close, metres=rules.metres)
    close = grouped(sampled, ["block", "cube"], ["block", "cube"], near, RUNS, rows=CHUNK)
    ends = partial(_joined, step=rules.step, least=round(rules.minutes * 60 * SECOND))
    found = grouped(close, ["one", "other"], ["one", "other", "first"], ends, ENCOUNTERS)
    place = st("ST_Point", column("lon"), column("lat"))
    return found.withColumn("geometry", st("ST_SetSRID", place, DEGREES))


def _sampled(table: pa.Table, rules: EncounterRules, track_rules: TrackRules) -> pa.Table:
    """`SAMPLES` of whole ships."""
    found = followed(table, track_rules).kept()
    leads = np.append((found.mmsi[1:] == found.mmsi[:-1]) & (found.track[1:] == found.track[:-1]), False)[
        : len(found.mmsi)
    ]
    row, number, chords = samples(leads, found.time, ecef(found.lon, found.lat), rules.step)
    # A chord dips below the ground: 0.5 km halfway along 160 km. Ships do not.
    points = ecef(*lonlat(chords))
    which, cube, home = in_cubes(points, rules.side, rules.metres)
    return pa.table(
        {
            "block": number[which] // BLOCK,
            "cube": cube,
            "bin": number[which],
            "mmsi": found.mmsi[row[which]],
            "x": points[which, 0],
            "y": points[which, 1],
            "z": points[which, 2],
            "home": home,
        }
    )


def in_cubes(
    points: NDArray[np.float64], side: float, reach: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Put points into the cubes that hold them, and into those that they are near.

    Args:
        points: Cartesian coordinates, shape (n, 3).
        side: Of a cube, metres.
        reach: Metres.

    Returns:
        Row of the point, number of the cube, and True where the cube holds it; once with True for each point.
    """
    cell = np.floor(points / side).astype(np.int64)
    offset = points - cell * side
    # The last millimetre of rounding may cost a copy, but no pair.
    low, high = offset <= reach + 1e-3, side - offset <= reach + 1e-3
    rows, cubes, homes = [np.arange(len(points))], [_numbered(cell)], [np.ones(len(points), np.bool_)]
    edge = np.flatnonzero((low | high).any(axis=1))
    for move in product((-1, 0, 1), repeat=3):
        if any(move):
            sides = [low[edge, at] if step < 0 else high[edge, at] for at, step in enumerate(move) if step]
            near = edge[np.logical_and.reduce(sides)]
            rows.append(near)
            cubes.append(_numbered(cell[near] + np.array(move)))
            homes.append(np.zeros(len(near), np.bool_))
    return np.concatenate(rows), np.concatenate(cubes), np.concatenate(homes)


def _numbered(cell: NDArray[np.int64]) -> NDArray[np.int64]:
    number: NDArray[np.int64] = ((cell[:, 0] + 1024) * 2048 + cell[:, 1] + 1024) * 2048 + cell[:, 2] + 1024
    return number


def _close(table: pa.Table, metres: float) -> pa.Table:
    """`RUNS` of whole cubes."""
    keys = [whole(table, name) for name in ("block", "cube", "bin")]
    order = np.lexsort(keys[::-1])
    group = np.zeros(len(order), np.int64)
    group[first_rows(*(key[order] for key in keys))] = 1
    group = np.cumsum(group) - 1
    points = np.stack([real(table, axis)[order] for axis in "xyz"], axis=1)
    mmsi, home = whole(table, "mmsi")[order], table.column("home").to_numpy()[order]
    left, right, apart = close_pairs(group, points, metres)
    swap = mmsi[left] > mmsi[right]
    left, right = np.where(swap, right, left), np.where(swap, left, right)
    # A pair that several cubes see is told by the one that holds the ship of the lower number.
    own = home[left] & (mmsi[left] != mmsi[right])
    left, right, apart = left[own], right[own], apart[own]
    number = keys[2][order][left]
    return _runs(mmsi[left], mmsi[right], number, number, apart, (points[left] + points[right]) / 2)


def _runs(
    one: NDArray[np.int64], other: NDArray[np.int64], first: NDArray[np.int64], last: NDArray[np.int64],
    metres: NDArray[np.float64], points: NDArray[np.float64],
) -> pa.Table:  # fmt: skip
    """Join runs of a pair, in any order, that follow on each other."""
    order = np.lexsort((first, other, one))
    one, other, first, last = (values[order] for values in (one, other, first, last))
    metres = metres[order]
    starts = stays((one, other), first, last, 1)
    if not len(starts):
        return RUNS.empty_table()
    run = np.zeros(len(one), np.int64)
    run[starts[1:]] = 1
    run = np.cumsum(run)
    # The closest of each run; of equally close ones, the earliest.
    nearest = np.lexsort((np.arange(len(run)), metres, run))[starts]
    x, y, z = points[order][nearest].T
    ends = np.maximum.reduceat(last, starts)
    return pa.table(
        [one[starts], other[starts], first[starts], ends, metres[nearest], x, y, z], schema=RUNS
    )  # fmt: skip


def _joined(table: pa.Table, step: int, least: int) -> pa.Table:
    """`ENCOUNTERS` of the runs of whole pairs."""
    points = np.stack([real(table, axis) for axis in "xyz"], axis=1)
    one, other, start, end = (whole(table, name) for name in ("one", "other", "first", "last"))
    joined = _runs(one, other, start, end, real(table, "metres"), points)
    first, last = whole(joined, "first"), whole(joined, "last")
    lasting = (last - first) * step >= least
    kept = joined.filter(pa.array(lasting))
    lon, lat = lonlat(np.stack([real(kept, axis) for axis in "xyz"], axis=1))
    return pa.table(
        {
            "mmsi_1": kept.column("one"),
            "mmsi_2": kept.column("other"),
            "start": instants(first[lasting] * step),
            "end": instants(last[lasting] * step),
            "minutes": (last - first)[lasting] * (step / 60 / SECOND),
            "metres": kept.column("metres"),
            "lon": lon,
            "lat": lat,
        }
    )
