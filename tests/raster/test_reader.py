"""Pixels that encode their own position show where each one came from."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.control import GroundControlPoint

from jeospark.errors import (
    AssetMissingError,
    AssetUnreadableError,
    BandMissingError,
    NoCrsError,
    NodataError,
    NotRectifiedError,
)
from jeospark.model import Source
from jeospark.raster.datasets import Datasets
from jeospark.raster.env import gdal_environment
from jeospark.raster.header import describe
from jeospark.raster.placement import Fit, Target
from jeospark.raster.reader import BandReader
from jeospark.raster.window import Window, split
from jeospark.settings import Settings

UTM = "EPSG:32629"
ORIGIN = Affine(10, 0, 600000, 0, -10, 5900040)
SIZE = 96


def write(path, data, transform=ORIGIN, crs=UTM, **options):
    profile = {"driver": "GTiff", "count": 1, "height": data.shape[0], "width": data.shape[1]}
    options = {"dtype": data.dtype, **options}
    blocks = {"tiled": True, "blockxsize": 32, "blockysize": 32} if min(data.shape) >= 32 else {}
    with rasterio.open(path, "w", crs=crs, transform=transform, **profile, **blocks, **options) as dataset:
        dataset.write(data, 1)
    return str(path)


def positions(size=SIZE):
    """row · size + col + 1, so that 0 is free for nodata."""
    return (np.arange(size * size, dtype=np.uint16) + 1).reshape(size, size)


def target(transform=ORIGIN, crs=UTM):
    return Target(crs, tuple(transform)[:6])


def read(href, window, to=None, **options):
    source = Source(band="B04", href=href, **{k: v for k, v in options.items() if k in Source.__dataclass_fields__})
    flags = {k: v for k, v in options.items() if k not in Source.__dataclass_fields__}
    with Datasets(4) as datasets:
        reader = BandReader(datasets, source, to or target(), **flags)
        out = np.empty((window.rows, window.cols), reader.encoding.dtype)
        count = reader.read(window, out)
        return reader, out, count


def test_same_grid_reads_the_very_pixels(tmp_path):
    href = write(tmp_path / "a.tif", positions(), nodata=0)
    reader, out, count = read(href, Window(3, 5, 10, 7))
    assert reader.relation.fit is Fit.SAME
    np.testing.assert_array_equal(out, positions()[3:13, 5:12])
    assert count == 70


def test_outside_the_file_is_nodata(tmp_path):
    href = write(tmp_path / "a.tif", positions(), nodata=0)
    _, out, count = read(href, Window(-2, SIZE - 1, 4, 3))
    assert count == 2
    np.testing.assert_array_equal(out[:, 0], [0, 0, SIZE, 2 * SIZE])
    assert not out[:, 1:].any()


@settings(max_examples=40, deadline=None)
@given(factor=st.integers(2, 6), row=st.integers(-9, 30), col=st.integers(-9, 30))
def test_coarser_source_is_repeated_exactly(tmp_path_factory, factor, row, col):
    href = write(tmp_path_factory.mktemp("r") / "a.tif", positions(32), nodata=0)
    fine = ORIGIN @ Affine.scale(1 / factor)
    reader, out, _ = read(href, Window(row, col, 11, 13), target(fine))
    assert reader.relation.fit is Fit.REPEAT
    rows, cols = np.arange(row, row + 11) // factor, np.arange(col, col + 13) // factor
    inside = ((rows >= 0) & (rows < 32))[:, None] & ((cols >= 0) & (cols < 32))
    expected = np.where(inside, positions(32)[rows.clip(0, 31)][:, cols.clip(0, 31)], 0)
    np.testing.assert_array_equal(out, expected)


def test_finer_source_is_averaged_over_its_usable_pixels(tmp_path):
    data = np.array([[1, 3, 0, 8], [5, 7, 0, 0], [0, 0, 2, 2], [0, 0, 2, 2]], np.uint16)
    href = write(tmp_path / "a.tif", data, nodata=0)
    reader, out, _ = read(href, Window(0, 0, 2, 2), target(ORIGIN @ Affine.scale(2)))
    assert reader.relation.fit is Fit.AVERAGE
    np.testing.assert_array_equal(out, np.array([[4, 8], [np.nan, 2]], np.float32))


def test_classes_are_never_averaged(tmp_path):
    data = np.array([[1, 3, 9, 9], [5, 7, 9, 4]], np.uint8)
    href = write(tmp_path / "a.tif", data, nodata=0)
    _, out, _ = read(href, Window(0, 0, 1, 2), target(ORIGIN @ Affine.scale(2)), classes=True)
    assert out.tolist() == [[7, 4]]
    assert out.dtype == np.uint8


def test_south_up_file_is_turned(tmp_path):
    southup = Affine(10, 0, 600000, 0, 10, 5900040 - 10 * SIZE)
    href = write(tmp_path / "a.tif", positions()[::-1].copy(), southup, nodata=0)
    _, out, _ = read(href, Window(3, 5, 10, 7))
    np.testing.assert_array_equal(out, positions()[3:13, 5:12])


@settings(max_examples=15, deadline=None)
@given(rows=st.integers(3, 60), cols=st.integers(3, 60), linear=st.booleans())
def test_warp_is_the_same_at_any_tiling(tmp_path_factory, rows, cols, linear):
    href = write(tmp_path_factory.mktemp("w") / "a.tif", positions(), nodata=0)
    laea = target(Affine(10, 0, 2605000, 0, -10, 3525000), "EPSG:3035")
    laea = _over(laea)
    _, whole, _ = read(href, Window(0, 0, 80, 80), laea, classes=not linear)
    assert np.isfinite(whole).any()
    parts = np.empty_like(whole)
    for each in split(Window(0, 0, 80, 80), rows, cols):
        parts[each.slices] = read(href, each, laea, classes=not linear)[1]
    np.testing.assert_array_equal(parts, whole)


def _over(laea):
    """The target moved so that its first pixels lie over the test file."""
    from rasterio.warp import transform

    (x,), (y,) = transform(UTM, laea.crs, [600300.0], [5899700.0])
    return Target(laea.crs, (10.0, 0.0, float(round(x, -1)) - 300, 0.0, -10.0, float(round(y, -1)) + 300))


def test_warp_agrees_with_exact_interpolation(tmp_path):
    """Against plain numpy over exactly projected coordinates; the function is linear, so bilinear is exact."""
    from rasterio.warp import transform

    y, x = np.mgrid[0:SIZE, 0:SIZE]
    href = write(tmp_path / "a.tif", (100 + 2 * x + 3 * y).astype(np.float32), nodata=-1)
    laea = _over(target(crs="EPSG:3035"))
    _, out, _ = read(href, Window(0, 0, 60, 60), laea)
    cols, rows = np.meshgrid(np.arange(60) + 0.5, np.arange(60) + 0.5)
    a, _, c, _, e, f = laea.transform
    xs, ys = transform("EPSG:3035", UTM, (a * cols + c).ravel(), (e * rows + f).ravel())
    u, v = (np.array(xs) - 600000) / 10 - 0.5, (5900040 - np.array(ys)) / 10 - 0.5
    expected = (100 + 2 * u + 3 * v).reshape(60, 60)
    inner = (np.minimum(u, v).reshape(60, 60) > 0) & (np.maximum(u, v).reshape(60, 60) < SIZE - 1)
    assert inner.sum() > 1000
    np.testing.assert_allclose(out[inner], expected[inner], atol=0.01)


def test_numbers_beyond_float32_are_infinite(tmp_path):
    lowest = float(np.finfo(np.float64).min)
    data = np.full((SIZE, SIZE), 0.5)
    data[0, :3] = 1e300, -1e300, lowest
    href = write(tmp_path / "a.tif", data, nodata=lowest)
    _, out, _ = read(href, Window(0, 0, 1, 4))
    assert np.array_equal(out, np.array([[np.inf, -np.inf, np.nan, 0.5]], np.float32), equal_nan=True)


def test_integer_without_nodata_is_refused_unless_all_are_usable(tmp_path):
    href = write(tmp_path / "a.tif", positions())
    with pytest.raises(NodataError, match="no nodata value and no mask"):
        read(href, Window(0, 0, 2, 2))
    _, out, _ = read(href, Window(-1, 0, 2, 2), nodata=float("nan"))
    assert np.isnan(out[0]).all()
    assert out[1].tolist() == [1, 2]


def test_nodata_outside_the_type_is_refused(tmp_path):
    href = write(tmp_path / "a.tif", positions())
    with pytest.raises(NodataError, match="-9999 of band B04 does not fit its type uint16") as caught:
        read(href, Window(0, 0, 2, 2), nodata=-9999.0)
    # `--nodata` fills in what is not declared, and leaves what is.
    assert "STAC item" in caught.value.remedy


@pytest.mark.parametrize("dtype", ["complex64", "complex_int16"])
@pytest.mark.parametrize("nodata", [None, 0])
def test_complex_numbers_are_refused_by_name(tmp_path, dtype, nodata):
    """As of single-look complex radar, whose real part alone means nothing."""
    href = write(tmp_path / "a.tif", np.ones((8, 8), np.complex64), nodata=nodata, dtype=dtype)
    with pytest.raises(AssetUnreadableError, match=f"band B04 holds complex numbers .{dtype}"):
        read(href, Window(0, 0, 2, 2), nodata=float("nan") if nodata is None else None)


def test_float_nodata_becomes_nan(tmp_path):
    href = write(tmp_path / "a.tif", np.array([[1.5, -9999.0]], np.float32), nodata=-9999)
    _, out, _ = read(href, Window(0, 0, 1, 2))
    np.testing.assert_array_equal(out, np.array([[1.5, np.nan]], np.float32))


def test_internal_mask_is_used(tmp_path):
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        href = write(tmp_path / "a.tif", positions())
        with rasterio.open(href, "r+") as dataset:
            mask = np.full((SIZE, SIZE), 255, np.uint8)
            mask[0, 1] = 0
            dataset.write_mask(mask)
    _, out, _ = read(href, Window(0, 0, 1, 3))
    np.testing.assert_array_equal(out, np.array([[1, np.nan, 3]], np.float32))


def test_missing_file(tmp_path):
    with pytest.raises(AssetMissingError, match=r"gone\.tif"):
        read(str(tmp_path / "gone.tif"), Window(0, 0, 1, 1))


def test_what_is_wrong_with_a_file_is_told_of_its_url_too(tmp_path):
    path = tmp_path / "empty #1 of 2.tif"
    path.touch()
    with pytest.raises(AssetUnreadableError, match="empty"):
        read(path.as_uri(), Window(0, 0, 1, 1))


def test_empty_file(tmp_path):
    path = tmp_path / "empty.tif"
    path.touch()
    with pytest.raises(AssetUnreadableError, match="is empty"):
        read(str(path), Window(0, 0, 1, 1))


def test_text_is_no_raster(tmp_path):
    path = tmp_path / "text.tif"
    path.write_text("not a raster")
    with pytest.raises(AssetUnreadableError, match=r"text\.tif"):
        read(str(path), Window(0, 0, 1, 1))


def test_truncated_file(tmp_path):
    rng = np.random.default_rng(0)
    href = write(tmp_path / "a.tif", rng.integers(1, 60000, (SIZE, SIZE)).astype(np.uint16), nodata=0)
    data = Path(href).read_bytes()
    Path(href).write_bytes(data[: len(data) // 2])
    with pytest.raises(AssetUnreadableError, match=r"a\.tif"):
        read(href, Window(0, 0, SIZE, SIZE))


def test_file_without_crs_takes_the_declared_one(tmp_path):
    href = write(tmp_path / "a.tif", positions(), crs=None, nodata=0)
    with pytest.raises(NoCrsError, match="declare `proj:code`"):
        read(href, Window(0, 0, 1, 1))
    _, out, _ = read(href, Window(0, 0, 1, 1), crs=UTM)
    assert out.tolist() == [[1]]


def test_rotated_file_is_refused(tmp_path):
    href = write(tmp_path / "a.tif", positions(), ORIGIN @ Affine.rotation(10), nodata=0)
    with pytest.raises(NotRectifiedError, match="rotated or sheared"):
        read(href, Window(0, 0, 1, 1))


@pytest.mark.parametrize(("a", "c", "e"), [(0, 600000, 0), (10, 600000, 0), (np.nan, 600000, -10), (10, np.inf, -10)])
def test_pixels_without_size_or_place_are_refused(tmp_path, a, c, e):
    href = write(tmp_path / "a.tif", positions(), Affine(a, 0, c, 0, e, 5900040), nodata=0)
    with pytest.raises(NotRectifiedError, match="no size or place"):
        read(href, Window(0, 0, 1, 1))


def test_the_catalogue_is_told_no_place_of_pixels_without_size(tmp_path):
    assert describe(write(tmp_path / "a.tif", positions(), Affine(0, 0, 600000, 0, 0, 5900040))).transform is None


def test_nodata_beyond_float32_is_infinite_there(tmp_path):
    data = positions().astype(np.float32)
    data[0, 0] = -np.inf
    href = write(tmp_path / "a.tif", data)
    _, out, _ = read(href, Window(0, 0, 1, 2), nodata=-1.7976931348623157e308)
    np.testing.assert_array_equal(out, np.array([[np.nan, 2]], np.float32))


def test_a_rotation_by_rounding_is_none(tmp_path):
    skewed = Affine(10, 1e-12, 600000, -1e-12, -10, 5900040)
    href = write(tmp_path / "a.tif", positions(), skewed, nodata=0)
    reader, out, _ = read(href, Window(0, 0, SIZE, SIZE))
    assert reader.relation.fit is Fit.SAME
    np.testing.assert_array_equal(out, positions())


def test_a_quarter_turn_is_refused(tmp_path):
    href = write(tmp_path / "a.tif", positions(), Affine(0, 10, 600000, 10, 0, 5900040), nodata=0)
    with pytest.raises(NotRectifiedError, match="rotated or sheared"):
        read(href, Window(0, 0, 1, 1))


def test_longitudes_of_0_to_360_are_those_of_places(tmp_path):
    place = Affine(360 / SIZE, 0, 0, 0, -180 / SIZE, 90)
    href = write(tmp_path / "a.tif", positions(), place, crs="EPSG:4326", nodata=0)
    west = target(Affine(360 / SIZE, 0, -180, 0, -180 / SIZE, 90), "EPSG:4326")
    _, out, _ = read(href, Window(0, 0, SIZE, SIZE), west, classes=True)
    np.testing.assert_array_equal(out, np.roll(positions(), SIZE // 2, axis=1))


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_file_with_control_points_only_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    points = [GroundControlPoint(r, c, 600000 + 10 * c, 5900040 - 10 * r) for r, c in ((0, 0), (0, 90), (90, 0))]
    with rasterio.open(path, "w", driver="GTiff", count=1, height=SIZE, width=SIZE, dtype="uint16", nodata=0) as made:
        made.gcps = (points, rasterio.CRS.from_epsg(32629))
        made.write(positions(), 1)
    with pytest.raises(NotRectifiedError, match="ground control points only"):
        read(str(path), Window(0, 0, 1, 1))


def test_band_that_the_file_lacks(tmp_path):
    href = write(tmp_path / "a.tif", positions(), nodata=0)
    with pytest.raises(BandMissingError, match="band 2 of B04"):
        read(href, Window(0, 0, 1, 1), index=2)


def test_overviews_stand_in_only_for_views(tmp_path):
    href = write(tmp_path / "a.tif", positions(), nodata=0)
    with rasterio.open(href, "r+") as dataset:
        dataset.build_overviews([2, 4, 8])
    coarse = target(ORIGIN @ Affine.scale(8))
    _, _, product = read(href, Window(0, 0, 12, 12), coarse)
    _, _, view = read(href, Window(0, 0, 12, 12), coarse, overviews=True)
    assert product == SIZE * SIZE
    assert view == (SIZE // 8) ** 2


def test_overviews_without_those_of_the_mask_do_not_stand_in(tmp_path):
    href = write(tmp_path / "a.tif", positions())
    kept = np.kron(np.arange(144).reshape(12, 12) % 3 > 0, np.ones((8, 8), bool))
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES", TIFF_USE_OVR="YES"), rasterio.open(href, "r+") as dataset:
        dataset.write_mask(kept)
        dataset.build_overviews([2, 4, 8])
    assert Path(f"{href}.ovr").exists()
    coarse = target(ORIGIN @ Affine.scale(8))
    _, out, _ = read(href, Window(0, 0, 12, 12), coarse, overviews=True)
    np.testing.assert_array_equal(np.isnan(out), ~kept[::8, ::8])


def test_a_mask_beside_the_file_counts(tmp_path):
    href = write(tmp_path / "a.tif", positions())
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK="NO"), rasterio.open(href, "r+") as dataset:
        dataset.write_mask(np.arange(SIZE * SIZE).reshape(SIZE, SIZE) % 3 > 0)
    assert Path(f"{href}.msk").exists()
    with gdal_environment(Settings.load()):
        _, out, _ = read(href, Window(0, 0, SIZE, SIZE))
    np.testing.assert_array_equal(np.isnan(out).ravel(), np.arange(SIZE * SIZE) % 3 == 0)


def test_nodata_beside_the_file_counts(tmp_path):
    href = write(tmp_path / "a.tif", positions())
    Path(f"{href}.aux.xml").write_text(
        '<PAMDataset><PAMRasterBand band="1"><NoDataValue>7</NoDataValue></PAMRasterBand></PAMDataset>'
    )
    with gdal_environment(Settings.load()):
        reader, _, _ = read(href, Window(0, 0, 8, 8))
    assert reader.encoding.nodata == 7


def test_a_crs_that_leads_nowhere_is_named(tmp_path):
    moon = 'GEOGCS["Moon",DATUM["D_Moon_2000",SPHEROID["Moon_2000_IAU_IAG",1737400,0]],PRIMEM["Reference_Meridian",0],UNIT["Degree",0.0174532925199433]]'  # noqa: E501
    href = write(tmp_path / "a.tif", positions(), Affine(0.001, 0, 10, 0, -0.001, 20), moon, nodata=0)
    with pytest.raises(NoCrsError, match="no way from"):
        read(href, Window(0, 0, 8, 8))
