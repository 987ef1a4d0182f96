from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from jeospark import periods
from jeospark.engine.main import make_job
from jeospark.engine.plan import make_plan, written_plan
from jeospark.errors import CatalogError, CollectionNotFoundError, ExtentError, GridError, PlanError, RecipeError
from jeospark.grid import Grid
from jeospark.schema import UNITS, unit_of

pytestmark = pytest.mark.spark

LEFT, TOP, PIXEL, SIDE = 5e5, 5e6, 10.0, 32
GRID = f"EPSG:32633:10:{SIDE}x{SIDE}:500000,5000000"
DAYS = [f"2020-05-{day:02d}" for day in (1, 9, 17)] + ["2020-06-02", "2020-06-30T23:59:59Z"]


def planned(spark, archive, recipe, tmp_path, grid=GRID):
    return make_plan(spark, make_job(recipe.to_json(), output=str(tmp_path), catalog=archive.catalog, grid=grid))


def units_of(plan):
    """Unit id → unit, as the driver plans."""
    return by_id(unit_of(row) for row in plan._here().to_pylist())


def units_by_spark(plan):
    """Unit id → unit, as Spark's workers plan."""
    return by_id(unit_of(row) for row in plan.units.toArrow().to_pylist())


def by_id(found):
    listed = list(found)
    units = {unit.unit_id: unit for unit in listed}
    assert len(units) == len(listed)
    return units


def ids(unit):
    return [item.item_id for item in unit.items]


def placed_at(archive, name, moment, col, row, cols, rows, **more):
    """An item whose upper left corner lies so many pixels from the grid's origin."""
    left, top = LEFT + col * PIXEL, TOP - row * PIXEL
    return archive.item(name, moment, shape=(rows, cols), left=left, top=top, **more)


@pytest.fixture
def busy(archive):
    """Items of 64 × 64 pixels on four tiles, on five days of two months."""
    for number, moment in enumerate(DAYS):
        archive.item(f"i{number}", moment, **{"eo:cloud_cover": 10.0 * number})
    return archive.save()


def test_a_unit_is_a_tile_and_a_period(spark, busy, ndvi, tmp_path):
    units = units_of(planned(spark, busy, ndvi(), tmp_path))
    tiles = ["r0000c0000", "r0000c0001", "r0001c0000", "r0001c0001"]
    assert sorted(units) == [f"{tile}/{month}" for tile in tiles for month in ("2020-05", "2020-06")]
    unit = units["r0001c0001/2020-06"]
    assert (unit.tile, unit.period, unit.crs, unit.shape) == ("r0001c0001", "2020-06", "EPSG:32633", (SIDE, SIDE))
    assert unit.transform == (10.0, 0.0, LEFT + 320, 0.0, -10.0, TOP - 320)
    assert (unit.start, unit.end) == (datetime(2020, 6, 1, tzinfo=UTC), datetime(2020, 7, 1, tzinfo=UTC))
    assert unit.output_href == f"{tmp_path}/r0001c0001/r0001c0001_2020-06.tif"
    assert ids(unit) == ["i3", "i4"]
    source = unit.items[0].sources[0]
    assert (source.band, source.href, source.scale, source.offset, source.nodata) == (
        "B04", str(busy.folder / "i3" / "B04.tif"), 0.0001, -0.1, 0.0,
    )  # fmt: skip


def test_neither_the_order_of_the_catalogue_nor_partitions_change_a_plan(spark, busy, ndvi, tmp_path, monkeypatch):
    plan = planned(spark, busy, ndvi(dilation=20), tmp_path)
    expected = units_of(plan)
    assert units_by_spark(plan) == expected
    path = busy.store.items_path("s2")
    table = pq.read_table(path)
    order = np.random.default_rng(1).permutation(table.num_rows)
    pq.write_table(table.take(pa.array(order)), path, row_group_size=2)
    assert units_of(plan) == expected
    monkeypatch.setattr("jeospark.engine.shuffle.PAIRS", 3)
    monkeypatch.setattr("jeospark.engine.plan.AT_ONCE", 1)
    assert units_by_spark(plan) == expected
    monkeypatch.setattr("jeospark.engine.plan.PAIRS_HERE", 2)
    written = plan.write()
    assert len(written.parts) > 2
    assert by_id(written.read()) == expected
    assert written.pixels == sum(unit.shape[0] * unit.shape[1] for unit in expected.values())
    assert [unit.unit_id for unit in written.read(3, 6)] == [unit.unit_id for unit in written.read()][3:6]


