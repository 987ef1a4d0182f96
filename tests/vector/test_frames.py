"""Layers as Spark frames with Sedona geometries."""

from pathlib import Path

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
