"""A bad asset costs its own row: a named error that tells unit, item, band and cause, and no file left behind."""

import os
import resource
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.errors import NotGeoreferencedWarning
from rasterio.warp import transform

from jeospark.errors import StorageUnreachableError
from jeospark.lab.recipe import load_collection
from jeospark.model import Source
from jeospark.settings import Settings
from jeospark.storage.kinds import storage_settings
from jeospark.storage.publish import exists


def truncate(path, share=0.5):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def rewrite(path, crs="EPSG:32629", transform=None, gcps=None, nodata=0, dtype=None):
    with rasterio.open(path) as dataset:
        data, place = dataset.read(1), dataset.transform
    path.unlink()
    profile = {"driver": "GTiff", "count": 1, "height": data.shape[0], "width": data.shape[1], "dtype": data.dtype}
    with rasterio.open(path, "w", crs=crs, transform=transform or place, nodata=nodata, **profile) as dataset:
        if gcps:
            dataset.gcps = gcps
        dataset.write(data, 1)


def control_points(path):
    with rasterio.open(path) as dataset:
        at = dataset.transform
    points = [GroundControlPoint(row, col, *(at @ (col, row))) for row, col in ((0, 0), (0, 90), (90, 0))]
    path.unlink()
    with rasterio.open(path, "w", driver="GTiff", count=1, height=128, width=128, dtype="uint16", nodata=0) as dataset:
        dataset.gcps = (points, rasterio.CRS.from_epsg(32629))
        dataset.write(np.ones((128, 128), np.uint16), 1)


DAMAGES = {
    "missing": (Path.unlink, "AssetMissingError", "is not there"),
    "empty": (lambda path: path.write_bytes(b""), "AssetUnreadableError", "is empty"),
    "no raster": (lambda path: path.write_text("<html>404</html>"), "AssetUnreadableError", "not recognized"),
    "truncated": (truncate, "AssetUnreadableError", "cannot be read"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "AssetUnreadableError", "cannot be read"),
    "no CRS": (lambda path: rewrite(path, crs=None), "NoCrsError", "no coordinate reference system"),
    "rotated": (
        lambda path: rewrite(path, transform=Affine.translation(6e5, 5.9e6) @ Affine.rotation(9) @ Affine.scale(10)),
        "NotRectifiedError", "rotated or sheared",
    ),
    "GCP only": (control_points, "NotRectifiedError", "ground control points only"),
}  # fmt: skip


@pytest.fixture
def items(world, scene):
    return [world.item(f"i{day}", scene(day), day) for day in range(3)]


def path_of(item, band):
    return Path(next(source.href for source in item.sources if source.band == band))


def changed(item, band, **fields):
    """The item with another source for a band."""
    sources = tuple(replace(each, **fields) if each.band == band else each for each in item.sources)
    return replace(item, sources=sources)


@pytest.mark.filterwarnings(f"ignore::{NotGeoreferencedWarning.__module__}.{NotGeoreferencedWarning.__name__}")
@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_is_named(world, items, ndvi_recipe, damage):
    spoil, error, text = DAMAGES[damage]
    spoil(path_of(items[1], "B08"))
    outcome = world.outcome(world.unit(items, (128, 128)), ndvi_recipe())
    assert (outcome.status, outcome.error, outcome.item_id, outcome.band) == ("failed", error, "i1", "B08")
    assert outcome.asset == str(path_of(items[1], "B08"))
    assert outcome.message.startswith("unit tile/all, item i1, band B08: ")
    assert text in outcome.message
    assert outcome.asset in outcome.message
    assert [reject.error for reject in outcome.rejects] == [error]
    assert world.files() == []


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("driver", ["JP2OpenJPEG", "COG"])
def test_truncated_files_never_pass_for_whole_ones(world, scene, ndvi_recipe, driver, share):
    items = [world.item(f"i{day}", scene(day), day, driver=driver) for day in range(2)]
    truncate(path_of(items[0], "B04"), share)
    outcome = world.outcome(world.unit(items, (128, 128)), ndvi_recipe())
    assert (outcome.status, outcome.error, outcome.item_id) == ("failed", "AssetUnreadableError", "i0")


