import re
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import rasterio
from pyproj import Transformer

from jeospark.catalog.ingest import ingest
from jeospark.catalog.profile import PROFILES
from jeospark.catalog.store import Catalog
from jeospark.engine.main import conclude, make_job
from jeospark.engine.plan import make_plan
from jeospark.engine.run import run
from jeospark.lab.recipe import load_collection
from jeospark.raster.header import describe
from jeospark.settings import Settings

pytestmark = pytest.mark.spark

CLASSES = {
    "CLOUD_SHADOW": 3, "VEGETATION": 4, "NOT_VEGETATED": 5, "WATER": 6, "UNCLASSIFIED": 7, "MEDIUM_PROBA_CLOUDS": 8,
    "HIGH_PROBA_CLOUDS": 9, "THIN_CIRRUS": 10, "SNOW_ICE": 11,
}  # fmt: skip
"""Percentages in the metadata of a Sentinel-2 Level-2A product → classes of its SCL band."""
BOX = (-8.8, 52.9, -8.6, 53.1)
"""An area in tile 29UNU."""


def published(spark, catalog, recipe, folder, grid="native"):
    """Runs a recipe whole; gives its COGs by the name of their unit."""
    plan = make_plan(spark, make_job(recipe.to_json(), output=str(folder), grid=grid, catalog=str(catalog)))
    result = run(plan, Settings.load())
    assert (result.failed, result.done + result.empty) == (0, result.units)
    assert Path(conclude(result, command="test").report).is_file()
    return {path.stem: path for path in sorted(folder.glob("r*/*.tif")) + sorted(folder.glob("2*/*.tif"))}


@pytest.fixture(scope="module")
def safe(shared_data, tmp_path_factory):
    """A folder with the Sentinel-2 product, and the catalogue that it was ingested into."""
    product = shared_data("s2_l2a_t29unu_20221005")
    catalog = tmp_path_factory.mktemp("catalog")
    assert ingest(Catalog(catalog), str(product), "s2", describe=describe).added == 1
    return product, catalog


@pytest.mark.realdata
def test_published_classes_have_the_shares_of_the_product_s_own_metadata(spark, safe, tmp_path):
    product, catalog = safe
    recipe = load_collection("s2", bands=["SCL"]).reduce("first").save(dtype="uint8", nodata=0)
    (path,) = published(spark, catalog, recipe, tmp_path / "out", "mgrs:20").values()
    text = (product / "MTD_MSIL2A.xml").read_text()
    told = {name: float(share) for name, share in re.findall(r"<(\w+)_PERCENTAGE>([^<]+)<", text)}
    with rasterio.open(path) as file:
        counts = np.bincount(file.read(1).ravel(), minlength=12)
        assert file.shape == (5490, 5490)
        assert file.crs.to_epsg() == 32629
        assert file.colormap(1)[4] != file.colormap(1)[6]
    known = counts[1:].sum()
    assert 100 * counts[0] / counts.sum() == pytest.approx(told["NODATA_PIXEL"], abs=1e-4)
    for name, number in CLASSES.items():
        assert 100 * counts[number] / known == pytest.approx(told[name], abs=1e-4), name


@pytest.mark.realdata
def test_reflectance_at_60_m_is_that_of_the_files(spark, safe, tmp_path):
    product, catalog = safe
    loaded = load_collection("s2", bands=["B04", "B8A"])
    recipe = loaded.reduce("first").save(dtype="int16", scale=0.0001, nodata=-32768)
    (path,) = published(spark, catalog, recipe, tmp_path / "out", "mgrs:60").values()
    for index, band in enumerate(("B04", "B8A"), start=1):
        (original,) = product.rglob(f"*_{band}_60m.jp2")
        with rasterio.open(original) as file, rasterio.open(path) as made:
            numbers = file.read(1).astype(np.int32)
            assert made.transform == file.transform
            assert np.array_equal(made.read(index), np.where(numbers == 0, -32768, numbers - 1000))
            assert (made.scales[index - 1], made.offsets[index - 1], made.descriptions[index - 1]) == (1e-4, 0, band)


