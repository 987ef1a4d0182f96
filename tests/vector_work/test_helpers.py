import numpy as np
import pytest
import shapely
from pyproj import Geod

from jeospark.errors import ArgumentError, LayerCrsError, VectorError
from jeospark.vector import lookup, measure
from jeospark.vector.grids import eea, eea_bounds, h3, quadkey
from jeospark.vector.helpers import buffer_metres, clip, dissolve, join, nearest, summary_by_zone, transform, within
from jeospark.vector.helpers_geometry import geometries_of, srid_of, to_wkb
from jeospark.vector.joins import explain_join

pytestmark = pytest.mark.spark
GEOD = Geod(ellps="WGS84")


@pytest.fixture
def zones(layer):
    """Two squares that share an edge at x = 1, and one far away."""
    boxes = [shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1), shapely.box(50, 50, 51, 51), None]
    return layer(boxes, zone=["a", "b", "c", "d"], name=["A", "B", "C", "D"])


@pytest.fixture
def points(layer):
    """One in each square, one on their common edge, one outside, one without a place."""
    places = [(0.5, 0.5), (1.5, 0.5), (1.0, 0.5), (9.0, 9.0)]
    return layer(
        [*map(shapely.Point, places), None], n=[1, 2, 3, 4, 5], name=["p", "q", "r", "s", "t"], v=[1.0, 2, 4, 8, 16]
    )


def test_boundaries_hold_as_asked(points, zones, rows):
    each = within(points, zones)
    assert each.columns == ["n", "name", "v", "geometry", "zone", "right_name"]
    assert rows(each, "n", "zone") == [(1, "a"), (2, "b"), (3, "a"), (3, "b")]
    assert rows(within(points, zones, boundary="none"), "n", "zone") == [(1, "a"), (2, "b")]
    one = within(points, zones, boundary="one", keep=["zone"])
    assert rows(one, "n", "zone") == [(1, "a"), (2, "b"), (3, "a")]
    assert one.columns == ["n", "name", "v", "geometry", "zone"]
    with pytest.raises(ArgumentError, match="no boundary rule 'two'"):
        within(points, zones, boundary="two")


def test_features_that_share_an_id_or_have_none_stay_apart(zones, layer, rows):
    twins = layer([shapely.Point(1, 0.5), shapely.Point(1, 0.5), shapely.Point(1.5, 0.5), None], n=[7, 7, None, None])
    found = within(twins, zones, boundary="one", keep=["zone"])
    assert [row["zone"] for row in found.orderBy("zone").collect()] == ["a", "a", "b"]


def test_columns_that_are_not_there_are_named(points, zones):
    asked = [
        lambda: join(points, zones, keep=["Zoen"]),
        lambda: within(points, zones, keep=["zoen"]),
        lambda: summary_by_zone(points, zones, "zoen"),
        lambda: clip(points, zones, keep=["zoen"]),
    ]
    for ask in asked:
        with pytest.raises(ArgumentError, match=r"have no column '[zZ]oen' .*Did you mean zone\?"):
            ask()
    asked = [
        lambda: summary_by_zone(points, zones, "zone", {"x": ("max", "nmae")}),
        lambda: dissolve(points, ["nmae"]),
        lambda: dissolve(points, aggregates={"x": ("max", "nmae")}),
        lambda: buffer_metres(points, "nmae"),
    ]
    for ask in asked:
        with pytest.raises(ArgumentError, match=r"features have no column 'nmae' .*Did you mean name\?"):
            ask()
    with pytest.raises(ArgumentError, match="There are n, name, v, geometry"):
        dissolve(points, ["q"])
    assert dissolve(points, ["NAME"]).columns[0].lower() == "name"


