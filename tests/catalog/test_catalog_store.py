import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pystac
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jeospark.catalog import merge, writer
from jeospark.catalog.bands import collection_bands
from jeospark.catalog.schema import INDEX_TYPES, MGRS, OBSERVATION, SOURCES, SOURCES_TYPE
from jeospark.catalog.store import Catalog
from jeospark.errors import CatalogError, CollectionNotFoundError, ExtentError
from jeospark.model import Source

S2 = {"id": "s2", "license": "CC-BY-4.0"}


@pytest.fixture
def catalog(tmp_path):
    return Catalog(tmp_path / "catalog")


def test_items_come_back_as_they_went_in(catalog, make_item):
    item = make_item(**{"eo:cloud_cover": 12.5, "platform": "sentinel-2a", "sat:relative_orbit": 22})
    catalog.add(S2, [item])
    (stored,) = catalog.items("s2")
    link = {"rel": "collection", "href": "./collection.json", "type": "application/json"}
    assert stored == {**item, "collection": "s2", "links": [link]}


def test_items_of_different_assets_and_types_share_a_file(catalog, make_item):
    first = make_item("a", bands=("B02",), **{"eo:cloud_cover": 3})
    second = make_item("b", bands=("B8A", "CLD"), **{"s2:product_uri": "x", "eo:cloud_cover": 3.5})
    catalog.add(S2, [first])
    catalog.add(S2, [second])
    one, two = catalog.items("s2")
    assert (one["assets"], two["assets"]) == (first["assets"], second["assets"])
    assert one["properties"]["eo:cloud_cover"] == 3
    assert "s2:product_uri" not in one["properties"]


def test_items_are_sorted_by_time_then_id_over_row_groups(catalog, make_item, monkeypatch):
    monkeypatch.setattr(merge, "ROW_GROUP", 3)
    moments = [f"2020-01-{day:02}T00:00:00Z" for day in (5, 3, 3, 9, 1, 7, 2)]
    for start in (0, 4):
        some = list(enumerate(moments))[start : start + 4]
        catalog.add(S2, [make_item(f"i{9 - number}", moment) for number, moment in some])
    keys = [(item["properties"]["datetime"], item["id"]) for item in catalog.items("s2")]
    assert keys == sorted(keys)
    assert len(keys) == 7
    assert pq.ParquetFile(catalog.items_path("s2")).num_row_groups == 3


def test_adding_again_leaves_the_files_alone(catalog, make_item):
    items = [make_item("a"), make_item("b")]
    assert catalog.add(S2, items).added == 2
    path = Path(catalog.items_path("s2"))
    before = [(file.stat().st_mtime_ns, file.stat().st_ino) for file in (path, path.with_name("collection.json"))]
    again = catalog.add(S2, items)
    after = [(file.stat().st_mtime_ns, file.stat().st_ino) for file in (path, path.with_name("collection.json"))]
    assert (again.added, again.updated, again.unchanged) == (0, 0, 2)
    assert after == before


def test_a_changed_item_replaces_the_stored_one(catalog, make_item):
    catalog.add(S2, [make_item("a"), make_item("b")])
    done = catalog.add(S2, [make_item("b", **{"eo:cloud_cover": 7.0}), make_item("c")])
    assert (done.added, done.updated, done.unchanged) == (1, 1, 0)
    clouds = {item["id"]: item["properties"].get("eo:cloud_cover") for item in catalog.items("s2")}
    assert clouds == {"a": None, "b": 7.0, "c": None}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 3)), min_size=1, max_size=6), max_size=4))
def test_the_last_of_one_id_counts(tmp_path_factory, make_item, monkeypatch, rounds):
    monkeypatch.setattr(writer, "_CHUNK", 2)
    catalog = Catalog(tmp_path_factory.mktemp("catalog"))
    expected = {}
    for offers in rounds:
        known = dict(expected)
        expected |= dict(offers)
        done = catalog.add(S2, [make_item(name, **{"eo:cloud_cover": cover}) for name, cover in offers])
        assert done.added == len(expected) - len(known)
        assert done.added + done.updated + done.unchanged == len(dict(offers))
    if rounds:
        assert {item["id"]: item["properties"]["eo:cloud_cover"] for item in catalog.items("s2")} == expected


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(catalog, make_item):
    catalog.add(S2, [make_item("a")])

    def failing():
        yield make_item("b")
        raise OSError("the source went away")

    with pytest.raises(OSError, match="went away"):
        catalog.add(S2, failing())
    assert [item["id"] for item in catalog.items("s2")] == ["a"]
    assert sorted(path.name for path in Path(catalog.items_path("s2")).parent.iterdir()) == [
        ".lock",
        "collection.json",
        "items.parquet",
    ]


