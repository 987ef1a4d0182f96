"""Functions of SQL on chips, against numpy."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from udfs import arrow
from udfs.masks import dilate

SHAPE = (9, 14)
CALLS = (
    "chip_ndvi(x, y) AS ndvi, chip_normalized_difference(y, x) AS nd, chip_scale(x, 2, 0.5D) AS scaled, "
    "chip_mean(x) AS mean, chip_median(x) AS median, chip_min(x) AS least, chip_max(x) AS most, "
    "chip_count(x) AS n, chip_valid_share(x) AS share, chip_histogram(x, 0, 1, 4) AS histogram, "
    "chip_class_mask(c, array(3, 9)) AS mask, chip_dilate(chip_class_mask(c, array(3, 9)), cols, 1.5D) AS grown, "
    "chip_mask(x, chip_class_mask(c, array(3, 9))) AS masked, "
    "chip_mean(chip_mask(chip_ndvi(x, y), chip_dilate(chip_class_mask(c, array(3, 9)), cols, 1.5D))) AS both"
)


def chip(values):
    """A chip as SQL has it."""
    return [None if np.isnan(value) else float(value) for value in values]


@pytest.fixture(scope="module")
def chips():
    """Three chips of x, y and c with a third of the pixels unusable, and one without a usable pixel."""
    random = np.random.default_rng(5)
    made = {name: random.random((4, np.prod(SHAPE))).astype(np.float32) for name in ("x", "y")}
    made["c"] = random.choice(np.float32([3, 4, 5]), (4, np.prod(SHAPE)), p=[0.05, 0.5, 0.45])
    for values in made.values():
        values[random.random(values.shape) < 0.3] = np.nan
        values[3] = np.nan
    made["x"][0, :2] = made["y"][0, :2] = 0
    return made


@pytest.fixture(scope="module")
def answers(spark, chips):
    """What SQL says of the chips, and of a row of nulls at the end."""
    arrow.register(spark)
    rows = [{"at": at, "cols": SHAPE[1], **{name: chip(chips[name][at]) for name in chips}} for at in range(4)]
    rows.append({"at": 4, "cols": SHAPE[1], "x": None, "y": None, "c": None})
    lists = pa.list_(pa.float32())
    schema = pa.schema([("at", pa.int32()), ("cols", pa.int32()), ("x", lists), ("y", lists), ("c", lists)])
    spark.createDataFrame(pa.Table.from_pylist(rows, schema=schema)).createOrReplaceTempView("chips_tested")
    return spark.sql(f"SELECT {CALLS} FROM chips_tested ORDER BY at").toArrow().to_pylist()


def expected(x, y, c):
    with np.errstate(all="ignore"):
        index = (x - y) / (x + y)
    known = x[~np.isnan(x)].astype(np.float64)
    mask = np.where(np.isnan(c), np.nan, np.isin(c, (3, 9)))
    disk = dilate((mask > 0).reshape(SHAPE), radius_y=1.5, radius_x=1.5).ravel()
    clear = index[(mask == 0) & ~disk & ~np.isnan(index)].astype(np.float64)
    some = known.size > 0
    return {
        "ndvi": chip(index), "nd": chip(-index), "scaled": chip(x * 2 + 0.5), "n": known.size,
        "mean": known.mean() if some else None, "median": np.median(known) if some else None,
        "least": known.min() if some else None, "most": known.max() if some else None,
        "share": known.size / x.size, "histogram": [int(((known >= low) & (known < low + 0.25)).sum())
                                                    for low in (0, 0.25, 0.5, 0.75)],
        "mask": chip(mask), "grown": chip(np.where(disk, 1, mask)),
        "masked": chip(np.where(mask == 0, x, np.nan)), "both": clear.mean() if clear.size else None,
    }  # fmt: skip


@pytest.mark.spark
def test_functions_give_what_numpy_gives(answers, chips):
    for at in range(4):
        wanted = expected(*(chips[name][at] for name in ("x", "y", "c")))
        for name, value in wanted.items():
            if isinstance(value, list):
                assert [each is None for each in answers[at][name]] == [each is None for each in value], name
                known = [(one, other) for one, other in zip(answers[at][name], value, strict=True) if other is not None]
                np.testing.assert_allclose(*(zip(*known, strict=True) if known else ([], [])), rtol=1e-5, err_msg=name)
            else:
                assert answers[at][name] == (value if value is None else pytest.approx(value, rel=1e-6)), name
    assert answers[0]["ndvi"][:2] == [None, None]


@pytest.mark.spark
def test_null_chips_give_null(answers):
    assert set(answers[4].values()) == {None}


@pytest.mark.spark
def test_stacks_reduce_the_dates_of_a_place(spark, answers, chips):
    found = spark.sql(
        "SELECT stack_median(x) AS median, stack_mean(x) AS mean, stack_min(x) AS least, stack_max(x) AS most, "
        "stack_count(x) AS n FROM chips_tested"
    ).toArrow().to_pylist()[0]  # fmt: skip
    x = chips["x"][:3]
    known = ~np.isnan(x).all(axis=0)
    for name, reduce in {"median": np.nanmedian, "mean": np.nanmean, "least": np.nanmin, "most": np.nanmax}.items():
        assert [value is not None for value in found[name]] == known.tolist()
        values = np.array([value for value in found[name] if value is not None])
        np.testing.assert_allclose(values, reduce(x[:, known], axis=0), rtol=1e-6)
    assert found["n"] == (~np.isnan(x)).sum(axis=0).tolist()
    assert spark.sql("SELECT stack_mean(x) AS m FROM chips_tested WHERE at = 4").collect()[0].m is None


def test_ready_columns_become_what_a_plain_one_becomes():
    import pandas as pd

    made = [np.float32([1, np.nan]), None, np.float32([np.inf]), np.float32([])]
    ready = pa.array(arrow.series_of(made))
    assert ready.to_pylist() == [[1.0, None], None, [None], []]
    assert arrow.series_of([]).empty
    assert pa.array(pd.Series(made[:1])).to_pylist()[0][0] == 1.0


def test_a_chip_of_no_pixel_has_no_share_of_valid_ones():
    share, _ = arrow.NUMBERS["chip_valid_share"]
    assert np.isnan(share(np.float32([])))


def test_kernels_come_without_spark_and_pandas():
    code = "import udfs.arrow, sys; print(sorted({'pandas', 'pyarrow', 'pyspark'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