def test_zones_are_summed_up_empty_ones_too(points, zones, rows):
    asked = {"v": ("sum", "v"), "most": ("max", "v"), "names": ("count_distinct", "name")}
    found = summary_by_zone(points, zones, "zone", asked)
    assert rows(found, "zone", "count", "v", "most", "names") == [
        ("a", 2, 5.0, 4.0, 2), ("b", 2, 6.0, 4.0, 2), ("c", 0, None, None, 0), ("d", 0, None, None, 0),
    ]  # fmt: skip
    once = summary_by_zone(points, zones, "zone", boundary="one")
    assert rows(once, "zone", "count") == [("a", 2), ("b", 1), ("c", 0), ("d", 0)]
    with pytest.raises(ArgumentError, match="no function 'modus'"):
        summary_by_zone(points, zones, "zone", {"v": ("modus", "v")})
    with pytest.raises(ArgumentError, match="column 'zone' already"):
        summary_by_zone(points, zones, "zone", {"Zone": ("sum", "v")})
    with pytest.raises(ArgumentError, match="shares '1' with another"):
        summary_by_zone(points, zones.selectExpr("1 AS same", "geometry"), "same")
    with pytest.raises(ArgumentError, match="one has none"):
        summary_by_zone(points, zones.selectExpr("nullif(zone, 'a') AS some", "geometry"), "some")


def test_every_way_to_join_gives_the_same(points, zones, rows):
    wanted = [(1, "a"), (2, "b"), (3, "a"), (3, "b")]
    for side in ("left", "right", "none", "auto"):
        assert rows(join(points, zones, broadcast=side), "n", "zone") == wanted, side


@pytest.mark.parametrize("side", ["left", "right", "auto"])
def test_long_geometries_of_a_small_side_are_looked_up(spark, points, zones, rows, tmp_path, monkeypatch, side):
    monkeypatch.setattr(lookup, "LONG_ROW", 0)
    held = zones.selectExpr("zone", "name", "ST_AsEWKB(geometry) AS g", "name AS `a.b`")
    held.write.parquet(str(tmp_path / "zones"))
    read = spark.read.parquet(str(tmp_path / "zones")).selectExpr(
        "zone", "ST_GeomFromWKB(g) AS geometry", "name", "`a.b`"
    )
    wanted = [(1, "A"), (2, "B"), (3, "A"), (3, "B")]
    if side == "left":
        found = join(read, points, keep=["n"], broadcast="left")
        assert found.columns == ["zone", "geometry", "name", "a.b", "n"]
    else:
        found = join(points, read, keep_geometry=True, broadcast=side)
        assert found.columns == ["n", "name", "v", "geometry", "zone", "right_name", "a.b", "right_geometry"]
    assert "posexplode" in found._jdf.queryExecution().executedPlan().toString()
    assert rows(found, "n", "`a.b`") == wanted
    place = "geometry" if side == "left" else "right_geometry"
    areas = found.selectExpr(f"ST_Area({place}) AS area", f"ST_SRID({place}) AS srid").collect()
    assert [tuple(row) for row in areas] == [(1.0, 4326)] * 4


def test_layers_of_two_crs_are_refused_by_name_and_transformed_on_request(points, zones, layer, rows):
    there = transform(zones, "EPSG:3857")
    assert srid_of(there, "geometry", "zones") == 3857
    with pytest.raises(LayerCrsError, match=r"the left are in EPSG:4326, the right in EPSG:3857"):
        join(points, there)
    back = transform(there.drop("name"), "OGC:CRS84")
    assert rows(within(points.where("n < 3"), back), "n", "zone") == [(1, "a"), (2, "b")]
    deep = transform(layer([shapely.Point(9, 0, 7)], n=[1]), "EPSG:32632")
    assert deep.selectExpr("ST_Z(geometry)").collect()[0][0] == 7
    with pytest.raises(LayerCrsError, match="have no CRS"):
        join(points, layer([shapely.box(0, 0, 1, 1)], 0))
    with pytest.raises(LayerCrsError, match=r"SRID \[3035, 4326\]"):
        srid_of(
            zones.union(zones.selectExpr("zone", "name", "ST_SetSRID(geometry, 3035)")), "geometry", "x", all_rows=True
        )
    with pytest.raises(VectorError, match="0 geometry columns"):
        join(points.drop("geometry"), zones)


