"""Units that were made without an item, as it had a bad asset."""

import json
import pickle
import subprocess
import sys
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


LIMITED = """
import pickle, resource, sys
from dataclasses import replace
from pathlib import Path
from jeospark.raster.env import gdal_environment
from jeospark.task.program import program
from jeospark.task.unit import Orders, run_unit
unit, recipe, bands, product, settings = pickle.load(open(sys.argv[1], "rb"))
orders = Orders(program=program(recipe, bands), product=product, settings=settings, skip_bad_assets=True)
with gdal_environment(settings):
    # What is compiled or loaded at first use is not what the limit is for.
    assert run_unit(replace(unit, shape=(64, 64), output_href=unit.output_href + ".tif"), orders).status == "done"
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + (24 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    outcome = run_unit(unit, orders)
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(outcome.status, outcome.error, outcome.message, outcome.rejects)
"""


def test_a_unit_that_gets_no_memory_says_what_to_change_and_leaves_no_item_out(world, scene, ndvi_recipe):
    items = [world.item(f"i{day}", scene(day, (1024, 1024)), day) for day in range(4)]
    recipe, unit = ndvi_recipe(), world.unit(items, (1024, 1024))
    orders = world.orders(recipe, memory_mb=2000)
    order = world.folder / "order.pickle"
    bands = world.bands(("B04", "B08", "SCL"))
    order.write_bytes(pickle.dumps((unit, recipe.to_json(), bands, orders.product, orders.settings)))
    done = subprocess.run([sys.executable, "-c", LIMITED, str(order)], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("failed TooLargeError unit tile/all: "), done.stdout + done.stderr
    assert "spark.executor.memoryOverhead" in done.stdout
    assert done.stdout.endswith(" ()\n")
    assert not Path(unit.output_href).exists()
