import json
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely

from jeospark.errors import CrsUnknownError, FormatError, OutputError, OutputUnwritableError
from jeospark.sql.answer import answer_of
from jeospark.sql.formats import format_of, write

POINTS = shapely.points([[4.5e6, 3.1e6], [4.6e6, 3.2e6]])
DEGREES = shapely.points([[10.0, 50.0], [11.0, 51.0]])


def answer(shapes=POINTS, srids=3035, name="place", **columns):
    ewkb = shapely.to_wkb(shapely.set_srid(shapes, srids), include_srid=True)
    table = pa.table({"id": [1, 2], name: ewkb, "tags": [["a"], None], "word": ["é,\n", None], **columns})
    return answer_of(table, (name,))


def test_an_answer_tells_its_crs():
    known = answer()
    assert known.srids == {"place": (3035,)}
    assert known.crs("place").to_epsg() == 3035
    metadata = json.loads(known.table.schema.field("place").metadata[b"ARROW:extension:metadata"])
    assert metadata["crs"]["id"] == {"authority": "EPSG", "code": 3035}
    assert shapely.from_wkb(known.table["place"].to_pylist()).tolist() == POINTS.tolist()
    assert answer(DEGREES, 4326).crs("place").to_string() == "OGC:CRS84"
    assert answer(srids=54009).crs("place").to_authority() == ("ESRI", "54009")
    assert answer(srids=0).crs("place") is None
    assert answer(srids=0).crs("place", "EPSG:3035").to_epsg() == 3035


def test_what_crs_cannot_be():
    with pytest.raises(CrsUnknownError, match="several SRIDs: 3035, 4326"):
        answer(srids=[3035, 4326]).crs("place")
    with pytest.raises(CrsUnknownError, match="EPSG:3035 was declared as EPSG:4326"):
        answer().crs("place", "EPSG:4326")
    with pytest.raises(CrsUnknownError, match="no code of EPSG"):
        answer(srids=123456)


def test_geopackage(tmp_path):
    path = tmp_path / "a.gpkg"
    write(answer(fid=[7, 7]), str(path))
    info = pyogrio.read_info(path)
    assert (info["crs"], info["geometry_type"], info["features"]) == ("EPSG:3035", "Point", 2)
    _, table = pyogrio.read_arrow(path)
    assert shapely.from_wkb(table["place"].to_pylist()).tolist() == POINTS.tolist()
    assert (table["tags"].to_pylist(), table["fid"].to_pylist()) == (['["a"]', None], [7, 7])
    write(answer(DEGREES, 4326), str(path))
    assert pyogrio.read_info(path)["crs"] == "EPSG:4326"
    assert pyogrio.read_bounds(path)[1][:2].T.tolist() == [[10.0, 50.0], [11.0, 51.0]]


def test_geojson_is_in_degrees_only(tmp_path):
    path = tmp_path / "a.geojson"
    write(answer(DEGREES, 4326), str(path))
    document = json.loads(path.read_text())
    assert "crs" not in document
    assert document["features"][0]["geometry"] == {"type": "Point", "coordinates": [10.0, 50.0]}
    assert document["features"][0]["properties"]["word"] == "é,\n"
    with pytest.raises(FormatError, match="not EPSG:3035"):
        write(answer(), str(path))
    assert json.loads(path.read_text()) == document


def test_geojson_has_no_empty_points(tmp_path):
    path = tmp_path / "a.geojson"
    write(answer(np.array([shapely.Point(), shapely.Point(1, 2)]), 4326), str(path))
    found = [each["geometry"] for each in json.loads(path.read_text())["features"]]
    assert found == [None, {"type": "Point", "coordinates": [1.0, 2.0]}]