def test_the_file_is_geoparquet_with_the_index_columns(catalog, make_item):
    catalog.add(S2, [make_item(**{"grid:code": "MGRS-29UNU"})])
    schema = pq.read_schema(catalog.items_path("s2"))
    geo = json.loads(schema.metadata[b"geo"])
    assert geo["primary_column"] == "geometry"
    assert geo["columns"]["geometry"]["encoding"] == "WKB"
    assert b"stac-geoparquet" in schema.metadata
    assert {name: schema.field(name).type for name in INDEX_TYPES} == INDEX_TYPES
    row = pq.read_table(catalog.items_path("s2"), columns=[MGRS, OBSERVATION, SOURCES])
    assert row[MGRS].to_pylist() == ["29UNU"]
    assert row[SOURCES].type == SOURCES_TYPE


def test_other_stac_geoparquet_readers_read_it(catalog, make_item):
    from stac_geoparquet.arrow import stac_table_to_items

    catalog.add(S2, [make_item("a"), make_item("b")])
    table = pq.read_table(catalog.items_path("s2"))
    assert [item["id"] for item in stac_table_to_items(table)] == ["a", "b"]


def test_refs_hold_the_sources_of_the_bands_asked_for_in_that_order(catalog, make_item):
    catalog.add(S2, [make_item()])
    (ref,) = catalog.refs("s2", ["SCL", "B99", "B04"])
    assert [source.band for source in ref.sources] == ["SCL", "B04"]
    assert ref.datetime == datetime(2020, 6, 1, 10, tzinfo=UTC)
    assert shapely.from_wkb(ref.footprint).bounds == (10.0, 50.0, 11.0, 51.0)
    assert ref.sources[1] == Source(
        band="B04",
        href="/data/a/B04.tif",
        data_type="uint16",
        nodata=0.0,
        scale=0.0001,
        offset=-0.1,
        crs="EPSG:32632",
        transform=(10.0, 0.0, 600000.0, 0.0, -10.0, 5600000.0),
        shape=(100, 200),
    )


def test_a_band_comes_from_the_smallest_pixels_and_never_from_pictures(catalog, make_item):
    item = make_item(bands=("B04",))
    fine = {**item["assets"]["B04"], "href": "/fine.tif", "proj:transform": [1.0, 0.0, 0.0, 0.0, -1.0, 0.0]}
    item["assets"] |= {"fine": fine, "picture": {**fine, "href": "/picture.tif", "roles": ["visual"]}}
    item["assets"]["picture"]["proj:transform"] = [0.1, 0.0, 0.0, 0.0, -0.1, 0.0]
    catalog.add(S2, [item])
    (ref,) = catalog.refs("s2", ["B04"])
    assert [source.href for source in ref.sources] == ["/fine.tif"]


def test_interval_is_half_open(catalog, make_item):
    catalog.add(S2, [make_item(f"d{day}", f"2020-06-0{day}T00:00:00Z") for day in (1, 2, 3)])
    found = catalog.items("s2", interval=(datetime(2020, 6, 1), datetime(2020, 6, 3, tzinfo=UTC)))  # noqa: DTZ001
    assert [item["id"] for item in found] == ["d1", "d2"]
    assert [item["id"] for item in catalog.items("s2", interval=(None, datetime(2020, 6, 2, tzinfo=UTC)))] == ["d1"]


def test_comparisons_leave_out_items_without_the_property(catalog, make_item):
    covers = {"a": 10.0, "b": 60.0, "c": None}
    catalog.add(
        S2, [make_item(name, **({} if cover is None else {"eo:cloud_cover": cover})) for name, cover in covers.items()]
    )
    assert [item["id"] for item in catalog.items("s2", properties={"eo:cloud_cover": ("<=", 50)})] == ["a"]
    assert [item["id"] for item in catalog.items("s2", properties={"eo:cloud_cover": ("!=", 10)})] == ["b"]


def test_bbox_meets_footprints_not_only_their_boxes(catalog, make_item):
    triangle = make_item("triangle")
    triangle["geometry"]["coordinates"] = [[[10.0, 50.0], [11.0, 50.0], [10.0, 51.0], [10.0, 50.0]]]
    catalog.add(S2, [triangle, make_item("far", box=(20.0, 50.0, 21.0, 51.0))])
    assert [item["id"] for item in catalog.items("s2", bbox=(9.5, 49.5, 10.2, 50.2))] == ["triangle"]
    assert list(catalog.items("s2", bbox=(10.9, 50.9, 10.95, 50.95))) == []


def test_the_collection_is_valid_stac_and_reaches_as_far_as_its_items(catalog, make_item):
    boxes = {"a": (10.0, 50.0, 11.0, 51.0), "b": (-3.0, 40.0, -2.0, 41.0)}
    catalog.add(S2, [make_item(name, f"2020-0{n}-01T00:00:00Z", box) for n, (name, box) in enumerate(boxes.items(), 1)])
    document = catalog.collection("s2")
    pystac.Collection.from_dict(document).validate()
    for item in catalog.items("s2"):
        pystac.Item.from_dict(item).validate()
    assert document["extent"]["spatial"]["bbox"] == [[-3.0, 40.0, 11.0, 51.0]]
    assert document["extent"]["temporal"]["interval"] == [["2020-01-01T00:00:00Z", "2020-02-01T00:00:00Z"]]
    assert [band["name"] for band in document["summaries"]["bands"]] == ["B04", "SCL"]
    assert document["license"] == "CC-BY-4.0"


