"""Every shared data set of vectors, read and counted."""

from pathlib import Path

import geopandas
import pyarrow.parquet as pq
import pytest
import shapely

from jeospark.errors import LayerCrsError, VectorSourceError
from jeospark.vector.building import Wishes
from jeospark.vector.feeds.lpis import compare
from jeospark.vector.sources.request import Request

pytestmark = pytest.mark.realdata


@pytest.mark.parametrize(
    ("kind", "count"),
    [("point", 4), ("linestring", 3), ("polygon", 4), ("multipoint", 4), ("multilinestring", 4), ("multipolygon", 5)],
)
def test_native_geometry_is_what_its_text_says(layers, shared_data, kind, count):
    folder = shared_data("geoparquet_spec") / "test_data"
    layer = layers.add("a", str(folder / f"data-{kind}-encoding_wkb.parquet"))
    assert (layer.crs_code, layer.features) == ("OGC:CRS84", count)
    found = sorted(pq.read_table(layers.path("a")).to_pylist(), key=lambda row: row["col"])
    wanted = pq.read_table(folder / f"data-{kind}-encoding_wkb.parquet").to_pylist()
    for row, original in zip(found, wanted, strict=True):
        shape = None if original["geometry"] is None else shapely.from_wkb(original["geometry"])
        assert shapely.from_wkb(row["geometry"]) == (None if shape is None or shape.is_empty else shape)


def test_geoparquet_of_all_versions(layers, shared_data):
    names = {"geoparquet_spec/examples/example": 5, "sedona_testing/parquet/geoparquet-1.0.0": 5,
             "sedona_testing/parquet/geoparquet-1.1.0": 5, "sedona_testing/parquet/overture-bbox": 9}  # fmt: skip
    for number, (name, count) in enumerate(names.items()):
        top, rest = name.split("/", 1)
        layer = layers.add(f"a{number}", f"{shared_data(top) / rest}.parquet")
        assert (layer.crs_code, layer.features) == ("OGC:CRS84", count)
        assert "bbox_1" not in layer.schema
    with pytest.raises(VectorSourceError, match="no geometry"):
        layers.add("plain", str(shared_data("sedona_testing") / "parquet" / "plain.parquet"))


@pytest.mark.parametrize(
    ("name", "layer", "code", "count"),
    [
        ("boundaries_natural_earth/naturalearth_lowres.shp", None, "EPSG:4326", 177),
        ("vois_jrc/ItalyProvinces.geojson", None, "EPSG:32632", 107),
        ("vois_jrc/example.geojson", None, "EPSG:25831", 50),
        ("vois_jrc/landuse.geojson", None, "OGC:CRS84", 1348),
        ("pyjeo_jrc/nuts_italy.sqlite", "milano", "EPSG:3035", 1),
        ("jiplib_jrc/modis_ndvi_training.sqlite", None, "EPSG:3035", 12),
        ("flexurba_belgium/units_belgium.gpkg", None, "ESRI:54009", 581),
    ],
)
def test_files_of_gdal(layers, shared_data, name, layer, code, count):
    top, rest = name.split("/", 1)
    found = layers.add("a", Request(href=str(shared_data(top) / rest), layer=layer))
    assert (found.crs_code, found.features, found.null_geometries) == (code, count, 0)
    assert pq.read_table(layers.path("a")).num_rows == count


def test_topojson_says_no_crs(layers, shared_data):
    path = str(shared_data("boundaries_natural_earth") / "world-atlas" / "countries-50m.json")
    with pytest.raises(LayerCrsError, match="--crs"):
        layers.add("world", Request(href=path, layer="countries"))
    assert layers.add("world", Request(href=path, layer="countries", crs="OGC:CRS84")).features == 241


def test_invalid_provinces_are_found_and_repaired(layers, shared_data):
    path = str(shared_data("vois_jrc") / "ItalyProvinces.geojson")
    layers.add("italy", path)
    assert sum(finding.count for finding in layers.check("italy") if finding.kind == "invalid") == 9
    assert layers.add("italy", path, wishes=Wishes(repair=True), replace=True).repairs["count"] == 9
    assert not [finding for finding in layers.check("italy") if finding.kind == "invalid"]


def test_belgium_transformed_is_as_geopandas_has_it(layers, shared_data):
    path = str(shared_data("flexurba_belgium") / "units_belgium.gpkg")
    layers.add("belgium", path, wishes=Wishes(to_crs="EPSG:3035"))
    found = geopandas.read_parquet(layers.path("belgium")).sort_values("fid")
    wanted = geopandas.read_file(path).to_crs(3035)
    assert shapely.equals_exact(found.geometry.to_numpy(), wanted.geometry.to_numpy(), 1e-6).all()


@pytest.mark.parametrize(
    ("feed", "name", "count", "null"),
    [
        ("gdelt-events", "events_gdelt/events1samp_50rows.tsv", 50, None),
        ("gdelt-events", "events_gdelt/events2samp_50rows.tsv", 50, 4),
        ("gdelt-events", "events_gdelt/events2Transsamp_50rows.tsv", 50, None),
        ("gdelt-mentions", "events_gdelt/mentionssamp_50rows.tsv", 50, 50),
        ("gdelt-mentions", "events_gdelt/mentionssamp.csv", 1635, 1635),
        ("gdelt-gkg", "events_gdelt/gkg2samp_50rows.tsv", 50, 6),
        ("eonet", "events_eonet_gdacs/eonet.geojson", 471, 0),
        ("firms", "fire_firms_modis/fire_archive_M6_96619.csv.gz", 36011, 0),
        ("fired", "fire_fired_mtbs/ignition_lat_longs.csv.gz", 51959, 0),
    ],
)
def test_feeds(layers, shared_data, feed, name, count, null):
    top, rest = name.split("/", 1)
    layer = layers.add("a", str(shared_data(top) / rest), wishes=Wishes(feed=feed))
    assert (layer.features, layer.rejects["count"], layer.notes) == (count, 0, ())
    assert null is None or layer.null_geometries == null
    assert layers.append("a", str(shared_data(top) / rest)).added == 0


def test_ships(layers, shared_data):
    path = str(shared_data("ais_uscg") / "ais_even_mmsi.csv.gz")
    layer = layers.add("ships", path, wishes=Wishes(feed="ais"))
    # Of 88,532 positions, 61 repeat a ship's second, and five are of a number with ten digits.
    assert (layer.features, layer.rejects["by_reason"]) == (88466, {"mmsi is not one of a ship": 5})
    assert layers.add("plain", Request(href=path, x="LON", y="LAT", crs="EPSG:4326")).features == 88532


def test_parcels_of_seven_countries(layers, shared_data):
    folder = shared_data("fiboa_lpis")
    files = sorted([*folder.glob("*/*.zip"), *folder.glob("*/*.gpkg"), *folder.glob("*/*.parquet")])
    assert len(files) == 7
    layers.add("parcels", str(files[0]), wishes=Wishes(feed="lpis", to_crs="EPSG:3035"))
    for path in files[1:]:
        assert layers.append("parcels", str(path)).added == 100
    layer = layers.describe("parcels")
    assert (layer.features, layer.crs_code) == (700, "EPSG:3035")
    compared = {each.country: each for each in compare(Path(layers.path("parcels")), layer)}
    assert sorted(compared) == ["AT", "BE-VLG", "DK", "ES-CT", "FI", "IT-52", "NL"]
    assert compared.pop("NL").ratio is None
    for each in compared.values():
        assert each.ratio == pytest.approx(1, abs=3e-3)
        assert (each.compared, each.deviating) == (100, 0)
