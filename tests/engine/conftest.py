"""What the tests of the engine share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rasterio

from jeospark.engine.finish import Places
from jeospark.engine.main import conclude, make_job
from jeospark.engine.plan import Plan, make_plan
from jeospark.engine.run import RunResult, run
from jeospark.lab.recipe import Recipe, load_collection
from jeospark.settings import Settings

TILES = "EPSG:32633:10:32x32:500000,5000000"


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


@dataclass(frozen=True)
class Done:
    """A finished run: four tiles of 32 × 32 pixels, three dates in May and one in June."""

    archive: object
    scenes: dict[str, dict[str, np.ndarray]]
    """Item → band → stored numbers, (64, 64)."""
    plan: Plan
    result: RunResult
    places: Places
    folder: Path


@pytest.fixture(scope="session")
def done(spark, make_archive, scene, ndvi, tmp_path_factory) -> Done:
    """A run that went well; tests may look at it and run it again, but must not change its inputs."""
    archive = make_archive()
    scenes = {f"i{number}": scene(number) for number in range(4)}
    for (name, bands), moment in zip(
        scenes.items(), ("2020-05-02", "2020-05-12", "2020-05-22", "2020-06-02"), strict=True
    ):
        archive.write(name, moment, bands)
    archive.save()
    folder = tmp_path_factory.mktemp("done") / "out put"
    job = make_job(ndvi().to_json(), output=str(folder), catalog=archive.catalog, grid=TILES, title="May & June")
    plan = make_plan(spark, job)
    result = run(plan, Settings.load())
    return Done(archive, scenes, plan, result, conclude(result, command="jeospark run x > y"), folder)


@pytest.fixture(scope="session")
def contents() -> Callable[[Path], dict[str, bytes]]:
    """A function that reads all results of a run (COG, item, quicklook): path in the folder → bytes."""

    def read(folder):
        found = {str(path.relative_to(folder)): path for path in folder.glob("r*/*") if not path.name.startswith(".")}
        return {name: found[name].read_bytes() for name in sorted(found)}

    return read
