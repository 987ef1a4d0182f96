"""Stored numbers, physical values, and stored numbers again."""

import numpy as np
import pytest

from jeospark.lab.recipe import load_collection
from jeospark.task.stack import Stack
from udfs.scale import to_integers


def stack(data, scale, offset, nodata=0.0):
    count = len(data)
    return Stack(
        data=data, nodata=nodata, scales=np.full(count, scale, np.float32), offsets=np.full(count, offset, np.float32)
    )


@pytest.mark.parametrize("offset", [0.0, -0.1])
@pytest.mark.parametrize(("dtype", "last"), [(np.uint16, 65535), (np.int16, 32767)])
def test_every_number_comes_back(dtype, last, offset):
    """Reflectance of 1e-4 a step, read and saved again: DN 1000 is 1000, and so are all others."""
    numbers = np.arange(1, last + 1, dtype=dtype)
    values = np.empty((1, 1, last), np.float32)
    read = stack(numbers.reshape(1, 1, -1), 1e-4, offset)
    read.physical(values)
    assert read.valid().all()
    back = to_integers(values, read.valid(), dtype=dtype, nodata=0, scale=1e-4, offset=offset)
    np.testing.assert_array_equal(back[0, 0], numbers)
    np.testing.assert_allclose(values[0, 0], numbers * 1e-4 + offset, rtol=2e-7, atol=1e-8)


@pytest.mark.parametrize(("stored", "saved"), [("uint16", "int16"), ("uint16", "uint16"), ("int16", "int16")])
def test_every_number_comes_back_through_files(world, stored, saved):
    last = np.iinfo(saved).max if saved == "int16" else 65535
    side = 256 if last > 40000 else 181
    numbers = np.resize(np.arange(1, last + 1), (side, side)).astype(stored)
    item = world.item("a", {"B04": numbers}, footprint=False)
    recipe = load_collection("s2", bands=["B04"]).reduce("median").save(dtype=saved, scale=1e-4, nodata=0)
    np.testing.assert_array_equal(world.run(world.unit([item], numbers.shape), recipe, bands=("B04",))[0], numbers)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32, np.float32])
def test_physical_is_scale_then_offset_in_float32(dtype):
    data = np.random.default_rng(0).integers(0, 100, (3, 4, 5)).astype(dtype)
    out = np.empty((3, 2, 4, 5), np.float32)[:, 1]
    stack(data, 0.01, -0.1).physical(out)
    expected = data.astype(np.float32) * np.float32(0.01) + np.float32(-0.1)
    np.testing.assert_array_equal(out, expected)


def test_each_date_has_its_own_scale():
    data = np.full((2, 1, 1), 2000, np.uint16)
    mixed = Stack(
        data=data, nodata=0, scales=np.array([1e-4, 1e-4], np.float32), offsets=np.array([0.0, -0.1], np.float32)
    )
    out = np.empty(data.shape, np.float32)
    mixed.physical(out)
    np.testing.assert_allclose(out.ravel(), [0.2, 0.1], rtol=1e-6)


def test_nodata_is_a_number_or_nan():
    assert stack(np.array([[[0, 1]]], np.uint16), 1, 0).valid().tolist() == [[[False, True]]]
    assert stack(np.array([[[np.nan, 0]]], np.float32), 1, 0, np.nan).valid().tolist() == [[[False, True]]]