def test_the_digest_stands_for_everything_that_decides_the_pixels(spark, busy, ndvi, tmp_path):
    before = units_of(planned(spark, busy, ndvi(), tmp_path))
    other_reducer = units_of(planned(spark, busy, ndvi(reducer="max"), tmp_path))
    assert not {unit.digest for unit in before.values()} & {unit.digest for unit in other_reducer.values()}
    elsewhere = units_of(planned(spark, busy, ndvi(), tmp_path / "elsewhere"))
    assert {name: unit.digest for name, unit in elsewhere.items()} == {
        name: unit.digest for name, unit in before.items()
    }
    placed_at(busy, "new", "2020-06-05", 0, 0, 16, 16)
    busy.save()
    after = units_of(planned(spark, busy, ndvi(), tmp_path))
    assert {name for name in before if before[name].digest != after[name].digest} == {"r0000c0000/2020-06"}


def test_fragments_of_one_pass_are_one_observation(spark, archive, ndvi, tmp_path):
    placed_at(archive, "a", "2020-05-01T10:00:00Z", 0, 0, 20, 32)
    placed_at(archive, "b", "2020-05-01T10:00:14Z", 12, 0, 20, 32)
    placed_at(archive, "c", "2020-05-01T10:40:00Z", 0, 0, 32, 32, orbit=122)
    (unit,) = units_of(planned(spark, archive.save(), ndvi("day"), tmp_path)).values()
    assert ids(unit) == ["a", "b", "c"]
    assert unit.items[0].observation == unit.items[1].observation != unit.items[2].observation


def test_items_in_the_margin_join_units_but_make_none(spark, archive, ndvi, tmp_path):
    placed_at(archive, "here", "2020-05-01", 0, 0, 32, 32)
    placed_at(archive, "beside", "2020-05-02", 33, 0, 31, 32)
    placed_at(archive, "far", "2020-05-03", 40, 0, 24, 32)
    placed_at(archive, "later", "2020-06-01", 33, 0, 31, 32)
    archive.save()
    units = units_of(planned(spark, archive, ndvi(dilation=20), tmp_path))
    assert {name: ids(unit) for name, unit in units.items()} == {
        "r0000c0000/2020-05": ["here", "beside"],
        "r0000c0001/2020-05": ["here", "beside", "far"],
        "r0000c0001/2020-06": ["later"],
    }
    without = units_of(planned(spark, archive, ndvi(), tmp_path))
    assert without.keys() == units.keys()
    assert ids(without["r0000c0000/2020-05"]) == ["here"]


def box_of(col, row, cols, rows, crs=32633):
    """A box in degrees about pixels of the grid, a tenth of a pixel smaller on every side."""
    to_degrees = Transformer.from_crs(crs, 4326, always_xy=True)
    west, north = to_degrees.transform(LEFT + (col + 0.1) * PIXEL, TOP - (row + 0.1) * PIXEL)
    east, south = to_degrees.transform(LEFT + (col + cols - 0.1) * PIXEL, TOP - (row + rows - 0.1) * PIXEL)
    return west, south, east, north


def test_an_area_crops_the_units(spark, busy, ndvi, tmp_path):
    units = units_of(planned(spark, busy, ndvi(bbox=box_of(20, 5, 30, 10)), tmp_path))
    assert {unit.tile for unit in units.values()} == {"r0000c0000", "r0000c0001"}
    left, right = units["r0000c0000/2020-05"], units["r0000c0001/2020-05"]
    assert (left.shape, left.transform[2], left.transform[5]) == ((10, 12), LEFT + 200, TOP - 50)
    assert (right.shape, right.transform[2], right.transform[5]) == ((10, 18), LEFT + 320, TOP - 50)


