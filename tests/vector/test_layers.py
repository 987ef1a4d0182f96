"""The registry: GeoParquet that others read, atomic, idempotent, sorted."""

import json
import zipfile
from pathlib import Path

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from pyproj import CRS

from jeospark.errors import (
    FeedError,
    LayerNameError,
    LayerNotFoundError,
    LayerTakenError,
    OutputUnwritableError,
    VectorSourceError,
)
from jeospark.vector import geoparquet, spool
from jeospark.vector.building import Wishes
from jeospark.vector.sources.request import Request


@pytest.fixture
def boxes():
    random = np.random.default_rng(3)
    x, y = random.uniform(3e6, 5e6, 4000), random.uniform(2e6, 4e6, 4000)
    return shapely.box(x, y, x + 100, y + 50)


def test_a_layer_is_geoparquet_that_geopandas_reads(layers, write, boxes):
    layer = layers.add("boxes", write("boxes.gpkg", boxes))
    read = geopandas.read_parquet(layers.path("boxes")).sort_values("n")
    assert read.crs.to_epsg() == 3035
    assert shapely.equals_exact(read.geometry.to_numpy(), boxes).all()
    geo = json.loads(pq.read_schema(Path(layers.path("boxes")) / layer.parts[0]).metadata[b"geo"])
    column = geo["columns"]["geometry"]
    assert (geo["version"], geo["primary_column"], column["encoding"]) == ("1.1.0", "geometry", "WKB")
    assert column["geometry_types"] == ["Polygon"]
    assert column["covering"]["bbox"]["xmax"] == ["bbox", "xmax"]
    assert CRS.from_json_dict(column["crs"]) == CRS(3035)
    assert column["bbox"] == list(layer.bbox) == shapely.total_bounds(boxes).tolist()
    described = layers.describe("boxes")
    assert described == layer
    assert (described.features, described.srid, described.id) == (4000, 3035, "fid")
    assert described.schema == {"fid": "int64", "n": "int64"}
    assert layers.names() == ["boxes"]


def test_row_groups_are_small_places(layers, write, boxes, monkeypatch):
    monkeypatch.setattr(geoparquet, "GROUP_ROWS", 100)
    monkeypatch.setattr(spool, "RUN_ROWS", 700)
    layer = layers.add("boxes", write("boxes.fgb", boxes, kind="Polygon", SPATIAL_INDEX="NO"))
    assert len(layer.parts) == 3
    met = total = 0
    numbers = []
    for part in layer.parts:
        file = pq.ParquetFile(Path(layers.path("boxes")) / part)
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            numbers += table["n"].to_pylist()
            area = shapely.box(3.4e6, 2.4e6, 3.6e6, 2.6e6)
            met += shapely.box(*shapely.total_bounds(shapely.from_wkb(table["geometry"].to_numpy()))).intersects(area)
            total += 1
    assert sorted(numbers) == list(range(4000))
    assert total >= 35
    # A hundredth of the area meets few of the groups, whose boxes would all meet it in the source's order.
    assert met <= 5


def test_many_features_of_one_place_and_without_any_stay_in_bounds(layers, write, monkeypatch):
    monkeypatch.setattr(geoparquet, "GROUP_ROWS", 50)
    monkeypatch.setattr(spool, "CROWD", 80)
    layer = layers.add("crowd", write("crowd.gpkg", [shapely.Point(1, 1)] * 500 + [None] * 300))
    files = [pq.ParquetFile(Path(layers.path("crowd")) / part) for part in layer.parts]
    groups = [file.metadata.row_group(group).num_rows for file in files for group in range(file.num_row_groups)]
    assert (sum(groups), max(groups) <= 80) == (800, True)
    assert (layer.features, layer.null_geometries, layer.geometry_types) == (800, 300, {"Point": 500})


def test_again_changes_nothing_and_another_source_needs_replace(layers, write, boxes, tmp_path):
    path = write("boxes.gpkg", boxes)
    layers.add("boxes", path)
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "catalog").rglob("*") if file.is_file()}
    layers.add("boxes", path)
    assert before == {file: file.stat().st_mtime_ns for file in (tmp_path / "catalog").rglob("*") if file.is_file()}
    other = write("others.gpkg", boxes[:3])
    with pytest.raises(LayerTakenError, match="--replace"):
        layers.add("boxes", other)
    with pytest.raises(LayerTakenError):
        layers.add("boxes", path, wishes=Wishes(to_crs="EPSG:4326"))
    old = layers.path("boxes")
    assert layers.add("boxes", other, replace=True).features == 3
    # Who was reading reads on; one change later the files are gone.
    assert geopandas.read_parquet(old).shape[0] == 4000
    layers.add("boxes", path, replace=True)
    assert not Path(old).exists()


def test_a_failure_leaves_what_was(layers, write, boxes, tmp_path):
    layers.add("boxes", write("boxes.gpkg", boxes[:5]))
    before = sorted(map(str, (tmp_path / "catalog").rglob("*")))
    bad = tmp_path / "bad.csv"
    bad.write_text("x,y\n1,2\n3,four\n")
    with pytest.raises(VectorSourceError, match="'four', of row 2"):
        layers.add("boxes", Request(href=str(bad), x="x", y="y", crs="EPSG:3035"), replace=True)
    assert sorted(map(str, (tmp_path / "catalog").rglob("*"))) == before
    assert layers.describe("boxes").features == 5


