from pathlib import Path

import numpy as np
import pytest
import rasterio

from jeospark.errors import AssetUnreadableError, OutputUnwritableError
from jeospark.output import BandClass, OutputBand
from jeospark.raster.cog import write_cog
from jeospark.raster.palette import NDVI, SEQUENTIAL, colored, rgb_of
from jeospark.raster.quicklook import SIZE, quicklook, quicklook_cog


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def picture(path):
    with rasterio.open(path, driver="PNG") as dataset:
        return dataset.read()


@pytest.fixture(autouse=True)
def _no_place(recwarn):
    """PNG has no georeference, which rasterio says at each open."""
    yield
    assert all(item.category is rasterio.errors.NotGeoreferencedWarning for item in recwarn)


def test_ndvi_has_the_platform_palette_and_holes_are_transparent(tmp_path):
    data = np.array([[[0.0, 0.75, 2.0, 0.3]]])
    valid = np.array([[[True, True, True, False]]])
    quicklook(data, valid, [OutputBand(name="ndvi_median")], str(tmp_path / "a.png"))
    image = picture(tmp_path / "a.png")
    assert image[:3, 0, 0].tolist() == [0x78, 0x45, 0x19]
    assert image[:3, 0, 1].tolist() == image[:3, 0, 2].tolist() == [0x01, 0x50, 0x00]
    assert image[3].tolist() == [[255, 255, 255, 0]]
    assert names(tmp_path) == ["a.png"]


def test_true_colour_takes_bands_by_common_name(tmp_path):
    bands = [OutputBand(name=f"B0{i}", common_name=name) for i, name in enumerate(("nir", "blue", "green", "red"))]
    data = np.zeros((4, 100, 100))
    data[1:, :, 50:] = 0.2
    data[3, :50] = 0.3
    valid = np.ones(data.shape, dtype=bool)
    valid[1, 0, 0] = False
    quicklook(data, valid, bands, str(tmp_path / "a.png"))
    image = picture(tmp_path / "a.png")
    assert image[:3, 10, 10].tolist() == [255, 0, 0]
    grey = image[:3, 90, 90]
    assert grey[0] == grey[1] == grey[2] > 128
    assert image[3, 0, 0] == 0
    assert (image[3] == 0).sum() == 1


def test_classes_have_their_colours(tmp_path):
    bands = [OutputBand(name="scl", classes=(BandClass(value=4, name="vegetation", color="#00a000"),))]
    quicklook(np.full((1, 2, 2), 4), np.ones((1, 2, 2), dtype=bool), bands, str(tmp_path / "a.png"))
    assert picture(tmp_path / "a.png")[:, 0, 0].tolist() == [0, 0xA0, 0, 255]


def test_classes_are_drawn_beside_what_is_none(tmp_path):
    bands = [OutputBand(name="scl", classes=(BandClass(value=4, name="vegetation", color="#00a000"),))]
    data = np.array([[[4, np.nan, 260]]], np.float32)
    quicklook(data, np.isfinite(data), bands, str(tmp_path / "a.png"))
    assert picture(tmp_path / "a.png")[:, 0].T.tolist() == [[0, 0xA0, 0, 255], [0, 0, 0, 0], [0, 0, 0, 255]]


@pytest.mark.parametrize("valid", [True, False])
def test_a_constant_or_empty_band_is_no_trouble(tmp_path, valid):
    data = np.full((1, 3, 3), np.nan if not valid else 7.0)
    quicklook(data, np.full(data.shape, valid), [OutputBand(name="count")], str(tmp_path / "a.png"))
    assert (picture(tmp_path / "a.png")[3] == 255 * valid).all()


def test_rare_values_are_seen_beside_a_common_one(tmp_path):
    data = np.zeros((1, 20, 20))
    data[0, 3, 4], data[0, 5, 6] = 8, 4
    quicklook(data, np.ones(data.shape, dtype=bool), [OutputBand(name="density")], str(tmp_path / "a.png"))
    shown = picture(tmp_path / "a.png")
    common, half, most = (tuple(shown[:3, row, column].tolist()) for row, column in ((0, 0), (5, 6), (3, 4)))
    assert (common, most) == (rgb_of(SEQUENTIAL[0]), rgb_of(SEQUENTIAL[-1]))
    assert half not in (common, most)


@pytest.mark.parametrize("shape", [(512, 512), (513, 20), (3000, 1025)])
def test_longest_side_is_bounded(tmp_path, shape):
    data = np.zeros((1, *shape))
    quicklook(data, data == 0, [OutputBand(name="count")], str(tmp_path / "a.png"))
    image = picture(tmp_path / "a.png")
    assert SIZE // 2 <= max(image.shape[1:]) <= SIZE


def test_of_a_cog_scale_offset_and_nodata_are_applied(tmp_path):
    band = OutputBand(name="ndvi", scale=1e-4, offset=0.25, nodata=-32768)
    data = np.full((1, 1200, 600), 5000, dtype="int16")
    data[0, :600] = -32768
    write_cog(str(tmp_path / "a.tif"), data, bands=[band], crs="EPSG:3035", transform=(10.0, 0.0, 0.0, 0.0, -10.0, 0.0))
    quicklook_cog(str(tmp_path / "a.tif"), [band], str(tmp_path / "a.png"))
    image = picture(tmp_path / "a.png")
    assert image.shape == (4, SIZE, SIZE // 2)
    assert image[:3, 200, 50].tolist() == colored(np.array([[0.75]]), NDVI, 0, 0.75)[:, 0, 0].tolist()
    assert (image[3, :128] == 0).all()
    assert (image[3, 129:] == 255).all()


def test_no_cog_no_picture(tmp_path):
    with pytest.raises(AssetUnreadableError, match=r"a\.tif"):
        quicklook_cog(str(tmp_path / "a.tif"), [OutputBand(name="x")], str(tmp_path / "a.png"))


def test_a_folder_that_takes_no_file_is_named():
    with pytest.raises(OutputUnwritableError, match="/proc"):
        quicklook(np.zeros((1, 2, 2)), np.ones((1, 2, 2), bool), [OutputBand(name="x")], "/proc/a.png")


def test_unwritable_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputUnwritableError, match="file"):
        quicklook(
            np.zeros((1, 2, 2)), np.ones((1, 2, 2), bool), [OutputBand(name="x")], str(tmp_path / "file" / "a.png")
        )
