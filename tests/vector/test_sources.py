"""Every format gives the same features; damage and open choices are named."""

import gzip
import itertools
import json
import sqlite3
import struct
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from jeospark.errors import FeedError, LayerCrsError, VectorEncodingError, VectorSourceError
from jeospark.vector.building import Wishes
from jeospark.vector.sources import ogr
from jeospark.vector.sources.open import open_source
from jeospark.vector.sources.request import Request

TRIANGLES = [shapely.Polygon([(10 + n, 50), (11 + n, 50), (10 + n, 51)]) for n in range(5)]
NAMES = ["Ås", "Łódź", None, "it's", "Ω"]


@pytest.fixture
def named(write):
    def named(name, **options):
        columns = {"n": list(range(5)), "name": NAMES}
        return write(name, TRIANGLES, crs="EPSG:4326", kind="Polygon", columns=columns, **options)

    return named


@pytest.mark.parametrize(
    ("name", "options", "code"),
    [
        ("a.gpkg", {}, "EPSG:4326"),
        ("a.shp", {"ENCODING": "UTF-8"}, "EPSG:4326"),
        ("a.fgb", {}, "EPSG:4326"),
        ("a.geojson", {}, "OGC:CRS84"),
        ("a.geojsonl", {"driver": "GeoJSONSeq"}, "OGC:CRS84"),
        ("a.kml", {"driver": "LIBKML"}, "OGC:CRS84"),
        ("a.gml", {"driver": "GML", "FORMAT": "GML3.2"}, "EPSG:4326"),
        ("a.sqlite", {"driver": "SQLite"}, "EPSG:4326"),
    ],
)
def test_formats_of_gdal_keep_features_texts_and_x_y_order(layers, rows, named, name, options, code):
    path = named(name, **options)
    files = sorted(file.name for file in Path(path).parent.iterdir())
    layer = layers.add("a", path)
    assert (layer.crs_code, layer.srid, layer.features) == (code, 4326, 5)
    found = sorted(rows("a", "fid"), key=lambda row: row["bbox"]["xmin"])
    assert [row.get("name", row.get("Name")) or None for row in found] == NAMES
    # GML writes latitude first, and says so by the name of its CRS.
    assert (
        shapely.normalize(shapely.force_2d([row["geometry"] for row in found])).tolist()
        == shapely.normalize(TRIANGLES).tolist()
    )
    assert layer.bbox == (10, 50, 15, 51)
    assert sorted(file.name for file in Path(path).parent.iterdir() if file.is_file()) == [f for f in files if "." in f]


@pytest.mark.parametrize("name", ["a.gpkg", "a.fgb", "a.shp"])
def test_pieces_make_the_whole(write, tmp_path, name, monkeypatch):
    monkeypatch.setattr(ogr, "PIECE", 100)
    monkeypatch.setattr(ogr, "BATCH", 30)
    path = write(name, shapely.points(np.arange(950.0), 1), kind="Point")
    opened = open_source(Request(href=path), tmp_path)
    assert len(opened.pieces) == 10
    numbers = [batch["n"].to_pylist() for piece in opened.pieces for batch in opened.read(piece)]
    assert sorted(itertools.chain(*numbers)) == list(range(950))
    assert max(map(len, numbers)) <= 30


def test_texts_are_in_the_encoding_stated_or_given(layers, rows, named):
    layers.add("stated", named("a.shp", ENCODING="UTF-8"))
    assert rows("stated")[0]["name"] == "Ås"
    path = named("b.shp", ENCODING="UTF-8")
    table = Path(path).with_suffix(".dbf")
    Path(path).with_suffix(".cpg").unlink()
    table.write_bytes(_unsaid(table.read_bytes()))
    assert any("does not state its encoding" in note for note in layers.add("unsaid", path).notes)
    assert rows("unsaid")[1]["name"] == "Łódź"
    table.write_bytes(table.read_bytes().replace("Łódź".encode(), "Łódź".encode("cp1250").ljust(7)))
    table.write_bytes(table.read_bytes().replace("Ås".encode(), b"As ").replace("Ω".encode(), b"O "))
    with pytest.raises(VectorEncodingError, match="column name are not in the encoding"):
        layers.add("given", path)
    layers.add("given", Request(href=path, encoding="CP1250"))
    assert rows("given")[1]["name"].rstrip() == "Łódź"
    with pytest.raises(VectorEncodingError, match="no encoding 'nonsense'"):
        layers.add("odd", Request(href=path, encoding="nonsense"))


