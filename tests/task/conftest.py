"""Small real archives whose pixels tell their place and date, and units, recipes and runs made of them by hand."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from rasterio.shutil import copy

from jeospark.catalog.footprint import footprint_of_grid
from jeospark.lab.recipe import load_collection
from jeospark.model import ItemRef, Source, Unit
from jeospark.output import OutputBand
from jeospark.raster.env import gdal_environment
from jeospark.settings import Settings
from jeospark.task.product import product
from jeospark.task.program import program
from jeospark.task.unit import Orders, run_unit

CLOUD, SHADOW, LAND = 9, 3, 4
COMMON = {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir"}
OPTIONS = {
    "COG": {"compress": "DEFLATE", "blocksize": 128, "overviews": "NONE"},
    "JP2OpenJPEG": {"quality": "100", "reversible": "YES", "blockxsize": 64, "blockysize": 64},
}


@dataclass(frozen=True)
class Place:
    """A grid: `pixel` units a side from an upper left corner."""

    crs: str = "EPSG:32629"
    left: float = 600000.0
    top: float = 5900040.0
    pixel: float = 10.0

    @property
    def transform(self):
        return (self.pixel, 0.0, self.left, 0.0, -self.pixel, self.top)

    def moved(self, row, col):
        return replace(self, left=self.left + col * self.pixel, top=self.top - row * self.pixel)

    def coarser(self, factor):
        return replace(self, pixel=self.pixel * factor)


class World:
    """Writes files into one folder, and makes items, units and runs of them."""

    def __init__(self, folder: Path, cache: Path, *, compile_recipes: bool) -> None:
        self.folder = folder
        self.cache = cache
        self.compile = compile_recipes
        self.place = Place()
        self.output = folder / "out"

    def write(self, name, data, place=None, *, driver="GTiff", block=32, nodata=0, **profile):
        """Write one band; returns its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        place = place or self.place
        profile = {
            "driver": "GTiff", "count": 1, "height": data.shape[0], "width": data.shape[1], "dtype": data.dtype,
            "crs": place.crs, "transform": rasterio.Affine(*place.transform), "nodata": nodata,
        } | profile  # fmt: skip
        if driver != "GTiff":
            with rasterio.MemoryFile() as memory:
                with memory.open(**profile) as dataset:
                    dataset.write(data, 1)
                with memory.open() as dataset:
                    copy(dataset, str(path), driver=driver, **OPTIONS[driver])
            return path
        if block:
            profile |= {"tiled": True, "blockxsize": block, "blockysize": block, "compress": "deflate"}
        with rasterio.open(path, "w", **profile) as dataset:
            dataset.write(data, 1)
        return path

    def item(
        self, name, bands, day=0, place=None, *, observation=None, scale=1e-4, offset=0.0, footprint=True, **files
    ):
        """Write the bands (name → stored numbers; fewer rows are coarser pixels) and describe their item."""
        place = place or self.place
        rows = max(data.shape[0] for data in bands.values())
        sources = []
        for band, data in bands.items():
            coarse = place.coarser(rows // data.shape[0])
            suffix = "jp2" if files.get("driver") == "JP2OpenJPEG" else "tif"
            path = self.write(f"{name}/{band}.{suffix}", data, coarse, **files)
            scaling = {} if band in ("SCL", "QA") else {"scale": scale, "offset": offset}
            sources.append(Source(band=band, href=str(path), data_type=data.dtype.name, nodata=0, **scaling))
        shape = next(data.shape for data in bands.values() if data.shape[0] == rows)
        grid = footprint_of_grid(place.crs, place.transform, shape)
        return ItemRef(
            item_id=name,
            observation=observation or name,
            datetime=datetime(2022, 6, 1, 11, tzinfo=UTC) + timedelta(days=day),
            footprint=shapely.to_wkb(shapely.geometry.shape(grid["geometry"])) if footprint else None,
            sources=tuple(sources),
        )

    def unit(self, items, shape, place=None, *, name="tile", digest="one"):
        place = place or self.place
        return Unit(
            unit_id=f"{name}/all", tile=name, period="all", start=datetime(2022, 6, 1, tzinfo=UTC),
            end=datetime(2022, 9, 1, tzinfo=UTC), crs=place.crs, transform=place.transform, shape=shape,
            output_href=str(self.output / name / f"{name}_all.tif"), digest=digest, items=tuple(items),
        )  # fmt: skip

    def bands(self, names):
        """The collection's bands."""
        return tuple(OutputBand(name=name, common_name=COMMON.get(name)) for name in names)

    def orders(self, recipe, *, bands=("B04", "B08", "SCL"), skip_bad_assets=False, memory_mb=64, **settings):
        ready = program(recipe.to_json(), self.bands(bands))
        environ = {
            "worker_memory_mb": memory_mb, "scratch": str(self.folder), "cache": str(self.cache),
            "compile": "on" if self.compile else "off", **settings,
        }  # fmt: skip
        return Orders(
            program=ready,
            product=product(ready, folder=str(self.output), title="test"),
            settings=Settings.load({f"JEOSPARK_{name.upper()}": str(value) for name, value in environ.items()}),
            skip_bad_assets=skip_bad_assets,
        )

    def outcome(self, unit, recipe, **options):
        """Run a unit."""
        orders = self.orders(recipe, **options)
        with gdal_environment(orders.settings):
            return run_unit(unit, orders)

    def run(self, unit, recipe, **options):
        """Run a unit that must succeed; returns the stored pixels (bands, rows, cols)."""
        outcome = self.outcome(unit, recipe, **options)
        assert outcome.status in ("done", "empty"), outcome.message
        with rasterio.open(unit.output_href) as dataset:
            return dataset.read()

    def files(self):
        """Everything below the output folder."""
        return sorted(str(path.relative_to(self.output)) for path in self.output.rglob("*") if path.is_file())


@pytest.fixture(scope="session")
def kernels(tmp_path_factory):
    """The folder of compiled kernels, so that each recipe is compiled once."""
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture
def compiled():
    """Whether recipes are compiled; modules that try both ways override it."""
    return False


@pytest.fixture
def world(tmp_path, kernels, compiled):
    return World(tmp_path, kernels, compile_recipes=compiled)


@pytest.fixture(scope="session")
def new_world(tmp_path_factory, kernels):
    """A function that makes worlds, for tests with many examples."""
    return lambda: World(tmp_path_factory.mktemp("world"), kernels, compile_recipes=False)


@pytest.fixture(scope="session")
def scene():
    """A function that draws B04, B08 (10 m) and SCL (20 m) of a date; numbers tell row, column and date."""

    def draw(day, shape=(128, 128), at=(0, 0), clouds=0.06):
        rows, cols = np.ogrid[at[0] : at[0] + shape[0], at[1] : at[1] + shape[1]]
        red = (300 + (rows * 13 + cols * 7 + day * 101) % 1900).astype(np.uint16)
        nir = (1500 + (rows * 5 + cols * 11 + day * 211) % 4000).astype(np.uint16)
        y, x = np.ogrid[at[0] // 2 : (at[0] + shape[0]) // 2, at[1] // 2 : (at[1] + shape[1]) // 2]
        # A hash of place and date: the same class at one place in whatever scene.
        chance = (((y // 3) * 7919 + (x // 4) * 104729 + (day + 1) * 1299709) * 2654435761 % 1000) / 1000
        classes = np.where(chance < clouds, CLOUD, np.where(chance < 1.5 * clouds, SHADOW, LAND)).astype(np.uint8)
        return {"B04": red, "B08": nir, "SCL": classes}

    return draw


@pytest.fixture(scope="session")
def ndvi_recipe():
    """A function that makes the recipe: median NDVI of clear pixels, and their number."""

    def make(dilation=40, reducer="median"):
        loaded = load_collection("s2", bands=["B04", "B08", "SCL"])
        ndvi = loaded.mask_classes((3, 8, 9, 10), dilation=dilation).ndvi("B08", "B04")
        result = ndvi.reduce(reducer).as_band("ndvi").merge(ndvi.reduce("count").as_band("count"))
        return result.save(dtype="int16", scale=0.0001, nodata=-32768, bands={"count": {"scale": 1}})

    return make


@pytest.fixture(scope="session")
def dilated():
    """A function that grows a mask (rows, cols) by a disk, the slow and plain way."""

    def grow(mask, radius):
        reach = int(radius)
        padded = np.pad(mask, reach)
        rows, cols = mask.shape
        result = np.zeros_like(mask)
        for down in range(-reach, reach + 1):
            for across in range(-reach, reach + 1):
                if down * down + across * across <= radius * radius:
                    top, left = reach + down, reach + across
                    result |= padded[top : top + rows, left : left + cols]
        return result

    return grow


@pytest.fixture(scope="session")
def expected_ndvi(dilated):
    """A function that computes what `ndvi_recipe` stores of scenes, in plain numpy."""

    def compute(scenes, dilation=40, offset=0.0):
        layers = []
        for bands in scenes:
            red, nir = (bands[name] * np.float32(1e-4) + np.float32(offset) for name in ("B04", "B08"))
            factor = len(red) // len(bands["SCL"])
            classes = np.kron(bands["SCL"], np.ones((factor, factor), np.uint8))
            masked = dilated(np.isin(classes, (3, 8, 9, 10)), dilation / 10) | (classes == 0)
            usable = (bands["B04"] > 0) & (bands["B08"] > 0) & ~masked
            with np.errstate(all="ignore"):
                layers.append(np.where(usable, (nir - red) / (nir + red), np.float32(np.nan)))
        values = np.stack(layers)
        count = np.isfinite(values).sum(axis=0)
        median = np.full(count.shape, -32768, np.int16)
        median[count > 0] = np.rint(np.nanmedian(values[:, count > 0], axis=0).astype(np.float64) / 0.0001)
        return np.stack([median, count.astype(np.int16)])

    return compute
