import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from jeospark.catalog.footprint import footprint_of_bbox, footprint_of_geojson, footprint_of_grid, footprint_of_ring
from jeospark.errors import SourceError


@given(st.floats(-180, 180), st.floats(-80, 79), st.floats(0.01, 20), st.floats(0.01, 1))
def test_a_box_anywhere_keeps_its_size_and_stays_on_the_globe(west, south, width, height):
    longitudes = (np.array([west, west + width, west + width, west]) + 180) % 360 - 180
    latitudes = np.array([south, south, south + height, south + height])
    fields = footprint_of_ring(longitudes, latitudes)
    shape = shapely.geometry.shape(fields["geometry"])
    assert shape.is_valid
    assert shape.area == pytest.approx(width * height, rel=1e-6)
    assert -180 <= shape.bounds[0] <= shape.bounds[2] <= 180
    box_west, _, box_east, _ = fields["bbox"]
    assert (box_east - box_west) % 360 == pytest.approx(width, abs=1e-6)


def test_a_polygon_across_the_antimeridian_is_cut():
    ring = [[179, 10], [-179, 10], [-179, 11], [179, 11], [179, 10]]
    fields = footprint_of_geojson({"type": "Polygon", "coordinates": [ring]})
    assert fields["geometry"]["type"] == "MultiPolygon"
    assert fields["bbox"] == [179.0, 10.0, -179.0, 11.0]
    assert footprint_of_bbox([179, 10, 0, -179, 11, 50])["bbox"] == fields["bbox"]


