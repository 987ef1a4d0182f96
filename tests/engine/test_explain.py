from dataclasses import replace

import pytest

from jeospark.engine.explain import explain
from jeospark.engine.main import make_job
from jeospark.engine.plan import make_plan, written_plan
from jeospark.engine.run import run
from jeospark.errors import EmptySelectionError, TooLargeError
from jeospark.settings import Settings

pytestmark = pytest.mark.spark

GRID = "EPSG:32633:10:32x32:500000,5000000"


def explained(spark, archive, recipe, folder, grid=GRID, **settings):
    plan = make_plan(spark, make_job(recipe.to_json(), output=str(folder), catalog=archive.catalog, grid=grid))
    return explain(plan, replace(Settings.load(), **settings))


def test_the_figures_are_those_of_the_plan(spark, archive, ndvi, tmp_path):
    for name, moment, shape in (
        ("a", "2020-05-01T10:00:00Z", (32, 64)),
        ("b", "2020-05-01T10:00:14Z", (64, 32)),
        ("c", "2020-05-03", (16, 16)),
        ("d", "2020-06-03", (16, 16)),
    ):
        item = archive.item(name, moment, shape=shape)
        for size, asset in enumerate(item["assets"].values(), start=1):
            asset["file:size"] = size * 100
    told = explained(spark, archive.save(), ndvi(), tmp_path)
    # May: a, b and c on the first tile, a to the right of it, b below it. June: d on the first tile.
    assert (told.sums.units, told.sums.items, told.sums.observations, told.sums.done) == (4, 6, 5, 0)
    assert told.sums.bytes == 6 * (100 + 200 + 300)
    assert told.sums.pixels == 4 * 32 * 32
    assert told.sums.decoded == 5 * 32 * 32 * 3
    assert told.cores == 2
    assert told.core_hours > 0
    assert [(each.unit_id, each.items) for each in told.sums.largest] == [
        ("r0000c0000/2020-05", 3),
        ("r0000c0000/2020-06", 1),
        ("r0000c0001/2020-05", 1),
        ("r0001c0000/2020-05", 1),
    ]
    text = told.text()
    assert "4 (0 done already)" in text
    assert "r0000c0000/2020-05: 3 items, 1,024 px" in text


def test_a_band_has_its_share_of_the_bytes_of_a_file(spark, archive, ndvi, tmp_path):
    item = archive.item("a", "2020-05-01", shape=(32, 32))
    shared = item["assets"]["B04"]
    shared["bands"] += item["assets"].pop("B08")["bands"]
    shared["file:size"] = 1000
    item["assets"]["SCL"] |= {"file:size": 5000, "jeospark:share": 0.01}
    assert explained(spark, archive.save(), ndvi(), tmp_path).sums.bytes == 1000 + 50


def test_only_the_five_largest_units_are_told(spark, archive, ndvi, tmp_path):
    for number, days in enumerate((1, 3, 2, 6, 5, 4), start=1):
        for day in range(1, days + 1):
            archive.item(f"{number}-{day}", f"2020-{number:02d}-{day:02d}", shape=(8, 8))
    told = explained(spark, archive.save(), ndvi(), tmp_path)
    assert [(each.unit_id[-7:], each.items) for each in told.sums.largest] == [
        ("2020-04", 6), ("2020-05", 5), ("2020-06", 4), ("2020-02", 3), ("2020-03", 2),
    ]  # fmt: skip


def test_what_is_done_is_told(done):
    told = explain(done.plan, Settings.load())
    assert (told.sums.units, told.sums.done) == (8, 8)
    fixed = replace(done.plan, folder=written_plan(done.plan.job))
    assert explain(fixed, Settings.load()) == told


def test_large_plans_are_summed_up_by_spark(done, monkeypatch):
    told = explain(done.plan, Settings.load())
    monkeypatch.setattr("jeospark.engine.plan.ITEMS_HERE", 0)
    monkeypatch.setattr("jeospark.engine.plan.UNITS_HERE", 0)
    monkeypatch.setattr("jeospark.engine.plan.FILES_HERE", 0)
    assert explain(done.plan, Settings.load()) == told
    fixed = replace(done.plan, folder=written_plan(done.plan.job))
    assert explain(fixed, Settings.load()) == told


def test_jpeg_2000_takes_longer(spark, archive, ndvi, tmp_path):
    item = archive.item("a", "2020-05-01", shape=(10980, 10980))
    grid = "EPSG:32633:10:10980x10980:500000,5000000"
    fast = explained(spark, archive.save(), ndvi(), tmp_path, grid).core_hours
    item["assets"]["B08"]["href"] = "/somewhere/B08.JP2"
    slow = explained(spark, archive.save(), ndvi(), tmp_path, grid).core_hours
    assert slow > 5 * fast


def test_a_coarser_grid_reads_as_many_source_pixels(spark, archive, ndvi, tmp_path):
    archive.item("a", "2020-05-01", shape=(64, 64))
    archive.save()
    fine, coarse, finer = (
        explained(spark, archive, ndvi(), tmp_path, f"EPSG:32633:{pixel}:{size}x{size}:500000,5000000").sums.decoded
        for pixel, size in ((10, 64), (40, 16), (5, 128))
    )
    assert (fine, coarse, finer) == (64 * 64 * 3, 64 * 64 * 3, 128 * 128 * 3)


def test_another_crs_takes_longer(spark, archive, ndvi, tmp_path):
    archive.item("a", "2020-05-01", shape=(2000, 2000))
    archive.save()
    same, other = (f"{crs}:10:2000x2000:0,0" for crs in ("EPSG:32633", "EPSG:3857"))
    fast, slow = (explained(spark, archive, ndvi(), tmp_path, grid).sums for grid in (same, other))
    assert slow.seconds / slow.decoded > 2 * fast.seconds / fast.decoded


def test_what_cannot_fit_is_refused_with_the_setting_that_makes_it_fit(spark, archive, ndvi, tmp_path):
    for day in range(1, 31):
        archive.item(f"i{day}", f"2020-05-{day:02d}", shape=(32, 32))
    archive.save()
    with pytest.raises(TooLargeError, match="30 observations and 3 bands") as caught:
        explained(spark, archive, ndvi(), tmp_path, worker_memory_mb=4, compile=False)
    assert caught.value.where == "JEOSPARK_WORKER_MEMORY_MB=4"
    (needed,) = (int(word) for word in caught.value.remedy.split() if word.isdigit())
    assert "JEOSPARK_WORKER_MEMORY_MB" in caught.value.remedy
    told = explained(spark, archive, ndvi(), tmp_path, worker_memory_mb=needed, compile=False)
    assert told.peak_mb > needed


def test_what_cannot_fit_is_not_run_either(spark, archive, ndvi, tmp_path):
    for day in range(1, 31):
        archive.item(f"i{day}", f"2020-05-{day:02d}", shape=(32, 32))
    job = make_job(ndvi().to_json(), output=str(tmp_path), catalog=archive.save().catalog, grid=GRID)
    with pytest.raises(TooLargeError, match="30 observations"):
        run(make_plan(spark, job), replace(Settings.load(), worker_memory_mb=4, compile=False))
    assert not (tmp_path / "plan").exists()


def test_an_empty_selection_is_named(spark, archive, ndvi, tmp_path):
    archive.item("a", "2020-05-01")
    with pytest.raises(EmptySelectionError, match="no item") as caught:
        explained(spark, archive.save(), ndvi(interval=("2021-01-01", None)), tmp_path)
    assert "jeospark items" in caught.value.remedy
