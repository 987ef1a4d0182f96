"""What is wrong with geometries is counted and named; repairs are listed."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from jeospark.errors import VectorSourceError
from jeospark.vector import check as module
from jeospark.vector.building import Wishes
from jeospark.vector.sources.request import Request

BOW = shapely.from_wkt("POLYGON ((0 0, 2 2, 2 0, 0 2, 0 0))")
GOOD = shapely.box(10, 50, 11, 51)


def found(layers, name):
    return {finding.kind: finding for finding in layers.check(name)}


def test_a_sound_layer_has_no_findings(layers, write):
    layers.add("a", write("a.gpkg", [GOOD, shapely.box(12, 50, 13, 51)], crs="EPSG:4326"))
    assert layers.check("a") == []


def test_findings_name_features(layers, write, monkeypatch):
    monkeypatch.setattr(module, "LARGE", 60)
    shapes = [
        GOOD, BOW, None, shapely.Point(5, 95), shapely.LineString([(170, 1), (-170, 2)]), shapely.Point(1, 2, 3),
        shapely.Point(7, 7).buffer(1), shapely.Polygon(),
    ]  # fmt: skip
    layer = layers.add(
        "a", write("a.gpkg", shapes, crs="EPSG:4326", columns={"n": list(range(8))}), wishes=Wishes(id="n")
    )
    assert layer.id == "n"
    findings = found(layers, "a")
    named = {kind: finding.ids for kind, finding in findings.items()}
    assert named == {
        "invalid": ("1",), "null": ("2", "7"), "latitude": ("3",), "outside": ("3",), "antimeridian": ("4",),
        "z": ("5",), "large": ("6",), "mixed": (),
    }  # fmt: skip
    assert "Self-intersection" in findings["invalid"].text
    assert {kind for kind, finding in findings.items() if finding.fault} == {"invalid", "latitude"}


def test_ids_that_come_again(layers, write):
    path = write("a.gpkg", [GOOD] * 5, crs="EPSG:4326", columns={"code": ["a", "b", "a", "c", "b"]})
    layers.add("a", path, wishes=Wishes(id="code"))
    finding = found(layers, "a")["duplicate"]
    assert (finding.count, sorted(finding.ids), finding.fault) == (4, ["a", "b"], True)


@pytest.mark.parametrize(
    "ids",
    [
        pa.array([2**63 + 1, 2**63 + 2, 2**63 + 1], pa.uint64()),
        pa.array([b"\xff", b"\xfe", b"\xff"]),
        pa.array([[1], [2], [1]]),
        pa.array([1, 2, 1], pa.decimal128(20, 2)),
    ],
)
def test_ids_of_any_type_are_told_apart(layers, tmp_path, ids):
    path = tmp_path / "a.parquet"
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB"}}}
    table = pa.table({"id": ids, "geometry": shapely.to_wkb([GOOD, GOOD, BOW])})
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)
    layer = layers.add("a", str(path), wishes=Wishes(repair=True))
    assert (layer.id, layer.repairs["count"]) == ("id", 1)
    findings = found(layers, "a")
    assert (findings["duplicate"].count, len(findings["duplicate"].ids)) == (2, 1)


def test_features_without_an_id_share_none(layers, write):
    columns = {"code": pa.array([None, None, 0], pa.int64())}
    layers.add("a", write("a.gpkg", [GOOD] * 3, crs="EPSG:4326", columns=columns), wishes=Wishes(id="code"))
    assert found(layers, "a") == {}


def test_swapped_axes_are_told_when_adding_and_checking(layers, write):
    x, y = np.random.default_rng(1).uniform([4e6, 2.6e6], [4.2e6, 2.8e6], (40, 2)).T
    layers.add("good", write("good.gpkg", shapely.points(x, y)))
    assert "swapped" not in found(layers, "good")
    utm = write("swapped.gpkg", shapely.points(y * 2, x / 8), crs="EPSG:32632")
    assert any("may be swapped" in note for note in layers.add("swapped", utm).notes)
    finding = found(layers, "swapped")["swapped"]
    assert (finding.count, finding.fault) == (40, True)


def test_repairs_are_listed_and_nothing_is_repaired_unasked(layers, write, rows):
    spike = shapely.from_wkt("POLYGON ((0 0, 4 0, 4 4, 4 9, 4 4, 0 4, 0 0))")
    flat = shapely.from_wkt("POLYGON ((0 0, 1 1, 0 0, 0 0))")
    path = write("a.gpkg", [GOOD, BOW, spike, flat, None], columns={"n": [0, 1, 2, 3, 4], "id": list("abcde")})
    plain = layers.add("plain", path)
    assert plain.repairs is None
    assert shapely.equals_exact(rows("plain")[1]["geometry"], BOW)
    layer = layers.add("mended", path, wishes=Wishes(repair=True, id="id"))
    assert layer.repairs["count"] == 3
    assert sum(layer.repairs["by_reason"].values()) == 3
    listed = pq.read_table(f"{layers.path('mended')}/{layer.repairs['file']}").to_pylist()
    assert [row["id"] for row in listed] == ["b", "c", "d"]
    assert (listed[0]["area_before"], listed[0]["area_after"]) == (0, 2)
    assert (listed[1]["area_before"], listed[1]["area_after"]) == pytest.approx((16, 16))
    assert (listed[2]["type_before"], listed[2]["type_after"]) == ("Polygon", None)
    shapes = [row["geometry"] for row in rows("mended")]
    assert all(shape is None or shape.is_valid for shape in shapes)
    assert shapely.equals_exact(shapes[0], GOOD)
    # The list lies beside the features, but is none of them.
    assert pq.read_table(layers.path("mended")).num_rows == 5


def test_rings_that_geos_does_not_read_are_named_and_closed_on_request(layers, tmp_path, rows):
    ring = shapely.to_wkb(shapely.box(0, 0, 2, 1))
    # Without its last point, the ring of five points is open.
    open_ring = ring[:9] + (4).to_bytes(4, "little") + ring[13:-16]
    table = pa.table({"n": [1, 2], "shape": [ring, open_ring]})
    geo = {
        "version": "1.1.0",
        "primary_column": "shape",
        "columns": {"shape": {"encoding": "WKB", "geometry_types": []}},
    }
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), tmp_path / "a.parquet")
    asked = Request(href=str(tmp_path / "a.parquet"))
    layers.add("plain", asked)
    finding = found(layers, "plain")["invalid"]
    assert (finding.count, finding.fault) == (1, True)
    assert "not closed" in finding.text
    with pytest.raises(VectorSourceError, match="--repair"):
        layers.add("moved", asked, wishes=Wishes(to_crs="EPSG:3035"))
    layer = layers.add("mended", asked, wishes=Wishes(repair=True))
    assert layer.repairs["count"] == 1
    assert all(row["geometry"].equals(shapely.box(0, 0, 2, 1)) for row in rows("mended"))
    assert layers.check("mended") == []


def test_a_layer_that_is_damaged_is_named(layers, write):
    layers.add("a", write("a.gpkg", [GOOD], crs="EPSG:4326"))
    next(Path(layers.path("a")).glob("part-*")).write_bytes(b"PAR1")
    with pytest.raises(VectorSourceError, match="file of layer 'a' cannot be read"):
        layers.check("a")
    document = Path(layers.path("a")).parent / "layer.json"
    for text in ("{", '{"name": "a"}', '{"bbox": null, "parts": [], "notes": [], "odd": 1}'):
        document.write_text(text)
        with pytest.raises(VectorSourceError, match="document of layer 'a' is damaged"):
            layers.describe("a")
