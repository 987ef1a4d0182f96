import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod, Transformer

from udfs.earth import ecef, geodesic, lonlat, nearest, tree

GEOD = Geod(ellps="WGS84")
LON = st.floats(-180, 180)
LAT = st.floats(-90, 90)


@given(LON, LAT, LON, LAT)
def test_geodesics_are_those_of_proj(lon1, lat1, lon2, lat2):
    wanted = GEOD.inv(lon1, lat1, lon2, lat2)[2]
    found = geodesic(*(np.array([value]) for value in (lon1, lat1, lon2, lat2)))[0]
    # Nearly opposite points fall back to a sphere.
    assert found == pytest.approx(wanted, abs=2e-3) if wanted < 19_900_000 else found == pytest.approx(wanted, rel=6e-3)


def test_a_geodesic_from_nowhere_is_nan():
    assert np.isnan(geodesic(np.array([np.nan]), np.zeros(1), np.zeros(1), np.zeros(1))[0])


@given(LON, st.floats(-89.999, 89.999))
def test_cartesian_coordinates_are_those_of_proj_and_lead_back(lon, lat):
    there = ecef(np.array([lon]), np.array([lat]))
    proj = Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)
    assert there[0] == pytest.approx(np.array(proj.transform(lon, lat, 0.0)), abs=1e-6)
    back = lonlat(there)
    assert ecef(*back)[0] == pytest.approx(there[0], abs=1e-6)


@given(st.integers(0, 2**32 - 1), st.integers(0, 200), st.integers(1, 5))
def test_the_tree_finds_what_looking_at_all_finds(seed, size, k):
    random = np.random.default_rng(seed)
    # Whole numbers make ties.
    points = random.integers(0, 6, (size, 3)).astype(float)
    queries = random.uniform(-1, 7, (20, 3))
    placed, order = tree(points)
    assert sorted(order.tolist()) == list(range(size))
    places, apart = nearest(placed, queries, k)
    every = np.sort(np.linalg.norm(queries[:, None] - points[None], axis=2), axis=1)[:, :k]
    assert apart[:, : every.shape[1]] == pytest.approx(every)
    assert (places[:, every.shape[1] :] == -1).all()
    known = places[:, : every.shape[1]]
    assert np.linalg.norm(placed[known] - queries[:, None], axis=2) == pytest.approx(every)
