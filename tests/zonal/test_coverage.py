import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from udfs import counting
from udfs.coverage import ALL_TOUCHED, CENTRE, FRACTIONAL, cover, cover_plain
from udfs.rings import FULL, boxes, first_pixel, lattice

SHAPE = (12, 12)


def dense(rings, method=FRACTIONAL, corner=(0, 0), shape=SHAPE):
    found = cover(rings, corner, shape, method)
    return np.stack([found.dense(zone, shape) for zone in range(len(rings))])


@settings(max_examples=40)
@given(data=st.data())
def test_coverage_is_the_area_of_the_pixel_in_the_zone(some_polygons, rings_of, data):
    zones = data.draw(some_polygons)
    found = dense(rings_of(zones)) / FULL
    pixels = np.array([[shapely.box(col, row, col + 1, row + 1) for col in range(12)] for row in range(12)])
    expected = np.stack([shapely.area(shapely.intersection(pixels, zone)) for zone in zones])
    assert np.abs(found - expected).max() < 1e-6


@settings(max_examples=40)
@given(data=st.data())
def test_plain_twin_agrees(some_polygons, rings_of, data):
    zones = data.draw(some_polygons)
    rings = rings_of(zones[:1])
    assert np.abs(cover_plain(rings, (0, 0), SHAPE) - dense(rings) / FULL).max() < 1e-6


@settings(max_examples=30)
@given(data=st.data())
def test_a_window_changes_no_weight(some_polygons, rings_of, data):
    zones = data.draw(some_polygons)
    row = data.draw(st.integers(-3, 11))
    col = data.draw(st.integers(-3, 11))
    rows = data.draw(st.integers(1, 15))
    cols = data.draw(st.integers(1, 15))
    rings = rings_of(zones)
    wide = (20, 20)
    for method in (FRACTIONAL, CENTRE, ALL_TOUCHED):
        whole = dense(rings, method, (-3, -3), (30, 30))
        part = dense(rings, method, (row, col), (rows, cols))
        assert np.array_equal(part, whole[:, row + 3 : row + 3 + rows, col + 3 : col + 3 + cols])
        # Nor does the place of the zone on the lattice.
        moved = type(rings)(rings.x + (5 << 30), rings.y - (3 << 30), rings.rings, rings.holes, rings.zones)
        there = dense(moved, method, (-(3 << 6), 5 << 6), wide)
        assert np.array_equal(there, dense(rings, method, (0, 0), wide))


@settings(max_examples=40)
@given(data=st.data())
def test_pixels_that_are_shared_out_add_up(some_polygons, rings_of, rounded, data):
    """A zone and what it leaves of its box cover each pixel of the box once."""
    zones = data.draw(some_polygons)
    zone = zones[0]
    box = shapely.box(0, 0, 12, 12)
    rest = rounded(shapely.difference(box, zone))
    rings = rings_of([zone] if rest.is_empty else [zone, rest])
    for method, slack in ((FRACTIONAL, 4), (CENTRE, 0)):
        assert np.abs(dense(rings, method).sum(axis=0) - FULL).max() <= slack


@settings(max_examples=40)
@given(data=st.data())
def test_centres_are_those_in_the_zone(some_polygons, rings_of, data):
    zones = data.draw(some_polygons)
    found = dense(rings_of(zones), CENTRE) > 0
    centres = shapely.points(*(axis + 0.5 for axis in np.meshgrid(np.arange(12.0), np.arange(12.0))))
    for zone, inside in zip(zones, found, strict=True):
        clear = shapely.distance(zone.boundary, centres) > 1e-6
        assert np.array_equal(inside[clear], shapely.contains(zone, centres)[clear])


@settings(max_examples=40)
@given(data=st.data())
def test_all_touched_are_those_with_any_part(some_polygons, rings_of, data):
    zones = data.draw(some_polygons)
    rings = rings_of(zones)
    touched, share = dense(rings, ALL_TOUCHED), dense(rings)
    assert set(np.unique(touched)) <= {0, FULL}
    assert np.array_equal(touched > 0, share > 0)


