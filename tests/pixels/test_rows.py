"""Rows in this process: chips, areas, estimates."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from jeospark.errors import (
    AssetMissingError,
    BandMissingError,
    CollectionNotFoundError,
    EmptySelectionError,
    ExtentError,
    ForbiddenError,
    OptionError,
    SqlLimitError,
)
from jeospark.grid import PixelExtent
from jeospark.settings import Settings
from jeospark.sql.pixels.area import area_from_wkt
from jeospark.sql.pixels.ask import Defaults, ask_of
from jeospark.sql.pixels.plan import Plan
from jeospark.sql.pixels.rows import Chip, cut, schema_of

GRID = "EPSG:32633:10:32x48:500000,5000000"


def physical(scenes, moment, band):
    numbers = scenes[moment][band]
    return np.where(numbers > 0, (numbers * np.float32(1e-4)) + np.float32(-0.1), np.float32(np.nan))


@given(
    row=st.integers(0, 70), col=st.integers(0, 70), rows=st.integers(1, 60), cols=st.integers(1, 60),
    side=st.integers(1, 40),
)  # fmt: skip
def test_chips_are_the_whole_and_lie_on_the_lattice(row, col, rows, cols, side):
    values = np.arange(rows * cols, dtype=np.float32).reshape(1, rows, cols)
    extent = PixelExtent(crs="EPSG:32633", transform=(10, 0, 5e5, 0, -10, 5e6), shape=(rows, cols))
    whole = Chip(
        tile="t", period="all", datetime=None, row=row, col=col, extent=extent, values=values,
        valid=np.ones(values.shape, np.bool_), inside=None,
    )  # fmt: skip
    found = np.full((rows, cols), -1.0)
    for chip in cut(whole, side, None):
        height, width = chip.extent.shape
        assert chip.row // side == (chip.row + height - 1) // side
        assert chip.col // side == (chip.col + width - 1) // side
        assert chip.extent.transform[2] == 5e5 + 10 * (chip.col - col)
        assert chip.extent.transform[5] == 5e6 - 10 * (chip.row - row)
        here = found[chip.row - row : chip.row - row + height, chip.col - col : chip.col - col + width]
        assert (here == -1).all()
        here[:] = chip.values[0]
    np.testing.assert_array_equal(found, values[0])


def test_a_collection_gives_its_observations(rows_of, world, array):
    rows = rows_of(collection="s2", bands="B04,SCL", chip=64)
    assert [row["datetime"] for row in rows] == [
        datetime.fromisoformat(moment).replace(hour=10, tzinfo=UTC) for moment in world.scenes
    ]
    for row, moment in zip(rows, world.scenes, strict=True):
        np.testing.assert_allclose(array(row, "B04"), physical(world.scenes, moment, "B04"), atol=1e-7)
        classes = world.scenes[moment]["SCL"]
        np.testing.assert_array_equal(array(row, "SCL"), np.where(classes > 0, classes, np.nan))
        assert (row["period"], row["crs"]) == (moment, "EPSG:32633")
        assert row["bbox"] == {"xmin": 5e5, "ymin": 5e6 - 640, "xmax": 5e5 + 640, "ymax": 5e6}


def test_two_observations_of_a_day_are_two_rows(make_archive, scene, rows_of):
    archive = make_archive()
    for orbit, hour in ((79, 10), (122, 9)):
        archive.write(f"o{orbit}", f"2020-05-02T{hour:02d}:00:00Z", scene(orbit), orbit=orbit)
    archive.save()
    rows = rows_of(collection="s2", bands="B04", chip=64, catalog=archive.catalog)
    assert [row["datetime"].hour for row in rows] == [9, 10]
    assert rows[0]["bands"] != rows[1]["bands"]


def test_rows_of_pixels_are_the_chips(rows_of, world):
    rows = rows_of(collection="s2", bands="B04,B08", rows="pixel", interval="2020-05-02,2020-05-03", chip=16)
    assert len(rows) == 64 * 64
    found = np.full((64, 64), -1.0)
    for row in rows:
        at = round((5e6 - row["y"] - 5) / 10), round((row["x"] - 5e5 - 5) / 10)
        found[at] = np.nan if row["B04"] is None else row["B04"]
        assert row["crs"] == "EPSG:32633"
    np.testing.assert_allclose(found, physical(world.scenes, "2020-05-02", "B04"), atol=1e-7)
    assert rows[0]["B04"] is None
    assert rows[0]["B08"] is not None


def test_a_box_takes_whole_pixels(rows_of, array, world):
    options = {"bbox": "500105,4999690,500230,4999900", "crs": "EPSG:32633", "interval": "2020-05-02,2020-05-03"}
    rows = rows_of(collection="s2", bands="B04", chip=512, **options)
    assert len(rows) == 1
    assert (rows[0]["row"], rows[0]["col"], rows[0]["rows"], rows[0]["cols"]) == (10, 10, 21, 13)
    expected = physical(world.scenes, "2020-05-02", "B04")[10:31, 10:23]
    np.testing.assert_allclose(array(rows[0], "B04"), expected, atol=1e-7)


def test_the_recipes_own_area_holds_too(rows_of, world):
    to_degrees = Transformer.from_crs("EPSG:32633", "OGC:CRS84", always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(500000, 4999600, 500300, 5000000)
    from jeospark.lab.recipe import load_collection

    loaded = load_collection("s2", bands=["B04"], bbox=(west, south, east, north)).reduce("max")
    inner = {"bbox": "500200,4999000,500900,4999800", "crs": "EPSG:32633"}
    rows = rows_of(recipe=loaded.to_json(), chip=512, **inner)
    assert [(row["row"], row["col"]) for row in rows] == [(20, 20)]
    assert rows[0]["cols"] in (10, 11, 12)
    assert rows[0]["datetime"] is None


@pytest.mark.parametrize("crs", ["EPSG:32633", "OGC:CRS84", "EPSG:3035"])
def test_polygons_keep_the_pixels_whose_centre_they_hold(rows_of, crs):
    corners = [(500100.0, 4999850.0), (500420.0, 4999850.0), (500260.0, 4999500.0)]
    there = Transformer.from_crs("EPSG:32633", crs, always_xy=True)
    points = [there.transform(*corner) for corner in [*corners, corners[0]]]
    wkt = f"POLYGON(({', '.join(f'{x!r} {y!r}' for x, y in points)}))"
    day = "2020-05-02,2020-05-03"
    rows = rows_of(collection="s2", bands="B04", wkt=wkt, crs=crs, rows="pixel", interval=day, chip=16)
    y, x = np.meshgrid(5e6 - 10 * np.arange(64) - 5, 5e5 + 10 * np.arange(64) + 5, indexing="ij")
    edge = (y - 4999500) / 350 * 160
    inside = (y < 4999850) & (y > 4999500) & (np.abs(x - 500260) < edge)
    wanted = set(zip(x[inside].tolist(), y[inside].tolist(), strict=True))
    found = {(round(row["x"]), round(row["y"])) for row in rows}
    assert len(wanted) > 400
    assert len(found) == len(rows)
    # A centre on the edge may fall on either side once coordinates have been to another CRS and back.
    assert len(wanted ^ found) <= (0 if crs == "EPSG:32633" else 3)
    chips = rows_of(collection="s2", bands="B04", wkt=wkt, crs=crs, interval=day, chip=16)
    assert sum(value is not None for row in chips for value in row["bands"]["B04"]) == sum(
        row["B04"] is not None for row in rows
    )
    assert len(chips) < 16


@pytest.mark.parametrize(("left", "west"), [(335.0, -20), (-25.0, -20), (-25.0, 340), (170.0, -185), (-190.0, 175)])
def test_polygons_hold_pixels_in_longitudes_of_any_turn(left, west):
    ring = ", ".join(f"{x} {y}" for x, y in ((west, 40), (west + 10, 40), (west + 10, 50), (west, 50), (west, 40)))
    area = area_from_wkt(f"SRID=4326;POLYGON(({ring}))", None)
    extent = PixelExtent(crs="EPSG:4326", transform=(1.0, 0.0, left, 0.0, -1.0, 55.0), shape=(20, 20))
    expected = np.zeros((20, 20), np.bool_)
    expected[5:15, 5:15] = True
    np.testing.assert_array_equal(area.inside(extent), expected)


def test_a_coarser_resolution_averages(rows_of, array, world):
    rows = rows_of(collection="s2", bands="B08", resolution=20, interval="2020-05-02,2020-05-03", grid=GRID)
    assert {(row["rows"], row["cols"]) for row in rows} == {(16, 24)}
    first = next(row for row in rows if row["tile"] == "r0000c0000")
    fine = physical(world.scenes, "2020-05-02", "B08")[:32, :48]
    expected = np.nanmean(fine.reshape(16, 2, 24, 2).transpose(0, 2, 1, 3).reshape(16, 24, 4), axis=2)
    np.testing.assert_allclose(array(first, "B08")[2:], expected[2:], atol=1e-6)


@pytest.mark.parametrize("kind", ["chip", "pixel"])
@pytest.mark.parametrize("area", [{}, {"bbox": "500105,4999690,500230,4999900", "crs": "EPSG:32633"}])
def test_estimates_tell_the_rows(plan_of, rows_of, recipe, kind, area):
    options = {"recipe": recipe.to_json(), "grid": GRID, "chip": 16, "rows": kind, **area}
    found = plan_of(**options).estimate()
    rows = rows_of(**options)
    assert len(rows) == found.rows
    table = pa.Table.from_pylist(rows, schema=plan_of(**options).columns)
    assert 0.8 * table.nbytes <= found.nbytes <= 1.6 * table.nbytes


def test_what_is_absurdly_large_is_refused_with_figures(plan_of, recipe):
    with pytest.raises(SqlLimitError) as caught:
        plan_of(limit_bytes=1000, recipe=recipe.to_json(), grid=GRID, rows="pixel").check()
    assert "12,288 rows of 3 bands, 594.4 kB, of 8 tiles and dates; the limit is 1.0 kB" in str(caught.value)
    assert "limit_bytes=1000" in str(caught.value)
    assert plan_of(limit_bytes=1000, recipe=recipe.to_json(), rows="pixel", limit_BYTES="1e9").check().rows == 8192


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"collection": "s22"}, CollectionNotFoundError, "Did you mean 's2'?"),
        ({"collection": "s2", "bands": "B4"}, BandMissingError, "Did you mean 'B0"),
        ({"collection": "s2", "interval": "1999-01-01,1999-02-01"}, EmptySelectionError, "no item of 's2'"),
        ({"collection": "s2", "bbox": "-70,10,-69,11"}, ExtentError, "outside"),
        ({"collection": "s2", "grid": "mrgs"}, Exception, "Did you mean 'mgrs'"),
        ({"collection": "s2", "bands": "B04", "resolution": "15", "grid": "mgrs"}, Exception, "10, 20 or 60"),
    ],
)
def test_bad_questions_are_told(plan_of, options, error, said):
    with pytest.raises(error) as caught:
        plan_of(**options).check()
    assert said in str(caught.value)


def test_bands_of_a_recipe_are_its_results(plan_of, rows_of, recipe):
    assert plan_of(recipe=recipe.to_json(), bands="ndvi, B04").names == ("ndvi", "B04")
    every = rows_of(recipe=recipe.to_json())
    some = rows_of(recipe=recipe.to_json(), bands="ndvi,B04")
    assert [row["bands"] for row in some] == [
        {"ndvi": row["bands"]["ndvi"], "B04": row["bands"]["B04"]} for row in every
    ]
    with pytest.raises(BandMissingError, match="Did you mean 'ndvi'"):
        plan_of(recipe=recipe.to_json(), bands="ndwi")


def test_names_that_meet_are_refused():
    assert schema_of("chip", ["x", "y"]).names[-1] == "bands"
    for names in (["X"], ["B1", "b1"]):
        with pytest.raises(OptionError, match="two columns"):
            schema_of("pixel", names)


def test_a_bad_asset_is_named(make_archive, scene, rows_of):
    archive = make_archive()
    item = archive.write("gone", "2020-05-02", scene(1))
    archive.save()
    from pathlib import Path

    Path(item["assets"]["B08"]["href"]).unlink()
    assert rows_of(collection="s2", bands="B04", catalog=archive.catalog)
    with pytest.raises(AssetMissingError, match="item 'gone', band B08"):
        rows_of(collection="s2", bands="B08", catalog=archive.catalog)


def test_assets_outside_the_roots_are_not_read(world, tmp_path):
    environ = {"JEOSPARK_ALLOWED_ROOTS": world.catalog, "JEOSPARK_CATALOG": world.catalog}
    defaults = Defaults(settings=Settings.load(environ), limit_bytes=1 << 30)
    plan = Plan(ask_of({"collection": "s2"}, defaults))
    with pytest.raises(ForbiddenError, match="outside the allowed roots"):
        next(plan.shares())
