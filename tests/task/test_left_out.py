"""Units that were made without an item, as it had a bad asset."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio


@pytest.fixture
def made(world, scene, ndvi_recipe):
    """A unit of three items that was made without the second, whose near infrared is cut short; and its whole bytes."""
    unit = world.unit([world.item(f"i{day}", scene(day), day) for day in range(3)], (128, 128))
    path = Path(next(source.href for source in unit.items[1].sources if source.band == "B08"))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert world.outcome(unit, ndvi_recipe(), skip_bad_assets=True).status == "done"
    return unit, path, whole


def inputs(unit):
    return json.loads(Path(unit.output_href).with_suffix(".json").read_text())["properties"]["jeospark:inputs"]


def test_as_long_as_the_asset_is_bad_the_unit_is_not_made_again(world, made, ndvi_recipe):
    unit, path, _ = made
    before = Path(unit.output_href).stat().st_mtime_ns
    outcome = world.outcome(unit, ndvi_recipe(), skip_bad_assets=True)
    assert (outcome.status, outcome.pixels_valid > 0) == ("skipped", True)
    assert [(reject.item_id, reject.band, reject.asset) for reject in outcome.rejects] == [("i1", "B08", str(path))]
    assert Path(unit.output_href).stat().st_mtime_ns == before
    assert inputs(unit) == ["i0", "i2"]


def test_once_it_is_mended_the_unit_is_made_of_all_items(world, made, scene, ndvi_recipe, expected_ndvi):
    unit, path, whole = made
    path.write_bytes(whole)
    outcome = world.outcome(unit, ndvi_recipe(), skip_bad_assets=True)
    assert (outcome.status, outcome.rejects) == ("done", ())
    assert inputs(unit) == ["i0", "i1", "i2"]
    with rasterio.open(unit.output_href) as file:
        np.testing.assert_array_equal(file.read(), expected_ndvi([scene(day) for day in range(3)]))
    assert world.outcome(unit, ndvi_recipe(), skip_bad_assets=True).status == "skipped"


def test_who_wants_all_items_does_not_get_a_result_without_one(world, made, ndvi_recipe):
    unit, path, whole = made
    outcome = world.outcome(unit, ndvi_recipe())
    assert (outcome.status, outcome.error, outcome.item_id) == ("failed", "AssetUnreadableError", "i1")
    path.write_bytes(whole)
    assert world.outcome(unit, ndvi_recipe()).status == "done"


def test_another_bad_item_instead(world, made, ndvi_recipe):
    unit, path, whole = made
    path.write_bytes(whole)
    Path(unit.items[0].sources[0].href).unlink()
    outcome = world.outcome(unit, ndvi_recipe(), skip_bad_assets=True)
    assert (outcome.status, [reject.item_id for reject in outcome.rejects]) == ("done", ["i0"])
    assert inputs(unit) == ["i1", "i2"]


def test_what_its_twin_published_is_no_failure(world, scene, ndvi_recipe, monkeypatch):
    """The twin is faster, and takes away what this attempt is about to publish."""
    from jeospark.errors import OutputUnwritableError
    from jeospark.task import unit as module

    unit = world.unit([world.item("i0", scene(0))], (128, 128))
    write = module.write_item

    def twin(*given):
        write(*given)
        raise OutputUnwritableError("cannot write: No such file or directory")

    monkeypatch.setattr(module, "write_item", twin)
    outcome = world.outcome(unit, ndvi_recipe())
    assert (outcome.status, outcome.error, outcome.href) == ("skipped", None, unit.output_href)
    assert outcome.pixels_valid > 0
    assert len(world.files()) == 3


def test_a_file_outside_the_allowed_roots_is_not_opened(world, scene, ndvi_recipe):
    unit = world.unit([world.item("i0", scene(0))], (128, 128))
    outcome = world.outcome(unit, ndvi_recipe(), allowed_roots=str(world.output))
    assert (outcome.status, outcome.error) == ("failed", "ForbiddenError")
    assert str(world.folder / "i0") in outcome.message
    web = replace(unit.items[0].sources[0], href="https://example.org/a.tif")
    unit = replace(unit, items=(replace(unit.items[0], sources=(web,)),))
    outcome = world.outcome(unit, ndvi_recipe(), allowed_roots=str(world.folder), skip_bad_assets=True)
    assert outcome.error == "ForbiddenError"