def _unsaid(table):
    return table[:29] + b"\0" + table[30:]


def test_a_shapefile_without_prj_needs_a_crs(layers, named):
    path = named("a.shp")
    Path(path).with_suffix(".prj").unlink()
    with pytest.raises(LayerCrsError, match="Say which with --crs"):
        layers.add("a", path)
    layer = layers.add("a", Request(href=path, crs="EPSG:4258"))
    assert (layer.crs_code, layer.crs_from) == ("EPSG:4258", "given by the user")
    with pytest.raises(LayerCrsError, match="no CRS is known as 'EPSG:99999'"):
        layers.add("b", Request(href=path, crs="EPSG:99999"))
    Path(path).with_suffix(".prj").write_text("PROJCS[nonsense")
    with pytest.raises(LayerCrsError):
        layers.add("c", path)


@pytest.mark.parametrize("number", [0, -1])
def test_a_geopackage_that_knows_no_crs_needs_one(layers, write, number):
    path = write("a.gpkg", TRIANGLES, crs="EPSG:4326", layer="a")
    with sqlite3.connect(path) as database:
        for table in ("gpkg_geometry_columns", "gpkg_contents"):
            database.execute(f"UPDATE {table} SET srs_id = {number}")
    database.close()
    with pytest.raises(LayerCrsError, match="Say which with --crs"):
        layers.add("a", path)
    assert layers.add("a", Request(href=path, crs="EPSG:4258")).srid == 4258


def test_several_layers_leave_a_choice(layers, write):
    path = write("two.gpkg", TRIANGLES, layer="one")
    write("two.gpkg", TRIANGLES[:2], layer="other", append=False)
    with pytest.raises(VectorSourceError, match="Choose with --layer from: one, other"):
        layers.add("a", path)
    with pytest.raises(VectorSourceError, match="no layer 'third'"):
        layers.add("a", Request(href=path, layer="third"))
    assert layers.add("a", Request(href=path, layer="other")).features == 2


