"""Masks first: what is masked or outside a footprint is never decoded, and the outcome's numbers say so."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio

from jeospark.lab.recipe import load_collection
from jeospark.task.program import Program

BLOCK = 256


@pytest.fixture(params=[False, True], ids=["plain", "compiled"])
def compiled(request):
    return request.param


def spoil(path, col, row):
    """Overwrite the bytes of one block."""
    with rasterio.open(path) as dataset:
        start, size = (
            int(dataset.get_tag_item(f"BLOCK_{part}_{col}_{row}", "TIFF", bidx=1)) for part in ("OFFSET", "SIZE")
        )
    with Path(path).open("r+b") as file:
        file.seek(start)
        file.write(b"\xff" * size)


def source(item, band):
    return next(each.href for each in item.sources if each.band == band)


@pytest.fixture
def clouded(world, scene):
    """Two dates of 2 × 2 blocks; the first has its lower right block wholly clouded, and some margin beyond."""
    first, second = scene(0, (512, 512), clouds=0), scene(1, (512, 512), clouds=0)
    first["SCL"][128:, 128:] = 9
    return [world.item("a", first, 0, block=BLOCK), world.item("b", second, 1, block=BLOCK)], [first, second]


def test_masked_blocks_are_never_decoded(world, clouded, ndvi_recipe, expected_ndvi):
    items, scenes = clouded
    for band in ("B04", "B08"):
        spoil(source(items[0], band), 1, 1)
    unit = world.unit(items, (512, 512))
    outcome = world.outcome(unit, ndvi_recipe(0))
    assert outcome.status == "done", outcome.message
    with rasterio.open(unit.output_href) as made:
        np.testing.assert_array_equal(made.read(), expected_ndvi(scenes, 0))
    assert outcome.pixels_read == 2 * (7 * BLOCK**2) + 2 * BLOCK**2, "bands without two blocks, and SCL at 20 m"
    assert outcome.pixels_skipped == 2 * BLOCK**2


def test_a_block_with_one_usable_pixel_is_decoded(world, scene, ndvi_recipe):
    first = scene(0, (512, 512), clouds=0)
    first["SCL"][128:, 128:] = 9
    first["SCL"][255, 255] = 4
    item = world.item("a", first, block=BLOCK)
    spoil(source(item, "B08"), 1, 1)
    outcome = world.outcome(world.unit([item], (512, 512)), ndvi_recipe(0))
    assert (outcome.status, outcome.error, outcome.band) == ("failed", "AssetUnreadableError", "B08")


def test_dilation_spares_more_blocks(world, scene, ndvi_recipe):
    """One clear pixel in a clouded block: grown by 20 m, the cloud hides it."""
    first = scene(0, (512, 512), clouds=0)
    first["SCL"][128:, 128:] = 9
    first["SCL"][200, 200] = 4
    item = world.item("a", first, block=BLOCK)
    spoil(source(item, "B08"), 1, 1)
    assert world.outcome(world.unit([item], (512, 512)), ndvi_recipe(0)).status == "failed"
    assert world.outcome(world.unit([item], (512, 512)), ndvi_recipe(20)).status == "done"


def test_items_outside_the_tile_are_never_opened(world, scene, ndvi_recipe, expected_ndvi):
    bands = scene(0)
    near = world.item("near", bands)
    far = world.item("far", scene(1), 1, world.place.moved(0, 2000))
    for each in far.sources:
        Path(each.href).unlink()
    unit = world.unit([near, far], (128, 128))
    np.testing.assert_array_equal(world.run(unit, ndvi_recipe()), expected_ndvi([bands]))


def test_windows_outside_a_footprint_are_never_opened(world, scene, ndvi_recipe):
    """The second item covers the left end of a long tile only: its files are opened there and nowhere else."""
    long, short = scene(0, (64, 1024), clouds=0), scene(1, (64, 64), clouds=0)
    items = [world.item("long", long, block=64), world.item("short", short, 1, block=64)]
    unit = world.unit(items, (64, 1024))
    outcome = world.outcome(unit, ndvi_recipe(0), memory_mb=1)
    assert outcome.status == "done"
    of_long = 2 * 64 * 1024 + 32 * 512
    assert outcome.pixels_read == of_long + 2 * 64 * 64 + 32 * 32
    # 0.01° is some 670 m of margin, one window of 64 pixels: the footprint reaches into the second or third.
    assert 3 * 64 * (1024 - 4 * 64) <= outcome.pixels_skipped <= 3 * 64 * (1024 - 64)
    counts = world.run(replace(unit, digest="two"), ndvi_recipe(0))[1]
    assert counts[:, :64].tolist() == [[2] * 64] * 64
    assert counts[:, 64:].max() == 1


def test_read_and_skipped_add_up(world, scene, ndvi_recipe):
    """All bands of one resolution, one window: every pixel of every band and date is either read or skipped."""
    scenes = [scene(day, (512, 512), clouds=0) for day in range(3)]
    for day, bands in enumerate(scenes):
        bands["SCL"] = np.kron(bands["SCL"], np.ones((2, 2), np.uint8))
        bands["SCL"][: 256 * (day % 2), :256] = 9
    items = [world.item(f"i{day}", bands, day, block=BLOCK) for day, bands in enumerate(scenes)]
    outcome = world.outcome(world.unit(items, (512, 512)), ndvi_recipe(0))
    assert outcome.pixels_skipped == 2 * BLOCK**2
    assert outcome.pixels_read + outcome.pixels_skipped == 3 * 3 * 512**2


def test_wholly_clouded_unit_is_empty_and_decodes_masks_only(world, scene, ndvi_recipe):
    bands = scene(0)
    bands["SCL"][:] = 9
    outcome = world.outcome(world.unit([world.item("a", bands)], (128, 128)), ndvi_recipe())
    assert (outcome.status, outcome.pixels_valid, outcome.pixels_read) == ("empty", 0, 64 * 64)
    assert outcome.pixels_skipped == 2 * 128 * 128


def test_two_masks_with_dilations_of_their_own(world, scene, dilated):
    """The second mask is made of what the first leaves: its clouds grow over window and block borders all the same."""
    random = np.random.default_rng(3)
    bands = scene(0, (512, 512), clouds=0)
    bands["SCL"] = random.choice([4, 3, 9], (256, 256), p=[0.996, 0.002, 0.002]).astype(np.uint8)
    bands["SCL"][:128, :128] = 3
    loaded = load_collection("s2", bands=["B04", "B08", "SCL"])
    clear = loaded.mask_classes([3], dilation=30).mask_classes([9], dilation=100)
    recipe = clear.ndvi("B08", "B04").reduce("count").save(dtype="uint8", nodata=255)
    got = world.run(world.unit([world.item("a", bands, block=64)], (512, 512)), recipe, memory_mb=1)[0]
    classes = np.kron(bands["SCL"], np.ones((2, 2), np.uint8))
    first = dilated(classes == 3, 3)
    np.testing.assert_array_equal(got == 0, first | dilated((classes == 9) & ~first, 10))


def test_masks_of_two_bands_side_by_side(world, scene, dilated):
    """A cloud that another mask hides is a cloud for its neighbours, whether or not its block is needed."""
    bands = scene(0, (512, 512), clouds=0)
    classes = np.full((512, 512), 4, np.uint8)
    classes[250:256, 100:400] = 9
    bands["SCL"] = classes
    bands["QA"] = np.zeros((512, 512), np.uint8) + 2
    bands["QA"][:256] = 1
    loaded = load_collection("s2", bands=["B04", "SCL", "QA"])
    grown = loaded.process("class_mask", band="SCL", classes=[9], dilation=80)
    hidden = loaded.process("bit_mask", band="QA", bits=[0])
    recipe = loaded.process("mask", mask=grown).process("mask", mask=hidden).bands("B04").reduce("count")
    recipe = recipe.save(dtype="uint8", nodata=255)
    unit = world.unit([world.item("a", bands, block=BLOCK)], (512, 512))
    got = world.run(unit, recipe, bands=("B04", "SCL", "QA"))[0]
    np.testing.assert_array_equal(got == 0, dilated(classes == 9, 8) | (bands["QA"] == 1))


@pytest.mark.parametrize("boxed", [False, True], ids=["everywhere", "within a box"])
def test_windows_without_items_are_as_if_they_were_read(world, scene, ndvi_recipe, monkeypatch, boxed):
    place = world.place.moved(-300, -300)
    corners = [world.item(f"i{day}", scene(day), day, block=32) for day in (0, 1)]
    far = world.place.moved(600, 700)
    items = [*corners, world.item("far", scene(2), 2, far, block=32)]
    recipe = ndvi_recipe()
    if boxed:
        # Beyond it nothing is counted, within it none of no date.
        recipe = recipe.process("filter_bbox", extent={"west": -7.5, "east": -7.44, "south": 53.15, "north": 53.28})
        recipe = recipe.save(dtype="int16", scale=0.0001, nodata=-32768, bands={"count": {"scale": 1}})
    made = {}
    for name, uniform in (("quick", Program.uniform), ("plain", property(lambda _: False))):
        monkeypatch.setattr(Program, "uniform", uniform)
        unit = world.unit(items, (1100, 1200), place, name=name)
        outcome = world.outcome(unit, recipe, memory_mb=4)
        assert outcome.status == "done", outcome.message
        with rasterio.open(unit.output_href) as dataset:
            made[name] = dataset.read(), outcome.pixels_read, outcome.pixels_skipped
    np.testing.assert_array_equal(made["quick"][0], made["plain"][0])
    assert made["quick"][1] == made["plain"][1]
    # Margins of windows, which are looked at for the dilation, count there too.
    assert 0.9 < made["quick"][2] / made["plain"][2] <= 1
    found = made["quick"][0]
    assert (found[1] == 0).any(), "pixels without a date"
    assert (found[1] == -32768).any() == boxed
    assert (found[0] != -32768).any()


@pytest.mark.parametrize("nodata", [0, None])
def test_bits_of_wide_numbers_are_all_there(world, scene, nodata):
    """float32 holds 24 bits: the lowest of greater numbers would be lost."""
    bands = {"B04": scene(0, (64, 64), clouds=0)["B04"], "QA": np.full((64, 64), 1 << 30, np.uint32)}
    bands["QA"][10:20, 5:40] += 1
    item = world.item("a", bands, nodata=nodata)
    usable = {"QA": float("nan"), "B04": 0} if nodata is None else {}
    item = replace(item, sources=tuple(replace(each, nodata=usable.get(each.band, 0)) for each in item.sources))
    loaded = load_collection("s2", bands=["B04", "QA"])
    recipe = loaded.mask_bits("QA", [0]).bands("B04").reduce("count").save(dtype="uint8", nodata=255)
    got = world.run(world.unit([item], (64, 64)), recipe, bands=("B04", "QA"))[0]
    np.testing.assert_array_equal(got == 0, bands["QA"] % 2 == 1)
