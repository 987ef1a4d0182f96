from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from jeospark.catalog.bands import collection_bands
from jeospark.errors import AssetUnreadableError, CatalogError, EmptySelectionError, ExtentError, RecipeError
from jeospark.grid import Grid, geobox_from
from jeospark.lab.recipe import load_collection
from jeospark.settings import Settings
from jeospark.task.evaluate import Pixels
from jeospark.task.preview import evaluate_view
from jeospark.task.product import product, stored
from jeospark.task.program import program

GRID = "EPSG:32633:10:32x32:500000,5000000"
CORNER = (10.0, 0.0, 5e5, 0.0, -10.0, 5e6)


def chain(dilation=0, reducer="median", period="month", **selection):
    loaded = load_collection("s2", bands=["B04", "B08", "SCL"], **selection)
    clear = loaded.mask_classes([9], dilation=dilation)
    return clear.ndvi().aggregate(period, reducer).save(dtype="int16", scale=0.0001, nodata=-32768)


def as_stored(recipe, archive, view):
    """The pixels of a view as the batch writes them, (rows, cols)."""
    ready = program(recipe.to_json(), collection_bands(archive.store.collection("s2")))
    return stored(Pixels(None, view.data, view.valid), product(ready, folder="", title=""))[0]


def batch(recipe, archive, folder, month="2020-05"):
    """The pixels of a whole run, put together: (64, 64), -32768 where no tile is."""
    recipe.plan(folder, grid=GRID, catalog=archive.catalog).run()
    whole = np.full((64, 64), -32768, np.int16)
    for path in folder.glob(f"*/*_{month}.tif"):
        with rasterio.open(path) as file:
            col, row = ~Affine(*CORNER) * (file.transform.c, file.transform.f)
            whole[round(row) :, round(col) :][: file.height, : file.width] = file.read(1)
    return whole


def window(row, col, rows, cols):
    """The geobox of some pixels of the grid."""
    transform = (10.0, 0.0, 5e5 + 10 * col, 0.0, -10.0, 5e6 - 10 * row)
    return geobox_from("EPSG:32633", transform, (rows, cols))


@pytest.mark.spark
@pytest.mark.parametrize("dilation", [0, 35])
def test_at_native_resolution_the_pixels_are_those_of_the_batch(spark, archive, scene, tmp_path, dilation):
    for day in (1, 2, 3, 4):
        archive.write(f"i{day}", f"2020-05-0{day}", scene(day))
    archive.save()
    recipe = chain(dilation)
    whole = batch(recipe, archive, tmp_path / "out")
    assert 500 < (whole != -32768).sum() < 64 * 64
    for tile in ("r0000c0000", "r0001c0001"):
        view = recipe.preview(Grid.parse(GRID).geobox(tile), catalog=archive.catalog)
        at = slice(32 * int(tile[4]), 32 * int(tile[4]) + 32)
        assert np.array_equal(as_stored(recipe, archive, view), whole[at, at])
    for row, col, rows, cols in ((10, 5, 44, 50), (31, 31, 2, 2), (0, 0, 64, 64)):
        view = recipe.preview(window(row, col, rows, cols), catalog=archive.catalog)
        assert np.array_equal(as_stored(recipe, archive, view), whole[row : row + rows, col : col + cols])


@pytest.mark.spark
def test_clouds_beyond_the_edge_reach_into_a_view_as_into_a_tile(spark, archive, scene, tmp_path):
    clear = scene(1, clouds=False)
    archive.write("left", "2020-05-01T10:00:00Z", {name: pixels[:, :32] for name, pixels in clear.items()})
    cloudy = {name: pixels[:, 34:].copy() for name, pixels in clear.items()}
    cloudy["SCL"][:, 0] = 9
    archive.write("right", "2020-05-01T10:00:14Z", cloudy, left=5e5 + 340)
    archive.save()
    recipe = chain(40)
    whole = batch(recipe, archive, tmp_path / "out")
    assert (whole[3:, 30:32] == -32768).all()
    assert (whole[3:, 29] != -32768).any()
    view = recipe.preview(window(0, 0, 64, 32), catalog=archive.catalog)
    assert view.items == ("left", "right")
    assert np.array_equal(as_stored(recipe, archive, view), whole[:, :32])