def test_archives(layers, named, tmp_path):
    shape = Path(named("a.shp"))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in shape.parent.glob("a.*"):
            if file.suffix != ".zip":
                archive.write(file, f"data/{file.name}")
    assert layers.add("a", str(tmp_path / "a.zip")).features == 5
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.write(named("b.gpkg"), "b.gpkg")
        archive.write(named("c.gpkg"), "c.gpkg")
    with pytest.raises(VectorSourceError, match=r"Choose with --layer from: b\.gpkg, c\.gpkg"):
        layers.add("b", str(tmp_path / "two.zip"))
    assert layers.add("b", Request(href=str(tmp_path / "two.zip"), layer="c")).features == 5
    (tmp_path / "half.zip").write_bytes((tmp_path / "a.zip").read_bytes()[:300])
    with pytest.raises(VectorSourceError, match="no whole zip"):
        layers.add("c", str(tmp_path / "half.zip"))
    with zipfile.ZipFile(tmp_path / "none.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(VectorSourceError, match="no source of features"):
        layers.add("c", str(tmp_path / "none.zip"))


@pytest.mark.parametrize("name", ["a.gpkg", "a.shp", "a.fgb", "a.geojson", "a.gml", "a.kml", "a.dbf", "a.parquet"])
def test_half_a_file_is_named(layers, write, tmp_path, name):
    shapes = shapely.points(np.arange(3000.0) / 100, 1)
    if name == "a.parquet":
        path = tmp_path / name
        pq.write_table(pa.table({"geometry": shapely.to_wkb(shapes)}), path)
    else:
        driver = {".kml": "LIBKML", ".gml": "GML"}.get(Path(name).suffix)
        path = Path(write(name.replace(".dbf", ".shp"), shapes, crs="EPSG:4326", kind="Point", driver=driver))
    half = path.with_name(name)
    half.write_bytes(half.read_bytes()[: half.stat().st_size * 6 // 10])
    with pytest.raises(VectorSourceError) as failure:
        layers.add("a", str(path))
    assert str(path.parent) in str(failure.value)
    assert layers.names() == []


def test_flatgeobuf_may_lack_geometries(layers, write, rows):
    shapes = [shapely.Point(1, 2), None, shapely.box(0, 0, 1, 1), shapely.Polygon()]
    layer = layers.add("a", write("a.fgb", shapes, crs="EPSG:4326", SPATIAL_INDEX="NO"))
    assert (layer.features, layer.null_geometries) == (4, 2)
    assert [row["geometry"] and row["geometry"].geom_type for row in rows("a")] == ["Point", None, "Polygon", None]


@pytest.mark.parametrize("driver", ["GeoJSON", "GeoJSONSeq", "LIBKML"])
def test_heights_do_not_change_the_crs_of_a_standard(layers, write, driver):
    layer = layers.add("a", write("a", [shapely.Point(10, 50, 3)], crs="EPSG:4326", driver=driver))
    assert (layer.crs_code, layer.srid, layer.geometry_types) == ("OGC:CRS84", 4326, {"Point Z": 1})
    assert "longitude and latitude" in layer.crs_from


def test_a_comment_before_the_root_is_no_root(layers, write):
    path = Path(write("a.kml", TRIANGLES, crs="EPSG:4326", driver="LIBKML"))
    head, _, rest = path.read_text().partition("?>")
    path.write_text(f"{head}?><!-- by <tool>, someone <a@b.c> -->{rest}")
    assert layers.add("a", str(path)).features == 5


def test_what_is_no_source_is_named(layers, tmp_path):
    with pytest.raises(VectorSourceError, match="no such file"):
        layers.add("a", str(tmp_path / "none.gpkg"))
    (tmp_path / "empty.gpkg").write_bytes(b"")
    with pytest.raises(VectorSourceError, match="it is empty"):
        layers.add("a", str(tmp_path / "empty.gpkg"))
    (tmp_path / "text.json").write_text("hello")
    with pytest.raises(VectorSourceError, match="GDAL cannot read it"):
        layers.add("a", str(tmp_path / "text.json"))


def test_a_crs_member_of_geojson_is_told(layers, tmp_path):
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [4e6, 3e6]}}
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3035"}}
    path = tmp_path / "old.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": [feature]}))
    layer = layers.add("old", str(path))
    assert layer.crs_code == "EPSG:3035"
    assert "RFC 7946 has no more" in layer.crs_from


CSV = "id;code;lon;lat;when;share\n1;007;10.5;50.25;2020-01-02 03:04:05;1\n2;012;;;2020-01-03 00:00:00;.5\n"


def test_points_of_a_text(layers, rows, tmp_path):
    path = tmp_path / "points.csv.gz"
    path.write_bytes(gzip.compress(("\ufeff" + CSV).encode()))
    layer = layers.add("p", Request(href=str(path), x="lon", y="lat", crs="EPSG:4258"))
    assert (layer.features, layer.null_geometries, layer.id) == (2, 1, "id")
    assert layer.schema == {
        "id": "int64", "code": "string", "lon": "double", "lat": "double", "when": "timestamp[us]", "share": "double",
    }  # fmt: skip
    one, two = rows("p", "id")
    assert (one["geometry"], two["geometry"], one["code"]) == (shapely.Point(10.5, 50.25), None, "007")


