import hashlib
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rio_cogeo import cog_validate

from jeospark.errors import DiskFullError, NodataError, OutputError, OutputUnwritableError
from jeospark.output import BandClass, OutputBand
from jeospark.raster.cog import CogWriter, write_cog
from jeospark.raster.window import Window, split

PLACE = {"crs": "EPSG:32635", "transform": (10.0, 0.0, 500000.0, 0.0, -10.0, 5000000.0)}
NDVI = OutputBand(name="ndvi", scale=1e-4, offset=0.5, nodata=-32768, unit="1")
MEMORY = 1 << 30


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def pixels(bands: int, rows: int, cols: int) -> np.ndarray:
    """Values that encode band, row and column."""
    band, row, col = np.indices((bands, rows, cols))
    return (band * 1000 + (row * 7 + col * 3) % 997).astype("int16")


def written(path, data, windows, **options):
    """Write window by window; return the file's digest."""
    given_options = {"bands": [NDVI] * data.shape[0], "scratch": "", "memory_limit": MEMORY, **PLACE, **options}
    with CogWriter(str(path), shape=data.shape[1:], dtype=data.dtype.name, **given_options) as writer:
        for window in windows:
            writer.write(window, data[(slice(None), *window.slices)])
        assert writer.finish() == path.stat().st_size
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_it_is_a_cog_with_what_was_given(tmp_path):
    data = pixels(3, 1300, 900)
    bands = [
        OutputBand(name=name, scale=1e-4, offset=-0.1, nodata=-32768, unit="1") for name in ("red", "nir", "count")
    ]
    size = write_cog(str(tmp_path / "a.tif"), data, bands=bands, tags={"RECIPE": "abc"}, **PLACE)
    assert cog_validate(str(tmp_path / "a.tif"), strict=True) == (True, [], [])
    assert names(tmp_path) == ["a.tif"]
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert np.array_equal(dataset.read(), data)
        assert dataset.block_shapes == [(512, 512)] * 3
        assert dataset.overviews(1) == [2, 4]
        assert (dataset.crs.to_epsg(), dataset.transform[:6]) == (32635, PLACE["transform"])
        assert dataset.descriptions == ("red", "nir", "count")
        assert (dataset.scales, dataset.offsets, dataset.nodata) == ((1e-4,) * 3, (-0.1,) * 3, -32768)
        assert dataset.units == ("1", "1", "1")
        assert dataset.tags()["RECIPE"] == "abc"
    assert size == (tmp_path / "a.tif").stat().st_size


def test_a_raster_of_one_block_has_no_overview(tmp_path):
    write_cog(str(tmp_path / "a.tif"), pixels(1, 50, 50), bands=[NDVI], **PLACE)
    assert cog_validate(str(tmp_path / "a.tif"), strict=True)[0]
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.overviews(1) == []


