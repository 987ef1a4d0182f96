"""The data source and the table function in a session of Spark."""

import numpy as np
import pytest
from pyspark.errors import AnalysisException, PySparkException

from jeospark.engine.main import make_job
from jeospark.engine.plan import make_plan
from jeospark.engine.run import run
from jeospark.settings import Settings
from jeospark.sql.pixels.register import register_pixels

GRID = "EPSG:32633:10:32x48:500000,5000000"

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def sql(spark, world):
    """A function that runs SQL in a session with `pixels` over the world's catalogue."""
    register_pixels(spark, world.catalog)
    return spark.sql


@pytest.fixture(scope="module")
def batch(spark, world, recipe, tmp_path_factory):
    """Output folder of the recipe run as a batch."""
    folder = tmp_path_factory.mktemp("batch")
    job = make_job(recipe.to_json(), output=str(folder), catalog=world.catalog, grid=GRID)
    assert run(make_plan(spark, job), Settings.load()).ok
    return folder


def test_chips_equal_the_batch(spark, sql, batch, recipe, stored, array):
    options = {"recipe": recipe.to_json(), "grid": GRID, "chip": 20}
    frame = spark.read.format("jeospark.pixels").options(**options).load()
    files = {}
    for row in (each.asDict(recursive=True) for each in frame.collect()):
        path = batch / row["tile"] / f"{row['tile']}_{row['period']}.tif"
        expected = files.setdefault(path, stored(path))
        rows, cols = slice(row["row"], row["row"] + row["rows"]), slice(row["col"], row["col"] + row["cols"])
        for plane, band in enumerate(("B04", "B08", "ndvi")):
            np.testing.assert_array_equal(array(row, band), expected[plane, rows, cols].astype(np.float32))
            expected[plane, rows, cols] = np.inf
    assert len(files) == len(list(batch.glob("r*/*.tif"))) == 8
    assert all(np.isinf(expected).all() for expected in files.values())


def test_a_view_over_pixels_answers_sql(sql, world):
    sql(
        "CREATE OR REPLACE TEMPORARY VIEW reds USING `jeospark.pixels` OPTIONS ("
        "collection 's2', bands 'B04,SCL', rows 'pixel', interval '2020-05-01,2020-06-01')"
    )
    found = sql("SELECT datetime, count(*) AS n, count(B04) AS usable, max(B04) AS top FROM reds WHERE SCL = 9 "
                "GROUP BY datetime ORDER BY datetime").collect()  # fmt: skip
    for row, moment in zip(found, list(world.scenes)[:3], strict=True):
        red, clouds = world.scenes[moment]["B04"], world.scenes[moment]["SCL"] == 9
        assert row["n"] == clouds.sum()
        assert row["usable"] == (clouds & (red > 0)).sum()
        assert row["top"] == pytest.approx(red[clouds].max() * 1e-4 - 0.1, abs=1e-6)


def test_the_work_is_cut_into_tasks(spark, sql):
    frame = (
        spark.read.format("jeospark.pixels").options(collection="s2", grid="EPSG:32633:10:8x8:500000,5000000").load()
    )
    assert frame.rdd.getNumPartitions() > 1
    assert frame.count() == 4 * 64


@pytest.mark.parametrize("kind", ["chip", "pixel"])
def test_the_function_gives_the_rows_of_the_source(spark, sql, kind):
    options = {"collection": "s2", "bands": "B08,B04", "interval": "2020-05-01,2020-05-15", "rows": kind, "chip": "40"}
    source = spark.read.format("jeospark.pixels").options(**options).load()
    function = sql(
        f"SELECT * FROM pixels('s2', bands => array('B08', 'B04'), interval => '2020-05-01,2020-05-15', "
        f"rows => '{kind}', chip => 40)"
    )
    assert function.schema == source.schema
    assert sorted(map(str, function.collect())) == sorted(map(str, source.collect()))


def test_the_function_takes_a_recipe(sql, recipe, tmp_path):
    path = tmp_path / "recipe.json"
    path.write_text(recipe.to_json())
    found = sql(f"SELECT period, size(bands.ndvi) AS n FROM pixels('{path}') ORDER BY period").collect()
    assert [tuple(row) for row in found] == [("2020-05", 64 * 64), ("2020-06", 64 * 64)]


def test_bad_calls_fail_in_analysis(sql):
    with pytest.raises(PySparkException, match=r"no option 'bnads'\. Did you mean 'bands'"):
        sql("SELECT * FROM pixels('s2', bnads => 'B04')")


def test_too_large_answers_are_refused_when_loaded(spark, sql):
    with pytest.raises(AnalysisException, match="the answer would have 4 rows of 3 bands"):
        spark.read.format("jeospark.pixels").options(collection="s2", limit_bytes=1000).load()