def test_texts_that_are_no_points_are_named(layers, tmp_path):
    path = tmp_path / "points.csv"
    path.write_text(CSV)
    for asked, error, text in (
        ({}, VectorSourceError, "Give --x and --y"),
        ({"x": "lon", "y": "north"}, VectorSourceError, "no column 'north'"),
        ({"x": "lon", "y": "lat"}, LayerCrsError, "no CRS"),
        ({"x": "lon", "y": "when", "crs": "EPSG:4326"}, VectorSourceError, "not a number|cannot"),
    ):
        with pytest.raises(error, match=text):
            layers.add("p", Request(href=str(path), **asked))
    path.write_bytes("name,x,y\nÅs,1,2\n".encode("latin-1"))
    with pytest.raises(VectorEncodingError, match="--encoding ISO-8859-1"):
        layers.add("p", Request(href=str(path), x="x", y="y", crs="EPSG:4326"))
    assert layers.add("p", Request(href=str(path), x="x", y="y", crs="EPSG:4326", encoding="latin-1")).features == 1
    path.write_text("a,b\n1,2\n3\n")
    with pytest.raises(VectorSourceError, match="cut short"):
        layers.add("q", Request(href=str(path), x="a", y="b", crs="EPSG:4326"))


def test_a_column_may_be_called_geometry(layers, rows, tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("n,x,y,geometry,bbox\n1,10,50,POINT (9 9),b\n")
    layer = layers.add("p", Request(href=str(path), x="x", y="y", crs="EPSG:4326"))
    assert list(layer.schema) == ["n", "x", "y", "geometry_1", "bbox_1"]
    (row,) = rows("p")
    assert (row["geometry"], row["geometry_1"]) == (shapely.Point(10, 50), "POINT (9 9)")


@pytest.mark.parametrize("last", ["é", "aé", "éa", "\N{EURO SIGN}"])
def test_the_last_letters_tell_the_encoding_too(layers, tmp_path, last):
    path = tmp_path / "points.csv"
    path.write_bytes(f"x,y,name\n1,2,{last}".encode("cp1252"))
    asked = {"href": str(path), "x": "x", "y": "y", "crs": "EPSG:4326"}
    with pytest.raises(VectorEncodingError, match="--encoding"):
        layers.add("p", Request(**asked))
    assert layers.add("p", Request(**asked, encoding="cp1252")).features == 1


def test_a_text_without_rows_is_an_empty_layer(layers, tmp_path):
    path = tmp_path / "none.csv"
    path.write_text("n,lon,lat\n")
    assert layers.add("n", Request(href=str(path), x="lon", y="lat", crs="EPSG:4326")).features == 0


@pytest.mark.parametrize("begin", ["", "\x1e"])
def test_sequences_that_are_cut_short(layers, tmp_path, begin):
    path = tmp_path / "some.geojsonl"
    one = '{"type":"Feature","properties":{"n":1},"geometry":{"type":"LineString","coordinates":[[1,2],[3,4],[5,6]]}}'
    path.write_text(f"{begin}{one}\n" * 3)
    assert layers.add("whole", Request(href=str(path))).features == 3
    path.write_text(f"{begin}{one}\n" * 2 + begin + one[:-20])
    with pytest.raises(VectorSourceError, match="cut short: its last record, number 3"):
        layers.add("cut", Request(href=str(path)))
    path.write_text(f"{begin}{one}\n" + f"{begin}{one[:40]}\n" + f"{begin}{one}\n")
    with pytest.raises(VectorSourceError, match="cut short: 2 of 3"):
        layers.add("cut", Request(href=str(path)))


@pytest.mark.parametrize(("name", "right"), [("nonsense", False), ("urn:ogc:def:crs:OGC:1.3:CRS84", True),
                                             ("EPSG:4326", True)])  # fmt: skip
def test_a_crs_member_that_nobody_knows_is_refused(layers, tmp_path, name, right):
    path = tmp_path / "named.geojson"
    feature = '{"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[1,2]}}'
    crs = f'"crs":{{"type":"name","properties":{{"name":"{name}"}}}}'
    path.write_text(f'{{"type":"FeatureCollection",{crs},"features":[{feature}]}}')
    if right:
        assert layers.add("named", Request(href=str(path))).features == 1
    else:
        with pytest.raises(LayerCrsError, match="nonsense"):
            layers.add("named", Request(href=str(path)))
        assert layers.add("named", Request(href=str(path), crs="EPSG:3035")).features == 1


def test_curves_are_named(layers, tmp_path):
    path = tmp_path / "arc.csv"
    path.write_text('n;shape\n1;"CIRCULARSTRING (0 0, 1 1, 2 0)"\n')
    with pytest.raises(VectorSourceError, match="curves"):
        layers.add("arc", Request(href=str(path), wkt="shape", crs="EPSG:3035"))
    table = pa.table({"geometry": pa.array([struct.pack("<BII6d", 1, 8, 3, 0, 0, 1, 1, 2, 0)], pa.binary())})
    geo = {"version": "1.0.0", "primary_column": "geometry"}
    geo["columns"] = {"geometry": {"encoding": "WKB", "geometry_types": []}}
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), tmp_path / "arc.parquet")
    with pytest.raises(VectorSourceError, match=r"curved.*CONVERT_TO_LINEAR"):
        layers.add("arc", Request(href=str(tmp_path / "arc.parquet"), crs="EPSG:3035"))


