"""What is published is not made again, and what is not complete is."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio

from jeospark.task.published import is_published


def state(world):
    return {
        name: ((world.output / name).stat().st_mtime_ns, (world.output / name).read_bytes()) for name in world.files()
    }


@pytest.fixture
def done(world, scene, ndvi_recipe):
    unit = world.unit([world.item(f"i{day}", scene(day), day) for day in range(2)], (128, 128))
    assert world.outcome(unit, ndvi_recipe()).status == "done"
    return unit


def test_second_run_skips_and_touches_nothing(world, done, ndvi_recipe):
    before = state(world)
    for item in done.items:
        for source in item.sources:
            Path(source.href).unlink()
    outcome = world.outcome(done, ndvi_recipe())
    assert (outcome.status, outcome.href, outcome.digest) == ("skipped", done.output_href, done.digest)
    assert outcome.pixels == 128 * 128
    assert (outcome.pixels_read, outcome.rejects) == (0, ())
    assert outcome.pixels_valid > 0
    assert outcome.bytes_written == Path(done.output_href).stat().st_size
    assert state(world) == before


def test_another_digest_is_made_again(world, done, ndvi_recipe, scene, expected_ndvi):
    more = replace(done, digest="two", items=(*done.items, world.item("i2", scene(2), 2)))
    assert world.outcome(more, ndvi_recipe()).status == "done"
    with rasterio.open(done.output_href) as made:
        np.testing.assert_array_equal(made.read(), expected_ndvi([scene(day) for day in range(3)]))
    assert is_published(more.output_href, "two")
    assert not is_published(more.output_href, "one")


@pytest.mark.parametrize("suffix", [".json", ".tif"])
def test_incomplete_unit_is_made_again(world, done, ndvi_recipe, suffix):
    content = Path(done.output_href).read_bytes()
    Path(done.output_href).with_suffix(suffix).unlink()
    assert world.outcome(done, ndvi_recipe()).status == "done"
    assert Path(done.output_href).read_bytes() == content
    assert world.outcome(done, ndvi_recipe()).status == "skipped"


@pytest.mark.parametrize("text", ["", "{", '{"properties": {}}', "[]", '{"type": "Feature"}'])
def test_item_that_tells_nothing_is_made_again(world, done, ndvi_recipe, text):
    Path(done.output_href).with_suffix(".json").write_text(text)
    outcome = world.outcome(done, ndvi_recipe())
    assert outcome.status == "done", outcome.message


def test_failed_remake_never_vouches_for_the_other_result(world, done, ndvi_recipe, monkeypatch):
    """The COG of a new selection is there, its item could not be written: the old item must not speak for it."""
    from jeospark.errors import DiskFullError
    from jeospark.task import unit as module

    def full(*_):
        raise DiskFullError("no room for the item")

    monkeypatch.setattr(module, "write_item", full)
    outcome = world.outcome(replace(done, digest="two", items=done.items[:1]), ndvi_recipe())
    assert (outcome.status, outcome.error) == ("failed", "DiskFullError")
    assert world.files() == []
    assert not is_published(done.output_href, "one")


def test_failed_remake_for_a_bad_asset_leaves_the_old_result(world, done, ndvi_recipe):
    """Nothing is replaced before all of the new one is there."""
    before = state(world)
    Path(done.items[1].sources[0].href).unlink()
    assert world.outcome(replace(done, digest="two"), ndvi_recipe()).status == "failed"
    assert state(world) == before


def test_same_unit_twice_gives_the_same_files(world, done, ndvi_recipe):
    before = {name: content for name, (_, content) in state(world).items()}
    for name in world.files():
        (world.output / name).unlink()
    world.run(done, ndvi_recipe())
    assert {name: content for name, (_, content) in state(world).items()} == before
    item = json.loads(before["tile/tile_all.json"])
    assert item["properties"]["jeospark:digest"] == "one"
