import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from jeospark.vector.ais.encounters import in_cubes
from jeospark.vector.ais.tracks import lines
from udfs.ais import KINDS, PROBLEMS, close_pairs, follow, mmsi_kinds, problems, samples, stays
from udfs.earth import ecef


@pytest.mark.parametrize(
    ("mmsi", "kind"),
    [
        (367379190, "ship"), (201000000, "ship"), (775999999, "ship"), (200999999, "none"), (776000000, "none"),
        (36737919, "group of ships"), (3673791, "coast station"), (111232001, "search and rescue aircraft"),
        (111999001, "none"), (823212345, "handheld radio"), (982321234, "craft of a ship"),
        (993672123, "aid to navigation"), (970012345, "AIS-SART"), (972012345, "man overboard"),
        (974012345, "EPIRB-AIS"), (123456789, "none"), (0, "none"), (-367379190, "none"), (3673791900, "none"),
    ],
)  # fmt: skip
def test_an_identity_says_what_it_belongs_to(mmsi, kind):
    assert KINDS[mmsi_kinds(np.array([mmsi]))[0]] == kind


def test_each_position_is_looked_at_by_itself():
    mmsi = np.array([367379190, 1, 367379190, 367379190, 367379190, 367379190, 367379190])
    known = np.array([True, True, False, True, True, True, True])
    lon = np.array([0.0, 0.0, 0.0, 181.0, 0.0, np.nan, 180.5])
    lat = np.array([0.0, 0.0, 0.0, 0.0, 91.0, 0.0, 0.0])
    words = [PROBLEMS[number] for number in problems(mmsi, known, lon, lat)]
    assert words == ["", "mmsi", "no time", "no position", "no position", "no position", "bad position"]


def followed(rows, gap=100, speed=100.0):
    """Words and tracks of (mmsi, time, lon, lat)."""
    mmsi, time, lon, lat = (np.array(values) for values in zip(*rows, strict=True))
    nothing = np.zeros(len(rows), np.uint8)
    found, track, leg = follow(mmsi, time, lon.astype(float), lat.astype(float), nothing, gap=gap, speed=speed)
    return [PROBLEMS[number] for number in found], track.tolist(), leg


def test_a_spike_is_left_out_and_a_leap_starts_a_track():
    spike = [(1, 0, 0, 0), (1, 10, 0, 0.001), (1, 20, 5, 5), (1, 30, 0, 0.002)]
    assert followed(spike)[:2] == (["", "", "jump", ""], [0, 0, -1, 0])
    leap = [(1, 0, 0, 0), (1, 10, 0, 0.001), (1, 20, 5, 5), (1, 30, 5, 5.001), (2, 0, 0, 0)]
    assert followed(leap)[:2] == ([""] * 5, [0, 0, 1, 1, 0])


def test_a_place_that_no_other_confirms_is_no_track():
    there = [(1, 10, 50, 0), (1, 20, 50, 0.001), (1, 30, 50, 0.002)]
    words, track, _ = followed([(1, 0, 0, 0), *there, (1, 40, 0, 0), (2, 0, 0, 0)])
    assert (words, track) == (["jump", "", "", "", "jump", ""], [-1, 0, 0, 0, -1, 0])
    leaps = [(1, 0, 0, 0), (1, 10, 50, 0), (1, 20, 50, 0.001), (1, 30, 0, 0), (1, 200, 20, 0), (1, 210, 20, 0)]
    words, track, _ = followed(leaps)
    assert (words, track) == (["jump", "", "", "jump", "", ""], [-1, 0, 0, -1, 1, 1])


def test_a_silence_starts_a_track_and_an_instant_counts_once():
    words, track, leg = followed([(1, 0, 0, 0), (1, 100, 0, 0), (1, 201, 0, 0.001), (1, 201, 0, 0.001), (1, 201, 9, 9)])
    assert (words, track) == (["", "", "", "duplicate", "simultaneous"], [0, 0, 1, -1, -1])
    assert leg.tolist() == [0, 0, 0, 0, 0]


def test_a_ship_over_the_antimeridian_does_not_leap():
    words, track, leg = followed([(1, 0, 179.999, 0), (1, 10, -179.999, 0)])
    assert (words, track) == (["", ""], [0, 0])
    assert leg[1] == pytest.approx(222.6, abs=0.1)