def test_well_known_text(layers, rows, tmp_path):
    path = tmp_path / "shapes.tsv"
    path.write_text("n\tshape\n1\tPOINT Z (1 2 3)\n2\t\n3\tPOLYGON ((0 0, 1 0, 1 1, 0 0))\n")
    layer = layers.add("w", Request(href=str(path), wkt="shape", crs="EPSG:3035"))
    assert layer.geometry_types == {"Point Z": 1, "Polygon": 1}
    assert rows("w")[0]["geometry"].z == 3
    path.write_text("n\tshape\n1\tPOINT (1 2)\n2\tPOINT 1 2\n")
    with pytest.raises(VectorSourceError, match="'POINT 1 2', of row 2"):
        layers.add("v", Request(href=str(path), wkt="shape", crs="EPSG:3035"))


def test_binary_in_hexadecimal_digits_has_its_srid(layers, rows, tmp_path):
    path = tmp_path / "shapes.csv"
    shapes = [shapely.set_srid(shapely.from_wkt(text), 3035) for text in ("POINT Z (1 2 3)", "LINESTRING (0 0, 1 1)")]
    little, big = (
        shapely.to_wkb(shape, hex=True, include_srid=True, byte_order=order)
        for shape, order in zip(shapes, (1, 0), strict=True)
    )
    path.write_text(f"n,geom\n1,{little}\n2,\\x{big.lower()}\n3,\n4,SRID=3035;POINT (5 6)\n")
    layer = layers.add("w", Request(href=str(path), wkt="geom"))
    assert (layer.crs_code, layer.crs_from) == ("EPSG:3035", "SRID 3035 of the geometries")
    assert [row["geometry"] for row in rows("w", "n")] == [*shapes, None, shapely.Point(5, 6)]
    table = pa.table({"n": [1, 2], "geom": [little, big]})
    pq.write_table(table, tmp_path / "shapes.parquet")
    assert layers.add("p", Request(href=str(tmp_path / "shapes.parquet"), wkt="geom")).crs_code == "EPSG:3035"
    path.write_text(f"n,geom\n1,{little}\n2,{shapely.Point(1, 2).wkb_hex}\n")
    with pytest.raises(VectorSourceError, match="SRIDs 0, 3035"):
        layers.add("m", Request(href=str(path), wkt="geom", crs="EPSG:3035"))
    path.write_text(f"n,geom\n1,{shapely.Point(1, 2).wkb_hex}\n")
    with pytest.raises(LayerCrsError, match="states no CRS"):
        layers.add("m", Request(href=str(path), wkt="geom"))
    assert layers.add("m", Request(href=str(path), wkt="geom", crs="EPSG:3035")).features == 1
    for text, told in (("SRID=424242;POINT (1 2)", "SRID 424242"), (little[:-3], "row 1"), (little[:-2], "row 1")):
        path.write_text(f"n,geom\n1,{text}\n")
        with pytest.raises((LayerCrsError, VectorSourceError), match=told):
            layers.add("x", Request(href=str(path), wkt="geom"))


