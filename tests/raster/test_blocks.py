"""Blocks read without GDAL give the bits that GDAL gives, and its errors."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.windows import Window as GdalWindow

from jeospark.errors import AssetUnreadableError, JeosparkError
from jeospark.model import Source
from jeospark.raster.datasets import Datasets
from jeospark.raster.placement import Target
from jeospark.raster.reader import BandReader
from jeospark.raster.window import Window

PLACE = rasterio.Affine(10, 0, 6e5, 0, -10, 5.9e6)
DTYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32"]


def numbers(seed, shape, dtype):
    """Noise, and in half of it a plane, so that there is something to compress."""
    random = np.random.default_rng(seed)
    if dtype == "float32":
        data = random.normal(size=shape).astype(np.float32)
        data[random.random(shape) < 0.05] = np.nan
    else:
        limits = np.iinfo(dtype)
        data = random.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    data[..., shape[-1] // 2 :] = 7
    return data


def write(path, data, *, sparse=(), block=(16, 16), **options):
    """Write (bands, rows, cols), but for the blocks of `sparse` (row, column)."""
    profile = {"driver": "GTiff", "count": len(data), "height": data.shape[1], "width": data.shape[2],
               "dtype": data.dtype, "crs": "EPSG:32629", "transform": PLACE, "tiled": True,
               "blockysize": block[0], "blockxsize": block[1], "SPARSE_OK": "TRUE"}  # fmt: skip
    with rasterio.open(path, "w", **(profile | options)) as dataset:
        for _, place in dataset.block_windows(1):
            if (place.row_off // block[0], place.col_off // block[1]) not in sparse:
                dataset.write(data[(slice(None), *place.toslices())], window=place)
    return str(path)


def by_gdal(href, index, window):
    with rasterio.open(href) as dataset:
        return dataset.read(index, window=GdalWindow(window.col, window.row, window.cols, window.rows))


def by_blocks(href, index, window, dtype):
    """The pixels, or None where they are left to GDAL."""
    out = np.full((window.rows, window.cols), 99, dtype)
    with Datasets(2) as datasets:
        blocks = datasets.blocks(href)
        return out if blocks is not None and blocks.read(index, window, out) else None


@st.composite
def files(draw):
    dtype = draw(st.sampled_from(DTYPES))
    compress = draw(st.sampled_from(["NONE", "DEFLATE", "ZSTD"]))
    predictor = draw(st.sampled_from([1, 2, 3] if dtype == "float32" else [1, 2]))
    options = {} if compress == "NONE" else {"compress": compress, "predictor": predictor}
    if draw(st.booleans()):
        options["nodata"] = draw(st.sampled_from([0, 5, 100]))
    options["interleave"] = "band"
    options["bigtiff"] = draw(st.sampled_from(["YES", "NO"]))
    block = draw(st.sampled_from([(16, 16), (16, 48), (32, 16)]))
    shape = (draw(st.sampled_from([1, 1, 3])), draw(st.integers(1, 70)), draw(st.integers(1, 70)))
    places = st.tuples(st.integers(0, 4), st.integers(0, 4))
    sparse = draw(st.frozensets(places, max_size=4))
    return numbers(draw(st.integers(0, 99)), shape, dtype), {"sparse": sparse, "block": block, **options}


@settings(max_examples=150)
@given(file=files(), share=st.tuples(*[st.floats(0, 1)] * 4))
def test_any_window_of_any_file_is_what_gdal_reads(tmp_path_factory, file, share):
    data, options = file
    href = write(tmp_path_factory.mktemp("b") / "a.tif", data, **options)
    rows, cols = data.shape[1:]
    row, col = int(share[0] * (rows - 1)), int(share[1] * (cols - 1))
    window = Window(row, col, 1 + int(share[2] * (rows - row - 1)), 1 + int(share[3] * (cols - col - 1)))
    for index in (1, len(data)):
        pixels = by_blocks(href, index, window, data.dtype)
        if pixels is not None:
            assert pixels.tobytes() == by_gdal(href, index, window).tobytes()


@pytest.mark.parametrize("compress", ["NONE", "DEFLATE", "ZSTD"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_whole_blocks_of_plain_files_are_read_here(tmp_path, dtype, compress):
    data = numbers(1, (2, 50, 40), dtype)
    predictors = [1] if compress == "NONE" else [1, 2, 3] if dtype == "float32" else [1, 2]
    for predictor in predictors:
        options = {} if compress == "NONE" else {"predictor": predictor}
        href = write(tmp_path / "a.tif", data, compress=compress, interleave="band", **options)
        for index in (1, 2):
            pixels = by_blocks(href, index, Window(0, 0, 50, 40), data.dtype)
            assert pixels.tobytes() == data[index - 1].tobytes()


@pytest.mark.parametrize(
    "options",
    [
        {"endianness": "BIG"},
        {"nbits": 12},
        {"compress": "LZW"},
        {"compress": "LZMA"},
        {"interleave": "pixel", "count": 2},
        {"tiled": False, "blockysize": 16, "blockxsize": 40},
    ],
    ids=str,
)
def test_other_forms_are_left_to_gdal(tmp_path, options):
    data = np.arange(options.pop("count", 1) * 2000, dtype=np.uint16).reshape(-1, 50, 40)
    href = write(tmp_path / "a.tif", data, **options)
    assert by_blocks(href, 1, Window(0, 0, 50, 40), np.uint16) is None
    np.testing.assert_array_equal(by_gdal(href, 1, Window(0, 0, 50, 40)), data[0])


def test_reversed_bits_are_left_to_gdal(tmp_path):
    href = write(tmp_path / "a.tif", numbers(1, (1, 32, 32), "uint8"))
    content = bytearray((tmp_path / "a.tif").read_bytes())
    at = int.from_bytes(content[4:8], "little")
    entries = range(at + 2, at + 2 + 12 * int.from_bytes(content[at : at + 2], "little"), 12)
    planar = next(entry for entry in entries if content[entry : entry + 2] == b"\x1c\x01")
    # Tags must be in order, and 266 comes before 277: FillOrder takes the place of Orientation's neighbour.
    assert by_blocks(href, 1, Window(0, 0, 32, 32), np.uint8) is not None
    content[planar : planar + 12] = (266).to_bytes(2, "little") + b"\x03\0\1\0\0\0\2\0\0\0"
    (tmp_path / "a.tif").write_bytes(content)
    assert by_blocks(href, 1, Window(0, 0, 32, 32), np.uint8) is None


def test_a_window_that_takes_little_of_its_blocks_is_left_to_gdal(tmp_path):
    data = numbers(1, (1, 64, 64), "uint16")
    href = write(tmp_path / "a.tif", data)
    assert by_blocks(href, 1, Window(15, 15, 18, 18), np.uint16) is None
    assert by_blocks(href, 1, Window(0, 0, 27, 27), np.uint16) is not None


def test_only_what_the_file_has_of_a_block_counts_as_decoded(tmp_path):
    data = numbers(1, (1, 20, 20), "uint16")
    href = write(tmp_path / "a.tif", data)
    pixels = by_blocks(href, 1, Window(16, 16, 4, 4), np.uint16)
    np.testing.assert_array_equal(pixels, data[0, 16:, 16:])


def test_blocks_are_asked_for_as_they_are_needed(tmp_path):
    href = write(tmp_path / "a.tif", numbers(1, (1, 64, 64), "uint16"))
    with Datasets(1) as datasets:
        blocks = datasets.blocks(href)
        blocks.read(1, Window(16, 32, 16, 32), np.empty((16, 32), np.uint16))
        assert set(blocks._places) == {(1, 1, 2), (1, 1, 3)}


def test_a_file_replaced_while_it_is_open_is_left_to_gdal(tmp_path):
    href = write(tmp_path / "a.tif", numbers(1, (1, 32, 32), "uint16"), compress="NONE")
    write(tmp_path / "b.tif", numbers(2, (1, 32, 32), "uint16"), compress="NONE")
    with Datasets(1) as datasets:
        datasets.get(href)
        (tmp_path / "b.tif").replace(href)
        assert datasets.blocks(href) is None


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_files_are_closed_with_their_datasets(tmp_path):
    hrefs = [write(tmp_path / f"{name}.tif", numbers(1, (1, 32, 32), "uint16")) for name in "abc"]
    before = descriptors()
    with Datasets(1) as datasets:
        for href in hrefs:
            assert datasets.blocks(href) is not None
        assert descriptors() == before + 2
    assert descriptors() == before


def outcome(href, *, gdal):
    """The pixels, or the error's class."""
    out = np.full((64, 64), 99, np.float32)
    with Datasets(1) as datasets:
        if gdal:
            datasets.blocks = lambda *_: None
        try:
            reader = BandReader(datasets, Source(band="B04", href=href), Target("EPSG:32629", tuple(PLACE)[:6]))
            reader.read(Window(0, 0, 64, 64), out)
        except JeosparkError as error:
            return type(error)
    return out.tobytes()


