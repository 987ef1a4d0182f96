"""Sentinel-2 processing baselines: since 04.00 reflectance is stored with an offset of -0.1."""

from dataclasses import replace

import numpy as np
import pytest

from jeospark.lab.recipe import load_collection

BANDS = ("B04",)


@pytest.fixture(params=[False, True], ids=["plain", "compiled"])
def compiled(request):
    return request.param


@pytest.fixture
def reflectance():
    recipe = load_collection("s2", bands=["B04"])

    def make(reducer):
        return recipe.reduce(reducer).save(dtype="float32")

    return make


def stored(seed, offset):
    ground = np.random.default_rng(seed).integers(1, 9000, (64, 64))
    return {"B04": (ground + round(-offset * 10000)).astype(np.uint16)}


def test_mixed_baselines_agree(world, reflectance):
    old = world.item("old", stored(1, 0.0), 0, offset=0.0)
    new = world.item("new", stored(1, -0.1), 1, offset=-0.1)
    unit = world.unit([old, new], (64, 64))
    physical = np.random.default_rng(1).integers(1, 9000, (64, 64)) / 10000
    for reducer in ("min", "max"):
        got = world.run(unit, reflectance(reducer), bands=BANDS)
        np.testing.assert_allclose(got[0], physical, rtol=0, atol=1e-7)
        (world.output / "tile/tile_all.json").unlink()


@pytest.mark.parametrize("first", [0.0, -0.1])
def test_mixed_baselines_within_one_observation(world, reflectance, first):
    """Two products of one pass, of two baselines, that overlap: the first one's pixels, both in physical units."""
    offsets = (first, -0.1 - first)
    ground = [np.random.default_rng(seed).integers(1, 9000, (64, 64)) for seed in (1, 2)]
    items = []
    for at, (name, offset) in enumerate(zip("ab", offsets, strict=True)):
        bands = stored(at + 1, offset)
        if name == "a":
            bands["B04"][:, 40:] = 0
        items.append(world.item(name, bands, observation="one", offset=offset))
    got = world.run(world.unit(items, (64, 64)), reflectance("mean"), bands=BANDS)[0]
    expected = np.where(np.arange(64) < 40, *ground) / 10000
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-7)


def test_mixed_types_within_one_observation_and_between(world, reflectance):
    floats = (np.random.default_rng(1).integers(1, 9000, (64, 64)) / 10000).astype(np.float32)
    half = floats.copy()
    half[:, :30] = np.nan
    items = [
        world.item("f", {"B04": half}, 0, observation="one", scale=1.0, nodata=None),
        world.item("i", stored(1, -0.1), 0, observation="one", offset=-0.1),
        world.item("j", stored(1, 0.0), 1, dtype="int32"),
    ]
    items[0] = replace(items[0], sources=tuple(replace(source, nodata=None) for source in items[0].sources))
    unit = world.unit(items, (64, 64))
    got = world.run(unit, reflectance("sum"), bands=BANDS)[0]
    np.testing.assert_allclose(got, 2 * floats, rtol=0, atol=3e-7)