@pytest.mark.parametrize("lost", [1, 10, 100, 400])
@pytest.mark.parametrize("options", [{}, {"ENDIANNESS": "BIG"}, {"BIGTIFF": "YES"}, {"block": None}])
def test_files_without_their_last_tags_are_truncated(world, scene, ndvi_recipe, options, lost):
    items = [world.item(f"i{day}", scene(day), day) for day in range(2)]
    path = path_of(items[0], "B04")
    world.write(path, scene(0)["B04"], **options)
    with rasterio.open(path, "r+") as dataset:  # Written once more, the directory and its values come last.
        dataset.update_tags(PROVENANCE="x" * 200)
    path.write_bytes(path.read_bytes()[:-lost])
    outcome = world.outcome(world.unit(items, (128, 128)), ndvi_recipe())
    assert (outcome.status, outcome.error, outcome.item_id) == ("failed", "AssetUnreadableError", "i0")
    assert "truncated" in outcome.message


def test_damaged_mask_is_told_as_well(world, items, scene, ndvi_recipe):
    items[2] = world.item("i2", scene(2), 2, driver="COG")
    truncate(path_of(items[2], "SCL"), 0.9)
    outcome = world.outcome(world.unit(items, (128, 128)), ndvi_recipe())
    assert (outcome.error, outcome.item_id, outcome.band) == ("AssetUnreadableError", "i2", "SCL")


def test_nodata_is_needed(world, items, ndvi_recipe):
    rewrite(path_of(items[0], "B04"), nodata=None)
    unit = world.unit([changed(items[0], "B04", nodata=None), *items[1:]], (128, 128))
    outcome = world.outcome(unit, ndvi_recipe())
    assert (outcome.error, outcome.item_id, outcome.band) == ("NodataError", "i0", "B04")
    assert "no nodata value" in outcome.message
    assert "--nodata" in outcome.message


@pytest.mark.parametrize("nodata", [-9999.0, 70000.0, 0.5])
def test_nodata_that_the_type_cannot_hold(world, items, ndvi_recipe, nodata):
    unit = world.unit([changed(items[0], "B04", nodata=nodata), *items[1:]], (128, 128))
    outcome = world.outcome(unit, ndvi_recipe())
    assert (outcome.error, outcome.band) == ("NodataError", "B04")
    assert f"{nodata:g}" in outcome.message


def test_band_absent_in_some_items(world, items, ndvi_recipe, scene):
    without = replace(items[1], sources=tuple(each for each in items[1].sources if each.band != "B08"))
    outcome = world.outcome(world.unit([items[0], without, items[2]], (128, 128)), ndvi_recipe())
    assert (outcome.error, outcome.item_id, outcome.band, outcome.asset) == ("BandMissingError", "i1", "B08", "")
    assert "It has B04, SCL" in outcome.message


def test_band_number_that_the_file_lacks(world, items, ndvi_recipe):
    outcome = world.outcome(
        world.unit([changed(items[0], "B04", index=7), *items[1:]], (128, 128)), ndvi_recipe()
    )  # fmt: skip
    assert (outcome.error, outcome.item_id, outcome.band) == ("BandMissingError", "i0", "B04")


def test_scheme_without_a_reader(world, items, ndvi_recipe):
    unit = world.unit([changed(items[0], "B04", href="ftp://eos.example/a.tif"), *items[1:]], (128, 128))
    outcome = world.outcome(unit, ndvi_recipe())
    assert (outcome.error, outcome.band) == ("AssetUnreadableError", "B04")
    assert "ftp://" in outcome.message


