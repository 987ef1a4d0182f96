"""Layers from a real PostGIS."""

import pyarrow.parquet as pq
import pytest
import shapely

from jeospark.errors import LayerCrsError, VectorSourceError
from jeospark.vector.sources import postgis as module
from jeospark.vector.sources.request import Request


@pytest.fixture
def places(psql):
    psql(
        "DROP SCHEMA IF EXISTS geo CASCADE",
        "CREATE SCHEMA geo",
        'CREATE TABLE geo."Places" (gid int PRIMARY KEY, name text, size numeric(10,3), seen timestamptz, tags text[],'
        " geom geometry(Geometry, 3035))",
        "INSERT INTO geo.\"Places\" SELECT i, 'Škofja ' || i, i / 8.0, '2020-01-01 12:00+02', ARRAY['a', 'b'],"
        " ST_SetSRID(ST_MakePoint(4000000 + i, 3000000 + 2 * i), 3035) FROM generate_series(1, 3000) i",
        'INSERT INTO geo."Places" VALUES (0, NULL, NULL, NULL, NULL, NULL)',
    )
    return "geo.Places"


def test_a_table_is_read_with_its_crs_key_and_types(layers, postgis, places):
    layer = layers.add("places", Request(href=postgis, layer=places))
    assert (layer.crs_code, layer.features, layer.null_geometries, layer.id) == ("EPSG:3035", 3001, 1, "gid")
    assert layer.schema == {
        "gid": "int32", "name": "string", "size": "double", "seen": "timestamp[us, tz=UTC]", "tags": "string",
    }  # fmt: skip
    rows = {row["gid"]: row for row in pq.read_table(layers.path("places")).to_pylist()}
    assert shapely.from_wkb(rows[1000]["geometry"]) == shapely.Point(4001000, 3002000)
    assert (rows[1000]["name"], rows[1000]["size"]) == ("Škofja 1000", 125.0)
    assert rows[1000]["seen"].hour == 10


def test_pieces_of_a_table_make_the_whole(layers, postgis, places, monkeypatch):
    monkeypatch.setattr(module, "PAGES", 4)
    opened = module.open_postgis(Request(href=postgis, layer=places))
    assert len(opened.pieces) > 5
    counts = [sum(batch.num_rows for batch in opened.read(piece)) for piece in opened.pieces]
    assert sum(counts) == 3001
    assert max(counts) < 1000
    assert layers.add("places", Request(href=postgis, layer=places)).features == 3001


def test_views_and_geographies_are_read(layers, postgis, places, psql):
    psql(
        'CREATE VIEW geo.few AS SELECT gid, geom FROM geo."Places" WHERE gid BETWEEN 1 AND 9',
        "CREATE TABLE geo.globe (geometry int, shape geography)",
        "INSERT INTO geo.globe VALUES (7, 'SRID=4326;LINESTRING(10 50, 11 51)')",
    )
    assert layers.add("few", Request(href=postgis, layer="geo.few")).features == 9
    globe = layers.add("globe", Request(href=postgis, layer="geo.globe"))
    assert globe.crs_code == "EPSG:4326"
    assert globe.schema == {"geometry_1": "int32"}
    assert any("spherical" in note for note in globe.notes)


def test_what_leaves_a_choice_or_lacks_a_crs_is_named(layers, postgis, places, psql):
    psql(
        "CREATE TABLE geo.bare (geom geometry)",
        "INSERT INTO geo.bare VALUES ('POINT(1 2)')",
        "CREATE TABLE geo.mixed (geom geometry)",
        "INSERT INTO geo.mixed VALUES ('SRID=4326;POINT(1 2)'), ('SRID=3035;POINT(1 2)')",
    )
    with pytest.raises(VectorSourceError, match=r"Choose with --layer from: .*geo\.Places"):
        layers.add("x", Request(href=postgis))
    with pytest.raises(VectorSourceError, match=r"no table 'geo\.none'"):
        layers.add("x", Request(href=postgis, layer="geo.none"))
    with pytest.raises(LayerCrsError, match="no CRS"):
        layers.add("x", Request(href=postgis, layer="geo.bare"))
    with pytest.raises(VectorSourceError, match="SRIDs 3035, 4326"):
        layers.add("x", Request(href=postgis, layer="geo.mixed"))
    assert layers.names() == []


def test_a_server_that_does_not_answer_is_named_and_passwords_are_not_kept(layers, postgis, places):
    with pytest.raises(VectorSourceError, match="PostgreSQL says") as failure:
        layers.add("x", Request(href="postgresql://me:s3cret@/nothing?host=/nowhere", layer="a"))
    assert "s3cret" not in str(failure.value)
    layer = layers.add("places", Request(href=postgis.replace("postgres@", "postgres:s3cret@"), layer=places))
    assert "s3cret" not in layer.to_json()
    assert layer.source["href"] == postgis