@pytest.mark.parametrize("before", ["\n", "\r\n  \r\n", "\ufeff\n"])
def test_a_header_may_come_after_blank_lines(layers, rows, tmp_path, before):
    path = tmp_path / "points.csv"
    path.write_bytes(f'{before}"the\nname",x,y\na,1,2\n'.encode())
    layer = layers.add("p", Request(href=str(path), x="x", y="y", crs="EPSG:4326"))
    assert (list(layer.schema), layer.features) == (["the\nname", "x", "y"], 1)
    path.write_text("\n \n")
    with pytest.raises(VectorSourceError, match="empty"):
        layers.add("q", Request(href=str(path), x="x", y="y", crs="EPSG:4326"))


def test_a_text_is_appended_in_the_types_of_the_layer(layers, rows, tmp_path):
    path = tmp_path / "points.csv"
    asked = {"x": "x", "y": "y", "crs": "EPSG:4326"}
    path.write_text("id,x,y,code,depth,geometry\n1,1,2,A1,2.5,a\n")
    layers.add("p", Request(href=str(path), **asked), wishes=Wishes(id="id"))
    path.write_text("id,x,y,code,depth,geometry\n2,1.5,2,+1.50,,7\n3,1,2,,4,\n")
    assert layers.append("p", Request(href=str(path), **asked)).added == 2
    told = [(row["code"], row["depth"], row["geometry_1"]) for row in rows("p", "id")]
    assert told == [("A1", 2.5, "a"), ("+1.50", None, "7"), (None, 4.0, None)]
    path.write_text("id,x,y,code,depth,geometry\n4,1,2,,deep,\n")
    with pytest.raises(VectorSourceError, match=r"column depth is double in the layer.*'deep'"):
        layers.append("p", Request(href=str(path), **asked))


def test_json_is_appended_in_the_types_of_the_layer(layers, rows, tmp_path):
    path = tmp_path / "points.geojson"

    def written(number, value):
        feature = {"type": "Feature", "properties": {"id": number, "v": value}, "geometry": None}
        path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
        return str(path)

    layers.add("l", written(1, [1.5]), wishes=Wishes(id="id"))
    assert [layers.append("l", written(n, value)).added for n, value in ((2, [2]), (3, None))] == [1, 1]
    assert [row["v"] for row in rows("l", "id")] == [[1.5], [2.0], None]
    layers.add("p", written(1, 0.5), wishes=Wishes(id="id"))
    assert (layers.append("p", written(2, 7)).added, layers.append("p", written(3, None)).added) == (1, 1)
    assert [row["v"] for row in rows("p", "id")] == [0.5, 7.0, None]
    with pytest.raises(FeedError, match="column 'v' is string, in the layer double"):
        layers.append("p", written(4, "x"))


def read_text(layers, rows, tmp_path, text, **asked):
    path = tmp_path / f"text-{len(layers.names())}.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    name = f"t{len(layers.names())}"
    layer = layers.add(name, Request(href=str(path), **{"x": "x", "y": "y", "crs": "EPSG:4326", **asked}))
    return layer, rows(name, "x") if layer.features < 2 else None


def test_long_numbers_are_kept_as_they_are(layers, rows, tmp_path):
    layer, (row,) = read_text(layers, rows, tmp_path, "a,b,c,x,y\n9223372036854775807,18446744073709551615,1e9,1,2\n")
    assert (layer.schema["a"], layer.schema["b"], layer.schema["c"]) == ("int64", "string", "double")
    assert (row["a"], row["b"]) == (9223372036854775807, "18446744073709551615")