def test_the_side_that_is_broadcast_is_said_with_its_size(spark, points, zones, tmp_path, monkeypatch):
    zones.write.parquet(str(tmp_path / "zones"))
    stored = spark.read.parquet(str(tmp_path / "zones")).where("zone != 'c'")
    choice = explain_join(points, stored)
    assert (choice.broadcast, choice.right.how, choice.right.rows) == ("right", "footers", 4)
    assert "broadcasts right: it is small" in str(choice)
    assert "at most 4 rows" in str(choice)
    plan = join(points, stored)._jdf.queryExecution().executedPlan().toString()
    assert "BroadcastIndexJoin" in plan
    monkeypatch.setattr(measure, "SMALL_ROWS", 3)
    choice = explain_join(points, stored)
    assert (choice.broadcast, choice.right.how, choice.right.rows) == ("right", "counted", 3)
    monkeypatch.setattr(measure, "SMALL_ROWS", 2)
    choice = explain_join(points, stored)
    assert (choice.broadcast, choice.why) == (None, "neither is small")
    assert "more than 2 rows" in str(choice)
    assert explain_join(points.limit(1), stored).broadcast == "left"
    # Rows that a plan makes more of are not what the footers say.
    exploded = spark.read.parquet(str(tmp_path / "zones")).selectExpr("explode(sequence(1, 9)) AS n", "geometry")
    assert explain_join(points, exploded).right.how == "counting stopped"


def test_nearest_knows_neither_pole_nor_antimeridian(layer, rows):
    places = [(179.9, 0.0), (0.0, 89.9), (20.0, 20.0)]
    others = {"over": (-179.9, 0.0), "inland": (179.0, 0.0), "pole": (180.0, 89.9), "south": (20.0, 19.0)}
    left = layer([*map(shapely.Point, places), None], n=[1, 2, 3, 4])
    right = layer([*map(shapely.Point, others.values()), None], name=[*others, "none"])
    found = nearest(left, right, 2)
    assert rows(found.where("rank = 1"), "n", "name") == [(1, "over"), (2, "pole"), (3, "south")]
    for n, name, metres in rows(found, "n", "name", "metres"):
        assert metres == pytest.approx(GEOD.inv(*places[n - 1], *others[name])[2], abs=1e-3)
    assert found.count() == 6
    assert rows(nearest(left, right, 2, max_metres=30_000), "n", "name") == [(1, "over"), (2, "pole")]
    with pytest.raises(VectorError, match="only points"):
        nearest(left, layer([shapely.box(0, 0, 1, 1)]))
    with pytest.raises(ArgumentError, match="no 0 nearest"):
        nearest(left, right, 0)


def test_nearest_in_a_plane_is_that_of_looking_at_all(layer, rows):
    random = np.random.default_rng(3)
    here, there = random.uniform(3e6, 3.1e6, (2, 40, 2))
    found = nearest(
        layer([*shapely.points(here)], 3035, n=[*range(40)]), layer([*shapely.points(there)], 3035, m=[*range(40)]), 3
    )
    apart = np.linalg.norm(here[:, None] - there[None], axis=2)
    wanted = [(n, int(m), rank + 1) for n in range(40) for rank, m in enumerate(np.argsort(apart[n])[:3])]
    assert rows(found, "n", "m", "rank") == sorted(wanted)
    assert all(row[2] == pytest.approx(apart[row[0], row[1]]) for row in rows(found, "n", "m", "metres"))
    # A condition on the other side afterwards takes rows away, and brings none.
    assert rows(found.where("m < 20"), "n", "m", "rank") == sorted(row for row in wanted if row[1] < 20)


def test_what_has_no_place_has_no_neighbours_in_a_plane(layer, rows):
    left = layer([shapely.Point(0, 0), None, shapely.Point()], 3035, n=[1, 2, 3])
    right = layer([None, shapely.Point(), shapely.Point(3, 4)], 3035, m=[1, 2, 3])
    assert rows(nearest(left, right, 2), "n", "m", "metres", "rank") == [(1, 3, 5.0, 1)]


