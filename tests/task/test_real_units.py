"""Units of real data against plain numpy and GDAL."""

import warnings
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling
from rasterio.warp import reproject

from jeospark.catalog.ingest import ingest
from jeospark.catalog.store import Catalog
from jeospark.errors import NoCrsError, NodataError, NotRectifiedError
from jeospark.lab.recipe import load_collection
from jeospark.model import ItemRef, Source
from jeospark.raster.datasets import Datasets
from jeospark.raster.env import gdal_environment
from jeospark.raster.placement import Fit, Target
from jeospark.raster.reader import BandReader
from jeospark.raster.window import Window
from jeospark.settings import Settings

pytestmark = pytest.mark.realdata


@pytest.fixture(params=[False, True], ids=["plain", "compiled"])
def compiled(request):
    return request.param


FILL, CLOUD = 0, 4
"""Bits of the quality band of Landsat Collection 1: LSDS-1656, table 6-3."""


def landsat_items(folder):
    items = []
    for scene in sorted(path for path in folder.iterdir() if path.is_dir()):
        when = datetime.strptime(scene.name.split("_")[3], "%Y%m%d").replace(tzinfo=UTC)
        # Every number of the quality band means something, none is nodata.
        nodata = {"B4": 0.0, "B5": 0.0, "BQA": float("nan")}
        sources = tuple(
            Source(band=band, href=str(next(scene.glob(f"*_{band}.TIF"))), nodata=value, scale=2e-5, offset=-0.1)
            if band != "BQA"
            else Source(band=band, href=str(next(scene.glob("*_BQA.TIF"))), nodata=value)
            for band, value in nodata.items()
        )
        items.append(
            ItemRef(item_id=scene.name, observation=scene.name, datetime=when, footprint=None, sources=sources)
        )
    return items


def test_landsat_scenes_of_different_grids_on_a_common_one(world, shared_data):
    items = landsat_items(shared_data("gdalcubes_l8ny18"))
    assert len(items) == 19
    place = type(world.place)("EPSG:32618", 420000.0, 4740000.0, 3000.0)
    shape = (150, 120)
    loaded = load_collection("l8", bands=["B4", "B5", "BQA"]).mask_bits("BQA", [FILL, CLOUD])
    ndvi = loaded.ndvi("B5", "B4")
    recipe = ndvi.reduce("median").as_band("ndvi").merge(ndvi.reduce("count").as_band("count"))
    median, count = world.run(
        world.unit(items, shape, place), recipe.save(dtype="float32"), bands=("B4", "B5", "BQA"), memory_mb=4
    )
    layers = []
    for item in items:
        red, nir, quality = (warped(source.href, place, shape, source.band) for source in item.sources)
        red, nir = red * 2e-5 - 0.1, nir * 2e-5 - 0.1
        usable = (quality > 0) & (quality.astype(int) & (1 << FILL | 1 << CLOUD) == 0) & np.isfinite(red + nir)
        layers.append(np.where(usable, (nir - red) / (nir + red), np.nan))
    known = np.isfinite(layers).sum(axis=0)
    assert known.max() >= 8
    # Half a pixel of 3 km decides at the scenes' edges and clouds' outlines.
    assert (count == known).mean() > 0.99
    same = (count == known) & (known > 0)
    assert same.mean() > 0.5
    with warnings.catch_warnings(action="ignore"):
        expected = np.nanmedian(layers, axis=0)
    np.testing.assert_allclose(median[same], expected[same], atol=2e-3)
    assert 0.2 < np.median(median[same]) < 0.9


def warped(href, place, shape, band):
    with rasterio.open(href) as dataset:
        out = np.full(shape, 0 if band == "BQA" else np.nan)
        reproject(
            rasterio.band(dataset, 1), out, dst_transform=rasterio.Affine(*place.transform), dst_crs=place.crs,
            src_nodata=0, dst_nodata=0 if band == "BQA" else np.nan, XSCALE=1, YSCALE=1,
            resampling=Resampling.nearest if band == "BQA" else Resampling.bilinear,
        )  # fmt: skip
        return out


@pytest.fixture
def t29unu(world, shared_data):
    catalog = Catalog(world.folder / "catalog")
    ingest(catalog, str(shared_data("s2_l2a_t29unu_20221005")), "s2")

    def refs(bands):
        return list(catalog.refs("s2", bands))

    return refs


