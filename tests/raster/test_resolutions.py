"""10, 20 and 60 m: exact both ways, at odd phases, partly outside, south-up."""

import netCDF4
import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from jeospark.model import Source
from jeospark.raster.datasets import Datasets
from jeospark.raster.env import gdal_environment
from jeospark.raster.placement import Fit, Target
from jeospark.raster.reader import BandReader
from jeospark.raster.window import Window
from jeospark.settings import Settings

LEFT, TOP = 600000.0, 5900040.0
FINE = 48
CRS = "EPSG:32629"


@pytest.fixture(scope="module")
def fine(tmp_path_factory):
    """10 m pixels that tell their place; 0, nodata, at some."""
    data = (np.arange(FINE * FINE, dtype=np.uint16) + 1).reshape(FINE, FINE)
    data[5, 7] = data[20:24, 30:37] = 0
    return _written(tmp_path_factory.mktemp("fine") / "a.tif", data, 10.0), data


def _written(path, data, pixel):
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=data.shape[0], width=data.shape[1], dtype=data.dtype, nodata=0,
        crs=CRS, transform=Affine(pixel, 0, LEFT, 0, -pixel, TOP), tiled=True, blockxsize=16, blockysize=16,
    ) as dataset:  # fmt: skip
        dataset.write(data, 1)
    return str(path)


def read(href, pixel, row, col, window, **options):
    """Read on a grid of `pixel` metres whose corner lies `row`, `col` of 10 m from the file's."""
    target = Target(CRS, (pixel, 0.0, LEFT + 10 * col, 0.0, -pixel, TOP - 10 * row))
    with Datasets(2) as datasets:
        reader = BandReader(datasets, Source(band="B", href=href, **options.pop("source", {})), target, **options)
        out = np.empty((window.rows, window.cols), reader.encoding.dtype)
        reader.read(window, out)
        return reader, out