@pytest.mark.parametrize("name", ["", "a b", "1a", "../x", "a-b"])
def test_names_that_are_no_tables_are_refused(layers, name):
    with pytest.raises(LayerNameError, match="cannot name"):
        layers.add(name, "x.gpkg")


def test_a_missing_layer_is_named_with_the_nearest(layers, write):
    with pytest.raises(LayerNotFoundError, match="vectors add first"):
        layers.path("parcels")
    layers.add("parcels", write("p.gpkg", [shapely.Point(1, 1)]))
    with pytest.raises(LayerNotFoundError, match="Did you mean 'parcels'"):
        layers.describe("parcel")
    with pytest.raises(LayerNotFoundError):
        layers.describe("../parcels")


def test_a_catalogue_that_cannot_be_written_is_named(write, tmp_path):
    from jeospark.vector.layers import Layers

    (tmp_path / "file").write_text("")
    with pytest.raises(OutputUnwritableError):
        Layers(tmp_path / "file").add("a", write("p.gpkg", [shapely.Point(1, 1)]))


def test_no_feature_is_a_layer_too(layers, write):
    layer = layers.add("nothing", write("nothing.gpkg", [], columns={"n": pa.array([], pa.int64())}))
    assert (layer.features, layer.bbox, layer.schema) == (0, None, {"fid": "int64", "n": "int64"})
    assert geopandas.read_parquet(layers.path("nothing")).columns.tolist() == ["fid", "n", "geometry"]


def test_numbers_of_rows_tell_features_apart_only_where_asked_for(layers, write, boxes):
    layers.add("plain", write("one.geojson", boxes[:2], driver="GeoJSON"))
    other = write("two.geojson", boxes[2:4], driver="GeoJSON")
    with pytest.raises(FeedError, match="by their rows"):
        layers.append("plain", other)
    layers.add("numbered", write("three.gpkg", boxes[:2]), wishes=Wishes(id="fid"))
    assert layers.append("numbered", write("four.gpkg", boxes[:3])).added == 1


def test_features_without_the_id_are_refused(layers, write, boxes):
    layers.add("a", write("one.gpkg", boxes[:2], columns={"key": [5, 6]}), wishes=Wishes(id="key"))
    with pytest.raises(FeedError, match="2 features have no 'key'"):
        layers.append("a", write("two.gpkg", boxes[:3], columns={"key": pa.array([7, None, None], pa.int64())}))
    with pytest.raises(FeedError, match="no column 'key'"):
        layers.append("a", write("three.gpkg", boxes[:3]))


def test_names_of_other_tables_are_refused(layers, write, boxes):
    path = write("boxes.gpkg", boxes[:2])
    layers.add("roads", path)
    for name in ("items", "Outcomes", "Roads"):
        with pytest.raises(LayerNameError, match="there is a table"):
            layers.add(name, path)


def test_a_member_of_an_archive_replaces_another(layers, tmp_path, rows):
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("one.csv", "n,x,y\n1,1,1\n")
        archive.writestr("two.csv", "n,x,y\n2,2,2\n")
    for number, name in enumerate(("one.csv", "two.csv"), 1):
        request = Request(href=str(tmp_path / "z.zip"), layer=name, x="x", y="y", crs="EPSG:4326")
        layers.add("z", request, replace=True)
        assert [row["n"] for row in rows("z")] == [number]


def test_files_of_a_folder_have_one_crs(layers, tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    for zone in (32, 33):
        place = geopandas.GeoSeries([shapely.Point(500_000, 5_000_000)], crs=f"EPSG:326{zone}")
        geopandas.GeoDataFrame({"n": [zone]}, geometry=place).to_parquet(folder / f"{zone}.parquet")
    with pytest.raises(VectorSourceError, match="another CRS"):
        layers.add("parts", str(folder))


def test_deleted_records_of_a_shapefile_are_no_loss(layers, write, boxes, rows, monkeypatch):
    path = Path(write("boxes.shp", boxes[:10], kind="Polygon"))
    table = path.with_suffix(".dbf")
    data = bytearray(table.read_bytes())
    start, width = int.from_bytes(data[8:10], "little"), int.from_bytes(data[10:12], "little")
    for record in (2, 3):
        data[start + record * width] = ord("*")
    table.write_bytes(data)
    monkeypatch.setattr("jeospark.vector.sources.ogr.PIECE", 5)
    assert layers.add("boxes", str(path)).features == 8
    assert [row["n"] for row in rows("boxes")] == [0, 1, 4, 5, 6, 7, 8, 9]


def test_what_means_nothing_among_numbers_is_a_text_among_texts(layers, tmp_path, rows):
    path = tmp_path / "a.csv"
    path.write_text("n,cc,height,x,y\n1,NA,NA,17,-22\n2,DE,5,10,50\n")
    layers.add("a", Request(href=str(path), x="x", y="y", crs="EPSG:4326"))
    assert [(row["cc"], row["height"]) for row in rows("a")] == [("NA", None), ("DE", 5)]
