import copy
import json
import math

import pytest

from jeospark.catalog.footprint import footprint_of_grid
from jeospark.catalog.profile import SENTINEL_2_L2A
from jeospark.catalog.sources import source_rows
from jeospark.catalog.stac import stac_items
from jeospark.catalog.store import Catalog
from jeospark.errors import AssetMissingError, SourceError
from jeospark.model import RasterInfo


@pytest.fixture
def read(tmp_path):
    def read_document(document, name="item.json", **options):
        path = tmp_path / name
        path.write_text(json.dumps(document))
        rejected = []
        items = list(stac_items(str(path), lambda *one: rejected.append(one), **options))
        return items, rejected

    return read_document


def _old_item(**changes):
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "old",
        "geometry": {"type": "Polygon", "coordinates": [[[5, 50], [6, 50], [6, 51], [5, 51], [5, 50]]]},
        "bbox": [5, 50, 6, 51],
        "properties": {
            "datetime": "2021-02-03T00:00:00Z",
            "proj:epsg": 4326,
            "proj:shape": [10, 20],
            "proj:bbox": [5, 50, 6, 51],
        },
        "links": [],
        "assets": {
            "a": {
                "href": "./a.tif",
                "type": "image/tiff; application=geotiff",
                "eo:bands": [{"name": "B04", "common_name": "red"}, {"name": "B08", "common_name": None}],
                "raster:bands": [{"data_type": "int16", "nodata": "nan", "scale": 0.5, "offset": -1}, {"nodata": 7}],
            },
            "preview": {"href": "p.png", "type": "image/png", "roles": ["overview"]},
        },
    }
    item = copy.deepcopy(item)
    item.update(changes)
    return item


def test_a_file_url_is_written_with_percents(read, tmp_path):
    folder = tmp_path / "a b"
    href = f"file://{str(folder).replace(' ', '%20')}/50%25.tif"
    (item,), _ = read(_old_item(assets={"a": {"href": href, "type": "image/tiff"}}))
    assert item["assets"]["a"]["href"] == str(folder / "50%.tif")


def test_stac_1_0_becomes_1_1(read, tmp_path):
    (item,), rejected = read(_old_item())
    assert rejected == []
    assert item["stac_version"] == "1.1.0"
    asset = item["assets"]["a"]
    assert asset["href"] == str(tmp_path / "a.tif")
    assert (asset["proj:code"], asset["proj:shape"]) == ("EPSG:4326", [10, 20])
    assert asset["proj:transform"] == pytest.approx([0.05, 0, 5, 0, -0.1, 51])
    red, nir = asset["bands"]
    assert (red["name"], red["eo:common_name"], red["raster:scale"], red["raster:offset"]) == ("B04", "red", 0.5, -1.0)
    assert math.isnan(red["nodata"])
    assert nir == {"name": "B08", "nodata": 7.0}
    assert item["properties"] == {"datetime": "2021-02-03T00:00:00Z", "proj:code": "EPSG:4326"}
    assert [row["index"] for row in source_rows(item)] == [1, 2]


def test_fields_of_a_1_1_asset_hold_for_all_its_bands(read):
    asset = {
        "href": "/x/a.tif",
        "type": "image/tiff",
        "data_type": "uint8",
        "bands": [{"name": "x"}, {"name": "y", "nodata": 3}],
    }
    (item,), _ = read(_old_item(assets={"a": {**asset, "nodata": 0}}))
    assert item["assets"]["a"]["bands"] == [
        {"name": "x", "data_type": "uint8", "nodata": 0.0},
        {"name": "y", "data_type": "uint8", "nodata": 3.0},
    ]


def test_an_interval_stands_for_the_time(read):
    times = {"datetime": None, "start_datetime": "2022-03-04T00:00:00+02:00", "end_datetime": "2022-04-04T00:00:00Z"}
    (item,), _ = read(_old_item(properties=times))
    assert item["properties"]["datetime"] == item["properties"]["start_datetime"] == "2022-03-03T22:00:00Z"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"properties": {}}, "neither datetime"),
        ({"properties": {"datetime": "soon"}}, "no time"),
        ({"properties": {"datetime": "2021-02-03T00:00:00Z", "proj:epsg": 999999}}, "no CRS"),
        ({"assets": {}}, "no raster asset"),
        ({"assets": {"p": {"href": "p.png", "type": "image/png"}}}, "no raster asset"),
        ({"geometry": None, "bbox": None, "properties": {"datetime": "2021-02-03T00:00:00Z"}}, "no geometry"),
        ({"geometry": {"type": "Point", "coordinates": [1, 2]}}, "no area"),
        ({"id": None}, "a feature is no STAC item: it has no id. Give STAC items."),
    ],
)
def test_items_that_cannot_be_used_are_rejected_with_a_reason(read, changes, text):
    items, ((path, reason),) = read(_old_item(**changes))
    assert items == []
    assert text in reason
    assert "item.json" in path


