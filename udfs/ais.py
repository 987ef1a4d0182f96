"""Positions of ships: what is wrong with them, tracks, ships that meet, stays; arrays sorted by ship and time.

Times are whole numbers of one unit (microseconds in jeospark), longitude and latitude degrees, lengths metres.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs.earth import metres
from udfs.jit import compiled

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

KINDS = (
    "none",
    "ship",
    "group of ships",
    "coast station",
    "search and rescue aircraft",
    "handheld radio",
    "AIS-SART",
    "man overboard",
    "EPIRB-AIS",
    "aid to navigation",
    "craft of a ship",
)
"""What the nine digits of a maritime identity say it belongs to, by number; `none` for what is no identity."""

OK, BAD_MMSI, NO_TIME, NO_POSITION, BAD_POSITION, DUPLICATE, SIMULTANEOUS, JUMP = range(8)
PROBLEMS = ("", "mmsi", "no time", "no position", "bad position", "duplicate", "simultaneous", "jump")
"""In words, by number. `no position` is what a transponder sends that knows none: longitude 181 or latitude 91
(ITU-R M.1371); `simultaneous` is another position of the same instant, `jump` one that its ship cannot have reached
while the next one could, or that no other position confirms."""


def mmsi_kinds(mmsi: Integers) -> NDArray[np.uint8]:
    """Say what identities belong to, by their form in ITU-R M.585.

    A ship is MIDxxxxxx, a group 0MIDxxxxx, a coast station 00MIDxxxx, an aircraft 111MIDxxx, a handheld radio
    8MIDxxxxx, a craft of a ship 98MIDxxxx, an aid to navigation 99MIDxxxx; 970, 972 and 974 start those of distress
    beacons. A country (MID) is 201 to 775.

    Returns:
        Index in `KINDS`, same shape.
    """
    found = np.zeros(mmsi.shape, np.uint8)
    whole = (mmsi >= 0) & (mmsi < 1_000_000_000)
    for prefix, digits, kind in (
        ("", 0, "ship"), ("0", 1, "group of ships"), ("00", 2, "coast station"),
        ("111", 3, "search and rescue aircraft"),
        ("8", 1, "handheld radio"), ("98", 2, "craft of a ship"), ("99", 2, "aid to navigation"),
    ):  # fmt: skip
        country = mmsi // 10 ** (6 - digits) % 1000
        leads = mmsi // 10 ** (9 - digits) == int(prefix or 0)
        found[whole & leads & (country >= 201) & (country <= 775)] = KINDS.index(kind)
    for number, kind in ((970, "AIS-SART"), (972, "man overboard"), (974, "EPIRB-AIS")):
        found[whole & (mmsi // 1_000_000 == number)] = KINDS.index(kind)
    return found


def problems(mmsi: Integers, known: NDArray[np.bool_], lon: Floats, lat: Floats) -> NDArray[np.uint8]:
    """Say what is wrong with each position by itself.

    Args:
        mmsi: Identities, shape (n,).
        known: True where there is a time.
        lon: Degrees; NaN where there is none.
        lat: See `lon`.

    Returns:
        Index in `PROBLEMS`; only ships, groups of them and craft of theirs have a good identity here.
    """
    kinds = mmsi_kinds(mmsi)
    afloat = np.isin(kinds, [KINDS.index(kind) for kind in ("ship", "group of ships", "craft of a ship")])
    none = np.isnan(lon) | np.isnan(lat) | (lon == 181.0) | (lat == 91.0)
    outside = (np.abs(lon) > 180.0) | (np.abs(lat) > 90.0)
    return np.select(
        [~afloat, ~known, none, outside], [BAD_MMSI, NO_TIME, NO_POSITION, BAD_POSITION], OK
    ).astype(np.uint8)  # fmt: skip


def follow(
    mmsi: Integers, time: Integers, lon: Floats, lat: Floats, problem: NDArray[np.uint8], *, gap: int, speed: float
) -> tuple[NDArray[np.uint8], NDArray[np.int32], Floats]:
    """Follow each ship from position to position.

    A position that is reached too fast is a jump, and left out, where the one after it can be reached from the one
    before; else it starts a new track, and so does one that comes more than `gap` after the last. A track of one
    position beside such a leap is a jump too: a ship that is heard first or last at 0° 0° was not there.

    Args:
        mmsi: Ships, sorted; shape (n,), as the others.
        time: Sorted within each ship.
        lon: Degrees.
        lat: Degrees.
        problem: Of `problems`; only positions without any are followed.
        gap: Longest time between positions of a track.
        speed: Greatest speed, metres per unit of time.

    Returns:
        Index in `PROBLEMS`; number of the track within its ship from 0, -1 for what is left out; metres from the
        position before in the same track, 0 for its first.
    """
    found, track, leg = problem.copy(), np.full(len(mmsi), -1, np.int32), np.zeros(len(mmsi))
    leapt = np.zeros(len(mmsi), np.bool_)
    _follow(mmsi, time, lon, lat, found, track, leg, leapt, gap, speed)
    _leave_out_lone(mmsi, found, track, leapt)
    return found, track, leg


def _leave_out_lone(
    mmsi: Integers, problem: NDArray[np.uint8], track: NDArray[np.int32], leapt: NDArray[np.bool_]
) -> None:
    """Make jumps of tracks of one position that begin or end by a leap, and number the others anew."""
    on = np.flatnonzero(track >= 0)
    starts = first_rows(mmsi[on], track[on])
    rows = on[starts]
    leads = np.append(leapt[rows[1:]] & (mmsi[rows[1:]] == mmsi[rows[:-1]]), False)[: len(rows)]
    lone = (np.diff(np.append(starts, len(on))) == 1) & (leapt[rows] | leads)
    problem[rows[lone]], track[rows[lone]] = JUMP, -1
    ships = first_rows(mmsi[rows])
    gone = np.cumsum(lone) - lone
    gone -= np.repeat(gone[ships], np.diff(np.append(ships, len(rows))))
    kept = on[track[on] >= 0]
    track[kept] -= np.repeat(gone, np.diff(np.append(starts, len(on))))[track[on] >= 0].astype(np.int32)


@compiled(nogil=True)
def _follow(  # noqa: PLR0913, PLR0917
    mmsi: Any, time: Any, lon: Any, lat: Any, problem: Any, track: Any, leg: Any, leapt: Any, gap: Any, speed: Any
) -> None:  # fmt: skip
    last, number = -1, 0
    for row in range(len(mmsi)):
        if problem[row] != OK:
            continue
        if last < 0 or mmsi[row] != mmsi[last]:
            last, number = row, 0
            track[row] = 0
            continue
        same_place = lon[row] == lon[last] and lat[row] == lat[last]
        if time[row] == time[last]:
            problem[row] = DUPLICATE if same_place else SIMULTANEOUS
            continue
        length = metres(lon[last], lat[last], lon[row], lat[row])
        fast = length > speed * (time[row] - time[last])
        if fast and _returns(mmsi, time, lon, lat, problem, last, row, speed):
            problem[row] = JUMP
            continue
        leapt[row] = fast
        if fast or time[row] - time[last] > gap:
            number += 1
        else:
            leg[row] = length
        track[row] = number
        last = row


@compiled(nogil=True)
def _returns(  # noqa: PLR0913, PLR0917
    mmsi: Any, time: Any, lon: Any, lat: Any, problem: Any, last: Any, row: Any, speed: Any
) -> Any:  # fmt: skip
    """True where the next instant's position of the ship can be reached from the last one."""
    after = row + 1
    while after < len(mmsi) and mmsi[after] == mmsi[row] and (problem[after] != OK or time[after] == time[row]):
        after += 1
    if after == len(mmsi) or mmsi[after] != mmsi[row]:
        return False
    return metres(lon[last], lat[last], lon[after], lat[after]) <= speed * (time[after] - time[last])


