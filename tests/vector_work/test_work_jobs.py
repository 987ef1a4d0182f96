import json
import os
import runpy
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rasterio
import shapely
from pyproj import CRS, Geod

import jeospark
from jeospark.engine.ending import AGAIN, FAILED, Ending
from jeospark.engine.jars import SEDONA, sedona_jars
from jeospark.engine.java import ensure_java
from jeospark.errors import ForbiddenError, LayerCrsError, OutputTakenError, SourceError, VectorSourceError
from jeospark.grid import Grid
from jeospark.lab.zonal import read_zones
from jeospark.vector.frames import frame
from jeospark.vector.helpers_density import square_km
from jeospark.vector.helpers_files import read_layer, result_folder, source_path, write_layer
from jeospark.vector.helpers_raster import REQUEST, density_folder

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def points(layer, tmp_path):
    """Three ships: two in one place, one of them seen twice there, and one over the line; as GeoParquet."""
    places = [(10.0001, 51.9999), (10.0001, 51.9999), (10.0002, 51.9999), (10.05, 51.9)]
    frame = layer(
        [*map(shapely.Point, places)], mmsi=[1, 1, 2, 3], time=["2022-01-03T00:00:00Z"] * 3 + ["2022-02-01T00:00:00Z"]
    )
    write_layer(frame, str(tmp_path / "points"))
    return tmp_path / "points"


@pytest.mark.spark
def test_a_layer_comes_back_with_its_crs(spark, layer, tmp_path):
    for srid in (3035, 54009, 4326):
        path = tmp_path / str(srid)
        assert write_layer(layer([shapely.Point(1, 2), None], srid, n=[1, 2]), str(path)) == 2
        (row,) = read_layer(spark, path).where("n = 1").selectExpr("ST_SRID(geometry)", "ST_X(geometry)").collect()
        assert tuple(row) == (srid, 1.0)


@pytest.mark.spark
@pytest.mark.parametrize(
    ("measure", "distinct", "top"), [("count", None, 3), ("count", "mmsi", 2), ("per_km2", "mmsi", 2)]
)
def test_a_density_counts_what_is_asked(spark, points, tmp_path, measure, distinct, top):
    job = runpy.run_path(str(ROOT / "jobs" / "density.py"))
    asked = Namespace(
        points=str(points), grid="EPSG:3035:1000:600x600:4000000,3500000", distinct=distinct, measure=measure,
        time="time", period="month", where=None, title="",
    )  # fmt: skip
    rows = job["publish"](read_layer(spark, points), Grid.parse(asked.grid), str(tmp_path / "out"), asked)
    assert [(row["tile"], row["period"], row["error"]) for row in rows] == [
        ("r0000c0000", "2022-01", None), ("r0000c0000", "2022-02", None),
    ]  # fmt: skip
    with rasterio.open(tmp_path / "out" / "r0000c0000" / "r0000c0000_2022-01.tif") as file:
        data = file.read(1)
        assert file.crs.to_epsg() == 3035
        row, col = file.index(4_321_007, 3_209_990)
    # The plane of EPSG:3035 keeps areas: a pixel is a square kilometre.
    assert data[row, col] == pytest.approx(top)
    assert data.sum() == pytest.approx(top)
    item = json.loads((tmp_path / "out" / "r0000c0000" / "r0000c0000_2022-02.json").read_text())
    assert item["properties"]["start_datetime"] == "2022-02-01T00:00:00Z"
    assert (
        len(
            [
                link
                for link in json.loads((tmp_path / "out" / "collection.json").read_text())["links"]
                if link["rel"] == "item"
            ]
        )
        == 2
    )


@pytest.fixture
def density(layer, tmp_path):
    """A function that counts points on a grid, and gives the job's rows."""

    def made(places, grid, measure="count"):
        job = runpy.run_path(str(ROOT / "jobs" / "density.py"))
        asked = Namespace(points="", grid=grid, distinct=None, measure=measure, time=None, period="all", where=None,
                          title="")  # fmt: skip
        return job["publish"](layer([*map(shapely.Point, places)]), Grid.parse(grid), str(tmp_path / "out"), asked)

    return made


@pytest.mark.spark
def test_a_density_that_was_cut_off_is_made_again_and_one_that_ended_is_not(density, tmp_path):
    """As YARN does, which starts a driver that was lost once more."""
    grid, out = "EPSG:4326:0.5:360x720:-180,90", tmp_path / "out"
    density([(10, 10)], grid)
    request = json.loads((out / REQUEST).read_text())
    with pytest.raises(OutputTakenError):
        density_folder(str(out), request)
    (out / "collection.json").unlink()
    assert density_folder(str(out), request) == out
    with pytest.raises(OutputTakenError):
        density_folder(str(out), request | {"where": "sog > 1"})
    (row,) = density([(10, 10)], grid)
    assert (row["total"], row["error"], (out / "collection.json").exists()) == (1, None, True)


