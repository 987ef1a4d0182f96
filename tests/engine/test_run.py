import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio

from jeospark.engine import ledger
from jeospark.engine.ending import AGAIN
from jeospark.engine.finish import finish
from jeospark.engine.job import load_job
from jeospark.engine.main import conclude, make_job, run_job, summary
from jeospark.engine.plan import make_plan
from jeospark.engine.run import resume, run
from jeospark.engine.standing import latest
from jeospark.errors import (
    EmptySelectionError,
    LedgerError,
    OutputTakenError,
    OutputUnwritableError,
    PlanError,
    SettingError,
)
from jeospark.settings import Settings
from jeospark.storage.publish import names

pytestmark = pytest.mark.spark

TILES = "EPSG:32633:10:32x32:500000,5000000"


def planned(spark, archive, recipe, folder, **asked):
    asked = {"output": str(folder), "catalog": archive.catalog, "grid": TILES} | asked
    return make_plan(spark, make_job(recipe.to_json(), **asked))


def times(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in sorted(folder.glob("r*/*"))}


def outcomes(job):
    return {outcome.unit_id: outcome for outcome in latest(job)}


def test_every_unit_is_published_and_right(done, expected_ndvi, pixels):
    assert (done.result.units, done.result.done, done.result.failed, done.result.ok) == (8, 8, 0, True)
    scenes = list(done.scenes.values())
    for month, used in (("2020-05", scenes[:3]), ("2020-06", scenes[3:])):
        expected = expected_ndvi(used)
        for row in (0, 1):
            for col in (0, 1):
                tile = f"r{row:04d}c{col:04d}"
                found = pixels(done.folder / tile / f"{tile}_{month}.tif").astype(np.int64)
                wanted = expected[32 * row :, 32 * col :][:32, :32]
                assert np.array_equal(found == -32768, wanted == -32768)
                assert np.abs(found - wanted).max() <= 1
    names = {path.name for path in (done.folder / "r0000c0000").iterdir()}
    assert names == {f"r0000c0000_2020-0{month}.{kind}" for month in (5, 6) for kind in ("tif", "json", "png")}


def test_the_ledger_tells_of_every_unit(done):
    rows = outcomes(done.plan.job)
    assert len(rows) == 8
    row = rows["r0001c0000/2020-05"]
    assert (row.status, row.items, row.pixels, row.error, row.rejects) == ("done", 3, 1024, None, ())
    assert row.href == str(done.folder / "r0001c0000" / "r0001c0000_2020-05.tif")
    assert row.bytes_written == Path(row.href).stat().st_size
    with rasterio.open(row.href) as file:
        assert row.pixels_valid == int((file.read(1) != -32768).sum())
        assert file.tags()["JEOSPARK_DIGEST"] == row.digest
    assert row.seconds > 0
    assert row.peak_mb > 0
    assert row.started is not None
    assert row.started.utcoffset().total_seconds() == 0


def test_a_second_run_makes_nothing_again(done):
    before = times(done.folder)
    again = run(done.plan, Settings.load())
    assert (again.units, again.skipped, again.done, again.cores) == (8, 8, 0, 2)
    assert times(done.folder) == before
    assert summary(again).startswith("8 units: 8 skipped; ")
    made, skipped = ([*ledger.rows(done.plan.job, each.attempt)] for each in (done.result, again))
    assert {row.unit_id: (row.pixels_valid, row.bytes_written) for row in skipped} == {
        row.unit_id: (row.pixels_valid, row.bytes_written) for row in made
    }
    # How a unit stands is told by the attempt that made it.
    assert {outcome.status for outcome in latest(done.plan.job)} == {"done"}


def test_bytes_depend_neither_on_windows_nor_on_partitions(spark, done, ndvi, contents, tmp_path, monkeypatch):
    monkeypatch.setattr("jeospark.engine.run.TASKS_PER_CORE", 1)
    plan = planned(spark, done.archive, ndvi(), tmp_path / "out", title="May & June")
    result = run(plan, replace(Settings.load(), worker_memory_mb=1))
    assert result.done == 8
    cogs = {name: data for name, data in contents(tmp_path / "out").items() if name.endswith(".tif")}
    assert cogs == {name: data for name, data in contents(done.folder).items() if name.endswith(".tif")}


def test_two_runs_at_once_give_what_one_gives(spark, done, ndvi, contents, tmp_path):
    plans = [planned(spark, done.archive, ndvi(), tmp_path / "out", title="May & June") for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda plan: run(plan, Settings.load()), plans))
    for result in results:
        assert result.failed == 0
        assert result.done + result.skipped == result.units == 8
    assert {outcome.status for outcome in latest(plans[0].job)} == {"done"}
    found = contents(tmp_path / "out")
    assert found.keys() == contents(done.folder).keys()
    assert all(found[name] == data for name, data in contents(done.folder).items() if name.endswith(".tif"))