@pytest.mark.realdata
def test_masked_reflectance_on_another_grid_lies_between_its_neighbours_in_the_file(spark, safe, tmp_path):
    product, catalog = safe
    clear = load_collection("s2", bands=["B8A", "SCL"], bbox=BOX).mask_classes().bands("B8A")
    recipe = clear.reduce("median").save(dtype="int16", scale=0.0001, nodata=-32768)
    files = published(spark, catalog, recipe, tmp_path / "out", "EPSG:3035:60:1000x1000")
    with rasterio.open(next(product.rglob("*_B8A_60m.jp2"))) as file:
        numbers, place = file.read(1).astype(np.int32) - 1000, ~file.transform
    to_file = Transformer.from_crs(3035, 32629, always_xy=True)
    compared = 0
    for path in files.values():
        with rasterio.open(path) as file:
            values = file.read(1)
            rows, cols = np.nonzero(values != -32768)
            x, y = to_file.transform(*(file.transform * (cols + 0.5, rows + 0.5)))
        col, row = place * (np.asarray(x), np.asarray(y))
        left, top = np.floor(col - 0.5).astype(int), np.floor(row - 0.5).astype(int)
        around = np.stack([numbers[top + i, left + j] for i in (0, 1) for j in (0, 1)])
        inside = (around > -1000).all(axis=0)
        found = values[rows, cols][inside]
        assert (found >= around.min(axis=0)[inside] - 1).all()
        assert (found <= around.max(axis=0)[inside] + 1).all()
        compared += found.size
    assert compared > 10_000


@pytest.mark.realdata
@pytest.mark.parametrize(("reducer", "plain"), [("max", np.nanmax), ("median", np.nanmedian)])
def test_three_real_cogs_of_a_static_catalogue(spark, shared_data, tmp_path, reducer, plain):
    source = shared_data("openeo_driver_stac") / "recursive-stac-example"
    catalog = tmp_path / "catalog"
    assert ingest(Catalog(catalog), str(source), "three", describe=describe).added == 3
    bands = ["B04", "B03", "B02"]
    recipe = load_collection("three", bands=bands).reduce(reducer).save(dtype="float32")
    # The items declare their bounding boxes in degrees, which reach beyond their pixels.
    (path,) = published(spark, catalog, recipe, tmp_path / "out").values()
    layers = []
    for original in sorted(source.rglob("*.tif")):
        with rasterio.open(original) as file:
            layers.append(np.where(file.read() == -32768, np.nan, file.read()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        expected = plain(np.stack(layers), axis=0)
    with rasterio.open(path) as file:
        assert file.descriptions == tuple(bands)
        assert file.crs.to_epsg() == 32631
        np.testing.assert_array_equal(file.read(), expected.astype(np.float32))
    assert np.isfinite(expected).sum() > 1000


def test_monthly_ndvi_of_a_cube_equals_xarray_s(spark, tmp_path):
    xarray = pytest.importorskip("xarray")
    found = find_spec("nrt.data") if find_spec("nrt") else None
    if found is None:
        pytest.skip("the package nrt is not installed")
    cube = Path(found.origin).with_name("sentinel2_cube_subset_romania_20m.nc")
    catalog = tmp_path / "catalog"
    assert ingest(Catalog(catalog), str(cube), "romania", profile=PROFILES["sentinel-2-l2a"]).added == 140
    loaded = load_collection("romania", bands=["B04", "B8A", "SCL"], interval=("2019-01-01", "2020-01-01"))
    recipe = loaded.mask_classes().ndvi("B8A", "B04").aggregate("month", "median").save(dtype="float32")
    files = published(spark, catalog, recipe, tmp_path / "out")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with xarray.open_dataset(cube, mask_and_scale=False) as data:
            year = data.sel(time="2019").load()
        red, nir, classes = (year[name].astype("float64") for name in ("B4", "B8A", "SCL"))
        usable = (red > 0) & (nir > 0) & (classes > 0) & ~classes.isin([3, 8, 9, 10])
        ndvi = ((nir - red) / (nir + red)).where(usable)
        monthly = ndvi.groupby(ndvi.time.dt.strftime("%Y-%m")).median("time")
    assert len(files) == monthly.sizes["strftime"] == 9
    for month, expected in monthly.groupby("strftime"):
        with rasterio.open(files[f"r0000c0000_{month}"]) as file:
            np.testing.assert_allclose(file.read(1), expected.squeeze().values, atol=2e-6)
    assert np.isfinite(monthly).mean() > 0.5