@pytest.mark.parametrize(
    ("where", "field", "value", "text"),
    [
        ((), "links", None, ""),
        ((), "links", [{"rel": "self"}], "links is [{'rel': 'self'}], and must be a list of links with an href"),
        ((), "bbox", [5, 50, "6", 51], "bbox is"),
        ((), "geometry", {"type": "Polygon", "coordinates": [[[math.nan, 1], [2, 3], [4, 5]]]}, "geometry is"),
        ((), "geometry", {"type": "Polygon", "coordinates": [[[1, 1], [1, 1]]]}, "not GeoJSON"),
        (("properties",), "proj:shape", [0, 10], "properties: proj:shape is [0, 10], and must be rows and columns"),
        (("properties",), "proj:bbox", {}, "proj:bbox is {}"),
        (("assets", "a"), "proj:transform", [0] * 6, "asset 'a': proj:transform is [0, 0, 0, 0, 0, 0]"),
        (("assets", "a"), "href", ["./a.tif"], "asset 'a': href is"),
        (("assets", "a"), "raster:bands", [{"scale": "ten"}], "numbers for scale (not 0), offset and nodata"),
        (("assets", "a"), "raster:bands", [{"scale": 0}], "numbers for scale (not 0), offset and nodata"),
        (("assets", "a"), "bands", [{"name": {"a": 1}}], "text for names and units"),
        (("assets", "a"), "nodata", "none", "asset 'a': nodata is 'none'"),
    ],
)
def test_fields_of_another_form_are_named_and_stop_nothing(read, where, field, value, text):
    odd = _old_item(id="odd")
    holder = odd
    for key in where:
        holder = holder[key]
    holder[field] = value
    items, rejected = read({"type": "FeatureCollection", "features": [odd, _old_item()]})
    assert [item["id"] for item in items] == (["old"] if text else ["odd", "old"])
    assert all(path.endswith("#odd") and text in reason for path, reason in rejected)


@pytest.mark.parametrize(
    ("collection", "text"),
    [({"links": "none"}, "links is 'none'"), ({"summaries": []}, "summaries is []"), (None, "JSON")],
)
def test_a_collection_of_another_form_costs_its_own_items(read, tmp_path, collection, text):
    document = "{" if collection is None else json.dumps({"type": "Collection", **collection})
    (tmp_path / "collection.json").write_text(document)
    linked = _old_item(id="linked", links=[{"rel": "collection", "href": "collection.json"}])
    items, rejected = read({"type": "FeatureCollection", "features": [linked, _old_item()]})
    assert [item["id"] for item in items] == ["old"]
    assert text in rejected[0][1]


def test_numbers_that_json_lacks_are_no_properties(read):
    (item,), _ = read(_old_item(properties={"datetime": "2021-02-03T00:00:00Z", "eo:cloud_cover": math.nan}))
    assert "eo:cloud_cover" not in item["properties"]


def test_a_missing_geometry_comes_from_the_bbox_or_the_grid(read):
    (by_box,), _ = read(_old_item(geometry=None))
    (by_grid,), _ = read(_old_item(geometry=None, bbox=None))
    assert by_box["bbox"] == by_grid["bbox"] == [5.0, 50.0, 6.0, 51.0]


def _header(**changes):
    fields = {
        "crs": "EPSG:32631",
        "transform": (10.0, 0.0, 0.0, 0.0, -10.0, 0.0),
        "shape": (3, 4),
        "dtypes": ("u2",) * 2,
    }
    rest = {
        "nodata": (None,) * 2,
        "scales": (1.0,) * 2,
        "offsets": (0.0,) * 2,
        "block": (3, 4),
        "descriptions": ("x", "y"),
    }
    return RasterInfo(**{**fields, **rest, **changes})


def test_headers_tell_what_the_metadata_leave_out(read):
    bare = _old_item(
        assets={"a": {"href": "a.tif", "roles": ["data"]}}, properties={"datetime": "2021-02-03T00:00:00Z"}
    )
    (item,), _ = read(bare, describe=lambda _: _header())
    assert item["assets"]["a"]["proj:code"] == "EPSG:32631"
    assert item["assets"]["a"]["proj:shape"] == [3, 4]
    assert [band["name"] for band in item["assets"]["a"]["bands"]] == ["x", "y"]
    (item,), _ = read(bare, describe=lambda _: _header(descriptions=(None, None)))
    assert [band["name"] for band in item["assets"]["a"]["bands"]] == ["a_1", "a_2"]


def test_a_file_that_is_not_there_yet_costs_nothing(read):
    def fail(path):
        raise AssetMissingError("not there", where=path)

    bare = _old_item(assets={"a": {"href": "a.tif"}}, properties={"datetime": "2021-02-03T00:00:00Z"})
    (item,), _ = read(bare, describe=fail)
    assert item["assets"]["a"]["bands"] == [{"name": "a"}]
    assert "proj:code" not in item["assets"]["a"]


