"""Memory of a unit: bounded by the settings, whatever the number of dates and the size of the result."""

import pickle
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import rasterio

from jeospark.lab.recipe import load_collection

CHILD = """
import pickle, re, sys
from pathlib import Path
from jeospark.raster.env import gdal_environment
from jeospark.task.program import program
from jeospark.task.unit import Orders, run_unit
units, recipe, bands, product, settings = pickle.load(open(sys.argv[1], "rb"))
orders = Orders(program=program(recipe, bands), product=product, settings=settings, skip_bad_assets=False)
with gdal_environment(settings):
    for unit in units:
        # From here on the kernel counts the peak (VmHWM) anew.
        Path("/proc/self/clear_refs").write_text("5")
        before = int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text()).group(1))
        outcome = run_unit(unit, orders)
        assert outcome.status == "done", outcome.message
        after = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text()).group(1))
        print((after - before) / 1024)
"""


@pytest.fixture(params=[False, True], ids=["plain", "compiled"])
def compiled(request):
    return request.param


def peaks(world, units, recipe, **settings):
    """By how many MiB each of some units raises the memory of a process of their own; the first loads compiled code."""
    orders = world.orders(recipe, gdal_cache_mb=16, **settings)
    order = world.folder / "order.pickle"
    order.write_bytes(
        pickle.dumps((units, recipe.to_json(), world.bands(("B04", "B08", "SCL")), orders.product, orders.settings))
    )
    done = subprocess.run([sys.executable, "-c", CHILD, str(order)], check=True, capture_output=True, text=True)
    return [float(line) for line in done.stdout.split()]


def dated(items, count):
    """Some files over and over again, as so many dates."""
    first = items[0].datetime
    return [
        replace(items[day % len(items)], item_id=f"i{day}", observation=f"i{day}", datetime=first + timedelta(days=day))
        for day in range(count)
    ]


def test_peak_stays_within_worker_memory(world, scene, ndvi_recipe):
    size, memory = 2048, 96
    items = dated([world.item(f"f{day}", scene(day, (size, size)), day, block=512) for day in range(3)], 12)
    small = world.unit(items[:3], (64, 64), name="small")
    peak = peaks(world, [small, world.unit(items, (size, size))], ndvi_recipe(), memory_mb=memory)[1]
    # All of the input would be 576 MB as float32.
    assert peak < memory + 16
    with rasterio.open(world.unit(items, (size, size)).output_href) as made:
        assert made.shape == (size, size)


def test_number_of_dates_does_not_raise_the_peak(world, scene, ndvi_recipe):
    size, memory = 1024, 64
    items = [world.item(f"f{day}", scene(day, (size, size)), day, block=256) for day in range(2)]
    small = world.unit(items, (64, 64), name="small")
    few, many = (world.unit(dated(items, count), (size, size), name=f"d{count}") for count in (4, 40))
    _, with_few, with_many = peaks(world, [small, few, many], ndvi_recipe(), memory_mb=memory)
    assert with_few < memory + 16
    assert with_many < memory + 16


@pytest.mark.parametrize(("place", "crs"), [(100.0, "EPSG:32629"), (100.0, "EPSG:3035")])
def test_much_coarser_grid_does_not_raise_the_peak(world, scene, place, crs):
    """100 source pixels a target pixel, or more: windows shrink with what they read."""
    from rasterio.warp import transform

    size, memory = 4096, 48
    bands = {"B04": np.full((size, size), 1234, np.uint16)}
    item = world.item("a", bands, block=512)
    (x,), (y,) = transform(item_crs(item), crs, [world.place.left], [world.place.top])
    grid = type(world.place)(crs, round(x / 100) * 100.0, round(y / 100) * 100.0 + 40, place)
    recipe = load_collection("s2", bands=["B04"]).reduce("mean").save(dtype="uint16", scale=1e-4, nodata=0)
    small = world.unit([item], (2, 2), grid, name="small")
    peak = peaks(world, [small, world.unit([item], (400, 400), grid)], recipe, memory_mb=memory)[1]
    assert peak < memory + 16, "at once it would be some 100 MB"


def item_crs(item):
    with rasterio.open(item.sources[0].href) as dataset:
        return dataset.crs


def test_large_results_go_through_the_scratch_folder(world, scene, ndvi_recipe):
    items = [world.item("a", scene(0, (1024, 1024)), block=256)]
    nowhere = world.folder / "nowhere"
    nowhere.write_text("a file, in which nothing can be written")
    unit = world.unit(items, (1024, 1024))
    small = world.outcome(unit, ndvi_recipe(), memory_mb=8, scratch=nowhere)
    assert (small.status, small.error) == ("failed", "OutputUnwritableError")
    assert str(nowhere) in small.message
    assert world.files() == []
    scratched = world.run(unit, ndvi_recipe(), memory_mb=8)
    (world.output / "tile/tile_all.json").unlink()
    np.testing.assert_array_equal(world.run(unit, ndvi_recipe(), memory_mb=64, scratch=nowhere), scratched)
    assert [path.name for path in world.folder.iterdir() if path.name.startswith("jeospark-")] == []