def both(href):
    """What a file gives by its blocks, and by GDAL alone."""
    return [outcome(href, gdal=False), outcome(href, gdal=True)]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    return {
        compress: write(folder / f"{compress}.tif", numbers(3, (1, 64, 64), "uint16"), compress=compress, nodata=0,
                        block=(32, 32), **({} if compress == "NONE" else {"predictor": 2}))
        for compress in ("NONE", "DEFLATE", "ZSTD")
    }  # fmt: skip


@settings(max_examples=100)
@given(compress=st.sampled_from(["NONE", "DEFLATE", "ZSTD"]), share=st.floats(0, 1), bit=st.integers(0, 7))
def test_a_flipped_bit_ends_as_it_does_with_gdal(sound, tmp_path_factory, compress, share, bit):
    path = tmp_path_factory.mktemp("f") / "a.tif"
    shutil.copy(sound[compress], path)
    content = bytearray(path.read_bytes())
    content[int(share * (len(content) - 1))] ^= 1 << bit
    path.write_bytes(content)
    results = both(str(path))
    assert results[0] == results[1]


@settings(max_examples=60)
@given(compress=st.sampled_from(["NONE", "DEFLATE", "ZSTD"]), share=st.floats(0, 1))
def test_a_truncated_file_ends_as_it_does_with_gdal(sound, tmp_path_factory, compress, share):
    path = tmp_path_factory.mktemp("t") / "a.tif"
    shutil.copy(sound[compress], path)
    os.truncate(path, int(share * path.stat().st_size))
    results = both(str(path))
    assert results[0] == results[1]


@pytest.mark.parametrize("compress", ["NONE", "DEFLATE", "ZSTD"])
def test_a_file_without_its_last_bytes_is_an_unreadable_asset(sound, tmp_path, compress):
    path = tmp_path / "a.tif"
    shutil.copy(sound[compress], path)
    with rasterio.open(path) as dataset:
        offset = int(dataset.get_tag_item("BLOCK_OFFSET_1_1", "TIFF", bidx=1))
    os.truncate(path, offset + 5)
    assert both(str(path)) == [AssetUnreadableError] * 2
