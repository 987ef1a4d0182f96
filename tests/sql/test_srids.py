"""Geometries of two CRS meet in no query."""

import pytest
import shapely
from pyspark.errors import IllegalArgumentException
from pyspark.sql import functions
from sedona.spark.sql.st_predicates import ST_Touches, ST_Within

from jeospark.errors import SqlCrsError
from jeospark.sql import ask

pytestmark = pytest.mark.spark


@pytest.mark.parametrize(
    ("query", "second"),
    [
        ("SELECT 1 FROM items i JOIN zones z ON ST_Intersects(i.geometry, z.geometry)", "z.geometry"),
        ("SELECT 1 FROM items i LEFT JOIN zones z ON ST_Intersects(i.geometry, z.geometry)", "z.geometry"),
        ("SELECT ST_Distance(i.geometry, ST_Centroid(z.geometry)) FROM items i, zones z", "ST_Centroid(z.geometry)"),
        ("SELECT 1 FROM items i WHERE ST_Within(i.geometry, (SELECT geometry FROM zones LIMIT 1))",
         "(SELECT geometry FROM zones LIMIT 1)"),
        ("SELECT 1 FROM zones z WHERE EXISTS (SELECT 1 FROM items i WHERE ST_Intersects(i.geometry, z.geometry))",
         "z.geometry"),
        ("SELECT n FROM zones z, LATERAL (SELECT count(*) n FROM items i WHERE ST_Touches(i.geometry, z.geometry))",
         "z.geometry"),
        ("WITH z AS (SELECT geometry AS g FROM zones) SELECT 1 FROM z a, z b, items WHERE ST_Covers(geometry, b.g)",
         "b.g"),
        ("SELECT 1 FROM items, (SELECT ST_Union_Aggr(geometry) u FROM zones) t WHERE ST_Overlaps(geometry, u)", "t.u"),
        ("SELECT 1 FROM items WHERE ST_Crosses(geometry, ST_GeomFromText('POINT(1 2)', 32633))",
         "ST_GeomFromText('POINT(1 2)', 32633)"),
        ("SELECT 1 FROM items WHERE ST_Contains(geometry, ST_Transform(geometry, 'EPSG:32633'))",
         "ST_Transform(geometry, 'EPSG:32633')"),
    ],
)  # fmt: skip
def test_geometries_of_two_crs_are_refused(db, query, second):
    with pytest.raises(SqlCrsError, match=r"ST_\w+ has geometries in two CRS") as caught:
        ask(f"SELECT 1;\n{query}", spark=db)
    assert f"in EPSG:4326, {second} in EPSG:32633" in caught.value.what
    assert caught.value.where.startswith("line 2, column ")
    assert len(caught.value.__notes__) == 1
    assert caught.value.remedy == f"Transform one: ST_Transform({second}, 'EPSG:4326')."


def test_views_are_looked_into(db):
    ask("CREATE OR REPLACE TEMPORARY VIEW met AS SELECT id FROM items i JOIN zones z "
        "ON ST_Intersects(i.geometry, z.geometry)", spark=db)  # fmt: skip
    with pytest.raises(SqlCrsError, match=r"i\.geometry in EPSG:4326, z\.geometry in EPSG:32633"):
        ask("SELECT * FROM met", spark=db)


def test_the_session_refuses_them_too(db):
    with pytest.raises(SqlCrsError, match=r"i\.geometry in EPSG:4326, z\.geometry in EPSG:32633") as caught:
        db.sql("SELECT {one}\nFROM items i, zones z WHERE ST_Within(i.geometry, z.geometry)", one=1)
    assert caught.value.where == "line 2, column 29"
    same = "SELECT count(*) FROM zones z WHERE ST_Within(z.geometry, (SELECT geometry FROM zones WHERE label = :label))"
    assert db.sql(same, {"label": "a"}).head()[0] == 1


