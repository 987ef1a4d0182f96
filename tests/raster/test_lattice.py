"""Pixels come from where they are: on coarse grids, around poles, and across the antimeridian."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS

from jeospark.raster.lattice import BEND, STEP, Lattice
from jeospark.raster.placement import Placement, Target, project, same_crs
from jeospark.raster.warp import Warp
from jeospark.raster.window import Window, split

TENTH = (Affine(0.1, 0, -180, 0, -0.1, 90), (1800, 3600))
QUARTER_FROM_GREENWICH = (Affine(0.25, 0, 0, 0, -0.25, 90), (720, 1440))
QUARTER_CENTRED = (Affine(0.25, 0, -0.125, 0, -0.25, 90), (720, 1440))
FIJI = (Affine(0.01, 0, 176, 0, -0.01, -12), (800, 800))
ANTARCTIC = (Affine(0.3, 0, -180, 0, -0.1, -50), (400, 1200))

FROM_GREENWICH_AND_BACK = (Affine(1, 0, -0.5, 0, -1, 90), (180, 361))
"""The first column once more at the end."""
NOT_WHOLE = (Affine(0.7, 0, 0.35, 0, -0.7, 90), (257, 514))
"""360 degrees are 514.3 columns; the last fifth of a degree is nowhere."""

CASES = {
    "web tile of the world": (TENTH, "EPSG:3857", (156543.03392804097, -20037508.342789244, 20037508.342789244)),
    "Europe at 1 km": (TENTH, "EPSG:3035", (1000.0, 2500000.0, 5500000.0)),
    "Arctic": (TENTH, "EPSG:3413", (10000.0, -1280000.0, 1280000.0)),
    "Antarctic": (ANTARCTIC, "EPSG:3031", (5000.0, -640000.0, 640000.0)),
    "antimeridian": (TENTH, "EPSG:32701", (1000.0, 0.0, 8100000.0)),
    "Pacific from Greenwich": (QUARTER_FROM_GREENWICH, "EPSG:32760", (1000.0, 600000.0, 8100000.0)),
    "Greenwich": (QUARTER_FROM_GREENWICH, "EPSG:32630", (1000.0, 600000.0, 6100000.0)),
    "centred on Greenwich": (QUARTER_CENTRED, "EPSG:4326", (0.05, -5.0, 55.0)),
    "Greenwich twice": (FROM_GREENWICH_AND_BACK, "EPSG:32630", (5000.0, 0.0, 6100000.0)),
    "Greenwich on coarse pixels": (TENTH, "EPSG:3031", (80000.0, -10240000.0, 10240000.0)),
    "a turn of no whole columns": (NOT_WHOLE, "EPSG:32630", (5000.0, 100000.0, 6100000.0)),
    "Fiji": (FIJI, "EPSG:32701", (100.0, 100000.0, 8100000.0)),
    "Fiji in degrees": (FIJI, "EPSG:4326", (0.01, -181.0, -13.0)),
}
SIZE = 256


def placed(name):
    (transform, shape), crs, (pixel, left, top) = CASES[name]
    source = Placement(crs=CRS.from_epsg(4326), transform=transform, shape=shape, flipped=False)
    return source, Target(crs, (pixel, 0.0, left, 0.0, -pixel, top))


def decoder(source, value):
    """Pixels that hold what `value` makes of their rows and columns; NaN outside."""

    def decode(window, out):
        rows = np.arange(window.row, window.row + window.rows)[:, None]
        cols = np.arange(window.col, window.col + window.cols)
        cols = cols % source.around if source.around else cols
        inside = (rows >= 0) & (rows < source.shape[0]) & (cols >= 0) & (cols < source.shape[1])
        out[...] = np.where(inside, value(rows, cols), np.nan)
        return window.pixels

    return decode


def fill(source, target, window, value, *, linear=False):
    out = np.empty((window.rows, window.cols), np.float32)
    Warp(source, target).fill(window, out, decoder(source, value), nodata=np.nan, linear=linear)
    return out


def places(source, target):
    """True columns and rows of the pixels' centres; NaN outside the source."""
    affine = target.affine
    centres = np.arange(SIZE) + 0.5
    x, y = (grid.ravel() for grid in np.meshgrid(affine.c + affine.a * centres, affine.f + affine.e * centres))
    if not same_crs(source.crs, target.crs):
        x, y = project(CRS.from_user_input(target.crs), source.crs, x, y)
    transform, (rows, cols) = source.transform, source.shape
    u = (x - transform.c) % 360 / transform.a
    v = (y - transform.f) / transform.e
    outside = ~((u < cols) & (v >= 0) & (v < rows))
    u[outside] = v[outside] = np.nan
    return u.reshape(SIZE, SIZE), v.reshape(SIZE, SIZE)