@settings(max_examples=30)
@given(data=st.data())
def test_chosen_zones_are_covered_as_before(some_polygons, rings_of, data):
    zones = data.draw(some_polygons)
    chosen = data.draw(st.lists(st.integers(0, 2), max_size=5))
    rings = rings_of(zones)
    wanted = np.array([one for one in chosen if one < len(zones)], np.int64)
    some = rings.take(wanted)
    if len(wanted):
        assert np.array_equal(dense(some), dense(rings)[wanted])
        assert np.array_equal(boxes(some), boxes(rings)[wanted])
    assert len(some) == len(wanted)


def test_a_polygon_smaller_than_a_pixel(rings_of):
    rings = rings_of([shapely.box(3.25, 4.25, 3.5, 4.5)])
    found = cover(rings, (0, 0), SHAPE)
    assert found.dense(0, SHAPE)[4, 3] == FULL // 16
    assert found.totals().tolist() == [FULL // 16]
    assert cover(rings, (0, 0), SHAPE, CENTRE).totals().tolist() == [0]
    assert cover(rings, (0, 0), SHAPE, ALL_TOUCHED).totals().tolist() == [FULL]


def test_long_runs_of_whole_pixels_carry_no_weights(rings_of):
    zones = [shapely.box(1, 1, 5, 2), shapely.box(0.5, 0, 99, 1), shapely.box(2, 1, 66, 2), shapely.box(3, 0, 80.5, 1)]
    found = cover(rings_of(zones), (0, 0), (12, 200))
    assert found.runs.tolist() == [
        [1, 1, 4, 0],
        [0, 0, 1, 4],
        [0, 1, 98, -1],
        [1, 2, 64, -1],
        [0, 3, 77, -1],
        [0, 80, 1, 5],
    ]
    assert found.weights.tolist() == [FULL] * 4 + [FULL // 2] * 2
    assert (found.totals() / FULL).tolist() == [4, 98.5, 64, 77.5]


def test_runs_in_a_wide_zone_are_those_of_its_windows(rings_of):
    zone = shapely.Point(100, 100).buffer(99).difference(shapely.Point(120, 90).buffer(20))
    rings = rings_of([zone])
    whole = dense(rings, shape=(200, 200))[0]
    assert abs(whole.sum() / FULL - zone.area) < 1e-3
    for width in (1, 63, 64, 65, 130):
        strips = [dense(rings, corner=(0, left), shape=(200, width))[0] for left in range(0, 200, width)]
        assert np.array_equal(np.concatenate(strips, axis=1)[:, :200], whole)


@settings(max_examples=60)
@given(data=st.data())
def test_large_zones_count_what_their_parts_add_up_to(some_polygons, rings_of, data):
    stretched = [shapely.transform(zone, lambda points: points * (50, 3)) for zone in data.draw(some_polygons)]
    rows, gap = data.draw(st.integers(1, 9)), data.draw(st.integers(0, 20))
    rings = rings_of(stretched)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "_WINDOW", 40)
        patch.setattr(counting, "_ROWS", rows)
        patch.setattr(counting, "_GAP", gap)
        for method in (FRACTIONAL, CENTRE, ALL_TOUCHED):
            whole = cover(rings, (0, 0), (40, 700), method).totals() / FULL
            assert counting.counted(rings, method).tolist() == whole.tolist()


@pytest.mark.parametrize("pixel", [10.0, 0.1, 1 / 3600])
def test_the_lattice_is_the_same_from_all_tiles(pixel):
    random = np.random.default_rng(5)
    points = random.uniform(-1e5 * pixel, 1e5 * pixel, 1000)
    whole = lattice(points, pixel, 0.0)
    for tile in (-7000, -1, 3, 12345, 98765):
        origin = tile * pixel
        assert np.array_equal(lattice(points, pixel, origin), whole)
        assert first_pixel(pixel, origin) == tile
    shifted = lattice(points, pixel, 0.25 * pixel)
    assert np.abs(whole - shifted - FULL // 4).max() <= 1
