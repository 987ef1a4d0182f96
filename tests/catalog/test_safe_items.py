import json
import shutil
import zipfile
from pathlib import Path

import pytest
import shapely

from jeospark.catalog.safe import build_item, safe_item, tile_properties
from jeospark.catalog.safe_metadata import read_product, read_tile
from jeospark.catalog.sources import source_rows
from jeospark.errors import SourceError


def test_the_finest_image_is_the_band_and_the_coarser_are_overviews(write_safe):
    item = safe_item(str(write_safe()))
    roles = {key: (asset["roles"], asset["gsd"]) for key, asset in item["assets"].items()}
    assert roles == {
        "AOT": (["data"], 20),
        "B02": (["data"], 10),
        "B02_20m": (["overview"], 20),
        "B02_60m": (["overview"], 60),
        "SCL": (["data"], 20),
        "TCI": (["visual"], 10),
    }
    rows = {row["band"]: row for row in source_rows(item)}
    assert sorted(rows) == ["AOT", "B02", "SCL"]
    assert rows["B02"]["href"].endswith("R10m/T_B02_10m.jp2")
    assert rows["B02"]["transform"] == [10.0, 0.0, 699960.0, 0.0, -10.0, 5000040.0]
    assert (rows["B02"]["shape"], rows["B02"]["size"]) == ([10980, 10980], 4)


def test_offset_and_quantification_are_the_bands_scale(write_safe):
    assets = safe_item(str(write_safe()))["assets"]
    b02, aot = assets["B02"]["bands"][0], assets["AOT"]["bands"][0]
    assert (b02["raster:scale"], b02["raster:offset"], b02["nodata"]) == (1e-4, -0.1001, 0)
    assert (aot["raster:scale"], aot["raster:offset"]) == (1e-3, 0.0)
    assert "raster:scale" not in assets["SCL"]["bands"][0]


@pytest.mark.parametrize(("baseline", "offset"), [("02.14", 0.0), ("03.01", 0.0), ("04.00", -0.1), ("05.11", -0.1)])
def test_a_missing_offset_follows_from_the_baseline(write_safe, baseline, offset):
    band = safe_item(str(write_safe(baseline=baseline, offsets="")))["assets"]["B02"]["bands"][0]
    assert band["raster:offset"] == offset


def test_properties_come_from_the_metadata(write_safe):
    item = safe_item(str(write_safe()))
    wanted = {
        "datetime": "2023-05-01T10:00:31.024000Z",
        "platform": "sentinel-2b",
        "sat:relative_orbit": 122,
        "sat:orbit_state": "descending",
        "grid:code": "MGRS-32TQM",
        "proj:code": "EPSG:32632",
        "eo:cloud_cover": 12.5,
        "s2:water_percentage": 3.25,
        "s2:processing_baseline": "05.09",
        "view:sun_elevation": 59.5,
    }
    assert {name: item["properties"][name] for name in wanted} == wanted
    assert item["id"] == "S2B_MSIL2A_20230501T100031_N0509_R122_T32TQM_20230501T150000"
    assert item["bbox"] == [11.0, 44.0, 12.0, 45.0]


def test_a_zip_is_read_in_place(write_safe, tmp_path):
    folder = write_safe()
    archive = Path(shutil.make_archive(str(tmp_path / "product"), "zip", tmp_path, folder.name))
    item, same = safe_item(str(archive)), safe_item(str(folder))
    assert item["assets"]["B02"]["href"].startswith(f"/vsizip/{archive}/{folder.name}/GRANULE/")
    assert (item["properties"], item["bbox"]) == (same["properties"], same["bbox"])
    assert zipfile.Path(str(archive), item["assets"]["B02"]["href"].removeprefix(f"/vsizip/{archive}/")).exists()


def test_a_product_across_the_antimeridian(write_safe):
    item = safe_item(str(write_safe(corners="66 179 66 -179 65 -179 65 179 66 179")))
    assert item["geometry"]["type"] == "MultiPolygon"
    assert item["bbox"] == [179.0, 65.0, -179.0, 66.0]


def _without(pattern):
    def spoil(folder):
        for file in folder.rglob(pattern):
            file.unlink()

    return spoil


def _cut(pattern):
    def spoil(folder):
        (file,) = folder.rglob(pattern)
        file.write_bytes(file.read_bytes()[:400])

    return spoil


def _drop(pattern, tag):
    def spoil(folder):
        (file,) = folder.rglob(pattern)
        file.write_text(file.read_text().replace(tag, "Gone"))

    return spoil