@pytest.mark.parametrize("name", CASES)
def test_the_nearest_pixel_is_that_which_holds_the_centre(name):
    source, target = placed(name)
    window = Window(0, 0, SIZE, SIZE)
    col = fill(source, target, window, lambda rows, cols: cols + 0 * rows)
    row = fill(source, target, window, lambda rows, cols: rows + 0 * cols)
    u, v = places(source, target)
    across, down = np.abs(u - (col + 0.5)), np.abs(v - (row + 0.5))
    across = np.minimum(across, 360 / source.transform.a - across)
    held = 0.5 + BEND * max(Warp(source, target).ratio, 1)
    known = ~np.isnan(col) & ~np.isnan(u)
    # The pixel at a pole has all longitudes.
    assert np.mean(across[known] <= held) > 0.9999
    assert np.mean(down[known] <= held) > 0.9999
    assert np.mean(np.isnan(col) != np.isnan(u)) < 0.01
    assert not np.isnan(col).all()


@pytest.mark.parametrize("name", ["antimeridian", "Greenwich", "Arctic"])
def test_interpolation_knows_no_seam(name):
    source, target = placed(name)
    turn = 2 * np.pi / source.shape[1]
    out = fill(
        source, target, Window(0, 0, SIZE, SIZE), lambda rows, cols: np.cos((cols + 0.5) * turn) + 0 * rows, linear=True
    )
    u, _ = places(source, target)
    np.testing.assert_allclose(out, np.cos(u * turn), atol=2e-3)


@settings(max_examples=25, deadline=None)
@given(name=st.sampled_from(sorted(CASES)), rows=st.integers(20, 200), cols=st.integers(20, 200), linear=st.booleans())
def test_pixels_are_the_same_at_any_tiling(name, rows, cols, linear):
    source, target = placed(name)

    def value(rows, cols):
        return rows % 97 * 1000.0 + cols % 89

    whole = fill(source, target, Window(0, 0, SIZE, SIZE), value, linear=linear)
    parts = np.empty_like(whole)
    for part in split(Window(0, 0, SIZE, SIZE), rows, cols):
        moved = target.affine @ Affine.translation(part.col, part.row)
        elsewhere = Target(target.crs, tuple(moved)[:6])
        parts[part.slices] = fill(source, elsewhere, Window(0, 0, part.rows, part.cols), value, linear=linear)
    np.testing.assert_array_equal(parts, whole)


def test_pixels_of_a_part_of_a_millionth_degree_lie_where_they_are():
    """Centimetres in degrees: what is a millionth of a degree to other grids is many of their pixels."""
    source = Placement(
        crs=CRS.from_epsg(4326),
        transform=Affine(2e-7, 0, 9.0000001, 0, -2e-7, 47.0000001),
        shape=(900, 900),
        flipped=False,
    )
    target = Target("EPSG:4326", (4e-7, 0.0, 9.00000017, 0.0, -4e-7, 47.00000003))
    window = Window(0, 0, 100, 100)
    col = fill(source, target, window, lambda rows, cols: cols + 0 * rows)
    row = fill(source, target, window, lambda rows, cols: rows + 0 * cols)
    places = np.arange(100) + 0.5
    np.testing.assert_array_equal(col[0], np.floor((0.7e-7 + 4e-7 * places) / 2e-7))
    np.testing.assert_array_equal(row[:, 0], np.floor((0.7e-7 + 4e-7 * places) / 2e-7))


def test_fine_grids_need_few_nodes():
    """Sentinel-2's pixels in Europe's grid: one step for all of a window."""
    source = Placement(
        crs=CRS.from_epsg(32632), transform=Affine(10, 0, 300000, 0, -10, 5000040), shape=(10980, 10980), flipped=False
    )
    lattice = Lattice(source, Target("EPSG:3035", (10.0, 0.0, 4000000.0, 0.0, -10.0, 2400000.0)), 1.0)
    window = Window(3, 5, 1024, 1024)
    assert lattice.parts(window) == [(window, STEP)]
