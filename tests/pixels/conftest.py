"""An archive of four dates on two tiles, and what the batch makes of it."""

from dataclasses import dataclass

import numpy as np
import pytest
import rasterio

from jeospark.lab.recipe import load_collection
from jeospark.settings import Settings
from jeospark.sql.pixels.ask import Defaults, ask_of
from jeospark.sql.pixels.plan import Plan
from jeospark.sql.pixels.read import read_shares

GRID = "EPSG:32633:10:32x48:500000,5000000"
DATES = ("2020-05-02", "2020-05-12", "2020-05-22", "2020-06-02")


@dataclass(frozen=True)
class World:
    """What was written."""

    archive: object
    scenes: dict[str, dict[str, np.ndarray]]
    """Date → band → stored numbers, (64, 64)."""

    @property
    def catalog(self):
        return self.archive.catalog


@pytest.fixture(scope="session")
def world(make_archive, scene) -> World:
    archive = make_archive()
    scenes = {moment: scene(number) for number, moment in enumerate(DATES)}
    for moment, bands in scenes.items():
        archive.write(f"i{moment}", moment, bands)
    archive.save()
    return World(archive, scenes)


@pytest.fixture(scope="session")
def recipe():
    """The cloud-masked monthly median of red and near infrared, and of their NDVI; halo of 20 m."""
    clear = load_collection("s2", bands=["B04", "B08", "SCL"]).mask_classes([9], dilation=20)
    ndvi = clear.ndvi().aggregate("month", "median").as_band("ndvi")
    return clear.bands("B04", "B08").aggregate("month", "median").merge(ndvi).save(dtype="float32", nodata=-9999)


@pytest.fixture(scope="session")
def plan_of(world):
    """A function that plans a question, by options."""

    def make(limit_bytes=1 << 30, **options):
        settings = Settings.load()
        defaults = Defaults(settings=settings, limit_bytes=limit_bytes)
        return Plan(ask_of({"catalog": world.catalog, **{name: str(each) for name, each in options.items()}}, defaults))

    return make


@pytest.fixture(scope="session")
def rows_of(plan_of):
    """A function that answers a question in this process: the rows as dictionaries."""

    def answer(**options):
        plan = plan_of(**options)
        batches = read_shares(plan.shares(), plan.ask, plan.planes, plan.columns)
        return [row for batch in batches for row in batch.to_pylist()]

    return answer


@pytest.fixture(scope="session")
def stored():
    """A function that reads all bands of a file, NaN where nodata."""

    def read(path):
        with rasterio.open(path) as file:
            data = file.read()
            return np.where(data == file.nodata, np.nan, data)

    return read


@pytest.fixture(scope="session")
def array():
    """A function that makes a chip's band an array (rows, cols), NaN for null."""

    def make(row, band):
        return np.array(row["bands"][band], np.float32).reshape(row["rows"], row["cols"])

    return make
