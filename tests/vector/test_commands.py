"""`jeospark vectors`, as a user types it."""

import json

import pytest
import shapely
from click.testing import CliRunner

from jeospark.cli import main


@pytest.fixture
def run(tmp_path):
    def run(*arguments, code=0):
        result = CliRunner().invoke(main, ["vectors", *arguments, "--catalog", str(tmp_path / "catalog")])
        assert result.exit_code == code, result.output
        return result.output

    return run


def test_add_list_describe_check(run, write, tmp_path):
    bow = shapely.from_wkt("POLYGON ((0 0, 2 2, 2 0, 0 2, 0 0))")
    path = write("a.gpkg", [shapely.box(4e6, 3e6, 4.1e6, 3.1e6), bow], kind="Polygon")
    assert "2 features  EPSG:3035" in run("add", "parcels", path)
    assert "parcels" in run("list")
    told = run("describe", "parcels")
    for text in ("2 Polygon", "EPSG:3035", "x, y order", "stated by the source", "n int64", path):
        assert text in told
    assert json.loads(run("describe", "parcels", "--json"))["features"] == 2
    assert "NO         1  invalid: Self-intersection" in run("check", "parcels", code=1)
    assert json.loads(run("check", "parcels", "--json", code=1))[0]["ids"] == ["2"]
    assert "LayerTakenError" in run("add", "parcels", path, "--repair", code=2)
    run("add", "parcels", path, "--repair", "--replace", "--to-crs", "EPSG:4326")
    assert "1: 1 Self-intersection (_repairs.parquet)" in run("describe", "parcels")
    assert "LayerNotFoundError: no vector layer 'parcel'" in run("describe", "parcel", code=2)


def test_feeds(run, tmp_path):
    path = tmp_path / "fires.csv"
    path.write_text(
        "id,latitude,longitude,ignition_date,ignition_state\n1,26.5,-80.5,2000-11-01,Florida\n2,x,1,2000-1-1,\n"
    )
    assert "fired " in CliRunner().invoke(main, ["vectors", "feeds"]).output
    assert "1 feature " in run("add", "fires", str(path), "--as", "fired")
    assert "1: 1 latitude is not a number" in run("describe", "fires")
    assert "0 added, 0 updated, 1 known, 1 rejected" in run("append", "fires", str(path))
    assert "FeedError: no feed is called 'x'" in run("add", "other", str(path), "--as", "x", code=2)
