"""Registering other catalogues in the same session."""

import pytest

from jeospark.sql import session

pytestmark = pytest.mark.spark


def test_an_empty_catalogue_has_the_same_columns(spark, tmp_path, held):
    columns = {}
    for place in (held.catalog, str(tmp_path / "none")):
        db = session(place)
        columns[place] = {
            name: db.table(name).columns for name in ("collections", "items", "assets", "bands", "outcomes")
        }
    full, empty = columns.values()
    assert empty == full
    assert db.sql("SELECT * FROM items, assets, bands, outcomes, collections").count() == 0


@pytest.mark.parametrize("name", ["a b", "50%", "[x]{y,z}*?"])
def test_paths_are_taken_as_they_are(spark, make_archive, tmp_path, name):
    archive = type(make_archive())(tmp_path / name)
    archive.item("a", "2020-05-01")
    archive.save()
    assert session(archive.catalog).sql("SELECT i.geometry FROM items i JOIN collections USING (id)").count() == 0
    assert [row.id for row in spark.sql("SELECT id FROM items UNION ALL SELECT id FROM collections").collect()] == [
        "a",
        "s2",
    ]