def test_items_outside_the_area_make_no_units(spark, archive, ndvi, tmp_path):
    placed_at(archive, "inside", "2020-05-01", 0, 0, 10, 10)
    placed_at(archive, "near", "2020-05-02", 9, 0, 10, 10)
    placed_at(archive, "outside", "2020-06-01", 16, 16, 16, 16)
    archive.save()
    units = units_of(planned(spark, archive, ndvi(bbox=box_of(2, 2, 6, 6)), tmp_path))
    assert {name: ids(unit) for name, unit in units.items()} == {"r0000c0000/2020-05": ["inside"]}
    grown = units_of(planned(spark, archive, ndvi(bbox=box_of(2, 2, 6, 6), dilation=20), tmp_path))
    assert {name: ids(unit) for name, unit in grown.items()} == {"r0000c0000/2020-05": ["inside", "near"]}


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"interval": ("2020-05-09T10:00:00Z", "2020-06-02T10:00:00Z")}, ["i1", "i2"]),
        ({"interval": (None, "2020-05-09")}, ["i0"]),
        ({"interval": ("2020-06-30", None)}, ["i4"]),
        ({"properties": {"eo:cloud_cover": 20.0}}, ["i2"]),
        ({"properties": {"eo:cloud_cover": "between"}}, ["i1", "i2"]),
        ({"properties": {"platform": "sentinel-2b"}}, []),
    ],
)
def test_filters_of_time_and_properties(spark, busy, ndvi, tmp_path, selection, expected):
    if selection.get("properties") == {"eo:cloud_cover": "between"}:
        inside = {"x": {"from_parameter": "value"}, "min": 5, "max": 20}
        node = {"process_id": "between", "arguments": inside, "result": True}
        selection = {"properties": {"eo:cloud_cover": {"process_graph": {"b": node}}}}
    units = units_of(planned(spark, busy, ndvi("year", **selection), tmp_path))
    assert {name for unit in units.values() for name in ids(unit)} == set(expected)
    assert len(units) == (4 if expected else 0)


def test_a_plan_is_lazy(spark, busy, ndvi, tmp_path):
    tracker = spark.sparkContext.statusTracker()
    before = set(tracker.getJobIdsForGroup(None))
    plan = planned(spark, busy, ndvi(), tmp_path)
    assert plan.units.columns == UNITS.names
    assert set(tracker.getJobIdsForGroup(None)) == before
    assert list(tmp_path.glob("*")) in ([], [busy.folder])
    assert written_plan(plan.job) is None
    written = plan.write()
    assert written == written_plan(plan.job)
    assert by_id(written.read()) == units_of(plan)
    fixed = replace(plan, folder=written)
    assert units_by_spark(fixed) == units_of(plan)


def test_a_plan_that_was_cut_off_is_none(spark, busy, ndvi, tmp_path):
    plan = planned(spark, busy, ndvi(), tmp_path)
    first, second = plan.write(), plan.write()
    assert written_plan(plan.job) == second
    Path(second.path, "_plan.json").unlink()
    assert written_plan(plan.job) == first


def test_mgrs_tiles_of_several_utm_zones(spark, archive, ndvi, tmp_path):
    archive.item("a", "2020-05-01", left=600000.0, top=5000040.0, crs="EPSG:32633")
    archive.item("b", "2020-05-01", left=400020.0, top=5000040.0, crs="EPSG:32634")
    archive.item("named", "2020-05-02", left=600000.0, top=5000040.0, crs="EPSG:32633", **{"grid:code": "MGRS-33TWK"})
    archive.save()
    units = units_of(planned(spark, archive, ndvi(), tmp_path, grid="mgrs:60"))
    named = units["33TWK/2020-05"]
    assert "named" in ids(named)
    assert {unit.crs for unit in units.values()} == {"EPSG:32633", "EPSG:32634"}
    assert all(unit.shape == (1830, 1830) and unit.transform[0] == 60 for unit in units.values())
    assert [name for name, unit in units.items() if "named" in ids(unit)] == ["33TWK/2020-05"]