@pytest.mark.parametrize("suffix", ["parquet", "gpkg", "geojson", "arrow", "csv"])
def test_answers_without_rows(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    whole = answer(DEGREES, 4326)
    write(answer_of(whole.table.slice(0, 0), ("place",)), str(path))
    assert path.exists()


def test_geoparquet(tmp_path):
    path = tmp_path / "a.parquet"
    write(answer(), str(path))
    geo = json.loads(pq.read_schema(path).metadata[b"geo"])
    column = geo["columns"]["place"]
    assert (geo["version"], geo["primary_column"]) == ("1.1.0", "place")
    assert (column["crs"]["id"]["code"], column["geometry_types"]) == (3035, ["Point"])
    assert column["bbox"] == [4.5e6, 3.1e6, 4.6e6, 3.2e6]
    assert pq.read_table(path)["tags"].to_pylist() == [["a"], None]
    write(answer(srids=0), str(path))
    assert json.loads(pq.read_schema(path).metadata[b"geo"])["columns"]["place"]["crs"] is None


def test_arrow(tmp_path):
    path = tmp_path / "a.arrow"
    write(answer(srids=0), str(path), crs="EPSG:3035")
    with pa.ipc.open_file(path) as file:
        metadata = file.schema.field("place").metadata
        assert file.read_all()["id"].to_pylist() == [1, 2]
    assert metadata[b"ARROW:extension:name"] == b"geoarrow.wkb"
    assert json.loads(metadata[b"ARROW:extension:metadata"])["crs"]["id"]["code"] == 3035


def test_csv_and_table(tmp_path):
    write(answer(), str(tmp_path / "a.csv"))
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[:2] == ['"id","place","tags","word"', '1,"POINT (4500000 3100000)","[""a""]","é,']
    write(answer(), str(tmp_path / "a"), "table")
    shown = (tmp_path / "a").read_text().splitlines()
    assert shown[0].split() == ["id", "place", "tags", "word"]
    assert shown[2].startswith(" 1  POINT (4500000 3100000)")
    assert shown[-1] == "(2 rows)"


@pytest.mark.parametrize("name", ["a.gpkg", "a.geojson"])
def test_formats_that_need_a_crs(tmp_path, name):
    path = tmp_path / name
    with pytest.raises(CrsUnknownError, match="--crs"):
        write(answer(DEGREES, 0), str(path))
    assert list(tmp_path.iterdir()) == []
    write(answer(DEGREES, 0), str(path), crs="OGC:CRS84")
    assert [each.name for each in tmp_path.iterdir()] == [name]
    none = answer_of(pa.table({"g": pa.array([], pa.binary())}), ("g",))
    write(none, str(path))
    assert pyogrio.read_info(path)["features"] == 0


def test_formats_that_need_one_geometry(tmp_path):
    table = pa.table({"a": [1]})
    with pytest.raises(FormatError, match="no geometry"):
        write(answer_of(table, ()), str(tmp_path / "a.gpkg"))
    wkb = shapely.to_wkb(POINTS)
    with pytest.raises(FormatError, match=r"2 geometry columns \(a, b\)"):
        write(answer_of(pa.table({"a": wkb, "b": wkb}), ("a", "b")), str(tmp_path / "a.geojson"))


def test_files_of_answers_are_on_mounted_file_systems(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputUnwritableError, match=r"\[https://host/a\.csv\]"):
        write(answer(), "https://host/a.csv")
    assert [*tmp_path.iterdir()] == []
    write(answer(), f"file://{tmp_path}/a.csv")
    assert (tmp_path / "a.csv").exists()


def test_suffixes_and_folders(tmp_path):
    assert format_of("x/A.GPKG") == "gpkg"
    with pytest.raises(FormatError, match=r"'\.shp' means no format"):
        format_of("a.shp")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write(answer(), str(tmp_path / "file" / "a.csv"))
    with pytest.raises(FormatError, match="cannot be written"):
        write(answer(union=pa.UnionArray.from_dense(pa.array([0, 0], pa.int8()), pa.array([0, 1], pa.int32()),
                     [pa.array([1, 2])])), str(tmp_path / "a.parquet"))  # fmt: skip


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg"])
@pytest.mark.parametrize("names", [("a", "A"), ("a", "a")])
def test_columns_that_gdal_takes_for_one_are_refused(tmp_path, suffix, names):
    point = pa.array([shapely.to_wkb(shapely.set_srid(shapely.Point(1, 2), 4326), include_srid=True)], pa.binary())
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2]), point], names=[*names, "geometry"])
    with pytest.raises(FormatError, match="Rename one with AS"):
        write(answer_of(table, ("geometry",)), str(tmp_path / f"x{suffix}"))


def test_what_json_does_not_have(tmp_path):
    path = tmp_path / "a.geojson"
    nested = pa.array([[("k", {"x": float("inf"), "b": b"\x01"})], None], pa.map_(
        pa.string(), pa.struct({"x": pa.float64(), "b": pa.binary()})
    ))  # fmt: skip
    write(answer(DEGREES, 4326, number=[float("nan"), 1.5], nested=nested), str(path))
    first, second = (each["properties"] for each in json.loads(path.read_text())["features"])
    assert (first["number"], second["number"]) == (None, 1.5)
    assert (first["nested"], second["nested"]) == ({"k": {"x": None, "b": "01"}}, None)


def test_no_column_of_a_geopackage_is_taken_for_its_number(tmp_path):
    path = tmp_path / "a.gpkg"
    write(answer(fid=[7, 7], fid_2=[8, 8], jeospark_fid=[9, 9]), str(path))
    _, table = pyogrio.read_arrow(path)
    assert [table[each].to_pylist() for each in ("fid", "fid_2", "jeospark_fid")] == [[7, 7], [8, 8], [9, 9]]


def test_csv_keeps_decimals(tmp_path):
    write(answer(exact=[Decimal("12345678901234567890.10"), None]), str(tmp_path / "a.csv"))
    assert ",12345678901234567890.10\n" in (tmp_path / "a.csv").read_text()


def test_geoparquet_has_heights_in_its_bounds(tmp_path):
    path = tmp_path / "a.parquet"
    write(answer(np.array([shapely.Point(1, 2, 9), shapely.Point(3, 4)]), 4326), str(path))
    assert json.loads(pq.read_schema(path).metadata[b"geo"])["columns"]["place"]["bbox"] == [1, 2, 9, 3, 4, 9]


def test_empty_geometries_are_in_any_crs():
    ewkb = shapely.to_wkb(shapely.set_srid([shapely.Point(1, 2), shapely.Polygon()], [3035, 0]), include_srid=True)
    assert answer_of(pa.table({"g": ewkb}), ("g",)).srids == {"g": (3035,)}


def test_a_query_tells_the_crs_of_no_rows():
    assert answer_of(pa.table({"g": pa.array([], pa.binary())}), ("g",), {"g": 3035}).srids == {"g": (3035,)}