def test_all_that_cannot_be_opened_are_listed_at_once(world, items, ndvi_recipe):
    path_of(items[0], "SCL").unlink()
    path_of(items[1], "B04").write_bytes(b"")
    path_of(items[1], "B08").write_text("no raster")
    outcome = world.outcome(world.unit(items, (128, 128)), ndvi_recipe())
    assert outcome.status == "failed"
    assert {(each.item_id, each.band, each.error) for each in outcome.rejects} == {
        ("i0", "SCL", "AssetMissingError"),
        ("i1", "B04", "AssetUnreadableError"),
        ("i1", "B08", "AssetUnreadableError"),
    }
    assert len(outcome.rejects) == 3


@pytest.mark.parametrize("skipping", [True, False])
def test_a_server_that_is_away_is_waited_for_once_a_unit(world, items, ndvi_recipe, skipping):
    with socket.socket() as taken:
        # Nobody answers there.
        taken.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{taken.getsockname()[1]}"
        moved = [
            replace(item, sources=tuple(replace(each, href=f"{away}{each.href}") for each in item.sources))
            for item in items
        ]
        unit, options = world.unit(moved, (128, 128)), {"skip_bad_assets": skipping, "storage_patience_s": 1}
        outcome = world.outcome(unit, ndvi_recipe(), **options)
    assert (outcome.status, outcome.error) == ("failed", "StorageUnreachableError")
    assert [each.item_id for each in outcome.rejects] == ["i0"]