def test_invalid_geometries_have_parts_and_unions(layer, rows):
    bow = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    whole = dissolve(layer([bow, shapely.box(0, 2, 2, 3)]))
    assert rows(whole.selectExpr("ST_Area(geometry)")) == [(4.0,)]
    band = shapely.box(0, 0.5, 2, 1.5)
    for features, zones in ((band, bow), (bow, band)):
        parts = clip(layer([features], n=[1]), layer([zones], zone=["a"]))
        assert rows(parts.selectExpr("ST_Area(geometry)")) == [(1.5,)]


def test_zones_may_have_a_second_geometry_column(zones, layer, rows):
    two = zones.withColumn("centre", zones["geometry"])
    parts = clip(layer([shapely.LineString([(0.5, 0.5), (3, 0.5)])], n=[1]), two, keep=["zone"])
    assert rows(parts.selectExpr("zone", "ST_Length(geometry)")) == [("a", 0.5), ("b", 1.0)]


@pytest.mark.parametrize("name", ["a.b", "b` c"])
def test_columns_may_have_any_name(points, zones, rows, name):
    named, areas = points.withColumnRenamed("n", name), zones.withColumnRenamed("zone", f"z.{name}")
    found = within(named, areas, boundary="one").collect()
    assert sorted((row[name], row[f"z.{name}"]) for row in found) == [(1, "a"), (2, "b"), (3, "a")]
    assert summary_by_zone(named, areas, f"z.{name}", {"sum": ("sum", name)}).agg({"sum": "sum"}).first()[0] == 9
    near = nearest(named, areas.selectExpr("*", "ST_Centroid(geometry) AS c").drop("geometry"))
    for made in (transform(named, "EPSG:3035"), buffer_metres(named, 10), eea(named), near):
        there = made.where("geometry IS NOT NULL").collect()
        assert sorted(row[name] for row in there) == [1, 2, 3, 4]


def test_names_that_differ_by_case_alone_are_one_to_spark(layer, rows):
    left = layer([shapely.Point(0, 0)], 3035, NAME=["l"], right_name=["x"])
    right = layer([shapely.Point(0, 0)], 3035, name=["r"])
    for found in (join(left, right), nearest(left, right)):
        assert rows(found, "NAME", "right_right_name") == [("l", "r")]


def test_parts_and_unions(zones, layer, rows):
    line = layer([shapely.LineString([(0.5, 0.5), (3, 0.5)]), shapely.LineString([(0, 2), (0, 1)])], n=[1, 2])
    parts = clip(line, zones, keep=["zone"])
    assert rows(parts.selectExpr("n", "zone", "ST_Length(geometry)")) == [(1, "a", 0.5), (1, "b", 1.0)]
    whole = dissolve(zones.withColumnRenamed("name", "label"), aggregates={"zones": ("count", "zone")})
    assert rows(whole.selectExpr("zones", "ST_Area(geometry)", "ST_SRID(geometry)")) == [(4, 3.0, 4326)]
    assert srid_of(parts, "geometry", "parts") == 4326


def test_buffers_come_back_in_the_crs_of_the_layer(layer):
    places = transform(layer([shapely.Point(10, 60), None], width=[1000.0, 5.0]), "EPSG:3035")
    found = buffer_metres(places, "width")
    assert found.columns == places.columns
    (batch,) = to_wkb(found).toArrow().combine_chunks().to_batches()
    area = next(each for each in geometries_of(batch, "geometry") if each is not None)
    assert (shapely.get_srid(area), area.area / 1e6) == (3035, pytest.approx(np.pi, rel=0.003))