@pytest.mark.parametrize(
    ("grid", "crs"),
    [("EPSG:3035", "EPSG:3035"), ("webmercator:13", "EPSG:3857"), ("EPSG:4326:0.001:100x100", "EPSG:4326")],
)
def test_other_grids(spark, busy, ndvi, tmp_path, grid, crs):
    units = units_of(planned(spark, busy, ndvi("year"), tmp_path, grid=grid))
    assert units
    for unit in units.values():
        assert unit.crs == crs
        assert tuple(Grid.parse(grid).geobox(unit.tile).affine)[:6] == pytest.approx(unit.transform)
        assert ids(unit) == [f"i{number}" for number in range(5)]


def test_the_native_grid_is_that_of_the_items(spark, busy, ndvi, tmp_path):
    plan = planned(spark, busy, ndvi("year"), tmp_path, grid="native")
    assert plan.job.grid == "EPSG:32633:10:64x64:500000,5000000"
    (unit,) = units_of(plan).values()
    assert (unit.shape, unit.transform[2], unit.transform[5]) == ((64, 64), LEFT, TOP)


def test_items_on_several_grids_have_no_native_one(busy, ndvi, tmp_path):
    placed_at(busy, "other", "2020-05-02", 3, 0, 64, 64)
    busy.save()
    assert make_job(ndvi().to_json(), output=str(tmp_path), catalog=busy.catalog, grid=" mgrs").grid == "mgrs:10"
    with pytest.raises(GridError, match="2 grids") as caught:
        make_job(ndvi().to_json(), output=str(tmp_path), catalog=busy.catalog)
    assert "--grid" in caught.value.remedy


def test_the_native_grid_is_that_of_the_items_asked_for(busy, ndvi, tmp_path):
    placed_at(busy, "other", "2021-05-02", 3, 0, 64, 64)
    busy.save()
    recipe = ndvi("year", interval=("2020-01-01", "2021-01-01"))
    job = make_job(recipe.to_json(), output=str(tmp_path), catalog=busy.catalog)
    assert job.grid == "EPSG:32633:10:64x64:500000,5000000"


@pytest.mark.parametrize(
    ("asked", "grid", "fits"),
    [
        ({"projection": 3035, "resolution": 20}, "EPSG:3035:20:512x512:0,0", True),
        ({"projection": "EPSG:3035", "resolution": [20, 20]}, "EPSG:3035:20", True),
        ({"projection": 3035, "resolution": 20}, "native", True),
        ({"projection": 3035, "resolution": 20}, "EPSG:3035:10", False),
        ({"projection": 3035, "resolution": 20}, "mgrs:20", False),
        ({"projection": 3035}, "EPSG:3035:10", True),
        ({"projection": 3857}, "EPSG:3035:10", False),
        ({"resolution": 20}, "mgrs:20", True),
        ({"resolution": 20}, "mgrs", False),
        ({}, "mgrs", True),
    ],
)
def test_a_recipe_that_resamples_needs_such_a_grid(busy, ndvi, tmp_path, asked, grid, fits):
    recipe = ndvi("year").process("resample_spatial", **asked)
    job = make_job(recipe.to_json(), output=str(tmp_path), catalog=busy.catalog, grid=grid)
    if fits:
        assert make_plan(None, job).gathering.placing.grid == job.grid
        assert job.grid.startswith(grid.partition(":")[0] if grid != "native" else "EPSG:3035:20:")
    else:
        with pytest.raises(GridError, match="resamples to"):
            make_plan(None, job)


def test_pixels_are_asked_for_once(busy, ndvi, tmp_path):
    recipe = ndvi("year").process("resample_spatial", resolution=20).process("resample_spatial", resolution=10)
    with pytest.raises(RecipeError, match="resample differently"):
        make_job(recipe.to_json(), output=str(tmp_path), catalog=busy.catalog, grid="mgrs")


def test_metres_on_a_grid_in_degrees_are_refused_before_the_run(busy, ndvi, tmp_path):
    recipe = ndvi("year", dilation=50)
    job = make_job(recipe.to_json(), output=str(tmp_path), catalog=busy.catalog, grid="EPSG:4326:0.001")
    with pytest.raises(RecipeError, match="50 metres on a grid in degrees"):
        make_plan(None, job)


