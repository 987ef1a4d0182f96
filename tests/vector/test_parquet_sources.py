"""GeoParquet of any version and encoding, and Parquet's own geometry types."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from pyproj import CRS

from jeospark.errors import LayerCrsError, VectorSourceError
from jeospark.vector.sources.request import Request

POINTS = shapely.points([10.0, 11.0], [50.0, 51.0])


@pytest.fixture
def parquet(tmp_path):
    def parquet(name="a.parquet", *, crs="absent", encoding="WKB", column=None, shapes=POINTS, **more):
        told = {"encoding": encoding, "geometry_types": []}
        if crs != "absent":
            told["crs"] = crs
        geo = {"version": "1.1.0", "primary_column": "geom", "columns": {"geom": {**told, **more}}}
        made = pa.array(shapely.to_wkb(shapes), pa.binary()) if column is None else column
        table = pa.table({"n": list(range(len(made))), "geom": made, "bbox": ["text"] * len(made)})
        pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), tmp_path / name)
        return str(tmp_path / name)

    return parquet


def test_no_crs_means_crs84_and_null_means_none(layers, parquet):
    layer = layers.add("a", parquet())
    assert (layer.crs_code, layer.srid) == ("OGC:CRS84", 4326)
    assert "default" in layer.crs_from
    with pytest.raises(LayerCrsError, match="no CRS"):
        layers.add("b", parquet("b.parquet", crs=None))
    assert layers.add("c", parquet("c.parquet", crs=CRS(3035).to_json_dict())).crs_code == "EPSG:3035"


def test_an_attribute_called_bbox_gets_another_name(layers, parquet):
    assert layers.add("a", parquet()).schema == {"n": "int64", "bbox_1": "string"}


@pytest.mark.parametrize(
    ("encoding", "shapes"),
    [
        ("point", POINTS),
        ("linestring", shapely.linestrings([[[0, 0], [1, 1]], [[2, 2], [3, 4]]])),
        ("polygon", [shapely.box(0, 0, 1, 1), shapely.box(0, 0, 9, 9).difference(shapely.box(1, 1, 2, 2))]),
        ("multipoint", shapely.from_wkt(["MULTIPOINT ((1 1), (2 2))", "MULTIPOINT ((3 3))"])),
        (
            "multilinestring",
            shapely.from_wkt(["MULTILINESTRING ((0 0, 1 1), (2 2, 3 3))", "MULTILINESTRING ((4 4, 5 5))"]),
        ),
        ("multipolygon", [shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(5, 5, 6, 6)])] * 2),
    ],
)
def test_encodings_of_geoarrow(layers, rows, parquet, encoding, shapes):
    _, points, offsets = shapely.to_ragged_array(np.array(shapes, dtype=object))
    column = pa.StructArray.from_arrays([points[:, 0], points[:, 1]], names=["x", "y"])
    for places in offsets:
        column = pa.ListArray.from_arrays(pa.array(places, pa.int32()), column)
    column = pa.concat_arrays([column, pa.nulls(1, column.type)])
    layer = layers.add("a", parquet(encoding=encoding, column=column))
    assert (layer.features, layer.null_geometries) == (3, 1)
    assert [row["geometry"] for row in rows("a")] == [*shapes, None]


def test_columns_of_numbers_and_no_geometry(layers, tmp_path):
    path = tmp_path / "plain.parquet"
    pq.write_table(pa.table({"lon": [1.0, None], "lat": [2.0, 3.0]}), path)
    with pytest.raises(VectorSourceError, match="no geometry among the columns lon, lat"):
        layers.add("a", str(path))
    layer = layers.add("a", Request(href=str(path), x="lon", y="lat", crs="EPSG:4326"))
    assert (layer.bbox, layer.null_geometries) == ((1, 2, 1, 2), 1)


def test_several_geometry_columns_and_unknown_encodings(layers, parquet, tmp_path):
    table = pq.read_table(parquet())
    geo = json.loads(table.schema.metadata[b"geo"])
    geo["primary_column"] = ""
    geo["columns"]["other"] = geo["columns"]["geom"]
    both = table.append_column("other", table["geom"]).replace_schema_metadata({"geo": json.dumps(geo)})
    pq.write_table(both, tmp_path / "both.parquet")
    with pytest.raises(VectorSourceError, match="Choose with --geometry from: geom, other"):
        layers.add("a", str(tmp_path / "both.parquet"))
    assert layers.add("a", Request(href=str(tmp_path / "both.parquet"), geometry="other")).features == 2
    with pytest.raises(VectorSourceError, match="encoding 'curves'"):
        layers.add("b", parquet("c.parquet", encoding="curves"))


def test_a_folder_is_one_source(layers, parquet, tmp_path):
    parquet("one.parquet")
    parquet("two.parquet", shapes=POINTS[:1])
    assert layers.add("a", str(tmp_path)).features == 3


def test_ewkb_big_endian_and_measures_become_plain(layers, rows, tmp_path):
    shapes = shapely.from_wkt(["POINT ZM (1 2 3 4)", "POINT M (1 2 9)", "POINT (5 6)", "POINT EMPTY"])
    made = [
        *shapely.to_wkb(shapely.set_srid(shapes[:2], 4326), include_srid=True, output_dimension=4),
        shapely.to_wkb(shapes[2], byte_order=0), shapely.to_wkb(shapes[3]),
    ]  # fmt: skip
    table = pa.table({"n": [0, 1, 2, 3], "geometry": pa.array(made, pa.binary())})
    geo = {"version": "1.0.0", "primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB"}}}
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), tmp_path / "odd.parquet")
    layer = layers.add("a", str(tmp_path / "odd.parquet"))
    assert layer.geometry_types == {"Point": 2, "Point Z": 1}
    assert (layer.null_geometries, layer.bbox) == (1, (1, 2, 5, 6))
    assert any("2 geometries had an M coordinate" in note for note in layer.notes)
    assert [row["geometry"] and shapely.to_wkt(row["geometry"]) for row in rows("a")] == [
        "POINT Z (1 2 3)", "POINT (1 2)", "POINT (5 6)", None,
    ]  # fmt: skip
    table = table.set_column(1, "geometry", pa.array([b"nonsense"] * 4))
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), tmp_path / "bad.parquet")
    with pytest.raises(VectorSourceError, match="4 geometries are no WKB, the first in row 1"):
        layers.add("b", str(tmp_path / "bad.parquet"))


def test_metadata_that_do_not_fit_the_columns_are_named(layers, parquet, tmp_path):
    side_by_side = pa.FixedSizeListArray.from_arrays(pa.array([1.0, 2.0, 3.0, 4.0]), 2)
    with pytest.raises(VectorSourceError, match="not structures of x and y"):
        layers.add("a", parquet(encoding="point", column=side_by_side))
    table = pq.read_table(parquet())
    pq.write_table(table.drop_columns(["geom"]), tmp_path / "lacking.parquet")
    with pytest.raises(VectorSourceError, match="tell of a column 'geom'"):
        layers.add("a", str(tmp_path / "lacking.parquet"))


def test_a_stated_crs_that_nobody_knows_can_be_overruled(layers, parquet):
    path = parquet(crs={"type": "GeographicCRS", "name": "mine"})
    with pytest.raises(LayerCrsError, match="--crs"):
        layers.add("a", path)
    assert layers.add("a", Request(href=path, crs="EPSG:3035")).crs_code == "EPSG:3035"
    # Before version 1.0, the CRS was a text.
    assert layers.add("b", parquet("b.parquet", crs=CRS(3035).to_wkt())).crs_code == "EPSG:3035"


def test_binary_without_metadata_is_named_by_its_column(layers, tmp_path):
    path = tmp_path / "plain.parquet"
    shapes = shapely.set_srid(POINTS, 3035)
    pq.write_table(pa.table({"n": [1, 2], "g": pa.array(shapely.to_wkb(shapes, include_srid=True))}), path)
    layer = layers.add("a", Request(href=str(path), wkt="g"))
    assert (layer.crs_code, layer.geometry_types) == ("EPSG:3035", {"Point": 2})
    pq.write_table(pa.table({"n": [1, 2], "g": pa.array(shapely.to_wkb(POINTS))}), path)
    assert layers.add("b", Request(href=str(path), wkt="g", crs="EPSG:4326")).crs_code == "EPSG:4326"
    texts = pa.array(["SRID=3035;POINT (1 2)"] * 2).dictionary_encode()
    pq.write_table(pa.table({"n": [1, 2], "g": texts}), path)
    assert layers.add("c", Request(href=str(path), wkt="g")).crs_code == "EPSG:3035"


def test_columns_may_share_a_name_or_have_that_of_the_key(layers, tmp_path):
    path = tmp_path / "names.parquet"
    wkb = pa.array(shapely.to_wkb(POINTS))
    names = ["g", "a", "a", "_key", "s"]
    nested = pa.array([{"x": None}, None])
    table = pa.Table.from_arrays([wkb, pa.array([1, 2]), pa.array([3, 4]), pa.array([5, 6]), nested], names=names)
    geo = {"version": "1.1.0", "primary_column": "g", "columns": {"g": {"encoding": "WKB", "geometry_types": []}}}
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)
    schema = layers.add("a", str(path)).schema
    assert schema == {"a": "int64", "a_1": "int64", "_key_1": "int64", "s": "struct<x: string>"}


def test_metadata_that_are_no_metadata_are_named(layers, parquet, tmp_path):
    path = parquet(column=pa.array([1, 2]))
    with pytest.raises(VectorSourceError, match="column 'geom' is int64, not WKB"):
        layers.add("a", path)
    table = pa.table({"geom": shapely.to_wkb(POINTS)}).replace_schema_metadata({"geo": "[1]"})
    pq.write_table(table, path)
    with pytest.raises(VectorSourceError, match="metadata cannot be read"):
        layers.add("a", path)


def test_folders_tell_columns(layers, parquet, tmp_path):
    for year in ("2020", "2021", "__HIVE_DEFAULT_PARTITION__"):
        folder = tmp_path / "cells" / f"year={year}" / "a%20b=c"
        folder.mkdir(parents=True)
        parquet(str(folder.relative_to(tmp_path) / "a.parquet"))
    layers.add("a", str(tmp_path / "cells"))
    table = pq.read_table(layers.path("a"))
    assert sorted(map(str, table["year"].to_pylist())) == ["2020", "2020", "2021", "2021", "None", "None"]
    assert set(table["a b"].to_pylist()) == {"c"}