@pytest.mark.spark
def test_points_on_the_last_edges_of_the_earth_are_counted_on_it(density, tmp_path):
    places = [(180, 10), (-180, 10), (0, 90), (0, -90), (180, -90)]
    (row,) = density(places, "EPSG:4326:0.5:360x720:-180,90")
    assert (row["tile"], row["total"], row["error"]) == ("r0000c0000", 5, None)
    with rasterio.open(tmp_path / "out" / "r0000c0000" / "r0000c0000_all.tif") as file:
        data = file.read(1)
    assert (data.sum(), data[160, 0], data[0, 360], data[359, 360], data[359, 0]) == (5, 2, 1, 1, 1)


@pytest.mark.spark
def test_a_pixel_without_ground_has_no_density(density, tmp_path):
    (row,) = density([(0.1, 0.1), (0, -90)], "EPSG:3857:156543:4096x4096:-20037508,20037508", "per_km2")
    assert (row["pixels"], row["error"]) == (2, None)
    with rasterio.open(tmp_path / "out" / row["tile"] / f"{row['tile']}_all.tif") as file:
        data = file.read(1)
    assert (np.isnan(data).sum(), np.isinf(data).sum(), (data > 0).sum()) == (1, 0, 1)


@pytest.mark.spark
def test_web_mercator_ends_before_the_poles_and_goes_round(density, tmp_path):
    (row,) = density([(0.1, 0.1), (180, 0.1), (-179.9, 0.1), (0, -90), (0, 86)], "webmercator:0")
    assert (row["pixels"], row["total"], row["error"]) == (2, 3, None)
    with rasterio.open(tmp_path / "out" / row["tile"] / f"{row['tile']}_all.tif") as file:
        data = file.read(1)
    assert (data[127, 0], data[127, 128], np.nansum(data)) == (2, 1, 3)


@pytest.mark.parametrize(
    "grid",
    ["EPSG:4326:0.01:100x100:10,60", "EPSG:3857:1000:100x100:1113195,8399737", "EPSG:2154:1000:9x9:700000,6600000"],
)
def test_pixels_have_their_area_on_the_ground(grid):
    tiling = Grid.parse(grid).tiling
    extent = tiling.extent("r0000c0000")
    a, _, c, _, e, f = extent.transform
    from pyproj import Transformer

    edge = np.array([[2, 3], [3, 3], [3, 4], [2, 4]], float)
    lon, lat = Transformer.from_crs(extent.crs, "OGC:CRS84", always_xy=True).transform(
        c + edge[:, 0] * a, f + edge[:, 1] * e
    )
    area = abs(Geod(ellps="WGS84").polygon_area_perimeter(lon, lat)[0]) / 1e6
    assert square_km(tiling, "r0000c0000", np.array([3 * extent.shape[1] + 2]))[0] == pytest.approx(area, rel=1e-5)


@pytest.mark.spark
def test_a_submitted_join_tells_its_rows_and_its_way(layer, points, tmp_path):
    write_layer(layer([shapely.box(10, 51, 10.01, 53)], zone=["z"]), str(tmp_path / "zones"))
    conf = {**SEDONA, "spark.jars": ",".join(sedona_jars()), "spark.sql.shuffle.partitions": "2"}
    command = [
        str(Path(sys.executable).with_name("spark-submit")), "--properties-file", str(ROOT / "conf" / "local.conf"),
        "--master", "local[1]", "--driver-memory", "768m",
        *(part for name, value in conf.items() for part in ("--conf", f"{name}={value}")),
        str(ROOT / "jobs" / "join.py"), str(points), str(tmp_path / "zones"), "--predicate", "within",
        "--output", str(tmp_path / "joined"),
    ]  # fmt: skip
    changes = {
        "JAVA_HOME": ensure_java(),
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(Path(jeospark.__file__).parents[1]),
    }
    ended = subprocess.run(command, env=os.environ | changes, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "3 rows" in ended.stdout
    assert "join       broadcasts" in ended.stdout
    found = pq.read_table(tmp_path / "joined").to_pydict()
    assert (sorted(found["mmsi"]), found["zone"]) == ([1, 1, 2], ["z"] * 3)


def test_a_join_that_cannot_start_is_told_in_a_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        sys, "argv", ["join.py", "ships", "zones", "--output", str(tmp_path / "out"), "--catalog", str(tmp_path)]
    )
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "jobs" / "join.py"), run_name="__main__")
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("LayerNotFoundError: no vector layer 'ships'")
    assert len(told.splitlines()) == 1


