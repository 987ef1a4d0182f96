"""What a unit publishes is what plain numpy computes, whatever the windows, the tiles and the files' blocks."""

import json
from dataclasses import replace
from hashlib import sha256
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from jeospark.lab.recipe import load_collection
from jeospark.output import BandClass, OutputBand


@pytest.fixture(params=[False, True], ids=["plain", "compiled"])
def compiled(request):
    return request.param


def digest(unit):
    return sha256(Path(unit.output_href).read_bytes()).hexdigest()


def test_composite_equals_plain_numpy(world, scene, ndvi_recipe, expected_ndvi):
    scenes = [scene(day, (256, 192)) for day in range(5)]
    items = [world.item(f"i{day}", bands, day, driver="COG") for day, bands in enumerate(scenes)]
    unit = world.unit(items, (256, 192))
    outcome = world.outcome(unit, ndvi_recipe())
    assert outcome.status == "done", outcome.message
    with rasterio.open(unit.output_href) as made:
        np.testing.assert_array_equal(made.read(), expected_ndvi(scenes))
        assert made.descriptions == ("ndvi", "count")
        assert made.scales == (0.0001, 1.0)
        assert (made.nodata, made.crs.to_epsg(), tuple(made.transform)[:6]) == (-32768, 32629, unit.transform)
        assert made.tags()["JEOSPARK_DIGEST"] == unit.digest
    expected = expected_ndvi(scenes)
    assert 0 < (expected[1] < 5).mean() < 1, "some dates are clouded at some places"
    assert outcome.pixels_valid == (expected[0] != -32768).sum()
    assert outcome.bytes_written == Path(unit.output_href).stat().st_size
    item = json.loads(Path(unit.output_href).with_suffix(".json").read_text())
    assert item["properties"]["jeospark:inputs"] == [each.item_id for each in items]
    assert world.files() == ["tile/tile_all.json", "tile/tile_all.png", "tile/tile_all.tif"]


def test_jpeg_2000_gives_the_same(world, scene, ndvi_recipe, expected_ndvi):
    scenes = [scene(day) for day in range(3)]
    items = [world.item(f"i{day}", bands, day, driver="JP2OpenJPEG") for day, bands in enumerate(scenes)]
    np.testing.assert_array_equal(world.run(world.unit(items, (128, 128)), ndvi_recipe()), expected_ndvi(scenes))


def test_bytes_depend_neither_on_memory_nor_on_the_order_of_items(world, scene, ndvi_recipe):
    items = [world.item(f"i{day}", scene(day, (320, 256)), day) for day in range(6)]
    ways = [(items, 64), (items, 1), (items[::-1], 3), (items[3:] + items[:3], 2)]
    units = [world.unit(some, (320, 256), name=f"t{at}") for at, (some, _) in enumerate(ways)]
    for unit, (_, memory) in zip(units, ways, strict=True):
        world.run(unit, ndvi_recipe(), memory_mb=memory)
    assert len({digest(unit) for unit in units}) == 1


@pytest.mark.parametrize("block", [0, 16, 48, 128])
def test_values_do_not_depend_on_the_blocks_of_the_files(world, scene, ndvi_recipe, expected_ndvi, block):
    scenes = [scene(day) for day in range(3)]
    items = [world.item(f"i{day}", bands, day, block=block) for day, bands in enumerate(scenes)]
    got = world.run(world.unit(items, (128, 128)), ndvi_recipe(), memory_mb=1)
    np.testing.assert_array_equal(got, expected_ndvi(scenes))


def test_blocks_that_differ_between_dates_and_bands(world, scene, ndvi_recipe, expected_ndvi):
    scenes = [scene(day) for day in range(3)]
    items = [
        world.item(f"i{day}", bands, day, block=block)
        for day, (bands, block) in enumerate(zip(scenes, (16, 0, 64), strict=True))
    ]
    got = world.run(world.unit(items, (128, 128)), ndvi_recipe(), memory_mb=1)
    np.testing.assert_array_equal(got, expected_ndvi(scenes))


def cut_in_tiles(world, whole, run, cell, *, margin):
    """Run the parts of a unit, each with the items that come within `margin` pixels of it, and join them."""
    rows, cols = whole.shape
    a, b, c, d, e, f = whole.transform
    # What a part without any item would have: no value, and a count of 0.
    joined = np.broadcast_to(np.array([-32768, 0], np.int16)[:, None, None], (2, rows, cols)).copy()
    for top, left in product(range(0, rows, cell[0]), range(0, cols, cell[1])):
        shape = (min(cell[0], rows - top), min(cell[1], cols - left))
        part = replace(
            whole, shape=shape, transform=(a, b, c + left * a, d, e, f + top * e),
            output_href=str(world.output / f"part-{cell[0]}-{cell[1]}" / f"{top}-{left}.tif"),
            items=tuple(item for item in whole.items if reaches(item, whole, top, left, shape, margin)),
        )  # fmt: skip
        if part.items:
            joined[:, top : top + shape[0], left : left + shape[1]] = run(part)
    return joined


