"""Layers as Spark frames with Sedona geometries."""

import pytest
import shapely

from jeospark.errors import LayerNotFoundError
from jeospark.vector import frame
from jeospark.vector.building import Wishes


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
    with pytest.raises(LayerNotFoundError, match="no vector layer 'none'"):
        frame(spark, "none", catalog=catalog)
