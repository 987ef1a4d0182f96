"""CRS are named, transformed between with x first, and never guessed."""

import numpy as np
import pytest
import shapely
from pyproj import CRS, Transformer

from jeospark.errors import LayerCrsError, TransformError
from jeospark.vector.building import Wishes
from jeospark.vector.crs import authority_code, parse_crs, same_crs, srid_of
from jeospark.vector.sources.request import Request


@pytest.mark.parametrize("code", [31370, 28992, 3067, 25832, 31287, 32632, 27700, 2154, 3035, 4258, 3857, 4326])
def test_wkt_of_esri_finds_its_code(code):
    assert authority_code(CRS.from_wkt(CRS(code).to_wkt("WKT1_ESRI"))) == f"EPSG:{code}"


def test_near_misses_have_no_code():
    text = CRS(3035).to_wkt("WKT1_GDAL").replace('AUTHORITY["EPSG","3035"]', 'AUTHORITY["x","1"]')
    plain = text.replace(',AUTHORITY["x","1"]', "")
    assert authority_code(CRS.from_wkt(plain)) == "EPSG:3035"
    assert authority_code(CRS.from_wkt(plain.replace("4321000", "4321001"))) is None
    assert authority_code(CRS.from_proj4("+proj=laea +lat_0=1 +lon_0=2 +ellps=GRS80")) is None


def test_srids_and_sameness():
    assert [srid_of(code) for code in ("EPSG:3035", "OGC:CRS84", "ESRI:54009", None)] == [3035, 4326, 54009, 0]
    assert same_crs(CRS(4326), CRS("OGC:CRS84"))
    assert not same_crs(CRS(4326), CRS(4258))
    with pytest.raises(LayerCrsError, match="no CRS is known as 'EPSG:x'"):
        parse_crs("EPSG:x")


def test_transformation_is_told_and_keeps_z(layers, write, rows):
    shapes = shapely.from_wkt(
        ["POINT (10 50)", "LINESTRING Z (10 50 7, 11 51 8)", "POLYGON ((9 50, 10 50, 9 51, 9 50))"]
    )
    path = write("a.gpkg", [*shapes, None], crs="EPSG:4326", kind="Unknown")
    layer = layers.add("a", path, wishes=Wishes(to_crs="EPSG:3035"))
    assert (layer.crs_code, layer.transform["from"], layer.transform["to"]) == ("EPSG:3035", "EPSG:4326", "EPSG:3035")
    assert layer.transform["accuracy"] > 0
    found = [row["geometry"] for row in rows("a")]
    there = Transformer.from_crs(4326, 3035, always_xy=True)
    assert (found[0].x, found[0].y) == pytest.approx(there.transform(10, 50))
    assert found[0].x == pytest.approx(4321000, abs=1)
    assert found[3] is None
    assert shapely.get_coordinates(found[1], include_z=True)[:, 2].tolist() == [7, 8]
    wanted = shapely.transform(shapes[2], lambda points: np.column_stack(there.transform(*points.T)))
    assert shapely.equals_exact(found[2], wanted, 1e-6)


def test_what_cannot_be_transformed_is_named(layers, write):
    path = write("a.gpkg", [shapely.Point(10, 50), shapely.Point(10, 95)], crs="EPSG:4326")
    with pytest.raises(TransformError, match="1 coordinates cannot be transformed, the first is x 10, y 95"):
        layers.add("a", path, wishes=Wishes(to_crs="EPSG:3857"))
    with pytest.raises(LayerCrsError, match="no CRS is known"):
        layers.add("a", path, wishes=Wishes(to_crs="nonsense"))


def test_metres_in_a_source_of_degrees_are_told_as_such(layers, write):
    path = write("a.geojson", [shapely.Point(500000, 5000000)], crs="OGC:CRS84")
    with pytest.raises(TransformError, match="These are no degrees: say the CRS that they are in"):
        layers.add("a", path, wishes=Wishes(to_crs="EPSG:3035"))
    assert layers.add("a", Request(href=path, crs="EPSG:32633"), wishes=Wishes(to_crs="EPSG:3035")).features == 1


def test_a_given_crs_overrides_and_says_so(layers, write):
    layer = layers.add("a", Request(href=write("a.gpkg", [shapely.Point(1, 1)], crs="EPSG:3035"), crs="EPSG:32632"))
    assert layer.crs_code == "EPSG:32632"
    assert layer.crs_from == "given by the user; the source says EPSG:3035"