def reaches(item, unit, top, left, shape, margin):
    with rasterio.open(item.sources[0].href) as dataset:
        if dataset.crs.to_string() != unit.crs:
            return True
        a, _, c, _, e, f = unit.transform
        bounds = dataset.bounds
        west, north = (bounds.left - c) / a, (bounds.top - f) / e
        east, south = (bounds.right - c) / a, (bounds.bottom - f) / e
    return (
        west < left + shape[1] + margin and east > left - margin
        and north < top + shape[0] + margin and south > top - margin
    )  # fmt: skip


@pytest.mark.parametrize("cell", [(64, 64), (50, 96), (37, 41)])
def test_same_pixels_at_any_tiling(world, scene, ndvi_recipe, expected_ndvi, cell):
    """Three dates, each in two fragments that meet inside the area: clouds grow over the seam and over tile borders."""
    scenes = [scene(day) for day in range(3)]
    items = []
    for day in range(3):
        at = 50 + 4 * day
        upper, lower = scene(day, (at, 128)), scene(day, (128 - at, 128), at=(at, 0))
        items.append(world.item(f"u{day}", upper, day, observation=f"o{day}"))
        items.append(world.item(f"l{day}", lower, day, world.place.moved(at, 0), observation=f"o{day}"))
    whole = world.unit(items, (128, 128))
    expected = expected_ndvi(scenes, dilation=70)
    np.testing.assert_array_equal(world.run(whole, ndvi_recipe(70)), expected)
    np.testing.assert_array_equal(
        cut_in_tiles(world, whole, lambda part: world.run(part, ndvi_recipe(70)), cell, margin=7), expected
    )


def test_an_item_that_only_touches_the_halo_still_casts_its_clouds(world, scene, ndvi_recipe):
    inside, outside = scene(0, clouds=0), scene(0, clouds=0)
    outside["SCL"][:, 0] = 9
    items = [
        world.item("in", inside, observation="o"),
        world.item("out", outside, 0, world.place.moved(0, 128), observation="o"),
    ]
    ndvi, count = world.run(world.unit(items, (128, 128)), ndvi_recipe(40))
    assert (count[:, :-4] == 1).all()
    assert (count[:, -4:] == 0).all(), "the cloud lies 10 to 40 m beyond the edge"
    assert (ndvi[:, -4:] == -32768).all()


@pytest.mark.parametrize("cell", [(64, 128), (45, 61)])
def test_warped_pixels_are_the_same_at_any_tiling(world, scene, ndvi_recipe, cell):
    laea = type(world.place)("EPSG:3035", *near(world, "EPSG:3035"), 10.0)
    items = [world.item(f"i{day}", scene(day), day) for day in range(2)]
    whole = world.unit(items, (128, 128), laea)
    expected = world.run(whole, ndvi_recipe(45))
    assert (expected[1] == 2).any()
    cut = cut_in_tiles(world, whole, lambda part: world.run(part, ndvi_recipe(45)), cell, margin=200)
    np.testing.assert_array_equal(cut, expected)


def near(world, crs):
    """An upper left corner, on whole tens, near that of the world."""
    from rasterio.warp import transform

    (x,), (y,) = transform(world.place.crs, crs, [world.place.left + 100], [world.place.top - 100])
    return float(round(x, -1)), float(round(y, -1))


@settings(max_examples=12, deadline=None)
@given(cell=st.tuples(st.integers(20, 64), st.integers(20, 64)), seed=st.integers(0, 99))
def test_band_without_the_primary_ones_pixel_is_the_same_at_any_tiling(new_world, cell, seed):
    """No mask: the first band decides between fragments, and other bands may have pixels where it has none."""
    world, random = new_world(), np.random.default_rng(seed)
    recipe = load_collection("s2", bands=["B04", "B08"]).reduce("median").save(dtype="int16", scale=1e-4, nodata=-32768)

    def bands(shape):
        return {name: (random.integers(1, 5000, shape) * (random.random(shape) < 0.7)).astype(np.uint16)
                for name in ("B04", "B08")}  # fmt: skip

    items = [
        world.item("a", bands((64, 40)), observation="o", block=16),
        world.item("b", bands((64, 40)), 0, world.place.moved(0, 24), observation="o", block=16),
    ]
    # The margin around footprints would bring both fragments to every tile: leave them to the cutting.
    items = [replace(item, footprint=None) for item in items]
    whole = world.unit(items, (64, 64))

    def run(part):
        return world.run(part, recipe, bands=("B04", "B08"))

    np.testing.assert_array_equal(cut_in_tiles(world, whole, run, cell, margin=0), run(whole))


@pytest.mark.parametrize("dtype", ["uint8", "int16"])
def test_overviews_of_classes_hold_classes(world, dtype):
    rows, cols = np.mgrid[:1024, :1024]
    item = world.item("a", {"SCL": np.where((rows // 2 + cols) % 2, 3, 9).astype(np.uint8)}, block=256)
    named = tuple(BandClass(value=value, name=str(value), color="#808080") for value in (3, 9))
    recipe = load_collection("s2", bands=["SCL"]).reduce("max").save(dtype=dtype, nodata=0)
    world.bands = lambda names: tuple(OutputBand(name=name, classes=named) for name in names)
    unit = world.unit([item], (1024, 1024))
    world.run(unit, recipe, bands=("SCL",))
    with rasterio.open(unit.output_href, overview_level=0) as overview:
        assert set(np.unique(overview.read(1)).tolist()) <= {3, 9}
