"""The way from target to source pixels, on grids that no file has to be written for."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS

from jeospark.raster.placement import Placement, Target, project
from jeospark.raster.warp import Warp
from jeospark.raster.window import Window, split

SIZE = 20000


def decode(window, out):
    """Pixels of an endless source that tell their place."""
    rows = np.arange(window.row, window.row + window.rows)[:, None]
    cols = np.arange(window.col, window.col + window.cols)
    out[...] = rows % 97 * 1000 + cols % 89
    return window.pixels


def placed(transform, crs="EPSG:32618"):
    return Placement(crs=CRS.from_user_input(crs), transform=transform, shape=(SIZE, SIZE), flipped=False)


def fill(warp, window, linear):
    out = np.empty((window.rows, window.cols), np.float32 if linear else np.int32)
    warp.fill(window, out, decode, nodata=np.nan if linear else -1, linear=linear)
    return out


@settings(max_examples=60, deadline=None)
@given(at=st.tuples(st.integers(0, 9000), st.integers(0, 9000)), cut=st.tuples(st.integers(1, 69), st.integers(1, 199)))
@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize(("pixel", "left", "top"), [(30.0, 323085.0, 4583115.0), (463.3127, 823785.0, 1662270.0)])
def test_centres_on_edges_fall_on_one_side_at_any_tiling(pixel, left, top, linear, at, cut):
    """Grids half a pixel apart, as Landsat's are: a rounding error in the last bit would choose the other pixel."""
    target = Target("EPSG:32618", (pixel, 0.0, left + pixel / 2, 0.0, -pixel, top - pixel / 2))
    warp = Warp(placed(Affine(pixel, 0, left, 0, -pixel, top)), target)
    whole = fill(warp, Window(*at, 70, 200), linear)
    part = fill(warp, Window(at[0] + cut[0], at[1] + cut[1], 70 - cut[0], 200 - cut[1]), linear)
    np.testing.assert_array_equal(part, whole[cut[0] :, cut[1] :])


def test_half_a_pixel_neither_skips_nor_repeats():
    pixel = 463.3127
    target = Target("EPSG:32618", (pixel, 0.0, 823785 + pixel / 2, 0.0, -pixel, 1662270 - pixel / 2))
    warp = Warp(placed(Affine(pixel, 0, 823785, 0, -pixel, 1662270)), target)
    out = fill(warp, Window(1000, 8000, 400, 900), linear=False)
    expected = np.empty_like(out)
    decode(Window(1001, 8001, 400, 900), expected)
    np.testing.assert_array_equal(out, expected)


def test_half_a_pixel_goes_right_and_down():
    warp = Warp(
        placed(Affine(30, 0, 300015, 0, -30, 4500015)), Target("EPSG:32618", (30.0, 0, 300000.0, 0, -30.0, 4500000))
    )
    out = fill(warp, Window(1, 1, 3, 3), linear=False)
    expected = np.empty((3, 3), np.int32)
    decode(Window(2, 1, 3, 3), expected)
    np.testing.assert_array_equal(out, expected)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(20, 90),
    cols=st.integers(20, 90),
    pixel=st.sampled_from([10.0, 25.0, 60.0, 100.0]),
    linear=st.booleans(),
)
def test_other_crs_and_coarser_grids_are_the_same_at_any_tiling(rows, cols, pixel, linear):
    (x,), (y,) = project(CRS.from_epsg(32618), CRS.from_epsg(3857), np.array([400000.0]), np.array([4483115.0]))
    target = Target("EPSG:3857", (pixel, 0.0, round(x / 10) * 10.0, 0.0, -pixel, round(y / 10) * 10.0))
    warp = Warp(placed(Affine(10, 0, 323085, 0, -10, 4583115)), target)
    whole = fill(warp, Window(0, 0, 90, 90), linear)
    assert np.isfinite(whole).all()
    parts = np.empty_like(whole)
    for part in split(Window(0, 0, 90, 90), rows, cols):
        moved = Affine(*target.transform) @ Affine.translation(part.col, part.row)
        elsewhere = Warp(placed(Affine(10, 0, 323085, 0, -10, 4583115)), Target(target.crs, tuple(moved)[:6]))
        parts[part.slices] = fill(elsewhere, Window(0, 0, part.rows, part.cols), linear)
    np.testing.assert_array_equal(parts, whole)


def test_points_that_a_crs_cannot_map_are_infinite():
    xs, ys = project(CRS.from_epsg(3035), CRS.from_epsg(32629), np.array([4.3e6, 1e9]), np.array([3.2e6, 1e9]))
    assert np.isfinite(xs).tolist() == np.isfinite(ys).tolist() == [True, False]


def test_a_source_whose_middle_the_target_cannot_map_is_still_read():
    whole_earth = placed(Affine(0.018, 0, -180, 0, -0.009, 90), "EPSG:4326")
    warp = Warp(whole_earth, Target("EPSG:32660", (1000.0, 0.0, 500000.0, 0.0, -1000.0, 5000000.0)))
    assert np.isfinite(fill(warp, Window(0, 0, 10, 10), linear=True)).all()