def test_coordinates_are_numbers_whatever_is_there(layers, rows, tmp_path):
    layer, _ = read_text(layers, rows, tmp_path, "n,x,y\n1,,\n")
    assert (layer.schema["x"], layer.null_geometries) == ("double", 1)
    layer, _ = read_text(layers, rows, tmp_path, "n,x,y\n1,NaN,NA\nNaN,1,2\n")
    assert (layer.schema["n"], layer.schema["y"], layer.null_geometries) == ("int64", "double", 1)
    layer, found = read_text(layers, rows, tmp_path, "n,x,y")
    assert (list(layer.schema), found) == (["n", "x", "y"], [])


def test_a_text_in_another_encoding_is_told_by_its_header(layers, rows, tmp_path):
    text = "n,x,y\n\u0141,1,2\n".encode("utf-16")
    with pytest.raises(VectorEncodingError, match="not UTF-8"):
        read_text(layers, rows, tmp_path, text)
    assert read_text(layers, rows, tmp_path, text, encoding="utf-16")[1][0]["n"] == "\u0141"


def test_what_cannot_be_asked_of_a_source_is_named(layers, tmp_path):
    with pytest.raises(VectorSourceError, match="'::' is not one character"):
        Request(href="a.csv", delimiter="::")
    with pytest.raises(VectorEncodingError, match="no encoding 'klingon'"):
        Request(href="a.csv", encoding="klingon")
    with pytest.raises(VectorSourceError, match="only files of this machine"):
        layers.add("p", "https://x.example/a.geojson")


def test_names_of_columns_in_another_encoding_are_told(layers, write, tmp_path):
    path = write("a.shp", TRIANGLES[:1], kind="Polygon", columns={"näme": ["x"]}, encoding="cp1252")
    tmp_path.joinpath("a.cpg").write_text("UTF-8")
    with pytest.raises(VectorEncodingError, match="--encoding"):
        layers.add("p", path)
    assert "näme" in layers.add("p", Request(href=path, encoding="cp1252")).schema


def test_a_sequence_after_a_byte_order_mark_is_not_its_first_feature(layers, tmp_path):
    feature = json.dumps({"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [1, 2]}})
    path = tmp_path / "a.geojsonl"
    path.write_text(f"\ufeff{feature}\n{feature}\n")
    with pytest.raises(VectorSourceError, match="first three bytes"):
        layers.add("p", str(path))
    path.write_text(f"\ufeff{feature}\n")
    assert layers.add("p", str(path)).features == 1


def test_instants_of_any_zone_are_of_one_type(layers, tmp_path):
    path = tmp_path / "a.geojson"

    def written(number, moment):
        properties = {"id": number, "t": f"2020-01-01T00:00:00{moment}"}
        path.write_text(json.dumps({"type": "Feature", "properties": properties, "geometry": None}))
        return str(path)

    assert layers.add("p", written(1, "+02:00"), wishes=Wishes(id="id")).schema["t"] == "timestamp[us, tz=UTC]"
    assert layers.append("p", written(2, "Z")).added == 1


@pytest.mark.parametrize("suffix", ["shp", "shx"])
def test_zeros_in_place_of_the_last_records_are_no_records(layers, named, suffix):
    path = Path(named("a.shp")).with_suffix(f".{suffix}")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))
    with pytest.raises(VectorSourceError, match="last record is not there"):
        layers.add("a", str(path.with_suffix(".shp")))


def test_a_crs_behind_a_link_is_not_taken_for_another(layers, tmp_path):
    path = tmp_path / "a.geojson"
    for crs in (
        {"type": "link", "properties": {"href": "crs/3035.wkt"}},
        {"properties": {"href": "crs/3035.wkt"}, "type": "link"},
    ):
        path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": []}))
        with pytest.raises(LayerCrsError, match="behind a link"):
            layers.add("a", str(path))
    assert layers.add("a", Request(href=str(path), crs="EPSG:3035")).crs_code == "EPSG:3035"
