import runpy
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely

from jeospark.engine.ending import AGAIN
from jeospark.lab.recipe import load_collection
from jeospark.lab.spatial import aggregate_spatial

pytestmark = pytest.mark.spark
JOB = Path(__file__).parents[2] / "jobs" / "zonal.py"
GRID = "EPSG:32633:10:32x32:500000,5000000"
TRIANGLE = shapely.Polygon([(5e5 + 33.5, 5e6 - 41), (5e5 + 407, 5e6 - 202.5), (5e5 + 150, 5e6 - 590)])
DOT = shapely.box(5e5 + 101, 5e6 - 109, 5e5 + 109, 5e6 - 101)


@pytest.fixture
def geometries():
    """Two polygons of one CRS, and a point."""
    shapes = {"triangle": TRIANGLE, "dot": DOT, "point": shapely.Point(5e5, 5e6)}
    return {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": "EPSG:32633"}},
        "features": [
            {"type": "Feature", "id": name, "properties": {}, "geometry": shapely.geometry.mapping(shape)}
            for name, shape in shapes.items()
        ],
    }


@pytest.fixture
def scenes(archive, scene):
    archive.scenes = {day: scene(day) for day in (1, 2)}
    for day, made in archive.scenes.items():
        archive.write(f"i{day}", f"2020-05-0{day}", made)
    archive.save()
    return archive


def inside(shape):
    """Pixels of 64 × 64 whose centres a polygon holds."""
    x, y = np.meshgrid(5e5 + 5 + 10 * np.arange(64), 5e6 - 5 - 10 * np.arange(64))
    return shapely.contains_xy(shape, x, y)


@pytest.mark.parametrize(
    ("reducer", "expected"),
    [("median", np.median), ("sd", lambda values: values.std(ddof=1)), ("count", len), ("max", np.max)],
)
def test_values_are_those_of_numpy_over_centres(spark, scenes, geometries, tmp_path, reducer, expected):
    cube = load_collection("s2", bands=["B04", "SCL"]).mask_classes([9]).bands("B04")
    made = aggregate_spatial(
        cube.aggregate_spatial(geometries, reducer), tmp_path / "out", catalog=scenes.catalog, grid=GRID
    )
    assert made.ok
    assert [row["error"] for row in made.result.rejects.to_pylist()] == ["ZoneKindError"]
    rows = made.table.to_pylist()
    assert [(row["zone"], row["start"].day) for row in rows] == [
        ("dot", 1), ("dot", 2), ("triangle", 1), ("triangle", 2),
    ]  # fmt: skip
    for row in rows:
        scene = scenes.scenes[row["start"].day]
        stored, classes = scene["B04"], scene["SCL"]
        usable = inside(TRIANGLE if row["zone"] == "triangle" else DOT) & (stored > 0) & (classes > 0) & (classes != 9)
        data = stored[usable] * np.float32(1e-4) - np.float32(0.1)
        if reducer == "count":
            assert row["value"] == len(data)
        elif reducer == "median" and len(data) > 1:
            middle = np.sort(data)[(len(data) - 1) // 2 - 1 : len(data) // 2 + 2]
            assert middle[0] <= row["value"] <= middle[-1]
        elif len(data) == 0 or (reducer == "sd" and len(data) == 1):
            assert row["value"] is None
        else:
            assert row["value"] == pytest.approx(expected(data.astype(np.float64)), rel=1e-5)
    assert pq.read_table(tmp_path / "out" / "aggregate.parquet").equals(made.table)


@pytest.fixture
def job(scenes, geometries, tmp_path, monkeypatch, capsys):
    """A function that runs the job, and gives its exit code and what it said."""
    recipe = tmp_path / "recipe.json"
    cube = load_collection("s2", bands=["B04"]).aggregate("month", "mean")
    recipe.write_text(cube.aggregate_spatial(geometries, "mean").process("save_result", format="Parquet").to_json())
    asked = [str(recipe), "--output", str(tmp_path / "out"), "--catalog", str(scenes.catalog), "--grid", GRID]

    def run(*more):
        monkeypatch.setattr(sys, "argv", ["zonal.py", *asked, *more])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(JOB), run_name="__main__")
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return run


def test_the_job_takes_the_zones_of_the_recipe(spark, job, tmp_path):
    code, said, errors = job()
    assert code == 0, errors
    assert "3 zones, 1 rejected" in said
    assert f"values     {tmp_path / 'out' / 'aggregate.parquet'}" in said
    assert pq.read_table(tmp_path / "out" / "aggregate.parquet").column("period").to_pylist() == ["2020-05"] * 2


def test_a_driver_that_ended_with_its_own_code_is_not_run_again_by_yarn(spark, scenes, job, tmp_path, monkeypatch):
    path = scenes.folder / "i2" / "B04.tif"
    whole = path.read_bytes()
    path.write_bytes(b"no raster")
    attempts = tmp_path / "out" / "ledger"
    monkeypatch.setenv("CONTAINER_ID", "container_e17_1795719130085_0001_01_000001")
    code, first, _ = job()
    assert (code, "statistics none" in first, len(list(attempts.iterdir()))) == (1, True, 1)
    path.write_bytes(whole)
    monkeypatch.setenv("CONTAINER_ID", "container_e17_1795719130085_0001_02_000001")
    code, again, _ = job()
    assert (code, again, len(list(attempts.iterdir()))) == (1, f"{AGAIN}\n{first}", 1)
    # A later application does what failed.
    monkeypatch.setenv("CONTAINER_ID", "container_e17_1795719130085_0002_02_000001")
    assert job()[0] == 0
    assert len(list(attempts.iterdir())) == 2


def test_a_run_that_was_refused_is_refused_again(spark, job, tmp_path, monkeypatch):
    for attempt in (1, 2):
        monkeypatch.setenv("CONTAINER_ID", f"container_1795719130085_0001_0{attempt}_000001")
        code, _, errors = job("--max-error-ratio", "2")
        assert code == 2
        assert "SettingError: 2 is no share of units" in errors
        assert not (tmp_path / "out").exists()
