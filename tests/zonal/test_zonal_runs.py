from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from jeospark.engine import ledger
from jeospark.engine.finish import finish
from jeospark.engine.job import load_run
from jeospark.engine.main import make_job, resume_job, run_job
from jeospark.errors import (
    ArgumentError,
    EmptySelectionError,
    GridError,
    OutputTakenError,
    OutputUnwritableError,
    RunFailedError,
)
from jeospark.lab.recipe import load_collection
from jeospark.lab.zonal import zonal

pytestmark = pytest.mark.spark

ONE = "EPSG:32633:10:64x64:500000,5000000"
FOUR = "EPSG:32633:10:32x32:500000,5000000"


@pytest.fixture
def plain():
    return load_collection("s2", bands=["B04", "B08", "SCL"]).mask_classes([9]).bands("B04", "B08")


@pytest.fixture
def dated(archive, scene):
    for day in (1, 2):
        archive.write(f"i{day}", f"2020-05-0{day}", scene(day))
    return archive.save()


HOLE = shapely.box(5e5 + 99, 5e6 - 99, 5e5 + 180, 5e6 - 55)
BOW = shapely.Polygon([(5e5, 5e6), (5e5 + 99, 5e6 - 99), (5e5 + 99, 5e6), (5e5, 5e6 - 99)])
NOISE = shapely.Polygon([(5e5, 5e6), (5e5 + 99, np.inf), (5e5, 5e6 - 9)])
ZONES = [
    ("whole", shapely.box(5e5, 5e6 - 640, 5e5 + 640, 5e6)),
    ("corner", shapely.box(5e5 + 303, 5e6 - 337, 5e5 + 341, 5e6 - 301)),
    ("hole", shapely.box(5e5 + 11, 5e6 - 300, 5e5 + 290, 5e6 - 20).difference(HOLE)),
    ("tiny", shapely.box(5e5 + 401, 5e6 - 403, 5e5 + 402, 5e6 - 401)),
]  # fmt: skip


def test_an_output_that_takes_no_table_is_refused_at_once(dated, plain, zone_rows):
    with pytest.raises(OutputUnwritableError, match="mounted file system only"):
        zonal(plain, zone_rows(ZONES), "http://127.0.0.1:9/out", crs="EPSG:32633", catalog=dated.catalog, grid=FOUR)


def test_statistics_are_no_run_to_resume(spark, dated, plain, zone_rows, tmp_path):
    result = zonal(plain, zone_rows(ZONES), tmp_path / "out", crs="EPSG:32633", catalog=dated.catalog, grid=FOUR)
    with pytest.raises(OutputTakenError, match="statistics of zones"):
        resume_job(result.job.output)
    assert not list((tmp_path / "out").rglob("*.tif"))


def test_a_run_is_what_its_units_are(spark, dated, plain, bench, zone_rows, tmp_path):
    result = zonal(plain, zone_rows(ZONES), tmp_path / "out", crs="EPSG:32633", catalog=dated.catalog, grid=FOUR)
    assert (result.ok, result.units, result.done, result.rejected) == (True, 8, 8, 0)
    found = result.to_arrow().sort_by([("zone", "ascending"), ("band", "ascending"), ("period", "ascending")])
    expected = bench.run(dated, plain, ZONES, grid=ONE)
    assert found.num_rows == 4 * 2 * 2
    assert found.equals(expected)
    outcomes = list(ledger.rows(result.job, result.attempt))
    assert {outcome.status for outcome in outcomes} == {"done"}
    assert all(Path(outcome.href).exists() and outcome.pixels_read for outcome in outcomes)
    # Files are in the order of zones, so that one zone is read from few row groups.
    files = sorted(Path(result.path).glob("*.parquet"))
    names = [name for file in files for name in pq.read_table(file).column("zone").to_pylist()]
    assert names == sorted(names)


def test_a_second_run_reads_nothing_again(spark, dated, plain, zone_rows, tmp_path):
    asked = {"crs": "EPSG:32633", "catalog": dated.catalog, "grid": FOUR}
    first = zonal(plain, zone_rows(ZONES), tmp_path / "out", **asked)
    again = zonal(plain, zone_rows(ZONES), tmp_path / "out", **asked)
    assert (again.skipped, again.done) == (8, 0)
    assert again.to_arrow().equals(first.to_arrow())
    # Other zones make other rows, of the tiles that have them.
    fewer = zonal(plain, zone_rows([ZONES[3], *ZONES[1:2]]), tmp_path / "out", **asked)
    assert set(fewer.to_arrow().column("zone").to_pylist()) == {"corner", "tiny"}
    with pytest.raises(OutputTakenError):
        zonal(plain.reduce("median"), zone_rows(ZONES), tmp_path / "out", **asked)


def test_a_folder_of_statistics_is_none_of_composites(spark, dated, plain, zone_rows, tmp_path):
    output = str(tmp_path / "out")
    zonal(plain, zone_rows(ZONES), output, crs="EPSG:32633", catalog=dated.catalog, grid=FOUR)
    job = make_job(plain.to_json(), output=output, grid=FOUR, catalog=dated.catalog)
    for attempt in (lambda: resume_job(output), lambda: run_job(job), lambda: finish(load_run(output))):
        with pytest.raises(OutputTakenError, match="the folder holds statistics of zones"):
            attempt()


