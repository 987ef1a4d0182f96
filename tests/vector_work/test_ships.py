from itertools import combinations, pairwise

import numpy as np
import pytest
import shapely

from jeospark.errors import ArgumentError, FeedError, LayerCrsError
from jeospark.vector.ais.encounters import EncounterRules, encounters
from jeospark.vector.ais.ports import nearest_port, port_calls
from jeospark.vector.ais.positions import positions as standardised
from jeospark.vector.ais.presence import density_per_acquisition, ships_at, ships_per_zone_and_hour
from jeospark.vector.ais.streams import whole_keys
from jeospark.vector.ais.tracks import TrackRules, checked, tracks
from udfs.earth import ecef

pytestmark = pytest.mark.spark
SHIPS = (201000001, 366000002, 775000003, 512000004)


def wander(seed, ships=SHIPS, rows=40, middle=(179.999, 60.0)):
    """Positions of ships that stay near a place for an hour."""
    random = np.random.default_rng(seed)
    found = []
    for ship in ships:
        time = np.sort(random.integers(0, 3600, rows))
        lon, lat = (np.cumsum(random.normal(0, 2e-4, rows)) + random.normal(0, 2e-3) + each for each in middle)
        lon = (lon + 180) % 360 - 180
        found += [(ship, int(t), float(x), float(y)) for t, x, y in zip(time, lon, lat, strict=True)]
    return found


def test_tracks_do_not_depend_on_order_or_partitions(positions):
    rows = [
        *wander(1),
        (SHIPS[0], 1800, 5.0, 5.0),
        (1, 5, 0.0, 0.0),
        (SHIPS[1], 7, 181.0, 91.0),
        (SHIPS[2], None, 1.0, 1.0),
    ]
    rules = TrackRules(max_gap_minutes=5)
    first = positions(rows)
    random = np.random.default_rng(2)
    second = positions([rows[at] for at in random.permutation(len(rows))]).repartition(7)
    for function in (tracks, checked):
        found = [sorted(map(str, function(each, rules).collect())) for each in (first, second)]
        assert found[0] == found[1]
        assert len(found[0]) > 4
    words = {row["problem"] for row in checked(first, rules).collect()}
    assert {"", "mmsi", "no position", "no time", "jump"} <= words
    assert tracks(first, rules).where("km <= 0 OR points < 2 OR start >= end").count() == 0


def test_a_table_is_cut_between_keys_only():
    import pyarrow as pa

    keys = [1] * 3 + [2] * 10 + [3] * 2 + [4]
    table = pa.table({"key": keys, "n": list(range(16))})
    parts = list(whole_keys(table.to_batches(max_chunksize=2), ["key"], 4))
    assert [part.column("key").to_pylist() for part in parts] == [[1] * 3, [2] * 10, [3] * 2 + [4]] or len(parts) > 1
    assert pa.concat_tables(parts).column("n").to_pylist() == list(range(16))
    ends = [(one.column("key")[-1], other.column("key")[0]) for one, other in pairwise(parts)]
    assert all(last != first for last, first in ends)


def test_keys_may_be_texts_and_null():
    import pyarrow as pa

    keys = ["Houston"] * 5 + [None] * 3 + ["Rotterdam"] * 4
    table = pa.table({"port": keys, "month": ["2022-01"] * 12})
    parts = list(whole_keys(table.to_batches(max_chunksize=2), ["port", "month"], 4))
    assert len(parts) > 1
    assert pa.concat_tables(parts).column("port").to_pylist() == keys
    assert all(one.column("port")[-1] != other.column("port")[0] for one, other in pairwise(parts))


def test_footprints_in_another_crs_are_refused(positions, layer):
    frame = positions([(227000001, 0, 10.0, 55.0), (227000001, 60, 10.01, 55.0)])
    moments = layer([shapely.box(4e6, 3e6, 5e6, 4e6)], 3035, id=["a"], datetime=["1970-01-01T00:00:30Z"])
    with pytest.raises(LayerCrsError, match="EPSG:3035"):
        ships_at(frame, moments)


