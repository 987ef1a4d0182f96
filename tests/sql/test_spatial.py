"""Filters by a subquery's geometry and outer joins, whose plans have an index, and whose rows are those of the text."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from jeospark.sql.query import ask
from jeospark.sql.spatial import with_index
from jeospark.vector import measure

pytestmark = pytest.mark.spark

POINTS = shapely.points(np.random.default_rng(1).uniform(0, 10, (300, 2)))
POINTS[0] = None
ZONES = [shapely.box(0, 0, 4, 4), shapely.box(3, 3, 8, 6), shapely.box(50, 50, 60, 60), None, shapely.Point()]
ZONES.append(ZONES[0])
NAMES = ["a", "b", "far", "null", "empty", "a"]
INSIDE = {name: int(shapely.within(POINTS, zone).sum()) for name, zone in zip(NAMES, ZONES, strict=True)}
COUNTS = [("a", 2 * INSIDE["a"]), ("b", INSIDE["b"]), ("empty", 0), ("far", 0), ("null", 0)]
WITHIN = "ST_Within(ST_GeomFromWKB(points.g), ST_GeomFromWKB(zones.g))"


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


@pytest.mark.parametrize("sides", ["zones LEFT JOIN points", "points RIGHT JOIN zones"])
def test_zones_that_are_kept_whether_points_are_inside_or_not(layers, sides):
    text = f"SELECT zones.name, count(points.name) FROM {sides} ON {WITHIN} GROUP BY zones.name ORDER BY 1"
    assert answered(layers, text) == COUNTS


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


def test_bare_columns_of_inner_joins_are_left_to_spark(layers):
    frame = layers.sql("SELECT 1 FROM items a JOIN items b ON ST_Intersects(a.geometry, b.geometry)")
    assert with_index(frame) is frame