@settings(max_examples=60, deadline=None)
@given(
    factor=st.sampled_from([2, 3, 6]), row=st.integers(-13, 20), col=st.integers(-13, 20),
    at=st.tuples(st.integers(-3, 4), st.integers(-3, 4)), classes=st.booleans(),
)  # fmt: skip
def test_finer_file_at_any_phase(fine, factor, row, col, at, classes):
    href, data = fine
    window = Window(*at, 5, 6)
    reader, out = read(href, 10.0 * factor, row, col, window, classes=classes)
    assert reader.relation.fit is Fit.AVERAGE
    top, left = row + factor * at[0], col + factor * at[1]
    padded = np.zeros((FINE + 200, FINE + 200))
    padded[100 : 100 + FINE, 100 : 100 + FINE] = data
    part = padded[100 + top : 100 + top + 5 * factor, 100 + left : 100 + left + 6 * factor]
    cells = part.reshape(5, factor, 6, factor).swapaxes(1, 2)
    if classes:
        np.testing.assert_array_equal(out, cells[:, :, factor // 2, factor // 2])
    else:
        number = (cells > 0).sum(axis=(2, 3))
        expected = np.where(number > 0, cells.sum(axis=(2, 3)) / np.maximum(number, 1), np.nan)
        np.testing.assert_array_equal(out, expected.astype(np.float32))


@settings(max_examples=60, deadline=None)
@given(
    factor=st.sampled_from([2, 3, 6]), row=st.integers(-40, 40), col=st.integers(-40, 40),
    at=st.tuples(st.integers(-9, 60), st.integers(-9, 60)),
)  # fmt: skip
def test_coarser_file_at_any_phase(tmp_path_factory, factor, row, col, at):
    data = (np.arange(20 * 20, dtype=np.uint16) + 1).reshape(20, 20)
    href = _written(tmp_path_factory.mktemp("coarse") / "a.tif", data, 10.0 * factor)
    window = Window(*at, 17, 13)
    reader, out = read(href, 10.0, row, col, window)
    assert (reader.relation.fit, out.dtype) == (Fit.REPEAT, np.uint16)
    padded = np.pad(np.kron(data, np.ones((factor, factor), np.uint16)), 200)
    top, left = 200 + row + at[0], 200 + col + at[1]
    np.testing.assert_array_equal(out, padded[top : top + 17, left : left + 13])


@pytest.mark.parametrize(("here", "there", "fit"), [(20.0, 60.0, Fit.AVERAGE), (60.0, 20.0, Fit.REPEAT)])
def test_20_and_60_m_fit_three_to_one(tmp_path, here, there, fit):
    data = (np.arange(36, dtype=np.uint16) + 1).reshape(6, 6)
    reader, _ = read(_written(tmp_path / "a.tif", data, here), there, 0, 0, Window(0, 0, 2, 2))
    assert (reader.relation.fit, reader.relation.factor) == (fit, 3)


def test_20_m_onto_a_grid_shifted_by_10_m_is_resampled(tmp_path):
    """A phase that is no whole number of the finer pixels' size cannot be exact."""
    data = (np.arange(36, dtype=np.uint16) + 1).reshape(6, 6)
    href = _written(tmp_path / "a.tif", data, 20.0)
    reader, out = read(href, 20.0, 1, 1, Window(0, 0, 4, 4))
    assert reader.relation.fit is Fit.WARP
    means = (data[:-1, :-1] + data[1:, :-1] + data[:-1, 1:] + data[1:, 1:].astype(np.float32)) / 4
    np.testing.assert_array_equal(out, means[:4, :4])


@pytest.fixture
def cube(tmp_path):
    """A netCDF cube of three dates whose first row is the southernmost; int16, -9999 for nodata, 0.01 a step."""
    path, rows, cols = tmp_path / "cube.nc", 30, 20
    with netCDF4.Dataset(path, "w") as file:
        for name, size in (("time", 3), ("y", rows), ("x", cols)):
            file.createDimension(name, size)
        for name, values in (("y", TOP - 10 * rows + 5 + 10 * np.arange(rows)), ("x", LEFT + 5 + 10 * np.arange(cols))):
            file.createVariable(name, "f8", (name,))[:] = values
            file[name].standard_name = f"projection_{name}_coordinate"
            file[name].units = "m"
        file.createVariable("time", "f8", ("time",))[:] = [0, 5, 10]
        file["time"].units = "days since 2020-01-01"
        data = file.createVariable(
            "red", "i2", ("time", "y", "x"), fill_value=-9999, zlib=True, chunksizes=(1, 7, 20)
        )  # fmt: skip
        numbers = np.arange(3 * rows * cols, dtype=np.int16).reshape(3, rows, cols)
        numbers[1, 4, 3] = -9999
        data.set_auto_maskandscale(False)
        data[:] = numbers
        data.scale_factor = 0.01
    return str(path), numbers


def test_south_up_netcdf(cube):
    """Its coordinates place it for GDAL too, which says, wrongly, that the first row is the northernmost."""
    href, numbers = cube
    source = {"variable": "red", "index": 2, "crs": CRS, "transform": (10.0, 0.0, LEFT, 0.0, 10.0, TOP - 300)}
    with gdal_environment(Settings.load({})):
        reader, out = read(href, 10.0, 0, 0, Window(-1, 2, 32, 5), source=source)
    assert reader.encoding.scale == 0.01
    expected = np.full((32, 5), -9999)
    expected[1:31] = numbers[1, ::-1, 2:7]
    np.testing.assert_array_equal(out, expected)
    assert (out[26, 1], expected[26, 1]) == (-9999, -9999)


def test_windows_follow_the_blocks_of_a_south_up_file(cube):
    """30 rows in blocks of 7 from the south: the northernmost block has two."""
    href, _ = cube
    source = {"variable": "red", "crs": CRS, "transform": (10.0, 0.0, LEFT, 0.0, 10.0, TOP - 300)}
    with gdal_environment(Settings.load({})):
        reader, _ = read(href, 10.0, 0, 0, Window(0, 0, 1, 1), source=source)
    assert reader.placement.flipped
    assert (reader.block[0], reader.phase[0] % 7) == (7, 2)
    # A grid that begins three rows further north.
    with gdal_environment(Settings.load({})):
        reader, _ = read(href, 10.0, -3, 0, Window(0, 0, 1, 1), source=source)
    assert reader.phase[0] % 7 == 5


def test_blocks_of_a_coarser_and_of_a_finer_file(tmp_path, fine):
    data = np.ones((48, 48), np.uint8)
    reader, _ = read(_written(tmp_path / "a.tif", data, 20.0), 10.0, 5, 3, Window(0, 0, 1, 1))
    assert (reader.block, reader.phase) == ((32, 32), (-5, -3))
    reader, _ = read(fine[0], 20.0, 4, 6, Window(0, 0, 1, 1))
    assert (reader.block, reader.phase) == ((8, 8), (-2, -3))