def test_jobs_keep_to_the_allowed_roots(tmp_path, monkeypatch):
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "points.parquet").write_bytes(b"")
    monkeypatch.setenv("JEOSPARK_ALLOWED_ROOTS", str(inside))
    assert source_path(str(inside / "points.parquet"), str(inside)) == inside / "points.parquet"
    assert result_folder(str(inside / "result")) == inside / "result"
    with pytest.raises(ForbiddenError, match="outside the allowed roots"):
        source_path(str(outside / "points.parquet"), str(inside))
    with pytest.raises(ForbiddenError, match="outside the allowed roots"):
        result_folder(str(outside / "result"))
    with pytest.raises(ForbiddenError, match="outside the allowed roots"):
        read_zones(str(outside / "points.parquet"), "zone")


@pytest.fixture
def files(tmp_path):
    """A function that writes GeoParquet files of a square each, from a name to their CRS."""

    def written(folder, **described):
        (tmp_path / folder).mkdir()
        for number, (name, about) in enumerate(described.items()):
            column = {"encoding": "WKB", "geometry_types": [], **about}
            geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
            wkb = shapely.to_wkb(shapely.box(number, 0, number + 1, 1))
            table = pa.table({"zone": [name], "geometry": pa.array([wkb], pa.binary())})
            pq.write_table(
                table.replace_schema_metadata({"geo": json.dumps(geo)}), tmp_path / folder / f"{name}.parquet"
            )
        return tmp_path / folder

    return written


@pytest.mark.spark
def test_numbers_without_a_sign_are_read(spark, layer, tmp_path):
    write_layer(layer([shapely.Point(1, 2), None], 3035, n=[1, 2]), str(tmp_path / "signed"))
    table = pq.read_table(tmp_path / "signed")
    more = table.append_column("u", pa.array([2**64 - 1, 0], pa.uint64())).append_column(
        "inner", pa.array([[{"v": 255}], None], pa.list_(pa.struct({"v": pa.uint8()})))
    )
    # Spark's own metadata would tell it that the new columns are not there.
    geo = {b"geo": table.schema.metadata[b"geo"]}
    pq.write_table(more.replace_schema_metadata(geo), tmp_path / "unsigned.parquet")
    found = read_layer(spark, tmp_path / "unsigned.parquet").orderBy("n")
    rows = found.selectExpr("n", "u", "inner[0].v", "ST_SRID(geometry)", "ST_X(geometry)").collect()
    assert [tuple(row) for row in rows] == [(1, 2**64 - 1, 255, 3035, 1.0), (2, 0, None, None, None)]


LAEA, DEGREES = ({"crs": CRS(code).to_json_dict()} for code in ("EPSG:3035", "EPSG:4326"))


@pytest.mark.spark
def test_files_of_a_folder_have_one_crs(spark, files):
    one = files("a folder [1], {2}", a=LAEA, b=LAEA)
    assert read_layer(spark, one).selectExpr("ST_SRID(geometry)").distinct().collect() == [(3035,)]
    assert frame(spark, str(one)).count() == 2
    assert read_zones(str(one), "zone")[0].num_rows == 2
    two = files("two", a=LAEA, b=DEGREES)
    for read, error in (
        (lambda: read_layer(spark, two), VectorSourceError),
        (lambda: frame(spark, str(two)), VectorSourceError),
        (lambda: read_zones(str(two), "zone"), SourceError),
    ):
        with pytest.raises(error, match=r"CRS"):
            read()


@pytest.mark.spark
def test_files_that_sedona_does_not_read_are_named(spark, files):
    with pytest.raises(VectorSourceError, match="encoded as polygon"):
        read_layer(spark, files("arrow", a={**LAEA, "encoding": "polygon"}))
    with pytest.raises(LayerCrsError, match="no CRS is known"):
        read_layer(spark, files("nonsense", a={"crs": {"bad": 1}}))


@pytest.mark.spark
def test_a_result_of_two_crs_is_refused(layer, tmp_path):
    both = layer([shapely.Point(1, 2)], 3035).union(layer([shapely.Point(1, 2)], 4326))
    with pytest.raises(LayerCrsError, match=r"SRID \[3035, 4326\]"):
        write_layer(both, str(tmp_path / "both"))


def test_a_density_that_ended_with_its_own_code_is_not_made_again_by_yarn(tmp_path, monkeypatch, capsys):
    main = runpy.run_path(str(ROOT / "jobs" / "density.py"))["main"]
    out = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["density.py", "points", "--grid", "mgrs", "--output", str(out)])

    def run(_):
        out.mkdir()
        return Ending(FAILED, "1 raster, 3 points in their pixels")

    monkeypatch.setitem(main.__globals__, "run", run)
    monkeypatch.setenv("CONTAINER_ID", "container_1795719130085_0001_01_000001")
    assert (main(), capsys.readouterr().out) == (1, "1 raster, 3 points in their pixels\n")
    # Once more, it would be refused for the folder that the first attempt has made.
    monkeypatch.setenv("CONTAINER_ID", "container_1795719130085_0001_02_000001")
    assert (main(), capsys.readouterr().out) == (1, f"{AGAIN}\n1 raster, 3 points in their pixels\n")
