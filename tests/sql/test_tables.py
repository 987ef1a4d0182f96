from datetime import UTC, datetime

import pytest
import shapely

from jeospark.errors import SqlError
from jeospark.sql.registry import tables
from jeospark.sql.relation import server_statements, session_statements
from jeospark.sql.session import session
from jeospark.storage.href import literal_path

pytestmark = pytest.mark.spark


def test_tables_are_registered_without_a_job(db, held, spark):
    tracker = spark.sparkContext.statusTracker()
    before = len(tracker.getJobIdsForGroup(None))
    session(held.catalog, outputs=[held.output])
    assert len(tracker.getJobIdsForGroup(None)) == before
    shown = {row.tableName for row in db.sql("SHOW TABLES").collect()}
    assert {"assets", "bands", "collections", "items", "outcomes", "zones"} <= shown


def test_items_of_all_collections(rows, held):
    found = rows("SELECT collection, id, datetime, ST_AsBinary(geometry), ST_SRID(geometry) FROM items ORDER BY id")
    assert [row[:2] for row in found] == [("s2", "i1"), ("s2", "i2"), ("s2", "i3"), ("other-1.x", "o1")]
    assert found[1][2] == datetime(2020, 5, 2, 10, tzinfo=UTC)
    (expected, *_) = (item["geometry"] for item in held.archive.store.items("s2"))
    assert shapely.from_wkb(found[0][3]).equals(shapely.geometry.shape(expected))
    assert {row[4] for row in found} == {4326}


def test_properties_that_collections_disagree_about(rows):
    found = rows(
        "SELECT properties.`eo:cloud_cover`, properties.number, properties.mixed, properties.only "
        "FROM items ORDER BY id"
    )
    assert found == [(10.5, 1, "1", None), (21.0, 2, "2", None), (31.5, 3, "3", None), (3.0, None, "text", "o")]


def test_assets_and_bands(rows, held):
    asset = held.archive.folder / "i1" / "B04.tif"
    (found,) = rows("SELECT href, type, roles, crs FROM assets WHERE item_id = 'i1' AND asset = 'B04'")
    assert found == (str(asset), "image/tiff; application=geotiff", ["data"], "EPSG:32633")
    assert rows("SELECT count(*), count(DISTINCT item_id) FROM assets") == [(10, 4)]
    (band,) = rows("SELECT href, scale, offset, data_type FROM bands WHERE item_id = 'i1' AND band = 'B04'")
    assert band == (str(asset), 0.0001, -0.1, "uint16")
    assert rows("SELECT collection, count(*) FROM bands GROUP BY 1 ORDER BY 1") == [("other-1.x", 1), ("s2", 9)]


def test_collections_have_their_extent(rows):
    found = rows("SELECT id, start_datetime, end_datetime, ST_SRID(geometry), bands FROM collections ORDER BY id")
    assert [row[0] for row in found] == ["other-1.x", "s2"]
    assert found[1][1:3] == (datetime(2020, 5, 1, 10, tzinfo=UTC), datetime(2020, 5, 3, 10, tzinfo=UTC))
    assert found[1][3:] == (4326, ["B04", "B08", "SCL"])
    inside = (
        "SELECT count(*) FROM items i JOIN collections c ON i.collection = c.id AND ST_Covers(c.geometry, i.geometry)"
    )
    assert rows(inside) == [(4,)]


def test_outcomes_of_all_attempts(rows, held):
    found = rows("SELECT output, attempt, unit_id, status FROM outcomes ORDER BY 2, 3")
    assert [(row[1][:8], *row[2:]) for row in found] == [
        ("20200101", "r0c0/2020", "done"), ("20200101", "r0c1/2020", "failed"), ("20200102", "r0c1/2020", "failed"),
    ]  # fmt: skip
    assert {row[0] for row in found} == {held.output}


def test_a_layer_has_the_srid_of_its_crs(rows):
    found = rows("SELECT label, ST_SRID(geometry), ST_XMin(geometry) FROM zones ORDER BY label NULLS LAST")
    assert found == [("a", 32633, 5e5), (None, 32633, 7e5)]
    joined = (
        "SELECT DISTINCT label FROM items i JOIN zones z "
        "ON ST_Intersects(z.geometry, ST_Transform(i.geometry, 'EPSG:32633'))"
    )
    assert rows(joined) == [("a",)]


def test_a_folder_without_ledger(tmp_path, held):
    with pytest.raises(SqlError, match="no ledger"):
        tables(held.catalog, [str(tmp_path)])


def test_servers_get_the_same_tables(held):
    for_session, for_server = (
        [text.split(" AS ", 1)[1] for text in make(tables(held.catalog)) if " AS SELECT " in text]
        for make in (session_statements, server_statements)
    )
    assert [text.replace("global_temp.", "files.") for text in for_session] == for_server


def test_a_literal_path_escapes_what_hadoop_would_match():
    assert literal_path("/a/[b]*{c}?\\") == "/a/\\[b\\]\\*\\{c\\}\\?\\\\"
