import json
import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio

import jeospark
from jeospark.engine import ledger
from jeospark.engine.java import ensure_java
from jeospark.engine.main import make_job
from jeospark.engine.plan import make_plan
from jeospark.engine.run import TASKS_PER_CORE, resume, run
from jeospark.lab.recipe import load_collection
from jeospark.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
JOB = ROOT / "jobs" / "composite.py"
GRID = "EPSG:32633:10:64x64:500000,5000000"


def submit(*arguments, master="local[1]"):
    """The command line and the environment of a submission."""
    command = [
        str(Path(sys.executable).with_name("spark-submit")), "--properties-file", str(ROOT / "conf" / "local.conf"),
        "--master", master, "--driver-memory", "768m",
        "--driver-java-options", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC", str(JOB), *map(str, arguments),
    ]  # fmt: skip
    changes = {
        "JAVA_HOME": ensure_java(),
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(Path(jeospark.__file__).parents[1]),
    }
    return command, os.environ | changes


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    chain = load_collection("s2", bands=["B04", "B08", "SCL"]).mask_classes([9], dilation=30)
    chain = chain.ndvi().aggregate("month", "median").save(dtype="int16", scale=0.0001, nodata=-32768)
    path = tmp_path_factory.mktemp("recipe") / "recipe.json"
    path.write_text(chain.to_json())
    return path


@pytest.fixture(scope="module")
def large(make_archive, scene):
    """Eight dates of 512 × 512 pixels in two months."""
    archive = make_archive()
    for number in range(8):
        archive.write(
            f"i{number}", f"2020-{5 + number % 2:02d}-{1 + number:02d}", scene(number, shape=(512, 512)), block=128
        )
    return archive.save()


def published(folder):
    return {str(path.relative_to(folder)): path for path in folder.glob("r*/*.*") if not path.name.startswith(".")}


@pytest.mark.spark
def test_a_killed_driver_leaves_nothing_half_done(spark, large, recipe, tmp_path):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    asked = {"grid": GRID, "catalog": large.catalog, "title": "Large"}
    options = [part for name, value in asked.items() for part in (f"--{name}", value)]
    command, environment = submit(recipe, "--output", killed, *options)
    with subprocess.Popen(
        command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as driver:
        waited = time.monotonic() + 240
        while len(list(killed.glob("r*/*.json"))) < 5 and driver.poll() is None and time.monotonic() < waited:
            time.sleep(0.02)
        assert driver.poll() is None, "the run ended before it could be killed"
        os.killpg(driver.pid, signal.SIGKILL)
    files = published(killed)
    for path in files.values():
        if path.suffix == ".tif":
            with rasterio.open(path) as file:
                assert file.read(1).shape == (64, 64)
        if path.suffix == ".json":
            assert json.loads(path.read_text())["stac_version"] == "1.1.0"

    again = resume(spark, str(killed), Settings.load())
    assert (again.units, again.failed, again.done + again.skipped) == (128, 0, 128)
    assert again.skipped >= 5
    assert again.done > 0
    assert all(outcome.pixels_valid for outcome in ledger.rows(again.job, again.attempt))
    # What ended before the driver was killed stands in the ledger, but for the units of the task that it had begun.
    first, second = ledger.attempts(again.job)
    made = sum(outcome.status == "done" for attempt in (first, second) for outcome in ledger.rows(again.job, attempt))
    assert 128 - 128 // TASKS_PER_CORE <= made <= 128

    # The other run, never disturbed, has two cores and another number of partitions.
    plan = make_plan(spark, make_job(recipe.read_text(), output=str(whole), **asked))
    assert run(plan, Settings.load()).done == 128
    assert published(killed).keys() == published(whole).keys()
    for name, path in published(whole).items():
        if path.suffix in (".tif", ".png"):
            assert (killed / name).read_bytes() == path.read_bytes(), name


def test_a_submitted_job_tells_where_its_results_lie_and_ends_with_its_code(archive, scene, recipe, tmp_path):
    for number in (1, 2):
        archive.write(f"good{number}", f"2020-05-0{number}", scene(number))
    broken = archive.write("bad", "2020-06-01", scene(3))
    archive.save()
    Path(broken["assets"]["SCL"]["href"]).write_bytes(b"")
    out = tmp_path / "out"
    command, environment = submit(recipe, "--output", out, "--catalog", archive.catalog, "--title", "Tiny")
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 1, ended.stderr
    # spark-submit sends all that the driver says to its standard output.
    said, _, summary = ended.stdout.rpartition("2 units: 1 done, 1 failed; ")
    assert "Tiny: 100 %" in said
    assert "Traceback" not in ended.stdout + ended.stderr
    told = dict(line.split(maxsplit=1) for line in summary.splitlines()[1:])
    assert told["results"] == str(out)
    assert Path(told["catalogue"]).is_file()
    assert Path(told["report"]).is_file()
    assert told["resume"] == f"jeospark resume {out}"
    with rasterio.open(out / "r0000c0000" / "r0000c0000_2020-05.tif") as file:
        assert np.count_nonzero(file.read(1) != file.nodata) > 1000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"--catalog": "{tmp}/none"}, "CollectionNotFoundError: no collection 's2'"),
        ({"--grid": "mgsr"}, "GridError: 'mgsr' is not a grid"),
        ({"recipe": '{"a": {"process_id": "ndvy", "arguments": {}, "result": true}}'}, "Did you mean 'ndvi'?"),
        ({"recipe": "{"}, "RecipeError"),
        ({"recipe": None}, "RecipeError: the recipe cannot be read"),
    ],
)
def test_what_cannot_start_is_told_in_a_line_without_starting_spark(
    archive, recipe, tmp_path, monkeypatch, capsys, change, words
):
    archive.item("a", "2020-05-01")
    archive.save()
    monkeypatch.setattr("jeospark.engine.session.ensure_java", lambda: pytest.fail("Spark was started"))
    path = tmp_path / "recipe.json"
    if change.get("recipe", "") is not None:
        path.write_text(change.get("recipe") or recipe.read_text())
    options = {"--output": str(tmp_path / "out"), "--catalog": archive.catalog, "--grid": GRID} | {
        name: value.format(tmp=tmp_path) for name, value in change.items() if name != "recipe"
    }
    monkeypatch.setattr(sys, "argv", ["composite.py", str(path), *(part for pair in options.items() for part in pair)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(JOB), run_name="__main__")
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert words in told
    assert "Traceback" not in told
    assert not (tmp_path / "out").exists()
