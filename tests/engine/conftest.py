"""What the tests of the engine share."""

from collections.abc import Callable

import numpy as np
import pytest
import rasterio

from jeospark.lab.recipe import Recipe, load_collection


@pytest.fixture(scope="session")
def ndvi() -> Callable[..., Recipe]:
    """A function that makes a recipe: the cloud-masked monthly median NDVI of collection `s2`."""

    def make(period="month", reducer="median", dilation=0, **selection):
        loaded = load_collection("s2", bands=["B04", "B08", "SCL"], **selection)
        clear = loaded.mask_classes([9], dilation=dilation)
        return clear.ndvi().aggregate(period, reducer).save(dtype="int16", scale=0.0001, nodata=-32768)

    return make


@pytest.fixture(scope="session")
def expected_ndvi() -> Callable[..., np.ndarray]:
    """A function that computes in plain numpy what the recipe stores for some scenes."""

    def compute(scenes, reduce=np.nanmedian):
        layers = []
        for scene in scenes:
            red, nir = (scene[name] * np.float32(1e-4) - np.float32(0.1) for name in ("B04", "B08"))
            usable = (scene["B04"] > 0) & (scene["B08"] > 0) & (scene["SCL"] > 0) & (scene["SCL"] != 9)
            layers.append(np.where(usable, (nir - red) / (nir + red), np.nan))
        with np.errstate(all="ignore"):
            values = np.stack(layers)
            known = ~np.isnan(values).all(axis=0)
            result = np.full(known.shape, -32768, np.int64)
            result[known] = np.rint(reduce(values[:, known], axis=0) * 1e4)
        return result

    return compute


@pytest.fixture(scope="session")
def pixels() -> Callable[..., np.ndarray]:
    """A function that reads the first band of a file."""

    def read(path):
        with rasterio.open(path) as file:
            return file.read(1)

    return read