def test_item_assets_are_those_of_every_item(catalog, make_item):
    catalog.add(S2, [make_item("a", bands=("B02", "B04"))])
    catalog.add({"id": "s2", "title": "Sentinel-2"}, [make_item("b", bands=("B04", "B08"))])
    document = catalog.collection("s2")
    assert list(document["item_assets"]) == ["B04"]
    assert [band["name"] for band in document["summaries"]["bands"]] == ["B02", "B04", "B08"]
    assert (document["title"], document["license"]) == ("Sentinel-2", "CC-BY-4.0")


def test_a_missing_collection_is_named_with_the_nearest(catalog, make_item):
    with pytest.raises(CollectionNotFoundError, match="empty"):
        catalog.collection("s2")
    catalog.add({"id": "sentinel-2"}, [make_item()])
    with pytest.raises(CollectionNotFoundError, match="Did you mean 'sentinel-2'"):
        next(catalog.items("sentinel2"))
    assert [document["id"] for document in catalog.collections()] == ["sentinel-2"]


@pytest.mark.parametrize(
    ("question", "error", "text"),
    [
        ({"bbox": (10, 51, 11, 50)}, ExtentError, "inverted"),
        ({"bbox": (600000, 0, 700000, 10)}, ExtentError, "off the globe"),
        ({"interval": (datetime(2021, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC))}, ExtentError, "inverted"),
        ({"properties": {"eo:cloudcover": ("<=", 5)}}, CatalogError, "Did you mean 'eo:cloud_cover'"),
        ({"properties": {"eo:cloud_cover": ("=<", 5)}}, CatalogError, "no comparison"),
        ({"properties": {"eo:cloud_cover": ("<=", "much")}}, CatalogError, "cannot be compared"),
    ],
)
def test_bad_questions_are_named(catalog, make_item, question, error, text):
    catalog.add(S2, [make_item(**{"eo:cloud_cover": 1.5})])
    with pytest.raises(error, match=text):
        list(catalog.refs("s2", ["B04"], **question))


@pytest.mark.parametrize("identifier", ["", "a/b", "..", "a b"])
def test_ids_that_name_no_folder_are_refused(catalog, make_item, identifier):
    with pytest.raises(CatalogError, match="cannot be the id"):
        catalog.add({"id": identifier}, [make_item()])


def test_no_item_makes_no_collection(catalog):
    with pytest.raises(CatalogError, match="no item"):
        catalog.add(S2, [])
    assert catalog.collections() == []


def test_items_that_disagree_about_a_type_are_named(catalog, make_item):
    with pytest.raises(CatalogError, match="disagree"):
        catalog.add(S2, [make_item("a", orbit=1), make_item("b", orbit="one")])
    catalog.add(S2, [make_item("a", orbit=1)])
    with pytest.raises(CatalogError, match="disagree"):
        catalog.add(S2, [make_item("b", orbit="one")])


def test_items_across_the_antimeridian_are_found_from_both_sides(catalog, make_item):
    item = make_item("crossing", box=(179.0, 60.0, -179.0, 61.0))
    sides = [shapely.box(179, 60, 180, 61), shapely.box(-180, 60, -179, 61)]
    item["geometry"] = shapely.geometry.mapping(shapely.MultiPolygon(sides))
    catalog.add(S2, [item, make_item("west", box=(-178.0, 60.0, -177.0, 61.0))])
    found = lambda *bbox: [one["id"] for one in catalog.items("s2", bbox=bbox)]  # noqa: E731
    assert found(179.5, 60, 179.9, 61) == ["crossing"]
    assert found(-179.9, 60, -179.5, 61) == ["crossing"]
    assert found(179.9, 60, -177.5, 61) == ["crossing", "west"]
    assert found(0, 60, 10, 61) == []
    geo = json.loads(pq.read_schema(catalog.items_path("s2")).metadata[b"geo"])
    assert "covering" not in geo["columns"]["geometry"]
    assert catalog.collection("s2")["extent"]["spatial"]["bbox"] == [[-180.0, 60.0, 180.0, 61.0]]


def test_classes_are_those_that_a_file_of_classes_holds():
    classes = [
        {"value": 1, "name": "water", "color_hint": "0000FF"},
        {"value": 2, "description": "Trees", "color_hint": "green"},
        {"value": 3},
        {"value": -1, "name": "unknown"},
        {"value": 65535, "name": "none"},
    ]
    (band,) = collection_bands({"summaries": {"bands": [{"name": "lc", "classification:classes": classes}]}})
    assert [(each.value, each.name, each.color) for each in band.classes] == [
        (1, "water", "#0000ff"), (2, "Trees", "#808080"), (3, "3", "#808080"),
    ]  # fmt: skip
