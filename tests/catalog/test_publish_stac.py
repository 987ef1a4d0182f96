import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime

import pystac
import pytest
from pyproj import CRS

from jeospark.catalog.publish import (
    OutputCollection,
    item_href,
    output_item,
    thumbnail_href,
    write_collection,
    write_item,
)
from jeospark.model import ItemRef, Outcome, Unit
from jeospark.output import BandClass, OutputBand

RECIPE = {"process_graph": {"load": {"process_id": "load_collection", "arguments": {"id": "S2"}, "result": True}}}


def unit_of(folder, tile="r1c2", month=7, **changes):
    items = tuple(
        ItemRef(item_id=f"S2_{day}", observation=str(day), datetime=datetime(2019, month, day, tzinfo=UTC),
                footprint=None, sources=())
        for day in (4, 9)
    )  # fmt: skip
    period = f"2019-{month:02}"
    unit = Unit(
        unit_id=f"{tile}/{period}", tile=tile, period=period, start=datetime(2019, month, 1, tzinfo=UTC),
        end=datetime(2019, month + 1, 1, tzinfo=UTC), crs="EPSG:32635",
        transform=(10.0, 0.0, 400000.0, 0.0, -10.0, 5200000.0), shape=(1000, 2000),
        output_href=f"{folder}/{tile}/{period}.tif", digest="d" * 64, items=items,
    )  # fmt: skip
    return replace(unit, **changes)


def outcome_of(unit):
    return Outcome(
        unit_id=unit.unit_id, tile=unit.tile, period=unit.period, status="done", pixels=2_000_000,
        pixels_valid=1_500_000, bytes_written=123,
    )  # fmt: skip


@pytest.fixture
def collection(tmp_path):
    bands = (
        OutputBand(name="ndvi", scale=1e-4, nodata=-32768, unit="1"),
        OutputBand(name="red", scale=1e-4, nodata=-32768, common_name="red"),
        OutputBand(name="class", nodata=-32768, classes=(BandClass(value=1, name="water", color="#0000ff"),)),
    )
    return OutputCollection(
        collection_id="composite", title="Monthly composites", description="Cloud-masked medians.",
        folder=str(tmp_path), bands=bands, data_type="int16", recipe_id="a" * 64,
        versions={"jeospark": "0.1", "GDAL": "3"},
    )  # fmt: skip


def validate_core(body):
    """The extensions' own schemas are not on this machine: core only."""
    assert pystac.read_dict(body | {"stac_extensions": []}).validate()


def written(collection, units):
    for unit in units:
        write_item(unit, outcome_of(unit), collection)
    return write_collection(collection, units, RECIPE)


def test_item_tells_grid_time_bands_and_lineage(collection, tmp_path):
    unit = unit_of(tmp_path)
    item = output_item(unit, outcome_of(unit), collection)
    properties = item["properties"]
    assert properties["proj:code"] == "EPSG:32635"
    assert (properties["proj:shape"], properties["proj:transform"]) == ([1000, 2000], list(unit.transform))
    assert (properties["start_datetime"], properties["end_datetime"]) == (
        "2019-07-01T00:00:00Z",
        "2019-07-31T23:59:59Z",
    )
    assert properties["jeospark:inputs"] == ["S2_4", "S2_9"]
    assert properties["jeospark:digest"] == unit.digest
    west, south, east, north = item["bbox"]
    assert west == pytest.approx(25.69, abs=0.02)
    assert north == pytest.approx(46.95, abs=0.02)
    assert west < east
    assert south < north
    ndvi, red, classes = item["assets"]["data"]["bands"]
    assert ndvi["statistics"] == {"valid_percent": 75.0}
    assert (ndvi["raster:scale"], ndvi["nodata"], ndvi["unit"]) == (1e-4, -32768, "1")
    assert red["eo:common_name"] == "red"
    assert classes["classification:classes"] == [{"value": 1, "name": "water", "color_hint": "0000FF"}]
    assert item["assets"]["data"]["file:size"] == 123
    assert len(item["stac_extensions"]) == 6