@given(st.integers(0, 2**32 - 1))
def test_tracks_keep_their_rules(seed):
    random = np.random.default_rng(seed)
    rows = 60
    mmsi = np.sort(random.integers(1, 4, rows))
    time = np.concatenate([np.sort(random.integers(0, 3000, (mmsi == ship).sum())) for ship in (1, 2, 3)])
    lon, lat = random.uniform(-0.05, 0.05, (2, rows))
    found, track, leg = follow(mmsi, time, lon, lat, np.zeros(rows, np.uint8), gap=100, speed=20.0)
    kept = track >= 0
    assert ((found == 0) == kept).all()
    same = (mmsi[kept][1:] == mmsi[kept][:-1]) & (track[kept][1:] == track[kept][:-1])
    steps = np.diff(time[kept])
    assert (steps[same] > 0).all()
    assert (steps[same] <= 100).all()
    assert (leg[kept][1:][same] <= 20.0 * steps[same]).all()
    assert (leg[kept][1:][~same] == 0).all()


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_close_pairs_are_those_of_looking_at_all(seed, whole):
    random = np.random.default_rng(seed)
    size = int(random.integers(0, 60))
    group = random.integers(0, 3, size)
    points = random.integers(0, 4, (size, 3)).astype(float) if whole else random.uniform(0, 5, (size, 3))
    one, other, apart = close_pairs(group, points, 1.0)
    squared = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    wanted = np.argwhere(np.triu((squared <= 1.0) & (group[:, None] == group[None]), 1))
    assert sorted(zip(np.minimum(one, other), np.maximum(one, other), strict=True)) == list(map(tuple, wanted))
    assert apart == pytest.approx(np.sqrt(squared[one, other]))


@given(st.integers(0, 2**32 - 1))
def test_points_that_are_close_share_the_cube_of_either(seed):
    random = np.random.default_rng(seed)
    points = random.uniform(-300, 300, (40, 3))
    row, cube, home = in_cubes(points, 100.0, 10.0)
    assert sorted(row[home]) == list(range(40))
    seen = set(zip(row.tolist(), cube.tolist(), strict=True))
    own = dict(zip(row[home].tolist(), cube[home].tolist(), strict=True))
    one, other = np.nonzero(np.linalg.norm(points[:, None] - points[None], axis=2) <= 10.0)
    assert all((second, own[first]) in seen for first, second in zip(one.tolist(), other.tolist(), strict=True))
    assert len(seen) == len(row)


def test_samples_lie_between_positions_of_a_track():
    time = np.array([0, 90, 200, 260])
    leads = np.array([True, False, True, False])
    points = np.array([[0.0, 0, 0], [90, 0, 0], [0, 200, 0], [0, 260, 0]])
    row, number, found = samples(leads, time, points, 30)
    assert number.tolist() == [0, 1, 2, 3, 7, 8]
    assert row.tolist() == [0, 0, 0, 1, 2, 2]
    assert found[:, :2].tolist() == [[0, 0], [30, 0], [60, 0], [90, 0], [0, 210], [0, 240]]
    row, number, found = samples(leads, time, points, np.array([45, 150, 260]))
    assert (number.tolist(), row.tolist()) == ([0, 2], [0, 3])
    assert found[:, :2].tolist() == [[45, 0], [0, 260]]


def test_a_stay_goes_on_while_absences_are_short():
    keys = (np.array([1, 1, 1, 1, 2]), np.array([7, 7, 7, 8, 8]))
    begin, end = np.array([0, 5, 30, 31, 32]), np.array([20, 6, 30, 31, 32])
    assert stays(keys, begin, end, 10).tolist() == [0, 3, 4]
    assert stays(keys, begin, end, 9).tolist() == [0, 2, 3, 4]


def test_lines_are_split_at_the_antimeridian():
    found = lines(
        np.array([170.0, -170, 0, 1, -175, 175, -175]),
        np.array([0.0, 10, 0, 0, 1, 3, 1]),
        np.array([0, 0, 1, 1, 2, 2, 2]),
    )
    assert shapely.equals(
        found,
        shapely.from_wkt(
            [
                "MULTILINESTRING ((170 0, 180 5), (-180 5, -170 10))",
                "LINESTRING (0 0, 1 0)",
                "MULTILINESTRING ((-175 1, -180 2), (180 2, 175 3, 180 2), (-180 2, -175 1))",
            ]
        ),
    ).all()
    assert len(lines(np.zeros(0), np.zeros(0), np.zeros(0, np.int64))) == 0


def test_a_chord_is_the_geodesic_at_short_range():
    from udfs.earth import geodesic

    lon, lat = np.array([5.0]), np.array([60.0])
    there = ecef(lon, lat) - ecef(lon + 0.009, lat)
    assert np.linalg.norm(there) == pytest.approx(geodesic(lon, lat, lon + 0.009, lat)[0], abs=1e-5)