def _put(pattern, old, new):
    def spoil(folder):
        (file,) = folder.rglob(pattern)
        file.write_text(file.read_text().replace(old, new))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "text", "where"),
    [
        (_without("*.jp2"), "no image", ".SAFE"),
        (_without("MTD_TL.xml"), "lacks MTD_TL.xml", ".SAFE"),
        (_without("MTD_MSIL2A.xml"), "lacks MTD_MSIL2A.xml", ".SAFE"),
        (_cut("MTD_MSIL2A.xml"), "not well formed", "MTD_MSIL2A.xml"),
        (_cut("MTD_TL.xml"), "not well formed", "MTD_TL.xml"),
        (_drop("MTD_MSIL2A.xml", "BOA_QUANTIFICATION_VALUE"), "lacks BOA_QUANTIFICATION_VALUE", "MTD_MSIL2A.xml"),
        (_drop("MTD_TL.xml", "Geoposition"), "lacks Tile_Geocoding", "MTD_TL.xml"),
        (_drop("MTD_TL.xml", "NROWS"), "no number", "MTD_TL.xml"),
        (_put("MTD_MSIL2A.xml", "45 11 45", "45 east 45"), "no number", "MTD_MSIL2A.xml"),
        (_put("MTD_MSIL2A.xml", "2023-05-01T10:00:31.024Z", "yesterday"), "no time", "MTD_MSIL2A.xml"),
        (
            _put("MTD_MSIL2A.xml", ">10000<", ">0<"),
            "'0.0' in BOA_QUANTIFICATION_VALUE is not above 0",
            "MTD_MSIL2A.xml",
        ),
        (_put("MTD_MSIL2A.xml", ">10000<", ">nan<"), "is no number", "MTD_MSIL2A.xml"),
        (_put("MTD_TL.xml", "EPSG:32632", "EPSG:0"), "'EPSG:0' in HORIZONTAL_CS_CODE is no CRS", "MTD_TL.xml"),
        (_put("MTD_TL.xml", "EPSG:32632", "EPSG:4326"), "no CRS of a tile", "MTD_TL.xml"),
        (_put("MTD_TL.xml", "<XDIM>10<", "<XDIM>0<"), "NROWS, NCOLS, XDIM and YDIM is no grid", "MTD_TL.xml"),
        (_put("MTD_MSIL2A.xml", "45 11 45 12 44 12 44 11 45 11", "45 11"), "1 points", ""),
    ],
)
def test_what_is_wrong_with_a_product_is_named(write_safe, spoil, text, where):
    folder = write_safe()
    spoil(folder)
    with pytest.raises(SourceError, match=text) as caught:
        safe_item(str(folder))
    assert caught.value.where.endswith(where)


def test_a_broken_zip_is_named(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(SourceError, match="zip"):
        safe_item(str(tmp_path / "a.zip"))


@pytest.mark.realdata
def test_a_real_product(shared_data):
    item = safe_item(str(shared_data("s2_l2a_t29unu_20221005")))
    rows = {row["band"]: row for row in source_rows(item)}
    assert sorted(rows) == ["B02", "B03", "B04", "B11", "B12", "B8A", "CLD", "SCL", "SNW"]
    assert (rows["B02"]["scale"], rows["B02"]["offset"], rows["B02"]["shape"]) == (1e-4, -0.1, [1830, 1830])
    assert rows["SCL"]["shape"] == [5490, 5490]
    assert item["properties"]["grid:code"] == "MGRS-29UNU"
    assert all(Path(row["href"]).exists() for row in rows.values())


def _agree(mine, expected):
    for name, value in mine.items():
        if name != "created":  # The other tool writes when it ran.
            assert value == (pytest.approx(expected[name]) if isinstance(value, float) else expected[name]), name


@pytest.mark.realdata
def test_items_equal_those_of_stactools(shared_data):
    products = sorted(shared_data("stactools_s2_expected").glob("*.SAFE"))
    assert len(products) == 3
    for folder in products:
        (product_xml,), (tile_xml,) = folder.glob("MTD_*.xml"), folder.glob("GRANULE/*/MTD_TL.xml")
        expected = json.loads((folder / "expected_output.json").read_text())
        item = build_item(read_product(product_xml.read_bytes(), ""), read_tile(tile_xml.read_bytes(), ""), [])
        _agree(item["properties"], expected["properties"])
        assert item["bbox"] == pytest.approx(expected["bbox"], abs=1e-6)
        shapes = [shapely.geometry.shape(one["geometry"]) for one in (item, expected)]
        assert shapes[0].is_valid
        assert shapely.symmetric_difference(*shapes).area < 1e-5 * shapes[1].area


@pytest.mark.realdata
def test_grids_and_tiles_equal_those_of_stactools(shared_data):
    root = shared_data("stactools_s2_expected")
    files = [*root.glob("*/metadata.xml"), *root.glob("*/GRANULE/*/MTD_TL.xml")]
    assert len(files) == 6
    for file in files:
        expected = json.loads((root / file.relative_to(root).parts[0] / "expected_output.json").read_text())
        tile = read_tile(file.read_bytes(), "")
        _agree(tile_properties(tile), {"s2:datastrip_id": ""} | expected["properties"])
        for asset in expected["assets"].values():
            if asset.get("gsd") in tile.grids:
                assert list(tile.grids[asset["gsd"]][0]) == asset["proj:transform"]
                assert list(tile.grids[asset["gsd"]][1]) == asset["proj:shape"]