@pytest.mark.realdata
def test_natural_earth_through_every_helper(countries, layer, rows):
    towns = {"Paris": (2.35, 48.86), "Suva": (178.44, -18.12), "Ushuaia": (-68.3, -54.8), "Atlantic": (-35.0, 20.0)}
    points = layer([*map(shapely.Point, towns.values())], town=[*towns])
    assert rows(within(points, countries), "town", "name") == [
        ("Paris", "France"),
        ("Suva", "Fiji"),
        ("Ushuaia", "Argentina"),
    ]
    counts = summary_by_zone(points, countries, "name")
    assert counts.count() == 177
    assert rows(counts.where("count > 0"), "name", "count") == [("Argentina", 1), ("Fiji", 1), ("France", 1)]
    continents = dissolve(countries, ["continent"], {"people": ("sum", "pop_est")})
    assert continents.count() == 8
    widened = buffer_metres(countries, 10_000)
    assert widened.selectExpr("min(ST_IsValid(geometry))", "count(*)").collect()[0][:] == (True, 177)
    # Russia, Fiji and Antarctica end at the antimeridian, where nothing is wider.
    both = widened.withColumnRenamed("geometry", "wide").join(countries, "name")
    inside = both.where("ST_Area(ST_Difference(geometry, wide)) < 1e-9")
    assert inside.count() == 177
    box = layer([shapely.box(0, 40, 10, 50)], box=[1])
    parts = clip(countries, box)
    assert {row[0] for row in rows(parts, "name")} == {
        "France", "Germany", "Switzerland", "Italy", "Spain", "Belgium", "Luxembourg", "Austria",
    }  # fmt: skip
    centres = countries.selectExpr("name", "ST_PointOnSurface(geometry) AS geometry")
    closest = nearest(points, centres.withColumnRenamed("name", "country"), 1)
    assert ("Suva", "Fiji") in rows(closest, "town", "country")
    cells = quadkey(h3(centres, 3), 6)
    assert cells.where("h3 IS NOT NULL AND ST_Intersects(geometry, ST_H3ToGeom(array(h3))[0])").count() == 177
    assert cells.where("length(quadkey) = 6").count() == 177
    moved = transform(transform(centres, "EPSG:3857"), "EPSG:4326").withColumnRenamed("geometry", "back")
    assert moved.join(centres, "name").where("ST_Distance(geometry, back) < 1e-9").count() == 177


@pytest.mark.realdata
def test_municipalities_through_every_helper(municipalities, layer, rows):
    assert municipalities.count() == 581
    regions = dissolve(municipalities, ["region"], {"members": ("count", "uid")})
    assert sum(row[0] for row in rows(regions, "members")) == 581
    area = municipalities.selectExpr("sum(ST_Area(geometry))").collect()[0][0]
    assert regions.selectExpr("sum(ST_Area(geometry))").collect()[0][0] == pytest.approx(area, rel=1e-4)
    assert area / 1e6 == pytest.approx(30_700, rel=0.02)
    centres = municipalities.selectExpr("uid AS place", "ST_PointOnSurface(geometry) AS geometry")
    assert within(centres, municipalities).where("place = uid").count() == 581
    counted = summary_by_zone(centres, municipalities, "uid", boundary="one")
    assert counted.selectExpr("sum(count)").collect()[0][0] == 581
    neighbours = nearest(centres, municipalities.selectExpr("uid", "geometry"), 1).where("place = uid AND metres = 0")
    assert neighbours.count() == 581
    there = transform(centres, "OGC:CRS84")
    alone = nearest(there, there.withColumnRenamed("place", "other"), 2).where("rank = 2")
    assert alone.selectExpr("min(metres) > 100", "max(metres) < 20000", "count(*)").collect()[0][:] == (True, True, 581)
    wide = buffer_metres(municipalities.where("region LIKE 'Brussels%'"), 1_000)
    kept = wide.selectExpr("uid", "ST_Area(geometry) AS wide").join(
        municipalities.selectExpr("uid", "ST_Area(geometry) AS plain"), "uid"
    )
    assert kept.where("wide > plain").count() == wide.count() > 10
    west = clip(transform(municipalities, "EPSG:4326"), layer([shapely.box(2, 49, 4, 52)], box=[1]))
    assert 0 < west.count() < 581
    assert west.selectExpr("max(ST_XMax(geometry)) <= 4").collect()[0][0]
    squares = eea(transform(centres, "EPSG:3035"), "10km").selectExpr("eea", "ST_X(geometry) x", "ST_Y(geometry) y")
    bounds = [(eea_bounds(code), x, y) for code, x, y in squares.collect()]
    assert sum(left <= x <= right and low <= y <= high for (left, low, right, high), x, y in bounds) == 581
