import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from jeospark.errors import ArgumentError, LayerCrsError
from jeospark.vector.helpers_buffer import widen

GEOD = Geod(ellps="WGS84")
POINTS = st.tuples(st.floats(-180, 180), st.floats(-90, 90))


def widened(geometry, metres):
    return widen(np.array([geometry], dtype=object), np.array([float(metres)]))[0]


@given(POINTS, st.floats(10, 300_000), st.floats(0, 360))
def test_a_circle_holds_what_is_nearer_and_nothing_that_is_farther(centre, metres, azimuth):
    area = widened(shapely.Point(centre), metres)
    assert area.is_valid
    west, south, east, north = area.bounds
    assert -180 <= west < east <= 180
    assert -90 <= south < north <= 90
    # The 64 edges lie inside the circle by 0.12 % of its radius.
    near, far = ((GEOD.fwd(*centre, azimuth, metres * share)) for share in (0.998, 1.001))
    assert shapely.intersects_xy(area, *near[:2])
    assert not shapely.intersects_xy(area, *far[:2])


def test_a_circle_over_the_antimeridian_is_split():
    area = widened(shapely.Point(179.99, 10), 10_000)
    assert area.geom_type == "MultiPolygon"
    assert shapely.intersects_xy(area, np.array([180.0, -180.0, -179.95]), 10.0).all()


def test_a_circle_around_a_pole_reaches_it():
    area = widened(shapely.Point(50, 89.95), 10_000)
    assert shapely.intersects_xy(area, np.array([-180.0, -90, 0, 90, 180]), 90.0).all()


@given(st.integers(0, 2**32 - 1))
def test_a_long_line_is_widened_everywhere(seed):
    random = np.random.default_rng(seed)
    ends = random.uniform([-175, -80], [175, 80], (2, 2))
    area = widened(shapely.LineString(ends), 20_000)
    along = shapely.get_coordinates(
        shapely.line_interpolate_point(shapely.LineString(ends), np.linspace(0, 1, 30), normalized=True)
    )
    ways = random.uniform(0, 360, 30)
    lon, lat, _ = GEOD.fwd(*along.T, ways, np.full(30, 19_900.0))
    assert shapely.intersects_xy(area, lon, lat).all()


def test_areas_stay_inside_and_holes_shrink():
    ring = shapely.box(0, 40, 2, 42).difference(shapely.box(0.9, 40.9, 1.1, 41.1))
    area = widened(ring, 5_000)
    assert area.contains_properly(ring)
    assert len(area.interiors) == 1
    assert shapely.Polygon(area.interiors[0]).area < 0.2 * 0.2


def test_nothing_stays_nothing():
    found = widen(np.array([None, shapely.Point(), shapely.Point(1, 1)], dtype=object), np.full(3, 100.0))
    assert found[0] is None
    assert found[1].is_empty
    assert found[2].area > 0


def test_what_has_no_buffer_is_refused():
    with pytest.raises(ArgumentError, match=r"no buffer is -1 m wide"):
        widened(shapely.Point(0, 0), -1)
    with pytest.raises(LayerCrsError, match=r"no degrees"):
        widened(shapely.Point(500_000, 5_000_000), 100)


@pytest.mark.parametrize(
    "text",
    [
        "LINESTRING (0 10, 40 10)",
        "LINESTRING (10 0, 10 40)",
        "LINESTRING (-180 0, 180 0)",
        "LINESTRING (180 -10, 180 10)",
        "LINESTRING (0 80, 0 90)",
        "MULTIPOINT ((10 10), (40 40))",
        "GEOMETRYCOLLECTION (GEOMETRYCOLLECTION (POINT (5 5)), LINESTRING (5 5, 30 5))",
    ],
)
def test_what_runs_along_the_edges_of_pieces_is_widened(text):
    shape = shapely.from_wkt(text)
    area = widened(shape, 50_000)
    along = shapely.get_coordinates(shapely.segmentize(shape, 1.0))
    for way in (0, 90, 180, 270):
        lon, lat, _ = GEOD.fwd(*along.T, np.full(len(along), way), np.full(len(along), 49_000.0))
        assert shapely.intersects_xy(area, lon, lat).all()


@pytest.mark.parametrize("size", [1, 20])
def test_both_lobes_of_a_bow_tie_are_widened(size):
    bow = shapely.Polygon([(0, 0), (size, size), (size, 0), (0, size)])
    lobes = widened(shapely.make_valid(bow), 10_000)
    assert widened(bow, 10_000).symmetric_difference(lobes).area < 1e-6


@pytest.mark.parametrize("text", ["LINESTRING (5 5, 5 5)", "POLYGON ((5 5, 5 5, 5 5, 5 5))"])
def test_what_has_no_length_is_widened_as_its_place(text):
    point = widened(shapely.Point(5, 5), 1000)
    assert widened(shapely.from_wkt(text), 1000).symmetric_difference(point).area < 1e-9
    both = shapely.from_wkt("MULTILINESTRING ((5 5, 5 5), (20 20, 21 21))")
    assert shapely.get_num_geometries(widened(both, 1000)) == 2