def first_rows(*keys: NDArray[Any]) -> Integers:
    """Where each run of equal keys starts."""
    if not len(keys[0]):
        return np.zeros(0, np.int64)
    changed = np.zeros(len(keys[0]), np.bool_)
    changed[0] = True
    for key in keys:
        changed[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(changed)


def stays(keys: tuple[NDArray[Any], ...], begin: Integers, end: Integers, gap: int) -> Integers:
    """Where each stay starts: a run of equal keys, each of whose intervals begins at most `gap` after one before ends.

    Args:
        keys: Such as ship and port, sorted; shape (n,) each.
        begin: Of each interval, sorted within equal keys.
        end: Not before `begin`.
        gap: In units of time.
    """
    firsts = np.zeros(len(begin), np.bool_)
    firsts[first_rows(*keys)] = True
    _break(begin, end, gap, firsts)
    return np.flatnonzero(firsts)


@compiled(nogil=True)
def _break(begin: Any, end: Any, gap: Any, firsts: Any) -> None:
    latest = np.int64(0)
    for row in range(len(begin)):
        if firsts[row] or begin[row] - latest > gap:
            firsts[row], latest = True, end[row]
        else:
            latest = max(latest, end[row])


def between(first: Integers, last: Integers) -> tuple[Integers, Integers]:
    """The whole numbers of many half-open ranges: of which range each is, and the number."""
    count = np.maximum(last - first, 0)
    row = np.repeat(np.arange(len(count)), count)
    return row, np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + first[row]


def samples(
    leads: NDArray[np.bool_], time: Integers, points: Floats, instants: Integers | int
) -> tuple[Integers, Integers, Floats]:
    """Positions at given instants, on straight lines between those before and after.

    Args:
        leads: True where the next row is of the same track; shape (n,).
        time: Of the positions.
        points: Cartesian coordinates, shape (n, 3).
        instants: Sorted instants; or a step, for all its multiples.

    Returns:
        The row before each sample, the place of its instant (or the multiple of the step), and its coordinates, shape
        (m, 3). Between two rows lie the instants from the first to before the second; a track's last row gives a
        sample only of its own instant.
    """
    until = time + 1
    until[:-1] = np.where(leads[:-1], time[1:], until[:-1])
    if isinstance(instants, int):
        row, number = between(-(-time // instants), -(-until // instants))
        when = number * instants
    else:
        row, number = between(np.searchsorted(instants, time), np.searchsorted(instants, until))
        when = instants[number]
    after = np.where(leads[row], np.minimum(row + 1, len(time) - 1), row)
    share = (when - time[row]) / np.maximum(time[after] - time[row], 1)
    return row, number, points[row] + share[:, None] * (points[after] - points[row])


def close_pairs(group: Integers, points: Floats, distance: float) -> tuple[Integers, Integers, Floats]:
    """Pairs of points of one group that are no farther apart than a distance.

    Points are hashed to cubes as wide as the distance, so that only those of neighbouring cubes are compared; work
    grows with the points and with the pairs.

    Args:
        group: Shape (n,); equal for points that may be compared, from 0.
        points: Shape (n, 3). Those of a group lie in a box of at most 10⁵ distances a side.
        distance: Metres.

    Returns:
        Rows of the one and of the other, each pair once, and how far they are apart.
    """
    if len(group) < 2:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    starts = np.zeros(int(group.max()) + 1, np.float64)
    # Rounding may not put two points that are just a distance apart two cubes from each other.
    side = distance * (1 + 1e-9)
    cube = np.empty((len(points), 3), np.int64)
    for axis in range(3):
        starts[:] = np.inf
        np.minimum.at(starts, group, points[:, axis])
        cube[:, axis] = (points[:, axis] - starts[group]) // side + 1
    order = np.lexsort((cube[:, 2], cube[:, 1], cube[:, 0], group))
    wide = cube.max(axis=0) + 2
    keys = np.ascontiguousarray((((group * wide[0] + cube[:, 0]) * wide[1] + cube[:, 1]) * wide[2] + cube[:, 2])[order])
    ordered = np.ascontiguousarray(points[order])
    steps = np.array([wide[2], (wide[1] - 1) * wide[2], wide[1] * wide[2], (wide[1] + 1) * wide[2]])
    nothing = np.zeros(0, np.int64)
    total = _pairs(keys, ordered, steps, distance, nothing, nothing)
    one, other = np.empty(total, np.int64), np.empty(total, np.int64)
    _pairs(keys, ordered, steps, distance, one, other)
    apart = np.sqrt(((ordered[one] - ordered[other]) ** 2).sum(axis=1))
    return order[one], order[other], apart


@compiled(nogil=True)
def _pairs(keys: Any, points: Any, steps: Any, distance: Any, one: Any, other: Any) -> Any:
    """Count the pairs, and list them where there is room; `steps` lead to the half of the neighbours still to come."""
    limit, found, room = distance * distance, 0, len(one)
    starts = np.zeros(len(steps), np.int64)
    for row in range(len(keys)):
        for step in range(-1, len(steps)):
            if step < 0:
                at, end = row + 1, keys[row] + 1
            else:
                begin, end = keys[row] + steps[step] - 1, keys[row] + steps[step] + 1
                at = starts[step]
                while at < len(keys) and keys[at] < begin:
                    at += 1
                starts[step] = at
            while at < len(keys) and keys[at] <= end:
                squared = 0.0
                for axis in range(3):
                    squared += (points[row, axis] - points[at, axis]) ** 2
                if squared <= limit:
                    if room:
                        one[found], other[found] = row, at
                    found += 1
                at += 1
    return found