def test_extensions_are_those_in_use(collection, tmp_path):
    plain = replace(collection, bands=(OutputBand(name="ndvi"),))
    unit = unit_of(tmp_path)
    used = {url.split("/")[3] for url in output_item(unit, outcome_of(unit), plain)["stac_extensions"]}
    assert used == {"projection", "raster", "processing", "file"}


def test_the_whole_catalogue_is_valid_and_its_links_lead_there(collection, tmp_path):
    units = [unit_of(tmp_path, tile, month) for tile in ("r1c2", "r0c9") for month in (7, 8)]
    for unit in units:
        written(collection, [unit])
    root = pystac.Collection.from_file(written(collection, units))
    validate_core(root.to_dict(transform_hrefs=False))
    items = list(root.get_items(recursive=True))
    assert [item.id for item in items] == ["r0c9_2019-07", "r0c9_2019-08", "r1c2_2019-07", "r1c2_2019-08"]
    for item in items:
        validate_core(item.to_dict(transform_hrefs=False))
        assert item.get_parent().id == item.get_root().id == "composite"
        assert item.assets["data"].get_absolute_href().endswith(f"{item.id.replace('_', '/')}.tif")
    assert root.extent.temporal.to_dict() == {"interval": [["2019-07-01T00:00:00Z", "2019-08-31T23:59:59Z"]]}
    assert json.loads((tmp_path / "recipe.json").read_text()) == RECIPE


def test_hrefs_lie_beside_the_cog(tmp_path):
    unit = unit_of(tmp_path)
    assert item_href(unit.output_href) == f"{tmp_path}/r1c2/2019-07.json"
    assert thumbnail_href(unit.output_href) == f"{tmp_path}/r1c2/2019-07.png"


def test_bytes_do_not_depend_on_order_or_time(collection, tmp_path):
    def digest():
        return hashlib.sha256((tmp_path / "collection.json").read_bytes()).hexdigest()

    units = [unit_of(tmp_path, tile) for tile in "abc"]
    written(collection, units)
    first = digest()
    written(collection, units[::-1])
    assert digest() == first


def test_a_grid_across_the_antimeridian(collection, tmp_path):
    unit = unit_of(
        tmp_path, crs="EPSG:32660", transform=(1000.0, 0.0, 700000.0, 0.0, -1000.0, 100000.0), shape=(100, 100)
    )
    unit = replace(unit, transform=(1000.0, 0.0, 800000.0, 0.0, -1000.0, 100000.0))
    item = output_item(unit, outcome_of(unit), collection)
    assert item["geometry"]["type"] == "MultiPolygon"
    assert item["bbox"][0] > item["bbox"][2]
    root = pystac.Collection.from_file(written(collection, [unit, unit_of(tmp_path)]))
    assert root.extent.spatial.bboxes[0][::2] == [-180.0, 180.0]


def test_a_run_without_results_is_a_valid_collection_still(collection):
    root = pystac.Collection.from_file(written(collection, []))
    validate_core(root.to_dict(transform_hrefs=False))


def test_nan_as_nodata_is_json(collection, tmp_path):
    floats = replace(collection, bands=(OutputBand(name="x", nodata=float("nan")),), data_type="float32")
    unit = unit_of(tmp_path)
    write_item(unit, outcome_of(unit), floats)
    text = (tmp_path / "r1c2" / "2019-07.json").read_text()
    assert json.loads(text)["assets"]["data"]["bands"][0]["nodata"] == "nan"
    validate_core(json.loads(text))


def test_any_code_of_a_crs_is_given_as_one(collection, tmp_path):
    unit = unit_of(tmp_path, crs="ESRI:54009", transform=(1000.0, 0.0, 0.0, 0.0, -1000.0, 0.0))
    properties = output_item(unit, outcome_of(unit), collection)["properties"]
    assert properties["proj:code"] == "ESRI:54009"
    assert "proj:wkt2" not in properties


def test_a_crs_without_code_is_given_in_full(collection, tmp_path):
    wkt = CRS.from_proj4("+proj=laea +lat_0=50 +lon_0=11").to_wkt()
    unit = unit_of(tmp_path, crs=wkt, transform=(10.0, 0.0, 0.0, 0.0, -10.0, 0.0))
    properties = output_item(unit, outcome_of(unit), collection)["properties"]
    assert (properties["proj:code"], properties["proj:wkt2"]) == (None, wkt)
