"""`zonal_stats(…)`: against sums by hand over the stored numbers."""

import numpy as np
import pytest
import shapely

from jeospark.errors import SqlError
from jeospark.sql import ask, session

pytestmark = pytest.mark.spark

GRID = "EPSG:32633:10:32x48:500000,5000000"
DATES = ("2020-05-02", "2020-05-12")
BOXES = {1: (25, 60, 10, 42.5), 2: (300, 610, 300, 350), 3: (0, 640, 0, 640)}
"""Left, right, top and bottom of zones in metres from the corner; the second and third lie over tiles of GRID."""


@pytest.fixture(scope="module")
def scenes(make_archive, make_layer, scene):
    archive = make_archive()
    drawn = {moment: scene(number) for number, moment in enumerate(DATES)}
    for moment, bands in drawn.items():
        archive.write(f"i{moment}", moment, bands)
    archive.save()
    shapes = [shapely.box(5e5 + left, 5e6 - bottom, 5e5 + right, 5e6 - top)
              for left, right, top, bottom in BOXES.values()]  # fmt: skip
    make_layer(archive.catalog, "fields", np.array(shapes), 32633, number=list(BOXES))
    return archive, drawn


@pytest.fixture(scope="module")
def stats(spark, scenes):
    """A function that answers a call of `zonal_stats` with dictionaries."""
    db = session(scenes[0].catalog)

    def answer(arguments, then=""):
        return ask(f"SELECT * FROM zonal_stats({arguments}) {then}", spark=db).table.to_pylist()

    return answer


def weights(left, right, top, bottom):
    """What a box covers of each pixel, (64, 64)."""
    edges = np.arange(65) * 10.0

    def along(low, high):
        return np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, None) / 10

    return np.outer(along(top, bottom), along(left, right))


@pytest.mark.parametrize("grid", ["native", GRID])
def test_statistics_are_those_of_the_covered_pixels(stats, scenes, grid):
    rows = stats(f"TABLE(SELECT number, geometry FROM fields), 's2', bands => 'B04', grid => '{grid}'")
    assert [type(row["zone"]) for row in rows] == [int] * 6
    assert {row["error"] for row in rows} == {None}
    for row in rows:
        stored = scenes[1][str(row["start"].date())]["B04"].astype(float)
        covered = weights(*BOXES[row["zone"]])
        usable = covered * (stored > 0)
        assert row["pixels"] == pytest.approx(covered.sum())
        assert row["count"] == pytest.approx(usable.sum())
        assert row["mean"] == pytest.approx((usable * (stored * 1e-4 - 0.1)).sum() / usable.sum(), rel=1e-6)


def test_zones_in_another_crs_give_the_same(stats):
    call = "'s2', bands => 'B08', grid => 'native'"
    own = stats(f"TABLE(SELECT number, geometry FROM fields WHERE number < 3), {call}")
    mixed = stats(
        "TABLE(SELECT number, IF(number = 1, geometry, ST_Transform(geometry, 'EPSG:3035')) AS geometry "
        f"FROM fields WHERE number < 3), {call}"
    )
    assert len(own) == len(mixed) == 4
    for one, other in zip(own, mixed, strict=True):
        assert other["zone"] == one["zone"]
        assert other["mean"] == pytest.approx(one["mean"], rel=1e-3)


def test_zones_that_cannot_be_used_say_why(stats):
    rows = stats(
        "TABLE(SELECT number AS n, geometry FROM fields WHERE number = 1 "
        "UNION ALL SELECT 7, NULL UNION ALL SELECT 8, ST_SetSRID(ST_Point(500010, 4999990), 32633) "
        "UNION ALL SELECT 9, ST_SetSRID(ST_PolygonFromEnvelope(0D, 0D, 1D, 1D), 32633)), "
        "collection => 's2', bands => 'SCL', histogram => 'SCL'",
        "ORDER BY zone, start",
    )
    told = {row["zone"]: row["error"] for row in rows}
    assert told == {
        1: None,
        7: "the zone has no geometry",
        8: "not a polygon",
        9: "the zone meets no pixel of the plan",
    }
    assert sum(each["pixels"] for each in rows[0]["histogram"]) == pytest.approx(rows[0]["count"])
    assert rows[-1]["mean"] is None


def test_too_few_pixels_are_null(stats):
    rows = stats("TABLE(fields), 's2', zone => 'number', bands => 'B04', min_pixels => 100")
    assert {row["zone"] for row in rows if row["mean"] is None} == {1}
    assert stats("TABLE(SELECT * FROM fields WHERE false), 's2', zone => 'number'") == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("'fields', 's2'", "the first argument is no table"),
        ("TABLE(SELECT number FROM fields), 's2'", "0 geometry columns"),
        ("TABLE(fields), 's2', zone => 'nubmer'", "no column 'nubmer' [zonal_stats]. Did you mean 'number'?"),
        ("TABLE(fields), 's2', covrage => 'centre'", "no option 'covrage'. Did you mean 'coverage'?"),
        ("TABLE(fields), 's2', coverage => 'center'", "Did you mean 'centre'?"),
        ("TABLE(fields), 's2', histogram => 'B4'", "there is no band 'B4' [histogram]. Did you mean 'B04'?"),
        ("TABLE(fields), 's2', min_valid_share => 2", "no number from 0 to 1"),
        ("TABLE(fields), 's3'", "s3"),
        ("TABLE(SELECT number, ST_SetSRID(geometry, 0) FROM fields), 's2'", "zones have no CRS"),
    ],
)
def test_bad_calls_are_told(stats, arguments, said):
    with pytest.raises(SqlError) as caught:
        stats(arguments)
    assert said in str(caught.value)
