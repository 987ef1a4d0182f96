"""Reading the mask first changes what is read, never the result."""

from dataclasses import replace

import numpy as np
import pytest
import rasterio

from jeospark.lab.recipe import load_collection
from jeospark.raster.env import gdal_environment
from jeospark.task.unit import run_unit

BANDS = ("B04", "B08", "SCL", "QA")
SAVED = {"dtype": "float32"}


def loaded(*bands):
    return load_collection("s2", bands=list(bands or BANDS))


def where(cube, process, y):
    """The pixels of a cube that a comparison with a number holds for."""
    node = {"process_id": process, "arguments": {"x": {"from_parameter": "x"}, "y": y}, "result": True}
    return cube.process("apply", process={"process_graph": {"compare": node}})


def classes():
    return loaded().mask_classes([9], dilation=30).ndvi("B08", "B04").reduce("median")


def bits():
    return loaded().mask_bits("QA", [0, 3]).bands("B08").reduce("mean")


def both():
    return loaded().mask_classes([9]).mask_bits("QA", [0]).ndvi("B08", "B04").reduce("max")


def comparison():
    cube = loaded()
    return cube.bands("B04", "B08").process("mask", mask=where(reduced(cube.bands("SCL")), "gt", 8)).reduce("min")


def reduced(cube):
    node = {"process_id": "max", "arguments": {"data": {"from_parameter": "data"}}, "result": True}
    return cube.process("reduce_dimension", dimension="bands", reducer={"process_graph": {"max": node}})


def comparison_of_one_band():
    """The mask keeps its dimension of bands."""
    cube = loaded("SCL")
    return cube.process("mask", mask=where(cube, "eq", 4)).reduce("count")


def common_names():
    """The mask reads bands by their common names, which files do not bear."""
    cube = loaded("red", "nir", "SCL")
    return cube.process("mask", mask=where(cube.ndvi(), "lt", 0.4)).bands("SCL", "red").reduce("max")


def mask_band_as_data():
    return loaded().mask_classes([9, 3]).bands("SCL", "B04").reduce("last")


def replaced():
    cube = loaded()
    flags = cube.process("class_mask", band="SCL", classes=[9])
    return cube.process("mask", mask=flags, replacement=0.5).bands("B04").reduce("mean")


def counted():
    clear = loaded().mask_classes([9, 3], dilation=20)
    ndvi = clear.ndvi("B08", "B04")
    count = ndvi.reduce("count").as_band("count")
    return ndvi.reduce("median").as_band("ndvi").merge(clear.bands("B04", "B08").reduce("median"), count)


def masked_and_not():
    cube = loaded()
    clear = cube.mask_classes([9]).bands("B04").reduce("count").rename_bands({"B04": "clear"})
    return clear.merge(cube.bands("B04").reduce("count").rename_bands({"B04": "all"}))


RECIPES = (
    classes, bits, both, comparison, comparison_of_one_band, common_names, mask_band_as_data, replaced, counted,
    masked_and_not,
)  # fmt: skip


@pytest.mark.parametrize("recipe", RECIPES)
def test_result_is_that_of_reading_everything(world, scene, recipe):
    items = []
    for day in range(3):
        bands = scene(day, (192, 192), clouds=0.2)
        bands["SCL"][:, :40] = 9
        bands["SCL"][90:, 90:] = 0
        bands["QA"] = np.kron(np.random.default_rng(day).integers(0, 16, (12, 12)), np.ones((16, 16))).astype(np.uint8)
        items.append(world.item(f"i{day}", bands, day, block=32))
    # Of the quality band all numbers count.
    items = [
        replace(item, sources=tuple(replace(each, nodata=255) if each.band == "QA" else each for each in item.sources))
        for item in items
    ]
    made = recipe().save(**SAVED)
    orders = world.orders(made, bands=BANDS, memory_mb=1)
    everything = replace(orders, program=replace(orders.program, mask=None))
    results = []
    for name, way in (("first", orders), ("all", everything)):
        unit = world.unit(items, (192, 192), name=name)
        with gdal_environment(way.settings):
            outcome = run_unit(unit, way)
        assert outcome.status == "done", outcome.message
        with rasterio.open(unit.output_href) as dataset:
            results.append(dataset.read())
    np.testing.assert_array_equal(*results)
    assert np.isfinite(results[0]).any()