def test_coarse_views_are_read_from_overviews(archive, scene):
    for day in (1, 2):
        archive.write(f"i{day}", f"2020-05-0{day}", scene(day, shape=(1024, 1024)), overviews=(2, 4, 8, 16), block=256)
    archive.save()
    ready = program(chain().to_json(), collection_bands(archive.store.collection("s2")))
    items = list(archive.store.refs("s2", ready.names))
    for size, most in ((64, 64), (128, 128), (100, 128)):
        transform = (10240 / size, 0.0, 5e5, 0.0, -10240 / size, 5e6)
        view = evaluate_view(ready, items, geobox_from("EPSG:32633", transform, (size, size)), Settings.load())
        assert view.valid.mean() > 0.5
        assert 0 < view.pixels_read <= 1.1 * 2 * 3 * most**2


def test_a_picture_of_a_box_in_degrees(archive, scene, tmp_path):
    for day in (1, 2):
        archive.write(f"i{day}", f"2020-05-0{day}", scene(day, shape=(256, 256)), overviews=(2, 4, 8))
    archive.save()
    view = chain().preview((15.002, 45.13, 15.03, 45.15), 128, catalog=archive.catalog)
    assert max(view.geobox.shape) == 128
    assert str(view.geobox.crs) == "EPSG:3857"
    assert view.data.shape == view.valid.shape == (1, *view.geobox.shape)
    assert (view.period, view.items) == ("2020-05", ("i1", "i2"))
    assert [band.name for band in view.bands] == ["ndvi"]
    assert "2020-05, 2 items" in view.summary()
    view.to_png(tmp_path / "view.png")
    assert (tmp_path / "view.png").read_bytes().startswith(b"\x89PNG")
    assert view._repr_png_() == (tmp_path / "view.png").read_bytes()


@pytest.mark.parametrize("make", [lambda clear: clear, lambda clear: clear.aggregate("month", "median")])
def test_dates_that_a_later_filter_drops_leave_null(archive, scene, make):
    for day in (1, 2):
        archive.write(f"i{day}", f"2020-05-0{day}", scene(day))
    archive.save()
    clear = load_collection("s2", bands=["B04", "B08", "SCL"]).mask_classes([9])
    view = make(clear.filter_temporal("2020-06-01", None)).preview(window(0, 0, 8, 8), catalog=archive.catalog)
    assert view.data.shape == (3, 8, 8)
    assert not view.valid.any()
    kept = make(clear.filter_temporal("2020-05-02", None)).preview(window(0, 0, 8, 8), catalog=archive.catalog)
    assert kept.valid.any()


def test_several_dates_in_a_result_are_named(archive, scene):
    for day in (1, 2):
        archive.write(f"i{day}", f"2020-05-0{day}", scene(day))
    archive.save()
    data = {"from_parameter": "data"}
    node = {"process_id": "array_concat", "arguments": {"array1": data, "array2": []}, "result": True}
    all_dates = load_collection("s2", bands=["B04", "B08"]).process(
        "apply_dimension", dimension="t", process={"process_graph": {"a": node}}
    )
    with pytest.raises(RecipeError, match=r"not of 2 bands, but \(t: 2, bands: 2\)"):
        all_dates.preview(window(0, 0, 8, 8), catalog=archive.catalog)


def test_a_recipe_of_constants_reads_nothing(archive, scene):
    archive.write("a", "2020-05-01", scene(1))
    archive.save()
    one = {"process_graph": {"a": {"process_id": "pi", "arguments": {}, "result": True}}}
    recipe = load_collection("s2", bands=["B04"]).process("reduce_dimension", dimension="bands", reducer=one)
    with pytest.raises(RecipeError, match=r"reads no band \[node 'load_collection1'\]"):
        recipe.preview(window(0, 0, 8, 8), catalog=archive.catalog)


def test_an_area_that_a_projection_cannot_show_is_named(archive, scene):
    archive.write("a", "2020-05-01", scene(1))
    archive.save()
    globe = "+proj=ortho +lat_0=50 +lon_0=10 +datum=WGS84 +type=crs"
    with pytest.raises(ExtentError, match=r"has no place in \+proj=ortho"):
        chain().preview((-170, -50, -160, -40), crs=globe, catalog=archive.catalog)


def test_an_area_over_the_antimeridian_needs_a_crs_that_goes_on_there(archive, scene):
    archive.write("a", "2020-05-01", scene(1))
    archive.save()
    with pytest.raises(ExtentError, match="where EPSG:3857 is cut"):
        chain().preview((179.9, 45, -179.9, 45.1), catalog=archive.catalog)
    with pytest.raises(EmptySelectionError):
        chain().preview((179.9, 45, -179.9, 45.1), crs="EPSG:4326", catalog=archive.catalog)