def test_an_output_server_that_is_away_is_asked_once_a_unit(world, items, ndvi_recipe):
    """A server that ends each connection at once, and counts them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        asked = []
        Thread(target=refuse, args=(server, asked), daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/out/tile_all.tif"
        impatient = Settings.load({"JEOSPARK_STORAGE_PATIENCE_S": "1"})
        with storage_settings(impatient), pytest.raises(StorageUnreachableError):
            exists(url)
        once = len(asked)
        unit = replace(world.unit(items, (128, 128)), output_href=url)
        outcome = world.outcome(unit, ndvi_recipe(), storage_patience_s=1)
        server.shutdown(socket.SHUT_RDWR)
    assert (outcome.status, outcome.error) == ("failed", "StorageUnreachableError")
    assert len(asked) == 2 * once


def refuse(server, asked):
    with suppress(OSError):
        while True:
            connection, peer = server.accept()
            asked.append(peer)
            connection.close()


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_skipping_leaves_the_item_out_wholly(world, items, scene, ndvi_recipe, expected_ndvi, damage):
    """Even where its other bands, or its first blocks, could be read."""
    DAMAGES[damage][0](path_of(items[1], "B08"))
    unit = world.unit(items, (128, 128))
    outcome = world.outcome(unit, ndvi_recipe(), skip_bad_assets=True, memory_mb=1)
    assert (outcome.status, outcome.error) == ("done", None)
    assert [(each.item_id, each.band, each.error) for each in outcome.rejects] == [("i1", "B08", DAMAGES[damage][1])]
    with rasterio.open(unit.output_href) as made:
        np.testing.assert_array_equal(made.read(), expected_ndvi([scene(0), scene(2)]))
    text = Path(unit.output_href).with_suffix(".json").read_text()
    assert '"i0"' in text
    assert '"i1"' not in text


def test_bytes_without_the_item_are_those_of_a_unit_that_never_had_it(world, items, ndvi_recipe):
    path_of(items[1], "B08").unlink()
    skipping, plain = world.unit(items, (128, 128), name="a"), world.unit([items[0], items[2]], (128, 128), name="b")
    world.run(skipping, ndvi_recipe(), skip_bad_assets=True)
    world.run(plain, ndvi_recipe())
    assert Path(skipping.output_href).read_bytes() == Path(plain.output_href).read_bytes()


def test_all_items_bad(world, items, ndvi_recipe):
    for item in items:
        path_of(item, "B04").unlink()
    outcome = world.outcome(world.unit(items, (128, 128)), ndvi_recipe(), skip_bad_assets=True)
    assert (outcome.status, outcome.error) == ("failed", "AssetMissingError")
    assert [each.item_id for each in outcome.rejects] == ["i0", "i1", "i2"]
    assert world.files() == []


def test_what_the_mask_hides_need_not_be_readable(world, items, scene, ndvi_recipe, expected_ndvi):
    """A bad asset that is never needed is no failure: the result is right without it."""
    hidden = scene(7)
    hidden["SCL"][:] = 9
    item = world.item("hidden", hidden, 7)
    truncate(path_of(item, "B04"))
    outcome = world.outcome(world.unit([*items, item], (128, 128)), ndvi_recipe())
    assert outcome.status == "done"


@pytest.mark.parametrize("seed", range(12))
def test_random_damage_is_a_named_error_or_none(world, scene, ndvi_recipe, seed):
    """Bytes overwritten anywhere: the unit is done or tells item and band; nothing else gets out."""
    random = np.random.default_rng(seed)
    item = world.item("a", scene(0), driver=("COG", "JP2OpenJPEG")[seed % 2])
    path = path_of(item, ("B04", "B08", "SCL")[seed % 3])
    data = bytearray(path.read_bytes())
    start = int(random.integers(0, len(data) if seed > 5 else 500))
    data[start : start + 40] = random.bytes(40)[: len(data) - start]
    path.write_bytes(data)
    outcome = world.outcome(world.unit([item], (128, 128)), ndvi_recipe())
    if outcome.status == "failed":
        assert outcome.item_id == "a", outcome.message
        assert outcome.error in {
            "AssetUnreadableError",
            "NoCrsError",
            "NotRectifiedError",
            "BandMissingError",
            "NodataError",
        }
        assert world.files() == []


def test_output_folder_that_cannot_be_made(world, items, ndvi_recipe):
    world.output.write_text("a file in its place")
    outcome = world.outcome(world.unit(items, (128, 128)), ndvi_recipe())
    assert (outcome.status, outcome.error) == ("failed", "OutputUnwritableError")
    assert outcome.message.startswith("unit tile/all: ")
    assert str(world.output) in outcome.message


@pytest.fixture
def tiny_disk(world):
    """The output folder on a file system of its own; a function mounts it."""
    mounted = []

    def mount(size):
        world.output.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(world.output)], check=False, capture_output=True
        )
        if done.returncode:
            pytest.skip("mounting a small tmpfs needs root")
        mounted.append(world.output)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("size", ["4k", "16k", "40k", "60k", "72k", "80k"])
def test_full_disk_leaves_nothing(world, tiny_disk, scene, ndvi_recipe, size):
    """Full at the picture, in the middle of the COG, at the item: whatever it was, no file stays."""
    tiny_disk(size)
    items = [world.item(f"i{day}", scene(day), day) for day in range(3)]
    outcome = world.outcome(world.unit(items, (128, 128)), ndvi_recipe())
    if outcome.status == "done":
        assert len(world.files()) == 3
    else:
        assert (outcome.status, outcome.error) == ("failed", "DiskFullError"), outcome.message
        assert world.files() == []
        assert str(world.output) in outcome.message


LIMITED = """
import pickle, sys
from jeospark.raster.env import gdal_environment
from jeospark.task.unit import run_unit
unit, recipe, bands, product, settings = pickle.load(open(sys.argv[1], "rb"))
from jeospark.task.program import program
from jeospark.task.unit import Orders
with gdal_environment(settings):
    orders = Orders(program=program(recipe, bands), product=product, settings=settings, skip_bad_assets=False)
    print(run_unit(unit, orders).error)