def test_statistics_are_of_the_last_run_only_and_their_folder_may_be_a_url(spark, dated, plain, zone_rows, tmp_path):
    asked = {"crs": "EPSG:32633", "catalog": dated.catalog, "grid": FOUR, "max_error_ratio": 1.0}
    output = (tmp_path / "a b").as_uri()
    assert zonal(plain, zone_rows(ZONES), output, **asked).to_arrow().num_rows == 4 * 2 * 2
    for path in dated.folder.rglob("*.tif"):
        path.write_bytes(b"no raster")
    result = zonal(plain, zone_rows([("new", ZONES[1][1])]), output, **asked)
    assert (result.ok, result.failed) == (True, result.units)
    assert result.to_arrow().num_rows == 0
    assert [path for path in (tmp_path / "a b").iterdir() if path.name.startswith(".")] == []


def test_a_name_that_is_no_folder_stays(spark, dated, plain, zone_rows, tmp_path):
    (tmp_path / "statistics").write_text("another's")
    with pytest.raises(OutputUnwritableError):
        zonal(plain, zone_rows(ZONES), tmp_path, crs="EPSG:32633", catalog=dated.catalog, grid=FOUR)
    assert (tmp_path / "statistics").read_text() == "another's"


def test_bad_zones_are_named_and_the_others_go_on(spark, dated, plain, zone_rows, tmp_path):
    good = shapely.box(5e5 + 10, 5e6 - 50, 5e5 + 60, 5e6 - 10)
    bad = [
        ("bow", BOW, "ZoneInvalidError"),
        ("empty", shapely.Polygon(), "ZoneMissingError"),
        ("line", shapely.LineString([(5e5, 5e6), (5e5 + 9, 5e6)]), "ZoneKindError"),
        ("none", None, "ZoneMissingError"),
        (None, good, "ZoneMissingError"),
        ("far", shapely.box(0, 0, 10, 10), "ZoneOutsideError"),
        ("twice", good, "ZoneDuplicateError"),
        ("twice", good, "ZoneDuplicateError"),
        ("noise", b"\x01\x03\x00", "ZoneUnreadableError"),
        ("infinite", NOISE, "ZoneUnreadableError"),
    ]  # fmt: skip
    rows = zone_rows([("good", good), *((name, shape) for name, shape, _ in bad)])
    result = zonal(plain, rows, tmp_path / "out", crs="EPSG:32633", catalog=dated.catalog, grid=FOUR)
    assert result.ok
    assert set(result.to_arrow().column("zone").to_pylist()) == {"good"}
    found = [(row["zone"], row["error"]) for row in result.rejects.to_pylist()]
    assert sorted(found, key=str) == sorted(((name, error) for name, _, error in bad), key=str)
    assert all(row["message"] for row in result.rejects.to_pylist())
    for given, told in (
        ([("none", None)], "no zone of 1 can be used; the first, 'none': the zone has no geometry"),
        ([("a", good), ("a", good)], "no zone of 2 can be used; the first, 'a': several zones have this id"),
        ([], "no zone of 0 can be used"),
    ):
        with pytest.raises(EmptySelectionError, match=told):
            zonal(plain, zone_rows(given), tmp_path / "no", crs="EPSG:32633", catalog=dated.catalog, grid=FOUR)


def test_a_failed_unit_leaves_no_statistics_unless_allowed(spark, dated, plain, zone_rows, tmp_path):
    asked = {"crs": "EPSG:32633", "catalog": dated.catalog, "grid": FOUR}
    (dated.folder / "i2" / "B08.tif").write_bytes(b"no raster")
    result = zonal(plain, zone_rows(ZONES), tmp_path / "out", **asked)
    assert (result.ok, result.failed, result.done) == (False, 4, 4)
    assert not Path(result.path).exists()
    failed = [outcome for outcome in ledger.rows(result.job, result.attempt) if outcome.status == "failed"]
    assert {(outcome.item_id, outcome.band) for outcome in failed} == {("i2", "B08")}
    assert "statistics none" in result.text
    with pytest.raises(RunFailedError, match="too many units failed"):
        result.to_arrow()
    allowed = zonal(plain, zone_rows(ZONES), tmp_path / "out", max_error_ratio=0.5, **asked)
    assert allowed.ok
    # Those of that run are not taken for those of a third.
    third = zonal(plain, zone_rows(ZONES), tmp_path / "out", **asked)
    assert f"those of an earlier run are still in {third.path}" in third.text
    with pytest.raises(RunFailedError):
        third.to_arrow()
    assert set(allowed.to_arrow().column("period").to_pylist()) == {"2020-05-01"}


def test_arguments_are_checked(dated, plain, zone_rows, tmp_path):
    asked = {"catalog": dated.catalog, "grid": FOUR}
    with pytest.raises(ArgumentError, match="most"):
        zonal(plain, zone_rows(ZONES), tmp_path, crs="EPSG:32633", coverage="most", **asked)
    with pytest.raises(ArgumentError, match="B99"):
        zonal(plain, zone_rows(ZONES), tmp_path, crs="EPSG:32633", histogram=["B99"], **asked)
    with pytest.raises(GridError, match="EPSG:99999"):
        zonal(plain, zone_rows(ZONES), tmp_path, crs="EPSG:99999", **asked)
    with pytest.raises(ArgumentError, match="parcel"):
        zonal(plain, zone_rows(ZONES), tmp_path, crs="EPSG:32633", zone="parcel", **asked)
    with pytest.raises(ArgumentError, match="not WKB"):
        zonal(plain, pa.table({"zone": ["a"], "geometry": ["POINT"]}), tmp_path, crs="EPSG:32633", **asked)