@pytest.fixture
def damaged(archive, scene):
    """Two dates on four tiles, and one on the first tile alone, in a month of its own, whose near infrared is cut."""
    for day in (1, 2):
        archive.write(f"good{day}", f"2020-05-0{day}", scene(day))
    item = archive.write("bad", "2020-06-01", scene(3, shape=(32, 32)))
    archive.save()
    path = Path(item["assets"]["B08"]["href"])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return archive, path, whole


def test_a_driver_that_ended_with_its_own_code_is_not_run_again_by_yarn(spark, damaged, ndvi, tmp_path, monkeypatch):
    archive, path, whole = damaged
    monkeypatch.setattr("pyspark.sql.SparkSession.stop", lambda _: None)
    monkeypatch.setenv("CONTAINER_ID", "container_e17_1795719130085_0001_01_000001")
    job = planned(spark, archive, ndvi(), tmp_path / "out").job
    first = run_job(job)
    assert first.code == 1
    assert "5 units: 4 done, 1 failed" in first.text
    path.write_bytes(whole)

    monkeypatch.setattr("jeospark.engine.main.spark_session", lambda _: pytest.fail("it was run again"))
    monkeypatch.setenv("CONTAINER_ID", "container_e17_1795719130085_0001_02_000001")
    ending = run_job(job)
    assert (ending.code, ending.text) == (1, f"{AGAIN}\n{first.text}")
    # Any other driver does what failed: one of a later application, one outside of YARN, one whose first was lost.
    for container in ("container_1795719130085_0002_02_000001", "container_1795719130085_0001_01_000001", ""):
        monkeypatch.setenv("CONTAINER_ID", container)
        with pytest.raises(pytest.fail.Exception, match="run again"):
            run_job(job)
    monkeypatch.setenv("CONTAINER_ID", "container_1795719130085_0001_02_000001")
    (tmp_path / "out" / "ended.json").unlink()
    with pytest.raises(pytest.fail.Exception, match="run again"):
        run_job(job)


def test_a_bad_asset_costs_its_unit_until_it_is_mended(spark, damaged, ndvi, tmp_path):
    archive, path, whole = damaged
    folder = tmp_path / "out"
    result = run(planned(spark, archive, ndvi(), folder), Settings.load())
    assert (result.units, result.done, result.failed, result.ok) == (5, 4, 1, False)
    row = outcomes(result.job)["r0000c0000/2020-06"]
    assert (row.status, row.error, row.item_id, row.band, row.asset) == (
        "failed", "AssetUnreadableError", "bad", "B08", str(path),
    )  # fmt: skip
    for word in ("r0000c0000/2020-06", "bad", "B08", str(path)):
        assert word in row.message
    assert not list(folder.glob("*/*2020-06*"))
    assert not list(folder.glob("r*/.*"))

    places = conclude(result, command="test")
    report = Path(places.report).read_text()
    assert "AssetUnreadableError" in report
    assert str(path) in report
    assert f"jeospark resume {folder}" in report
    assert "2020-06" not in Path(places.collection).read_text()

    before = times(folder)
    path.write_bytes(whole)
    again = resume(spark, str(folder), Settings.load())
    assert (again.units, again.done, again.skipped, again.failed, again.ok) == (5, 1, 4, 0, True)
    after = times(folder)
    assert {name: after[name] for name in before} == before
    assert {name.rsplit("/")[-1] for name in after.keys() - before.keys()} == {
        f"r0000c0000_2020-06.{kind}" for kind in ("tif", "json", "png")
    }
    assert {outcome.status for outcome in latest(again.job)} == {"done"}
    assert len(ledger.attempts(again.job)) == 2
    assert "AssetUnreadableError" not in Path(finish(again.job).report).read_text()


@pytest.mark.parametrize(("ratio", "ok"), [(0.0, False), (0.19, False), (0.2, True), (1.0, True)])
def test_the_share_of_units_that_may_fail(done, ratio, ok):
    job = replace(done.plan.job, max_error_ratio=ratio)
    assert replace(done.result, job=job, units=5, done=4, failed=1).ok is ok
    assert replace(done.result, job=job, units=5, done=5, failed=0).ok