def test_an_area_has_four_sides(archive, scene):
    archive.write("a", "2020-05-01", scene(1))
    with pytest.raises(ExtentError, match="west, south, east, north"):
        chain().preview((15, 45, 16), catalog=archive.save().catalog)


def test_the_area_of_the_recipe_is_the_one_shown_where_none_is_given(archive, scene):
    archive.write("a", "2020-05-01", scene(1, shape=(256, 256)))
    archive.save()
    box = (15.002, 45.13, 15.03, 45.15)
    view = chain(bbox=box).preview(size=64, crs="EPSG:4326", catalog=archive.catalog)
    assert view.geobox.boundingbox.bbox == pytest.approx(box)


def test_which_period(archive, scene):
    for month in (5, 6):
        archive.write(f"i{month}", f"2020-0{month}-01", scene(month))
    archive.save()
    box = window(0, 0, 16, 16)
    assert chain().preview(box, catalog=archive.catalog).period == "2020-06"
    assert chain().preview(box, period="2020-05", catalog=archive.catalog).items == ("i5",)
    with pytest.raises(EmptySelectionError, match="2020-07") as caught:
        chain().preview(box, period="2020-07", catalog=archive.catalog)
    assert "2020-05, 2020-06" in caught.value.remedy
    with pytest.raises(EmptySelectionError, match="lies there"):
        chain().preview((100, 10, 101, 11), catalog=archive.catalog)


def test_conditions_on_properties_all_hold(archive, scene):
    for number in (1, 2, 3):
        archive.write(f"i{number}", f"2020-05-0{number}", scene(number), **{"eo:cloud_cover": 10.0 * number})
    archive.save()

    def condition(process, **arguments):
        node = {"process_id": process, "arguments": {"x": {"from_parameter": "value"}, **arguments}, "result": True}
        return {"eo:cloud_cover": {"process_graph": {"c": node}}}

    def shown(properties):
        return chain(properties=properties).preview(window(0, 0, 16, 16), catalog=archive.catalog).items

    assert shown(condition("between", min=15, max=25)) == ("i2",)
    assert shown(condition("lt", y=25)) == ("i1", "i2")
    assert shown({"eo:cloud_cover": 30.0}) == ("i3",)
    with pytest.raises(CatalogError, match="eo:cloud_cover"):
        shown({"eo:cloudcover": 3})


def test_many_cubes_merge_where_bands_have_no_common_names(archive):
    numbers = {"B11": np.full((64, 64), 3000, np.uint16), "B12": np.full((64, 64), 5000, np.uint16)}
    archive.write("a", "2020-05-01", numbers)
    archive.save()
    both = load_collection("s2", bands=["B11", "B12"])
    ratio = both.ndvi("B12", "B11").as_band("ratio").aggregate("month", "max")
    parts = [ratio.rename_bands({"ratio": f"r{number}"}) for number in (1, 2, 3)]
    view = both.aggregate("month", "max").merge(*parts).preview(window(0, 0, 4, 4), catalog=archive.catalog)
    assert [band.name for band in view.bands] == ["B11", "B12", "r1", "r2", "r3"]
    np.testing.assert_allclose(view.data[:, 0, 0], [0.2, 0.4, 1 / 3, 1 / 3, 1 / 3], rtol=1e-6)


def test_a_bad_asset_is_named(archive, scene):
    item = archive.write("bad", "2020-05-01", scene(1))
    archive.save()
    Path(item["assets"]["B08"]["href"]).write_bytes(b"")
    with pytest.raises(AssetUnreadableError, match=r"bad.*B08"):
        chain().preview(window(0, 0, 16, 16), catalog=archive.catalog)


@pytest.mark.spark
def test_a_planned_run_is_looked_at_and_run(spark, archive, scene, tmp_path):
    archive.write("a", "2020-05-01", scene(1))
    archive.save()
    planned = chain().plan(tmp_path / "out", catalog=archive.catalog, title="Lab", max_error_ratio=0.5)
    assert planned.explain().sums.units == 1
    assert repr(planned.explain()).startswith("units          1 (0 done already)\n")
    assert repr(planned).startswith("plan of 'Lab' (recipe ")
    assert [row.unit_id for row in planned.units.select("unit_id").collect()] == ["r0000c0000/2020-05"]
    result, places = planned.run()
    assert (result.done, result.job.title, result.job.max_error_ratio) == (1, "Lab", 0.5)
    assert Path(places.report).is_file()
    assert planned.explain().sums.done == 1