@settings(max_examples=12, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 2), st.integers(1, 700), st.integers(1, 700)),
    cell=st.integers(200, 600),
    seed=st.randoms(use_true_random=False),
    in_memory=st.booleans(),
)
def test_bytes_depend_on_the_pixels_alone(tmp_path_factory, shape, cell, seed, in_memory):
    folder = tmp_path_factory.mktemp("cog")
    bands, rows, cols = shape
    data = pixels(bands, rows, cols)
    windows = split(Window(0, 0, rows, cols), cell, cell // 2)
    seed.shuffle(windows)
    limit = MEMORY if in_memory else 0
    whole = written(folder / "whole.tif", data, [Window(0, 0, rows, cols)])
    pieces = written(folder / "pieces.tif", data, windows, memory_limit=limit, scratch=str(folder))
    assert whole == pieces
    assert names(folder) == ["pieces.tif", "whole.tif"]


def test_what_no_window_covers_is_nodata(tmp_path):
    written(tmp_path / "a.tif", pixels(1, 1100, 600), [Window(0, 0, 100, 600)])
    with rasterio.open(tmp_path / "a.tif") as dataset:
        values = dataset.read(1)
    assert np.array_equal(values[:100], pixels(1, 100, 600)[0])
    assert (values[100:] == -32768).all()


@pytest.mark.parametrize(("dtype", "nodata"), [("int16", -32768), ("uint8", 255), ("float32", float("nan"))])
def test_averages_leave_nodata_out(tmp_path, dtype, nodata):
    data = np.full((1, 1024, 1024), 100, dtype=dtype)
    data[0, ::2, ::2] = nodata
    data[0, :512, :512] = nodata
    write_cog(str(tmp_path / "a.tif"), data, bands=[OutputBand(name="x", nodata=nodata)], **PLACE)
    with rasterio.open(tmp_path / "a.tif", overview_level=0) as dataset:
        small = dataset.read(1, masked=True)
    assert small.mask[:256, :256].all()
    assert small.mask.sum() == 256 * 256
    assert (small.compressed() == 100).all()


def test_classes_keep_their_codes_names_and_colours(tmp_path):
    classes = (BandClass(value=1, name="water", color="#0000ff"), BandClass(value=9, name="forest", color="#039c00"))
    data = np.where(np.indices((1, 1024, 1024)).sum(axis=0) % 3 == 0, 9, 1).astype("uint8")
    write_cog(str(tmp_path / "a.tif"), data, bands=[OutputBand(name="class", nodata=0, classes=classes)], **PLACE)
    assert cog_validate(str(tmp_path / "a.tif"), strict=True)[0]
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.colormap(1)[9] == (0x03, 0x9C, 0x00, 255)
        assert dataset.tags(1)["CLASS_9"] == "forest"
    with rasterio.open(tmp_path / "a.tif", overview_level=0) as dataset:
        assert set(np.unique(dataset.read())) == {1, 9}


@pytest.mark.parametrize(
    ("dtype", "nodata"), [("uint8", -1), ("int16", 40000), ("uint16", 0.5), ("int16", float("nan"))]
)
def test_nodata_that_the_type_cannot_hold_is_refused(dtype, nodata):
    with pytest.raises(NodataError, match=dtype):
        write_cog("never.tif", np.zeros((1, 4, 4), dtype), bands=[OutputBand(name="x", nodata=nodata)], **PLACE)


def test_bands_of_different_nodata_are_refused():
    bands = [OutputBand(name="x", nodata=0), OutputBand(name="y", nodata=1)]
    with pytest.raises(NodataError, match="0, 1"):
        write_cog("never.tif", np.zeros((2, 4, 4), "int16"), bands=bands, **PLACE)


@pytest.mark.parametrize("window", [Window(0, 0, 5, 4), Window(7, 0, 4, 4), Window(-1, 0, 4, 4)])
def test_an_array_that_does_not_fit_is_refused(tmp_path, window):
    options = {"bands": [NDVI], "scratch": "", "memory_limit": MEMORY, **PLACE}
    with (
        CogWriter(str(tmp_path / "a.tif"), shape=(8, 8), dtype="int16", **options) as writer,
        pytest.raises(OutputError, match="does not fit"),
    ):
        writer.write(window, np.zeros((1, 4, 4), "int16"))
    assert names(tmp_path) == []


def test_a_file_in_place_of_the_folder_is_unwritable(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputUnwritableError, match="file"):
        write_cog(str(tmp_path / "file" / "a.tif"), pixels(1, 8, 8), bands=[NDVI], **PLACE)


def test_an_error_in_between_leaves_no_scratch(tmp_path):
    def fail():
        options = {"bands": [NDVI], "scratch": str(tmp_path), "memory_limit": 0, **PLACE}
        with CogWriter(str(tmp_path / "a.tif"), shape=(600, 600), dtype="int16", **options) as writer:
            writer.write(Window(0, 0, 600, 600), pixels(1, 600, 600))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert names(tmp_path) == []


LIMITED = """
import sys
import numpy as np
from jeospark.errors import DiskFullError
from jeospark.output import OutputBand
from jeospark.raster.cog import write_cog
data = np.random.default_rng(0).integers(-9999, 9999, (1, 1024, 1024)).astype("int16")
try:
    write_cog(sys.argv[1], data, bands=[OutputBand(name="x", nodata=-32768)],
              crs="EPSG:32635", transform=(10.0, 0.0, 5e5, 0.0, -10.0, 5e6))
    print("written")
except DiskFullError as error:
    print("full", error.where)
"""


@pytest.mark.parametrize(
    ("limit", "said"), [(500_000, "full"), (2_345_631, "full"), (2_545_000, "full"), (9_000_000, "written")]
)
def test_file_size_limit_is_a_full_disk(tmp_path, limit, said):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "a.tif")], check=True, capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    assert done.stdout.split()[0] == said, done.stderr


@pytest.mark.parametrize("size", ["1m", "2m", "2400k"])
def test_full_disk_is_named(tmp_path, size):
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(tmp_path)], check=False, capture_output=True
        ).returncode
    )
    if not mounted:
        pytest.skip("mounting a small tmpfs needs root")
    data = np.random.default_rng(0).integers(-9999, 9999, (1, 1024, 1024)).astype("int16")
    try:
        with pytest.raises(DiskFullError, match=str(tmp_path)):
            write_cog(str(tmp_path / "a.tif"), data, bands=[NDVI], **PLACE)
        with pytest.raises(DiskFullError, match="JEOSPARK_SCRATCH"):
            written(Path("never.tif"), data, [], memory_limit=0, scratch=str(tmp_path))
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