def brute(rows, metres, least, step):
    """Encounters by looking at every pair at every instant."""
    paths = {}
    for ship in sorted({row[0] for row in rows}):
        own = sorted(
            {row[1]: row for row in sorted(rows, reverse=True) if row[0] == ship}.values(), key=lambda row: row[1]
        )
        time = np.array([row[1] for row in own])
        points = ecef(np.array([row[2] for row in own]), np.array([row[3] for row in own]))
        bins = np.arange(-(-time[0] // step), time[-1] // step + 1)
        paths[ship] = dict(
            zip(bins.tolist(), np.stack([np.interp(bins * step, time, axis) for axis in points.T], axis=1), strict=True)
        )
    found = []
    for (one, path), (other, course) in combinations(paths.items(), 2):
        close = [at for at in sorted(path.keys() & course.keys()) if np.linalg.norm(path[at] - course[at]) <= metres]
        runs = np.split(np.array(close), np.flatnonzero(np.diff(close) > 1) + 1) if close else []
        found += [
            (one, other, int(run[0] * step), int(run[-1] * step)) for run in runs if (run[-1] - run[0]) * step >= least
        ]
    return sorted(found)


@pytest.mark.parametrize("middle", [(179.999, 60.0), (77.0, 89.98)])
def test_encounters_are_those_of_looking_at_all(positions, middle):
    rows = wander(5, middle=middle)
    lenient = TrackRules(max_gap_minutes=1e6, max_knots=1e6)
    for metres, minutes in ((200.0, 0.0), (120.0, 3.0)):
        found = encounters(positions(rows), EncounterRules(metres=metres, minutes=minutes), lenient)
        told = sorted(
            (row["mmsi_1"], row["mmsi_2"], int(row["start"].timestamp()), int(row["end"].timestamp()))
            for row in found.selectExpr("mmsi_1", "mmsi_2", "start", "end").collect()
        )
        wanted = brute(rows, metres, minutes * 60, 60)
        assert told == wanted
        assert wanted
    assert found.where(f"metres > {metres}").count() == 0


def test_an_encounter_tells_where_and_how_close(positions):
    rows = [(SHIPS[0], t, 10.0, 60.0) for t in (0, 1200)] + [
        (SHIPS[1], t, 10.0 + 2e-5 * (t - 600), 60.001) for t in (0, 600, 1200)
    ]
    (row,) = encounters(positions(rows), EncounterRules(metres=500)).collect()
    assert (row["mmsi_1"], row["mmsi_2"]) == SHIPS[:2]
    assert row["minutes"] == pytest.approx(14)
    assert row["metres"] == pytest.approx(111.4, abs=0.1)
    assert (row["lon"], row["lat"]) == (pytest.approx(10.0, abs=1e-6), pytest.approx(60.0005, abs=1e-6))
    with pytest.raises(ArgumentError):
        EncounterRules(metres=1)


def test_ships_that_are_seldom_heard_meet_on_the_ground(positions):
    hours = 6 * 3600
    speed = 7.7 / 111_319.49
    often = [(SHIPS[0], t, t * speed, 0.0) for t in range(0, hours + 1, 60)]
    seldom = [(SHIPS[1], t, t * speed, 5 / 110_574) for t in (0, hours)]
    rules = TrackRules(max_gap_minutes=hours / 60)
    # The straight line between positions 166 km apart lies 0.5 km deep halfway.
    (row,) = encounters(positions(often + seldom), EncounterRules(metres=10), rules).collect()
    assert (row["minutes"], row["metres"]) == (360, pytest.approx(5, abs=0.01))


def test_ports_that_are_points_need_a_radius(positions, layer):
    with pytest.raises(ArgumentError, match="no areas"):
        port_calls(positions([(SHIPS[0], 0, 4.0, 51.9)]), layer([shapely.Point(4, 51.9)], port=["Hook"]), "port")


def test_calls_and_the_nearest_port(positions, layer):
    stay = [(SHIPS[0], t * 60, 4.0, 51.9) for t in range(0, 100, 10)]
    away = [(SHIPS[0], 6000 + t * 60, 4.0 + t * 0.01, 51.9) for t in range(10, 60, 10)]
    back = [(SHIPS[0], 20_000 + t * 60, 4.0, 51.9) for t in range(0, 100, 10)]
    ports = layer([shapely.Point(4.001, 51.9), shapely.Point(4.5, 51.9)], port=["Hook", "Inland"])
    frame = positions(stay + away + back)
    found = port_calls(frame, ports, "port", radius_metres=1000, max_absence_minutes=30).orderBy("start").collect()
    assert [(row["port"], row["minutes"], row["positions"]) for row in found] == [("Hook", 90, 10), ("Hook", 90, 10)]
    whole = port_calls(frame, ports, "port", radius_metres=1000, max_absence_minutes=300)
    assert [row["positions"] for row in whole.collect()] == [20]
    near = nearest_port(frame, ports, max_km=30).groupBy("port").count().collect()
    assert {row["port"]: row["count"] for row in near} == {"Hook": 22, "Inland": 3}


def test_parts_of_a_port_or_zone_that_overlap_count_once(positions, layer):
    frame = positions([(SHIPS[0], t * 60, 4.0, 51.9) for t in range(0, 100, 10)])
    parts = layer([shapely.Point(4.001, 51.9), shapely.Point(4.002, 51.9)], port=["Hook", "Hook"])
    (call,) = port_calls(frame, parts, "port", radius_metres=1000).collect()
    assert (call["minutes"], call["positions"]) == (90, 10)
    halves = layer([shapely.box(3, 51, 4.1, 52), shapely.box(3.9, 51, 5, 52)], zone=["a", "a"])
    hours = ships_per_zone_and_hour(frame, halves, "zone").orderBy("hour").collect()
    assert [(row["ships"], row["positions"]) for row in hours] == [(1, 6), (1, 4)]
    for ask in (
        lambda: port_calls(frame, parts.withColumnRenamed("port", "MMSI"), "MMSI", radius_metres=1000),
        lambda: ships_per_zone_and_hour(frame, halves.withColumnRenamed("zone", "hour"), "hour"),
        lambda: ships_at(frame, halves.selectExpr("zone AS lon", "geometry"), acquisition_id="lon"),
        lambda: density_per_acquisition(frame, halves.withColumnRenamed("zone", "cell"), acquisition_id="cell"),
    ):
        with pytest.raises(ArgumentError, match="column of the result too"):
            ask()


def test_ships_by_zone_and_hour_and_at_moments(positions, layer, spark, rows):
    path = [(SHIPS[0], t, t / 3600.0, 0.5) for t in range(0, 7201, 600)]
    frame = positions([*path, (SHIPS[1], 30, 0.2, 0.2), (SHIPS[1], 3000, 0.2, 0.2)])
    rules = TrackRules(max_knots=80)
    zones = layer([shapely.box(0, 0, 0.9, 1)], zone=["a"])
    found = ships_per_zone_and_hour(frame, zones, "zone", rules=rules).collect()
    assert [(row["zone"], row["hour"].hour, row["ships"], row["positions"]) for row in found] == [("a", 0, 2, 8)]
    moments = spark.createDataFrame([("x", 1500), ("y", 5000), ("z", 99999)], "id string, s long")
    moments = moments.selectExpr("id", "timestamp_seconds(s) AS datetime")
    at = ships_at(frame, moments, rules=rules)
    told = [(name, ship, round(lon, 6)) for name, ship, lon in rows(at, "id", "mmsi", "lon")]
    assert told == [("x", SHIPS[0], 0.416667), ("x", SHIPS[1], 0.2), ("y", SHIPS[0], 1.388889)]
    prints = moments.selectExpr("*", "ST_SetSRID(ST_PolygonFromEnvelope(0d, 0d, 0.3d, 1d), 4326) AS geometry")
    assert rows(density_per_acquisition(frame, prints, "quadkey:1", rules=rules)) == [("x", "1", 1)]
    with pytest.raises(ArgumentError, match="no cells 'h4:5'"):
        density_per_acquisition(frame, moments, "h4:5")


def test_hours_are_those_of_utc_in_any_time_zone(positions, layer, spark):
    frame = positions([(SHIPS[0], t, 0.5, 0.5) for t in (0, 3540, 3600)])
    zones = layer([shapely.box(0, 0, 1, 1)], zone=["a"])
    before = spark.conf.get("spark.sql.session.timeZone")
    try:
        spark.conf.set("spark.sql.session.timeZone", "Asia/Kolkata")
        found = ships_per_zone_and_hour(frame, zones, "zone").selectExpr("unix_seconds(hour)", "positions").collect()
    finally:
        spark.conf.set("spark.sql.session.timeZone", before)
    assert sorted(map(tuple, found)) == [(0, 2), (3600, 1)]


def test_columns_may_be_called_as_they_like_but_for_those_of_the_result(positions, layer, spark):
    frame = positions([(SHIPS[0], t, 10.0, 55.0) for t in (0, 600)])
    for name in ("instant", "footprint", "my. id"):
        moments = layer([shapely.box(9, 54, 11, 56)], id=["a"]).withColumnRenamed("id", name)
        moments = moments.selectExpr("*", "timestamp_seconds(60) AS datetime")
        (row,) = density_per_acquisition(frame, moments, "quadkey:1", acquisition_id=name).collect()
        assert (row[name], row["ships"]) == ("a", 1)
    for name in ("problem", "Track", "leg_km"):
        with pytest.raises(ArgumentError, match=f"'{name}' is a column of the result too"):
            checked(frame.selectExpr("*", f"1 AS {name}"))
    ports = layer([shapely.Point(10, 55)], port=["Hook"], km=[7])
    for name in ("km", "Rank"):
        with pytest.raises(ArgumentError, match=f"has a column {name.lower()}"):
            nearest_port(frame.selectExpr("*", f"1 AS {name}"), ports)
    row = nearest_port(frame, ports).first()
    assert (row["km"], row["right_km"], row["rank"]) == (0, 7, 1)


def test_names_of_columns_are_found_or_missed(spark):
    frame = spark.createDataFrame(
        [("366000002", "2022-01-03T00:00:05", "x", "1.5", 7)],
        "MMSI string, BaseDateTime string, LON string, LATITUDE string, SOG int",
    )
    (row,) = standardised(frame).collect()
    assert (row["mmsi"], row["lon"], row["lat"], row["SOG"]) == (366000002, None, 1.5, 7)
    with pytest.raises(FeedError, match="lack lat"):
        standardised(frame.drop("LATITUDE"))


@pytest.mark.realdata
def test_real_ships(ais, countries):
    frame = ais.cache()
    words = {row["problem"]: row["count"] for row in checked(frame).groupBy("problem").count().collect()}
    assert sum(words.values()) == 88_532
    assert words[""] > 88_000
    found = (
        tracks(frame)
        .selectExpr("count(*)", "sum(points)", "sum(km)", "max(km * 3600 / (unix_seconds(end) - unix_seconds(start)))")
        .collect()[0]
    )
    assert found[0] > 8_000
    assert found[1] <= words[""]
    # The sum over Sedona's own geodesic lengths of the lines.
    length = tracks(frame).selectExpr("sum(ST_LengthSpheroid(geometry)) / 1000").collect()[0][0]
    assert found[2] == pytest.approx(length, rel=1e-4)
    met = (
        encounters(frame)
        .selectExpr("count(*)", "min(minutes)", "max(metres)", "count_if(mmsi_1 >= mmsi_2)")
        .collect()[0]
    )
    assert met[0] > 1_000
    assert (met[1] >= 10, met[2] <= 500, met[3]) == (True, True, 0)
    hours = ships_per_zone_and_hour(frame, countries.where("name = 'Canada'"), "name").collect()
    assert max(row["ships"] for row in hours) > 100
    frame.unpersist()
