import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from jeospark.errors import ArgumentError, GridError, LayerCrsError
from jeospark.vector.grids import EEA_SIZES, eea, eea_bounds, eea_cells, eea_codes, h3, quadkey
from jeospark.vector.helpers_geometry import geometries_of, to_wkb


@given(st.floats(0, 9_999_999), st.floats(0, 9_999_999), st.sampled_from(sorted(EEA_SIZES)))
def test_codes_of_the_reference_grid_lead_back_to_their_squares(east, north, size):
    import numpy as np

    (code,) = eea_codes(np.array([east]), np.array([north]), size)
    x0, y0, x1, y1 = eea_bounds(code)
    assert x0 <= east < x1
    assert y0 <= north < y1
    assert x1 - x0 == y1 - y0 == EEA_SIZES[size]
    assert eea_codes(np.array([x0]), np.array([y0]), size) == [code]


def test_codes_are_written_as_the_agency_does():
    import numpy as np

    east, north = np.array([4321987.0, -1.0]), np.array([3210123.0, 5.0])
    assert eea_codes(east, north) == ["10kmE432N321", None]
    assert eea_codes(east, north, "1km")[0] == "1kmE4321N3210"
    assert eea_codes(east, north, "100km")[0] == "100kmE43N32"
    assert eea_bounds("100kmE09N27") == (900_000, 2_700_000, 1_000_000, 2_800_000)
    for wrong in ("10kmE432", "5kmE1N1", "10 kmE1N1"):
        with pytest.raises(GridError):
            eea_bounds(wrong)


@pytest.mark.spark
def test_points_get_their_cells(layer, rows):
    points = [shapely.Point(10, 52), shapely.Point(-180, 85), shapely.Point(179.9999, -85), shapely.Point(0, 89), None]
    held = eea(quadkey(h3(layer(points, n=[0, 1, 2, 3, 4]), 5), 3), "10km")
    found = rows(held, "n", "quadkey", "eea")
    # The centre of the projection is x 4,321,000, y 3,210,000.
    assert found[0] == (0, "120", "10kmE432N321")
    assert [row[1] for row in found[1:]] == ["000", "333", None, None]
    assert found[4][2] is None
    cells = rows(held.selectExpr("n", "h3", "ST_Contains(ST_H3ToGeom(array(h3))[0], geometry) AS inside"))
    assert cells[0] == (0, 599535376733929471, True) or cells[0][2]
    assert cells[4][1] is None


@pytest.mark.spark
def test_what_is_nowhere_on_a_grid_has_no_cell(layer):
    away = layer([shapely.Point(-170, -52), shapely.Point(190, 10), shapely.Point(10, 95), shapely.Point(10, 52)])
    assert [row["eea"] is None for row in eea(away).collect()] == [True, False, True, False]
    assert [row["h3"] is None for row in h3(away, 5).collect()] == [False, True, True, False]


def test_codes_become_squares(spark):
    import pyarrow as pa

    frame = eea_cells(spark.createDataFrame([("10kmE432N321",), (None,)], "eea string"))
    (batch,) = to_wkb(frame.where("eea IS NOT NULL")).toArrow().to_batches()
    (square,) = geometries_of(batch, "geometry")
    assert isinstance(batch, pa.RecordBatch)
    assert (square.bounds, shapely.get_srid(square)) == ((4_320_000, 3_210_000, 4_330_000, 3_220_000), 3035)
    assert frame.where("geometry IS NULL").count() == 1


@pytest.mark.spark
def test_what_has_no_cells_is_refused(layer):
    points = layer([shapely.Point(10, 52)])
    with pytest.raises(ArgumentError, match="no resolution 16"):
        h3(points, 16)
    with pytest.raises(GridError, match="no cells of 5km"):
        eea(points, "5km")
    with pytest.raises(LayerCrsError, match="SRID 3035 is not longitude and latitude"):
        quadkey(layer([shapely.Point(4e6, 3e6)], 3035), 5)


@pytest.mark.spark
def test_poles_have_no_quadkey(layer, rows):
    points = [shapely.Point(0, 90), shapely.Point(0, -90), shapely.Point(0, 85.2), shapely.Point(0.1, 0.1)]
    found = rows(quadkey(layer(points, n=[0, 1, 2, 3]), 2), "n", "quadkey")
    assert found == [(0, None), (1, None), (2, None), (3, "12")]