"""


@pytest.mark.parametrize("cold", [True, False])
def test_file_size_limit_is_a_full_disk(world, items, ndvi_recipe, cold):
    """Whether or not compiled kernels are kept already: what cannot be kept is no failure."""
    import pickle

    recipe, unit = ndvi_recipe(), world.unit(items, (128, 128))
    orders = world.orders(recipe)
    known = world.bands(("B04", "B08", "SCL"))
    order = world.folder / "order.pickle"
    order.write_bytes(pickle.dumps((unit, recipe.to_json(), known, orders.product, orders.settings)))
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(order)], check=True, capture_output=True, text=True,
        env={**os.environ, **({"NUMBA_CACHE_DIR": str(world.folder / "numba")} if cold else {})},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000)),
    )  # fmt: skip
    assert done.stdout == "DiskFullError\n", done.stderr
    assert world.files() == []


def test_distance_in_metres_on_a_grid_in_degrees(world, items, ndvi_recipe):
    (lon,), (lat,) = transform(world.place.crs, "EPSG:4326", [world.place.left + 500], [world.place.top - 500])
    degrees = type(world.place)("EPSG:4326", round(lon, 4), round(lat, 4), 1e-4)
    outcome = world.outcome(world.unit(items, (32, 32), degrees), ndvi_recipe(40))
    assert (outcome.status, outcome.error) == ("failed", "RecipeError")
    assert "degrees" in outcome.message
    assert world.outcome(world.unit(items, (32, 32), degrees), ndvi_recipe(0)).status == "done"


def test_dilation_in_metres_on_a_grid_in_feet(world, dilated):
    """US survey feet: 100 m are 32.8 pixels of 10 feet."""
    place = type(world.place)("EPSG:2263", 980000.0, 200000.0, 10.0)
    classes = np.full((200, 200), 4, np.uint8)
    classes[150, 130] = classes[40, 64] = 9
    item = world.item("a", {"SCL": classes}, 0, place, block=16)
    loaded = load_collection("s2", bands=["SCL"])
    recipe = loaded.mask_classes([9], dilation=100).reduce("count").save(dtype="uint8", nodata=255)
    got = world.run(world.unit([item], (200, 200), place), recipe, bands=("SCL",), memory_mb=1)[0]
    np.testing.assert_array_equal(got == 0, dilated(classes == 9, 100 / (10 * 1200 / 3937)))


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("memory_mb", [1, 64])
def test_dilation_in_metres_on_the_ground_in_web_mercator(world, dilated, memory_mb):
    """On the sphere of EPSG:3857 a metre on the ground is cosh(y / R) metres of the CRS: 1.79 at 56° north."""
    top, radius = 7.56e6, 6378137.0
    place = type(world.place)("EPSG:3857", 1.4e6, top, 10.0)
    classes = np.full((200, 200), 4, np.uint8)
    classes[150, 130] = classes[40, 64] = 9
    item = world.item("a", {"SCL": classes}, 0, place, block=16)
    recipe = load_collection("s2", bands=["SCL"]).mask_classes([9], dilation=100).reduce("count")
    unit = world.unit([item], (200, 200), place)
    got = world.run(unit, recipe.save(dtype="uint8", nodata=255), bands=("SCL",), memory_mb=memory_mb)[0]
    expected = np.zeros_like(classes, bool)
    for row, column in ((150, 130), (40, 64)):
        alone = np.zeros_like(expected)
        alone[row, column] = True
        expected |= dilated(alone, 10 * np.cosh((top - 10 * (row + 0.5)) / radius))
    np.testing.assert_array_equal(got == 0, expected)
    assert expected.sum() > 2 * 1.7**2 * np.pi * 100


@pytest.mark.parametrize("wkb", [b"", b"\x01\x02", shapely.to_wkb(shapely.Polygon())])
def test_footprint_that_tells_nothing_hides_nothing(world, items, scene, ndvi_recipe, expected_ndvi, wkb):
    unit = world.unit([replace(items[0], footprint=wkb), *items[1:]], (128, 128))
    expected = expected_ndvi([scene(day) for day in range(3)])
    np.testing.assert_array_equal(world.run(unit, ndvi_recipe()), expected)


def test_catalogue_places_what_the_file_does_not(world, scene, ndvi_recipe, expected_ndvi):
    item = world.item("a", scene(0))
    for source in item.sources:
        with rasterio.open(source.href, "r+") as dataset:
            place = dataset.transform
        rewrite(Path(source.href), crs=None)
        item = changed(item, source.band, crs="EPSG:32629", transform=tuple(place)[:6])
    assert all(isinstance(each, Source) for each in item.sources)
    np.testing.assert_array_equal(world.run(world.unit([item], (128, 128)), ndvi_recipe()), expected_ndvi([scene(0)]))
