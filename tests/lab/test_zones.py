"""What a notebook may give as zones."""

import geopandas
import pyarrow as pa
import pytest
import shapely

from jeospark.errors import ArgumentError
from jeospark.lab.zonal import zone_table


@pytest.fixture
def fields():
    return geopandas.GeoDataFrame({"name": ["a"], "n": [1]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326)


def test_what_is_neither_a_table_nor_pairs_says_how_to_make_one(fields):
    for wrong in (fields, [b"a"], 3):
        with pytest.raises(ArgumentError, match=r"pyarrow\.table\(frame\.to_arrow\(\)\)"):
            zone_table(wrong, "name", "geometry")


def test_a_geodataframe_is_a_table_by_way_of_arrow(fields):
    (row,) = zone_table(pa.table(fields.to_arrow()), "name", "geometry").to_pylist()
    assert row == {"zone": "a", "geometry": shapely.to_wkb(fields.geometry[0])}