def test_methods_of_dataframes_refuse_them(db):
    items, zones = db.table("items").alias("i"), db.table("zones").alias("z")
    places = "ST_Within has geometries in two CRS: i.geometry in EPSG:4326, z.geometry in EPSG:32633"
    for condition in (functions.expr("ST_Within(i.geometry, z.geometry)"), ST_Within("i.geometry", "z.geometry")):
        with pytest.raises(IllegalArgumentException, match=f"^SqlCrsError: {places}"):
            items.join(zones, condition)
    pairs = items.crossJoin(zones).withColumn("more", functions.lit(1))
    with pytest.raises(IllegalArgumentException, match="ST_Distance has geometries in two CRS"):
        pairs.withColumn("d", functions.expr("ST_SetSRID(ST_Point(ST_Distance(i.geometry, z.geometry), 0), 4326)"))
    with pytest.raises(IllegalArgumentException, match="ST_Touches has geometries in two CRS"):
        pairs.select(functions.array(*([functions.expr("true")] * 40), ST_Touches("i.geometry", "z.geometry")))
    same = "ST_Intersects(i.geometry, ST_Transform(z.geometry, 'EPSG:4326'))"
    assert items.join(zones, functions.expr(same)).withColumn("more", functions.lit(1)).count() == 3


@pytest.mark.parametrize("command", ["CREATE TABLE mixed AS ", "INSERT INTO kept ", "EXPLAIN "])
def test_nothing_is_written_of_them(db, command):
    mixed = "SELECT i.id FROM items i JOIN zones z ON ST_Intersects(i.geometry, z.geometry)"
    ask("CREATE TABLE IF NOT EXISTS kept AS SELECT '' AS id", spark=db)
    try:
        for door in (lambda text: ask(text, spark=db), db.sql):
            with pytest.raises(SqlCrsError, match="two CRS"):
                door(command + mixed)
        assert not db.catalog.tableExists("mixed")
        assert db.table("kept").count() == 1
        db.sql(f"INSERT INTO kept {mixed.replace('z.geometry', 'i.geometry')}")
        assert db.table("kept").count() > 1
    finally:
        db.sql("DROP TABLE kept")


@pytest.mark.parametrize(
    "condition",
    ["ST_Intersects(i.geometry, ST_Transform(z.geometry, 'EPSG:4326'))",
     "ST_Intersects(ST_Transform(i.geometry, 'EPSG:4326', 'EPSG:32633', true), z.geometry)",
     "ST_Intersects(i.geometry, ST_SetSRID(z.geometry, 4326))", "ST_Intersects(i.geometry, ST_Point(1, 2))",
     "ST_Intersects(i.geometry, ST_SetSRID(z.geometry, length(z.label)))",
     "ST_Intersects(i.geometry, ST_Transform(IF(z.label IS NULL, NULL, z.geometry), 'EPSG:4326'))"],
)  # fmt: skip
def test_what_is_one_crs_or_unknown_is_answered(db, condition):
    assert len(ask(f"SELECT i.id FROM items i JOIN zones z ON {condition}", spark=db)) >= 0


def test_answers_without_rows_keep_the_crs_of_the_query(db):
    assert ask("SELECT geometry AS g FROM zones WHERE false", spark=db).srids == {"g": (32633,)}
    assert ask("SELECT ST_Transform(geometry, 'EPSG:3035') AS g FROM zones WHERE false", spark=db).srids["g"] == (3035,)


def test_geometries_inside_of_others_are_texts(db):
    query = """SELECT struct(ST_Point(3, 4) AS p, array(map('x', ST_Point(7, 8))) AS m) AS s,
               map('a', ST_Point(5, 6)) AS m, IF(true, NULL, struct(ST_Point(1, 2) AS p)) AS n,
               parse_json('{"a": 1}') AS v, ST_GeogFromWKT('POINT(1 2)', 4326) AS g, make_interval(1, 2) AS i"""
    (row,) = ask(query, spark=db).table.to_pylist(maps_as_pydicts="strict")
    assert row == {
        "s": {"p": "POINT (3 4)", "m": [{"x": "POINT (7 8)"}]}, "m": {"a": "POINT (5 6)"}, "n": None, "v": '{"a":1}',
        "g": "SRID=4326; POINT (1 2)", "i": "1 years 2 months",
    }  # fmt: skip


def test_empty_geometries_have_no_srid_of_their_own(db):
    shapes = "VALUES ('POINT (1 2)'), ('POINT EMPTY'), (NULL) AS t(w)"
    answer = ask(f"SELECT ST_SetSRID(ST_GeomFromText(w), 3035) AS g FROM {shapes}", spark=db)
    assert answer.srids == {"g": (3035,)}
    assert shapely.from_wkb(answer.table["g"].to_pylist())[1].is_empty