def test_a_polygon_round_the_earth_is_not_cut():
    ring = [[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]
    assert footprint_of_geojson({"type": "Polygon", "coordinates": [ring]})["bbox"] == [-180.0, -90.0, 180.0, 90.0]


@pytest.mark.parametrize("first", [0.0, -0.125, 0.3, 180.0, -180.0])
def test_a_grid_round_the_earth_has_all_longitudes(first):
    """From Greenwich, or the centre of a pixel on it, as climate models have them; their poles are centres too."""
    fields = footprint_of_grid("EPSG:4326", (0.25, 0.0, first, 0.0, -0.25, 90.125), (721, 1440))
    shape = shapely.geometry.shape(fields["geometry"])
    assert fields["bbox"] == pytest.approx([-180, -90, 180, 90])
    assert shape.is_valid
    assert shape.area == pytest.approx(360 * 180)


def test_the_widest_gap_between_parts_is_outside():
    boxes = [(170, 180), (-180, -170), (-150, -140), (100, 110)]
    rings = [shapely.geometry.mapping(shapely.box(west, 0, east, 1))["coordinates"] for west, east in boxes]
    assert footprint_of_geojson({"type": "MultiPolygon", "coordinates": rings})["bbox"] == [100.0, 0.0, -140.0, 1.0]


def test_a_polygon_beyond_180_degrees_is_brought_back():
    ring = [[170, -20], [190, -20], [190, -10], [170, -10], [170, -20]]
    fields = footprint_of_geojson({"type": "Polygon", "coordinates": [ring]})
    assert fields["bbox"] == [170.0, -20.0, -170.0, -10.0]
    assert shapely.geometry.shape(fields["geometry"]).area == pytest.approx(200)


@pytest.mark.parametrize(("epsg", "pole"), [(3413, 90), (3031, -90)])
@pytest.mark.parametrize("left", [-1e6, -1e5, 0.0, 5e4])
def test_a_grid_over_a_pole_holds_what_lies_around_it(epsg, pole, left):
    """The pole inside, on the edge, or so near to it that the points of the edge go round it."""
    pixels, size = 200, 10000.0
    fields = footprint_of_grid(f"EPSG:{epsg}", (size, 0.0, left, 0.0, -size, 1e6), (pixels, pixels))
    shape = shapely.geometry.shape(fields["geometry"])
    x, y = np.meshgrid(left + size * (np.arange(pixels) + 0.5), 1e6 - size * (np.arange(pixels) + 0.5))
    longitudes, latitudes = Transformer.from_crs(epsg, "OGC:CRS84", always_xy=True).transform(x.ravel(), y.ravel())
    assert shape.is_valid
    assert shapely.intersects_xy(shape, longitudes, latitudes).all()
    assert fields["bbox"][1 if pole < 0 else 3] == pole


def test_an_outline_that_goes_round_a_pole_holds_it():
    ring = [[-135, 80], [-45, 80], [45, 80], [135, 80], [-135, 80]]
    fields = footprint_of_geojson({"type": "Polygon", "coordinates": [ring]})
    assert fields["bbox"] == [-180.0, 80.0, 180.0, 90.0]
    assert shapely.geometry.shape(fields["geometry"]).area == pytest.approx(3600)


def test_an_invalid_polygon_is_mended():
    bow = [[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]
    shape = shapely.geometry.shape(footprint_of_geojson({"type": "Polygon", "coordinates": [bow]})["geometry"])
    assert shape.is_valid
    assert shape.area == pytest.approx(2.0)


@pytest.mark.parametrize(
    "geometry", [{"type": "Polygon"}, {"type": "Point", "coordinates": [1, 2]}, {"coordinates": 3}, {"type": "Blob"}]
)
def test_what_has_no_area_is_refused(geometry):
    with pytest.raises(SourceError):
        footprint_of_geojson(geometry)


def test_a_grid_is_outlined_with_the_bend_of_its_edges():
    fields = footprint_of_grid("EPSG:3035", (100.0, 0.0, 2e6, 0.0, -100.0, 5e6), (20000, 30000))
    shape = shapely.geometry.shape(fields["geometry"])
    assert 5 < len(shape.exterior.coords) <= 81
    assert shape.covers(shapely.Point(10.0, 52.0))


@pytest.mark.parametrize("left", [-18.1e6, -12e6, 6e6])
def test_a_grid_partly_off_the_earth_holds_what_is_on_it(left):
    """World maps have corners that are nowhere, as of ESRI:54009, on which the settlement layers of JRC are."""
    size, pixels = 1e5, 120
    fields = footprint_of_grid("ESRI:54009", (size, 0.0, left, 0.0, -size, 9.1e6), (pixels, pixels))
    shape = shapely.geometry.shape(fields["geometry"])
    x, y = np.meshgrid(left + size * (np.arange(pixels) + 0.5), 9.1e6 - size * (np.arange(pixels) + 0.5))
    longitudes, latitudes = Transformer.from_crs("ESRI:54009", "OGC:CRS84", always_xy=True).transform(x, y)
    known = np.isfinite(longitudes)
    assert 0.05 < known.mean() < 0.95
    assert shapely.intersects_xy(shape, longitudes[known], latitudes[known]).all()
    assert shape.area < 360 * 180


def test_a_grid_on_another_body_is_refused():
    with pytest.raises(SourceError, match="no way leads from the CRS"):
        footprint_of_grid("ESRI:104905", (1.0, 0.0, 0.0, 0.0, -1.0, 10.0), (10, 10))


@pytest.mark.parametrize(("crs", "pole"), [("EPSG:3031", -90.0), ("EPSG:3413", 90.0)])
def test_a_grid_around_a_pole_reaches_it(crs, pole):
    item = footprint_of_grid(crs, (10_000, 0, -640_000, 0, -10_000, 640_000), (128, 128))
    shape = shapely.geometry.shape(item["geometry"])
    assert shape.is_valid
    assert (item["bbox"][0], item["bbox"][2], pole in item["bbox"]) == (-180, 180, True)
    assert shapely.intersects_xy(shape, np.arange(-180, 181, 30.0), np.full(13, pole * 0.95)).all()


def test_a_grid_off_its_projection_is_refused():
    with pytest.raises(SourceError, match="outside the area"):
        footprint_of_grid("EPSG:3035", (1e6, 0.0, 1e9, 0.0, -1e6, 1e9), (10, 10))