def test_what_cannot_be_planned_is_named(spark, busy, ndvi, tmp_path):
    def plan(recipe=None, **changes):
        asked = {"output": str(tmp_path), "catalog": busy.catalog, "grid": GRID} | changes
        return make_plan(spark, make_job((recipe or ndvi()).to_json(), **asked))

    with pytest.raises(ExtentError, match="outside"):
        plan(ndvi(bbox=(60, 10, 61, 11)))
    with pytest.raises(PlanError, match="inverted"):
        plan(ndvi(bbox=(14, 46, 15, 45)))
    with pytest.raises(GridError, match="mgrs"):
        plan(grid="mgsr")
    with pytest.raises(CollectionNotFoundError, match="s2"):
        plan(catalog=str(tmp_path / "none"))
    with pytest.raises(CatalogError, match="eo:cloud_cover"):
        plan(ndvi(properties={"eo:cloudcover": 3}))


def meeting(item, window, reach):
    """Whether an item lies within so many pixels of a window (col, row, cols, rows)."""
    (_, _, col, row, cols, rows), (left, top, wide, high) = item, window
    return (
        col < left + wide + reach
        and col + cols > left - reach
        and row < top + high + reach
        and row + rows > top - reach
    )


def naive(items, period_name, area, reach):
    """What a plan should be, in pixels: (tile row, tile column, label) → ids."""
    found = {}
    for item in items:
        for row in range(5):
            for col in range(5):
                left, top = max(col * SIDE, area[0]), max(row * SIDE, area[1])
                right, bottom = min((col + 1) * SIDE, area[0] + area[2]), min((row + 1) * SIDE, area[1] + area[3])
                if left < right and top < bottom and meeting(item, (left, top, right - left, bottom - top), reach):
                    label = periods.label(period_name, item[1])
                    found.setdefault(f"r{row:04d}c{col:04d}/{label}", set()).add(item[0])
    return found


@st.composite
def catalogues(draw):
    """Items: name, time, and column, row, columns, rows in pixels from the grid's origin."""
    place, size = st.integers(0, 70), st.integers(2, 50)
    days = draw(st.lists(st.integers(0, 80), min_size=1, max_size=8))
    second = draw(st.sampled_from([timedelta(), timedelta(milliseconds=24), timedelta(hours=14, microseconds=-1)]))
    return [
        (f"n{number}", datetime(2020, 1, 1, 10, tzinfo=UTC) + timedelta(days=day) + second,
         draw(place), draw(place), draw(size), draw(size))
        for number, day in enumerate(days)
    ]  # fmt: skip


EVERYWHERE = (0, 0, 5 * SIDE, 5 * SIDE)


@settings(max_examples=8, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    items=catalogues(),
    period_name=st.sampled_from(["day", "dekad", "month", "season", "year"]),
    margin=st.sampled_from([0, 15]),
    area=st.one_of(st.none(), st.tuples(*[st.integers(0, 70)] * 2, *[st.integers(1, 60)] * 2)),
)
@example([(f"n{at}", datetime(2020, 1, 1, 10, tzinfo=UTC), at, at, 2, 2) for at in (0, 33)], "day", 15, None)
def test_a_plan_equals_a_plain_one(spark, make_archive, ndvi, items, period_name, margin, area):
    archive = make_archive()
    for name, moment, *place_and_size in items:
        placed_at(archive, name, moment.isoformat().replace("+00:00", "Z"), *place_and_size)
    recipe = ndvi(period_name, dilation=margin, bbox=area and box_of(*area))
    units = units_of(planned(spark, archive.save(), recipe, archive.folder))
    touching = naive(items, period_name, area or EVERYWHERE, 0)
    # Pixels count by their centres: one pixel lies between those on both sides of an edge.
    near = naive(items, period_name, area or EVERYWHERE, max(margin / PIXEL - 1, 0))
    # Metres become degrees for the worst direction: an item may join a unit though it lies a little too far off.
    far = naive(items, period_name, area or EVERYWHERE, 2 * margin / PIXEL)
    assert units.keys() == touching.keys()
    for name, unit in units.items():
        assert near[name] <= set(ids(unit)) <= far[name]
        times = [(item.datetime, item.item_id) for item in unit.items]
        assert times == sorted(times)
