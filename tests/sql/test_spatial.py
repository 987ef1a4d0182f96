"""Filters by a subquery's geometry and outer joins, whose plans have an index, and whose rows are those of the text."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from jeospark.sql.query import ask
from jeospark.sql.spatial import with_index
from jeospark.sql.srids import srids_of
from jeospark.vector import lookup, measure

pytestmark = pytest.mark.spark

POINTS = shapely.points(np.random.default_rng(1).uniform(0, 10, (300, 2)))
POINTS[0] = None
ZONES = [shapely.box(0, 0, 4, 4), shapely.box(3, 3, 8, 6), shapely.box(50, 50, 60, 60), None, shapely.Point()]
ZONES.append(ZONES[0])
NAMES = ["a", "b", "far", "null", "empty", "a"]
INSIDE = {name: int(shapely.within(POINTS, zone).sum()) for name, zone in zip(NAMES, ZONES, strict=True)}
COUNTS = [("a", 2 * INSIDE["a"]), ("b", INSIDE["b"]), ("empty", 0), ("far", 0), ("null", 0)]
WITHIN = "ST_Within(ST_GeomFromWKB(points.g), ST_GeomFromWKB(zones.g))"


@pytest.fixture(params=["carried", "looked up"])
def either(request, monkeypatch):
    """Geometries count as short, or as long."""
    monkeypatch.setattr(lookup, "LONG_ROW", 1_000_000 if request.param == "carried" else 0)


@pytest.fixture
def layers(db, tmp_path, monkeypatch):
    """More points than count as small, fewer zones."""
    monkeypatch.setattr(measure, "SMALL_ROWS", 100)
    wkb = {"points": shapely.to_wkb(POINTS), "zones": shapely.to_wkb(np.array(ZONES))}
    names = {"points": np.arange(len(POINTS)), "zones": NAMES}
    for name, shapes in wkb.items():
        table = pa.table({"name": names[name], "g": pa.array(shapes, pa.binary())})
        pq.write_table(table, tmp_path / f"{name}.parquet")
        db.read.parquet(str(tmp_path / f"{name}.parquet")).createOrReplaceTempView(name)
    yield db
    for name in wkb:
        db.catalog.dropTempView(name)


def plan_of(spark, text):
    return with_index(spark.sql(text))._jdf.queryExecution().executedPlan().toString()


def answered(spark, text):
    assert "BroadcastIndexJoin" in plan_of(spark, text)
    assert "NestedLoop" not in plan_of(spark, text)
    return [tuple(row.values()) for row in ask(text, spark=spark).table.to_pylist()]


@pytest.mark.parametrize(("name", "expected"), [("b", INSIDE["b"]), ("null", 0), ("none", 0)])
def test_filter_by_the_geometry_of_a_subquery(layers, name, expected):
    zone = f"(SELECT ST_GeomFromWKB(g) FROM zones WHERE name = '{name}' LIMIT 1)"
    text = f"SELECT count(*) FROM points WHERE ST_Intersects(ST_GeomFromWKB(g), {zone}) AND name > 0"
    assert answered(layers, text) == [(expected,)]


def test_filter_of_a_layer_by_one_of_its_own(layers):
    zone = "(SELECT ST_GeomFromWKB(g) FROM zones WHERE name = 'b' LIMIT 1)"
    text = f"SELECT name FROM zones WHERE ST_Intersects(ST_GeomFromWKB(g), {zone}) ORDER BY name"
    assert answered(layers, text) == [("a",), ("a",), ("b",)]


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("sides", ["zones LEFT JOIN points", "points RIGHT JOIN zones"])
def test_zones_that_are_kept_whether_points_are_inside_or_not(layers, sides):
    text = f"SELECT zones.name, count(points.name) FROM {sides} ON {WITHIN} GROUP BY zones.name ORDER BY 1"
    assert answered(layers, text) == COUNTS


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("sides", ["points LEFT JOIN zones", "zones RIGHT JOIN points"])
def test_points_that_are_kept_whether_they_are_inside_or_not(layers, sides):
    text = f"SELECT count(*), count(zones.name) FROM {sides} ON {WITHIN}"
    shapes = [zone for zone in ZONES if zone is not None]
    met = np.sum([shapely.within(POINTS, zone) for zone in shapes], axis=0)
    assert answered(layers, text) == [(int(np.maximum(met, 1).sum()), int(met.sum()))]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT count(*) FROM points WHERE name > 3",
        "SELECT count(*) FROM zones LEFT JOIN points ON zones.name = points.name",
        f"SELECT count(*) FROM zones LEFT JOIN points ON zones.name = points.name AND {WITHIN}",
        "SELECT count(*) FROM points WHERE name > (SELECT count(*) FROM zones)",
    ],
)
def test_other_plans_stay(layers, text):
    frame = layers.sql(text)
    assert with_index(frame) is frame


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("hint", ["", "/*+ BROADCAST(p) */", "/*+ BROADCAST(z) */"])
@pytest.mark.parametrize("text", ["points p JOIN zones z ON {0}", "points p, zones z WHERE {0}"])
@pytest.mark.parametrize(
    "condition",
    ["ST_Within(ST_GeomFromWKB(p.g), ST_GeomFromWKB(z.g))", "ST_DWithin(ST_GeomFromWKB(p.g), ST_GeomFromWKB(z.g), 0)",
     "ST_Distance(ST_GeomFromWKB(p.g), ST_GeomFromWKB(z.g)) <= 0 AND NOT ST_IsEmpty(ST_GeomFromWKB(z.g))"],
)  # fmt: skip
def test_inner_joins_with_nulls(layers, hint, text, condition):
    found = answered(layers, f"SELECT {hint} z.name, count(*) FROM {text.format(condition)} GROUP BY 1 ORDER BY 1")
    assert found == [each for each in COUNTS if each[1]]


def test_queries_of_commands_are_planned(layers):
    near = f"SELECT zones.name FROM points, zones WHERE {WITHIN.replace('Within', 'Distance')} <= 0"
    expected = sum(count for _, count in COUNTS)
    ask(f"CREATE TABLE near AS {near}", spark=layers)
    try:
        layers.sql(f"INSERT INTO near {near}")
        assert layers.table("near").count() == 2 * expected
        plan = ask(f"EXPLAIN INSERT INTO near {near}", spark=layers).table[0][0].as_py()
        assert "InsertIntoHadoopFsRelation" in plan
        assert layers.table("near").count() == 2 * expected
    finally:
        layers.sql("DROP TABLE near")
    outer = f"SELECT zones.name FROM zones LEFT JOIN points ON {WITHIN}"
    assert "BroadcastIndexJoin" in ask(f"EXPLAIN {outer}", spark=layers).table[0][0].as_py()


def test_what_means_something_in_its_command_only(db):
    ask("CREATE TABLE numbers (n INT DEFAULT 5) USING parquet; INSERT INTO numbers VALUES (DEFAULT), (1)", spark=db)
    try:
        assert ask("SELECT sum(n) FROM numbers", spark=db).table[0][0].as_py() == 6
    finally:
        db.sql("DROP TABLE numbers")


def test_bare_columns_of_inner_joins_are_left_to_spark(layers):
    frame = layers.sql("SELECT 1 FROM items a JOIN items b ON ST_Intersects(a.geometry, b.geometry)")
    assert with_index(frame) is frame


LONG = [*shapely.buffer(ZONES[:2], 0.9, quad_segs=99), None]


def pairs_of_long(shapes, *, outer):
    """Names of zones, how many points of the diagonal are inside, and the sum of as many areas."""
    points = shapely.points(np.repeat(np.arange(5000), 2).reshape(-1, 2))
    met = [int(shapely.intersects(points, shape).sum()) if shape else 0 for shape in shapes]
    alone = int((~np.any([shapely.intersects(points, shape) for shape in shapes if shape], axis=0)).sum())
    areas = [count * zone.area for count, zone in zip(met, LONG[:2], strict=False)]
    nameless = met[2] + (alone if outer else 0)
    return [*([(None, nameless, None)] if nameless else []), ("a", met[0], areas[0]), ("b", met[1], areas[1])]


@pytest.mark.parametrize("hint", ["", "/*+ BROADCAST(z) */"])
@pytest.mark.parametrize(
    "text",
    ["p JOIN z ON ST_Intersects(ST_Point(p.n, p.n), {0})", "z, p WHERE ST_Contains({0}, ST_Point(p.n, p.n))",
     "p LEFT JOIN z ON ST_Intersects({0}, ST_Point(p.n, p.n))"],
)  # fmt: skip
@pytest.mark.parametrize("shape", ["z.shape", "ST_GeomFromWKB(z.g)", "coalesce(z.shape, ST_Point(9, 9))"])
def test_long_geometries_are_no_part_of_the_rows_that_are_joined(db, tmp_path, hint, text, shape):
    wkb = pa.array([each and shapely.to_wkb(each) for each in LONG], pa.binary())
    pq.write_table(pa.table({"name": ["a", "b", None], "g": wkb}), tmp_path / "z.parquet")
    pq.write_table(pa.table({"n": np.arange(5000), "more": ["x"] * 5000}), tmp_path / "p.parquet")
    zones = db.read.parquet(str(tmp_path / "z.parquet")).selectExpr("name", "g", "ST_GeomFromWKB(g) AS shape")
    zones.createOrReplaceTempView("z")
    db.read.parquet(str(tmp_path / "p.parquet")).createOrReplaceTempView("p")
    query = f"SELECT {hint} z.name, count(*), sum(ST_Area(z.shape)) FROM {text.format(shape)} GROUP BY 1 ORDER BY 1"
    assert "posexplode" in plan_of(db, query).split("BroadcastIndexJoin")[1]
    expected = pairs_of_long([*LONG[:2], shapely.Point(9, 9) if "coalesce" in shape else None], outer="LEFT" in text)
    assert answered(db, query) == [pytest.approx(row) for row in expected]
    for name in ("z", "p"):
        db.catalog.dropTempView(name)


def test_rows_that_depend_on_chance_are_not_looked_up(db, tmp_path, monkeypatch):
    monkeypatch.setattr(lookup, "LONG_ROW", 0)
    pq.write_table(pa.table({"g": shapely.to_wkb([ZONES[0]] * 9)}), tmp_path / "z.parquet")
    zones = db.read.parquet(str(tmp_path / "z.parquet"))
    assert lookup.worth_it(zones).rows == 9
    assert lookup.worth_it(zones.where("rand() < 0.5")) is None
    assert lookup.worth_it(zones.limit(5)) is None


def test_the_crs_of_what_is_looked_up_is_known(db, tmp_path, monkeypatch):
    monkeypatch.setattr(lookup, "LONG_ROW", 0)
    pq.write_table(pa.table({"g": shapely.to_wkb(ZONES[:2])}), tmp_path / "z.parquet")
    zones = db.read.parquet(str(tmp_path / "z.parquet"))
    zones.selectExpr("ST_SetSRID(ST_GeomFromWKB(g), 4326) AS shape").createOrReplaceTempView("z")
    pairs = db.sql("SELECT z.shape FROM range(9) JOIN z ON ST_Covers(z.shape, ST_SetSRID(ST_Point(id, id), 4326))")
    assert "posexplode" in pairs._jdf.queryExecution().executedPlan().toString()
    assert srids_of(pairs).columns() == [4326]
    db.catalog.dropTempView("z")