def test_sentinel_2_safe_at_60_m(world, t29unu):
    """Bands at 60 m and classes at the finest resolution there is, on part of the tile at an odd place."""
    (item,) = t29unu(["B04", "B8A", "SCL"])
    at, shape = (601, 333), (300, 280)
    place = type(world.place)("EPSG:32629", 499980.0, 5900040.0, 60.0).moved(*at)
    recipe = load_collection("s2", bands=["B04", "B8A", "SCL"]).mask_classes((3, 8, 9, 10)).ndvi("B8A", "B04")
    recipe = recipe.reduce("median").save(dtype="int16", scale=1e-4, nodata=-32768)
    got = world.run(world.unit([item], shape, place), recipe, bands=("B04", "B8A", "SCL"))[0]
    numbers = {}
    for source in item.sources:
        with rasterio.open(source.href) as dataset:
            factor = round(60 / dataset.transform.a)
            window = rasterio.windows.Window(at[1] * factor, at[0] * factor, shape[1] * factor, shape[0] * factor)
            numbers[source.band] = dataset.read(1, window=window)[factor // 2 :: factor, factor // 2 :: factor]
            if source.band != "SCL":
                assert (factor, source.offset, source.nodata) == (1, -0.1, 0)
    usable = (numbers["B04"] > 0) & (numbers["B8A"] > 0) & ~np.isin(numbers["SCL"], (0, 3, 8, 9, 10))
    red, nir = (numbers[band] * np.float32(1e-4) + np.float32(-0.1) for band in ("B04", "B8A"))
    with np.errstate(all="ignore"):
        expected = np.rint(((nir - red) / (nir + red)).astype(np.float64) / 1e-4)
    expected = np.where(usable & np.isfinite(expected), np.clip(expected, -32767, 32767), -32768)
    assert 0.05 < usable.mean() < 1
    np.testing.assert_array_equal(got, expected)


def test_classes_of_the_tile_keep_their_shares(world, t29unu):
    """The counts of classes at 20 m are those of the file."""
    (item,) = t29unu(["SCL"])
    with rasterio.open(item.sources[0].href) as dataset:
        pixel, numbers = dataset.transform.a, dataset.read(1, window=rasterio.windows.Window(700, 900, 1000, 800))
    place = type(world.place)("EPSG:32629", 499980.0, 5900040.0, pixel).moved(900, 700)
    recipe = load_collection("s2", bands=["SCL"]).reduce("first").save(dtype="uint8", nodata=0)
    got = world.run(world.unit([item], (800, 1000), place), recipe, bands=("SCL",))[0]
    np.testing.assert_array_equal(np.bincount(got.ravel(), minlength=12), np.bincount(numbers.ravel(), minlength=12))


def test_safe_on_two_tilings(world, t29unu):
    """JPEG 2000, dilation, part of the tile cut in two: the same pixels."""
    (item,) = t29unu(["B04", "SCL"])
    place = type(world.place)("EPSG:32629", 499980.0, 5900040.0, 60.0).moved(1000, 1000)
    recipe = load_collection("s2", bands=["B04", "SCL"]).mask_classes((3, 8, 9, 10), dilation=200).bands("B04")
    recipe = recipe.reduce("mean").save(dtype="uint16", scale=1e-4, nodata=0)
    whole = world.run(world.unit([item], (200, 200), place), recipe, bands=("B04", "SCL"))[0]
    parts = [
        world.run(world.unit([item], (200, 100), place.moved(0, left), name=f"p{left}"), recipe, bands=("B04", "SCL"))[
            0
        ]
        for left in (0, 100)
    ]
    np.testing.assert_array_equal(np.hstack(parts), whole)
    assert 0 < (whole > 0).mean() < 1


def reading(href, to, window, **source):
    with gdal_environment(Settings.load({})), Datasets(2) as datasets:
        reader = BandReader(datasets, Source(band="B", href=str(href), **source), to)
        out = np.empty((window.rows, window.cols), reader.encoding.dtype)
        reader.read(window, out)
        return reader, out


def native(href):
    with warnings.catch_warnings(action="ignore"), rasterio.open(href) as dataset:
        return Target("EPSG:32618", tuple(dataset.transform)[:6]), dataset.read(1), dataset.dataset_mask()


def test_oblong_pixels_are_read_as_they_are(shared_data):
    href = shared_data("rasterio_fixtures") / "RGB.byte.tif"
    to, numbers, _ = native(href)
    reader, out = reading(href, to, Window(0, 0, *numbers.shape))
    assert reader.relation.fit is Fit.SAME
    np.testing.assert_array_equal(out, numbers)


@pytest.mark.parametrize(
    ("name", "source", "error", "text"),
    [
        ("rotated.tif", {}, NotRectifiedError, "rotated or sheared"),
        ("RGB.byte.gcp.vrt", {}, NotRectifiedError, "ground control points only"),
        ("compdcs.vrt", {}, NotRectifiedError, "ground control points only"),
        ("float_nan.tif", {}, NoCrsError, "no coordinate reference system"),
        ("world.byte.tif", {}, NodataError, "no nodata value and no mask"),
    ],
)
def test_files_that_cannot_be_used_are_refused(shared_data, name, source, error, text):
    path = shared_data("rasterio_fixtures") / name
    with pytest.raises(error, match=text) as raised:
        reading(path, Target("EPSG:32618", (10.0, 0.0, 0.0, 0.0, -10.0, 0.0)), Window(0, 0, 1, 1), **source)
    assert raised.value.where == str(path)


def test_a_mask_in_a_file_beside_it_holds(shared_data):
    href = shared_data("rasterio_fixtures") / "RGB2.byte.tif"
    to, numbers, mask = native(href)
    _, out = reading(href, to, Window(0, 0, *numbers.shape), crs="EPSG:32618")
    assert 0 < (mask == 0).mean() < 1
    np.testing.assert_array_equal(out, np.where(mask == 0, np.nan, numbers))


def test_nan_is_nodata_of_a_south_up_float(shared_data):
    href = shared_data("rasterio_fixtures") / "float_nan.tif"
    _, numbers, _ = native(href)
    to = Target("EPSG:32618", (100.0, 0.0, 0.0, 0.0, -100.0, 200.0))
    _, out = reading(href, to, Window(0, 0, 2, 3), crs="EPSG:32618")
    np.testing.assert_array_equal(out, numbers[::-1])
    assert np.isnan(out).any()


def test_internal_mask_of_a_cog(shared_data):
    href = shared_data("rasterio_fixtures") / "cogeo.tif"
    to, numbers, mask = native(href)
    _, out = reading(href, replace(to, crs="EPSG:3857"), Window(0, 0, *numbers.shape))
    np.testing.assert_array_equal(np.isnan(out), mask == 0)
    np.testing.assert_array_equal(out[mask > 0], numbers[mask > 0])