@pytest.mark.parametrize("ratio", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(done, ratio):
    with pytest.raises(SettingError, match="share of units"):
        replace(done.plan.job, max_error_ratio=ratio)


def test_an_item_with_a_bad_asset_can_be_left_out(spark, damaged, ndvi, tmp_path):
    archive, path, _ = damaged
    result = run(planned(spark, archive, ndvi("year"), tmp_path / "out", skip_bad_assets=True), Settings.load())
    assert (result.units, result.done, result.ok) == (4, 4, True)
    row = outcomes(result.job)["r0000c0000/2020"]
    assert [(reject.item_id, reject.band, reject.asset) for reject in row.rejects] == [("bad", "B08", str(path))]


def test_a_folder_holds_the_results_of_one_recipe(spark, done, ndvi):
    tracker = spark.sparkContext.statusTracker()
    for other in ({"grid": "EPSG:32633:10:16x16:500000,5000000"}, {"recipe": ndvi(reducer="max")}):
        plan = planned(spark, done.archive, **({"recipe": ndvi(), "folder": done.folder} | other))
        jobs = len(tracker.getJobIdsForGroup(None))
        with pytest.raises(OutputTakenError, match="another folder"):
            run(plan, Settings.load())
        assert len(tracker.getJobIdsForGroup(None)) == jobs
    assert load_job(str(done.folder)) == done.plan.job


def test_an_output_that_cannot_be_written_is_named_before_any_work(spark, done, ndvi, tmp_path):
    (tmp_path / "file").write_text("in the way")
    plan = planned(spark, done.archive, ndvi(), tmp_path / "file" / "out")
    jobs = spark.sparkContext.statusTracker().getJobIdsForGroup(None)
    with pytest.raises(OutputUnwritableError, match="file/out"):
        run(plan, Settings.load())
    assert spark.sparkContext.statusTracker().getJobIdsForGroup(None) == jobs


def test_a_run_of_nothing_is_named(spark, done, ndvi, tmp_path):
    plan = planned(spark, done.archive, ndvi(interval=("1999-01-01", "2000-01-01")), tmp_path / "out")
    with pytest.raises(EmptySelectionError, match="no item"):
        run(plan, Settings.load())
    assert [*(tmp_path / "out").iterdir()] == []
    # The folder is free for the recipe that is meant.
    planned(spark, done.archive, ndvi(), tmp_path / "out").job.save()


def test_rows_are_read_again_where_an_attempt_ends_meanwhile(done, monkeypatch):
    job, attempt = done.plan.job, done.result.attempt
    found = [["part-000000.parquet"]]
    monkeypatch.setattr(ledger, "names", lambda folder: found.pop() if found else names(folder))
    assert len([*ledger.rows(job, attempt)]) == 8


def test_a_folder_that_was_copied_is_no_place_to_resume(spark, done, ndvi, tmp_path):
    copied = tmp_path / "copied"
    shutil.copytree(done.folder, copied)
    with pytest.raises(OutputTakenError, match="moved or copied"):
        resume(spark, str(copied), Settings.load())
    (tmp_path / "link").symlink_to(done.folder)
    assert load_job(str(tmp_path / "link")) == done.plan.job
    again = run(planned(spark, done.archive, ndvi(), copied), Settings.load())
    assert (again.units, again.skipped) == (8, 8)
    assert load_job(str(copied)).output == str(copied)


@pytest.mark.parametrize("text", ["{", "{}", "[]"])
def test_a_damaged_file_of_a_run_is_named(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(OutputTakenError, match=r"the folder.s run was cannot be read"):
        load_job(str(tmp_path))


def test_a_folder_without_a_run_cannot_be_resumed(spark, tmp_path):
    with pytest.raises(OutputTakenError, match="no run to resume"):
        resume(spark, str(tmp_path), Settings.load())


def test_a_ledger_that_cannot_be_written_is_named_and_the_results_stay(spark, done, ndvi, tmp_path):
    plan = planned(spark, done.archive, ndvi(), tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "ledger").write_text("in the way")
    with pytest.raises(LedgerError, match="lacks rows") as caught:
        run(plan, Settings.load())
    assert "jeospark resume" in caught.value.remedy
    (tmp_path / "out" / "ledger").unlink()
    again = resume(spark, str(tmp_path / "out"), Settings.load())
    assert (again.units, again.skipped) == (8, 8)


def test_a_plan_that_lost_a_file_is_named_and_made_anew_once_it_is_removed(spark, done, ndvi, tmp_path):
    run(planned(spark, done.archive, ndvi(), tmp_path / "out"), Settings.load())
    (folder,) = (tmp_path / "out" / "plan").iterdir()
    next(folder.glob("*.parquet")).unlink()
    with pytest.raises(PlanError, match="cannot be read") as caught:
        resume(spark, str(tmp_path / "out"), Settings.load())
    assert str(folder) in caught.value.remedy
    shutil.rmtree(folder)
    again = resume(spark, str(tmp_path / "out"), Settings.load())
    assert (again.units, again.skipped) == (8, 8)
