"""Layers as Spark frames with Sedona geometries."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from jeospark.errors import LayerNotFoundError
from jeospark.sql.layers import layer_tables
from jeospark.sql.registry import register
from jeospark.vector import frame
from jeospark.vector.building import Wishes
from jeospark.vector.helpers_files import read_layer


@pytest.mark.spark
def test_a_frame_has_geometries_with_their_srid(spark, layers, write, tmp_path):
    layers.add(
        "boxes",
        write("a.gpkg", [shapely.box(10, 50, 11, 51), None], crs="EPSG:4326"),
        wishes=Wishes(to_crs="EPSG:3035"),
    )
    catalog = str(tmp_path / "catalog")
    for name in ("boxes", layers.path("boxes")):
        rows = (
            frame(spark, name, catalog=catalog).selectExpr("n", "ST_SRID(geometry) s", "ST_Area(geometry) a").collect()
        )
        found = {row["n"]: (row["s"], row["a"]) for row in rows}
        assert found[0] == (3035, pytest.approx(7.87e9, rel=1e-2))
        assert found[1] == (None, None)
    layers.add("wide", write("b.gpkg", [shapely.box(0, 0, 1, 1)], crs="ESRI:54009"))
    assert frame(spark, "wide", catalog=catalog).selectExpr("ST_SRID(geometry)").collect()[0][0] == 54009
    with pytest.raises(LayerNotFoundError, match="no vector layer 'none'"):
        frame(spark, "none", catalog=catalog)


@pytest.mark.spark
def test_a_layer_with_rejects_is_read_by_all(spark, layers, tmp_path):
    path = tmp_path / "ais.csv"
    rows = ["366000002,2022-01-03T00:00:00,47.6,-122.3", "7,2022-01-03T00:00:00,47.6,-122.3"]
    path.write_text("\n".join(["MMSI,BaseDateTime,LAT,LON", *rows]), encoding="utf-8")
    assert layers.add("ships", str(path), wishes=Wishes(feed="ais")).rejects["count"] == 1
    catalog = str(tmp_path / "catalog")
    register(spark, layer_tables(catalog), catalog)
    found = [
        frame(spark, "ships", catalog=catalog),
        frame(spark, layers.path("ships")),
        read_layer(spark, Path(layers.path("ships"))),
        spark.table("ships"),
    ]
    told = [each.selectExpr("mmsi", "ST_SRID(geometry)").collect() for each in found]
    assert [[tuple(row) for row in each] for each in told] == [[(366000002, 4326)]] * 4


@pytest.mark.spark
def test_old_dates_and_numbers_without_a_sign_are_read_by_all(spark, layers, tmp_path):
    moment = datetime(1066, 10, 14, tzinfo=UTC)
    columns = {
        "day": pa.array([date(44, 3, 15)]), "moment": pa.array([moment], pa.timestamp("us", "UTC")),
        "small": pa.array([255], pa.uint8()), "middle": pa.array([2**16 - 1], pa.uint16()),
        "large": pa.array([2**32 - 1], pa.uint32()), "huge": pa.array([2**64 - 1], pa.uint64()),
        "long": pa.array([Decimal(10) ** 45], pa.decimal256(50, 2)),
    }  # fmt: skip
    geo = {"version": "1.1.0", "primary_column": "g", "columns": {"g": {"encoding": "WKB", "geometry_types": []}}}
    table = pa.table({**columns, "g": [shapely.to_wkb(shapely.Point(1, 2))]})
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), tmp_path / "a.parquet")
    layers.add("old", str(tmp_path / "a.parquet"))
    catalog = str(tmp_path / "catalog")
    register(spark, layer_tables(catalog), catalog)
    for read in (
        frame(spark, "old", catalog=catalog),
        read_layer(spark, Path(layers.path("old"))),
        spark.table("old"),
    ):
        row = read.selectExpr("*", "unix_seconds(moment) AS s").collect()[0]
        assert (row["day"], row["s"]) == (date(44, 3, 15), moment.timestamp())
        assert (row["small"], row["middle"], row["large"]) == (255, 2**16 - 1, 2**32 - 1)
        assert (row["huge"], Decimal(row["long"])) == (2**64 - 1, Decimal(10) ** 45)