def test_links_are_followed_once_and_servers_never(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "item.json").write_text(json.dumps(_old_item(assets={"a": {"href": "../a.tif"}})))
    child = {"type": "Collection", "id": "c", "summaries": {"bands": [{"name": "NDVI"}]}}
    links = [{"rel": "item", "href": "deep/item.json"}, {"rel": "child", "href": "catalog.json"}]
    (tmp_path / "child.json").write_text(json.dumps({**child, "links": links}))
    links = [
        {"rel": "child", "href": "./child.json"},
        {"rel": "child", "href": "https://stac.test/c"},
        {"rel": "item", "href": "gone.json"},
    ]
    (tmp_path / "catalog.json").write_text(json.dumps({"type": "Catalog", "id": "root", "links": links}))
    rejected = []
    (item,) = stac_items(str(tmp_path / "catalog.json"), lambda *one: rejected.append(one))
    assert item["assets"]["a"]["href"] == str(tmp_path / "a.tif")
    assert item["assets"]["a"]["bands"] == [{"name": "NDVI"}]
    assert [path for path, _ in rejected] == ["https://stac.test/c", str(tmp_path / "gone.json")]


def test_folders_and_item_collections(read, tmp_path):
    items, _ = read({"type": "FeatureCollection", "features": [_old_item(id="a"), _old_item(id="b")]}, "all.geojson")
    assert [item["id"] for item in items] == ["a", "b"]
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "other.json").write_text('{"process_graph": {}}')
    rejected = []
    assert len(list(stac_items(str(tmp_path), lambda *one: rejected.append(one)))) == 2
    assert [path for path, _ in rejected] == [str(tmp_path / "broken.json")]


def test_what_is_no_stac_is_named(read, tmp_path):
    with pytest.raises(SourceError, match="no STAC"):
        read({"process_graph": {}})
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(SourceError, match="not JSON"):
        list(stac_items(str(tmp_path / "bad.json"), lambda *_: None))


@pytest.mark.parametrize(("baseline", "offset"), [("03.00", 0.0), ("04.00", -0.1)])
def test_the_profile_knows_the_offset_of_later_baselines(read, baseline, offset):
    document = _old_item(assets={"a": {"href": "a.tif", "bands": [{"name": "B04"}]}})
    document["properties"]["s2:processing_baseline"] = baseline
    (item,), _ = read(document, profile=SENTINEL_2_L2A)
    (band,) = item["assets"]["a"]["bands"]
    assert (band["raster:scale"], band["raster:offset"], band["nodata"]) == (0.0001, offset, 0)


def test_netcdf_assets_hold_a_variable_a_band(read):
    asset = {"href": "/x/o.nc", "type": "application/x-netcdf", "eo:bands": [{"name": "B04"}, {"name": "B03"}]}
    (item,), _ = read(_old_item(assets={"o": asset}))
    assert [(row["variable"], row["index"]) for row in source_rows(item)] == [("B04", 1), ("B03", 1)]


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["openeo_driver_stac", "stac_items_real"])
def test_every_awkward_document_gives_items_or_a_named_reason(shared_data, tmp_path, name):
    catalog = Catalog(tmp_path)
    given = 0
    for number, path in enumerate(sorted(shared_data(name).rglob("*json"))):
        rejected = []
        try:
            items = list(stac_items(str(path), lambda *one, log=rejected: log.append(one)))
        except SourceError:
            continue
        if items:
            given += 1
            catalog.add({"id": f"c{number}"}, items)
            assert len(list(catalog.items(f"c{number}"))) == len({item["id"] for item in items})
            assert all(source_rows(item) for item in items)
    assert given >= 15


@pytest.mark.realdata
def test_three_real_cogs(shared_data):
    path = shared_data("openeo_driver_stac") / "recursive-stac-example" / "collection.json"
    items = list(stac_items(str(path), lambda *_: None))
    assert [item["properties"]["datetime"][:10] for item in items] == ["2023-06-01", "2023-06-04", "2023-06-06"]
    assert [row["band"] for row in source_rows(items[2])] == ["B04", "B03", "B02"]


def test_a_footprint_ends_where_the_pixels_end(read):
    corners = [[5.06, 51.21], [5.09, 51.21], [5.09, 51.23], [5.06, 51.23], [5.06, 51.21]]
    grid = {"proj:code": "EPSG:32631", "proj:shape": [58, 73], "proj:transform": [10, 0, 644550, 0, -10, 5676350]}
    properties = {"datetime": "2021-02-03T00:00:00Z", **grid}
    ((item,), _) = read(_old_item(geometry={"type": "Polygon", "coordinates": [corners]}, properties=properties))
    pixels = footprint_of_grid("EPSG:32631", (10, 0, 644550, 0, -10, 5676350), (58, 73))
    assert item["bbox"] == pytest.approx(pixels["bbox"])
    ((kept,), _) = read(_old_item(properties={**properties, "proj:shape": None}))
    assert kept["bbox"] == [5, 50, 6, 51]
