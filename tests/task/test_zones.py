"""Items of two UTM zones on one grid, against GDAL's warp."""

from dataclasses import replace

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling
from rasterio.warp import reproject, transform

from jeospark.lab.recipe import load_collection

LON, LAT = -6.0, 53.0
"""On the border of zones 29 and 30."""
SIZE = 160


def place_in(world, crs, pixel=10.0, lon=LON, back=80):
    (x,), (y,) = transform("OGC:CRS84", crs, [lon], [LAT])
    left, top = (round(value / 60) * 60.0 for value in (x - back * 10, y + back * 10))
    return type(world.place)(crs, left, top, pixel)


def field(place, shape):
    """A smooth function of longitude and latitude, the same in every CRS."""
    rows, cols = np.indices(shape) + 0.5
    xs, ys = place.left + cols * place.pixel, place.top - rows * place.pixel
    lon, lat = (np.array(axis).reshape(shape) for axis in transform(place.crs, "OGC:CRS84", xs.ravel(), ys.ravel()))
    return 3000 + 2000 * np.sin((lon - LON) * 500) * np.cos((lat - LAT) * 400)


def classes(place, shape):
    return np.where(field(place, shape) > 3600, 9, 4).astype(np.uint8)


@pytest.fixture
def zones(world):
    """One item a zone, with the border in the middle of each."""
    items, places = [], []
    for day, crs in enumerate(("EPSG:32629", "EPSG:32630")):
        place = place_in(world, crs)
        bands = {
            "B04": field(place, (SIZE, SIZE)).astype(np.uint16),
            "SCL": classes(place.coarser(2), (SIZE // 2,) * 2),
        }
        items.append(world.item(f"z{day}", bands, day, place))
        places.append(place)
    return items, places


@pytest.mark.parametrize("crs", ["EPSG:3035", "EPSG:32629", "EPSG:32630"])
def test_two_zones_into_one_grid(world, zones, crs):
    items, _ = zones
    grid = place_in(world, crs, back=60)
    recipe = load_collection("s2", bands=["B04"])
    unit = world.unit(items, (120, 120), grid)
    lows = world.run(unit, recipe.reduce("min").save(dtype="float32"), bands=("B04",))[0] * 10000
    (world.output / "tile/tile_all.json").unlink()
    highs = world.run(unit, recipe.reduce("max").save(dtype="float32"), bands=("B04",))[0] * 10000
    inner = np.s_[5:-5, 5:-5]
    truth = field(grid, (120, 120))
    np.testing.assert_allclose(lows[inner], truth[inner], atol=12)
    np.testing.assert_allclose(highs[inner], truth[inner], atol=12)
    assert np.abs(lows[inner] - truth[inner]).mean() < 1.5


@pytest.mark.parametrize("crs", ["EPSG:3035", "EPSG:32630"])
def test_quantities_agree_with_gdal(world, zones, crs):
    items, _ = zones
    grid = place_in(world, crs, back=60)
    recipe = load_collection("s2", bands=["B04"]).reduce("mean").save(dtype="float32")
    got = world.run(world.unit(items[:1], (120, 120), grid), recipe, bands=("B04",))[0]
    expected = warped(items[0].sources[0].href, grid, (120, 120), Resampling.bilinear) * 1e-4
    both = np.isfinite(got) & (expected > 0)
    assert both.mean() > 0.7
    np.testing.assert_allclose(got[both], expected[both], atol=2e-5)
    assert (np.isfinite(got) != (expected > 0)).mean() < 0.02, "they differ at the very edge only"


@pytest.mark.parametrize("pixel", [20.0, 30.0, 60.0])
def test_coarser_grid_of_another_crs_gets_means(world, zones, pixel):
    items, _ = zones
    grid = place_in(world, "EPSG:3035", pixel, back=60)
    shape = (round(1200 / pixel),) * 2
    recipe = load_collection("s2", bands=["B04"]).reduce("mean").save(dtype="float32")
    got = world.run(world.unit(items, shape, grid), recipe, bands=("B04",))[0] * 10000
    factor = round(pixel / 10)
    fine = field(type(grid)(grid.crs, grid.left, grid.top, 10.0), (shape[0] * factor, shape[1] * factor))
    means = fine.reshape(shape[0], factor, shape[1], factor).mean(axis=(1, 3))
    inner = np.s_[2:-2, 2:-2]
    assert np.abs(got[inner] - means[inner]).mean() < 4 * factor, "means of 10 m pixels, interpolated"


@pytest.mark.parametrize("crs", ["EPSG:3035", "EPSG:32630"])
def test_classes_agree_with_gdal_by_nearest(world, zones, crs):
    items, _ = zones
    grid = place_in(world, crs, back=60)
    recipe = load_collection("s2", bands=["SCL"]).mask_classes([3]).reduce("max").save(dtype="uint8", nodata=0)
    got = world.run(world.unit(items[:1], (120, 120), grid), recipe, bands=("SCL",))[0]
    expected = warped(items[0].sources[1].href, grid, (120, 120), Resampling.nearest)
    assert set(np.unique(got)) <= {0, 4, 9}
    assert (got != expected).mean() < 2e-3, "GDAL's own transformer is not exact"
    assert (got == 9).any()


def warped(href, grid, shape, how):
    with rasterio.open(href) as dataset:
        out = np.zeros(shape, np.float64)
        reproject(
            rasterio.band(dataset, 1), out, dst_transform=rasterio.Affine(*grid.transform), dst_crs=grid.crs,
            src_nodata=0, dst_nodata=0, resampling=how,
            # Else GDAL smooths, because the turned window is larger than the target.
            XSCALE=1, YSCALE=1,
        )  # fmt: skip
        return out


@pytest.mark.parametrize(("method", "same"), [("near", True), ("bilinear", False), (None, True)])
def test_quantities_by_the_method_that_the_recipe_asks_for(world, scene, method, same):
    """The grid is shifted by a third of a pixel: each centre lies in the pixel of its own row and column still."""
    bands = scene(1)
    item = world.item("a", bands)
    asked = {} if method is None else {"method": method}
    recipe = load_collection("s2", bands=["B08"]).reduce("max").process("resample_spatial", **asked)
    saved = recipe.save(dtype="uint16", scale=0.0001, nodata=0)
    got = world.run(world.unit([item], (128, 128), world.place.moved(1 / 3, 1 / 3)), saved)[0]
    assert (got == bands["B08"]).all() == same


def test_time_of_resampling_is_told_apart(world, zones):
    items, places = zones
    recipe = load_collection("s2", bands=["B04"]).reduce("count").save(dtype="uint8", nodata=255)
    here = world.outcome(world.unit(items[:1], (64, 64), places[0], name="here"), recipe, bands=("B04",))
    there = world.outcome(world.unit(items[:1], (64, 64), places[1], name="there"), recipe, bands=("B04",))
    assert here.seconds_warp == 0
    assert there.seconds_warp > 0
    assert there.seconds_read > 0


def test_fragments_of_two_zones_make_one_observation(world, zones):
    items, _ = zones
    items = [replace(item, observation="one", datetime=items[0].datetime) for item in items]
    grid = place_in(world, "EPSG:3035", back=60)
    recipe = load_collection("s2", bands=["B04"])
    count = recipe.reduce("count").save(dtype="uint8", nodata=255)
    assert world.run(world.unit(items, (120, 120), grid), count, bands=("B04",)).max() == 1


def test_a_zone_half_a_world_away_costs_nothing(world, zones):
    """Points that the CRS cannot map must not fail the unit: the item simply has no pixels there."""
    items, _ = zones
    far = type(world.place)("EPSG:3857", 2.0e7 - 1200, 5.0e6, 10.0)
    recipe = load_collection("s2", bands=["B04"]).reduce("count").save(dtype="uint8", nodata=255)
    assert world.run(world.unit(items, (64, 64), far), recipe, bands=("B04",)).max() == 0


@pytest.mark.parametrize("footprint", [True, False])
def test_a_tile_partly_outside_what_the_item_crs_can_map(world, footprint):
    """A coarse tile of Europe reaches far beyond any one zone."""
    place = place_in(world, "EPSG:32629")
    item = world.item("a", {"B04": field(place, (SIZE, SIZE)).astype(np.uint16)}, 0, place, footprint=footprint)
    (x,), (y,) = transform("OGC:CRS84", "EPSG:3035", [LON], [LAT])
    pixel = 400.0
    grid = type(world.place)("EPSG:3035", round((x - 1000) / pixel) * pixel, round((y + 1000) / pixel) * pixel, pixel)
    wide = type(world.place)("EPSG:3035", grid.left, grid.top, pixel)
    recipe = load_collection("s2", bands=["B04"]).reduce("mean").save(dtype="float32")
    near = world.run(world.unit([item], (8, 8), grid, name="near"), recipe, bands=("B04",))[0]
    # The grid goes on for 8,000 km, which zone 29 does not map.
    whole = world.run(world.unit([item], (8, 20000), wide, name="wide"), recipe, bands=("B04",))[0]
    assert np.isfinite(near).any()
    np.testing.assert_array_equal(whole[:, :8], near)
    assert np.isnan(whole[:, 8:]).all()
