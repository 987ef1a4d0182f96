import netCDF4
import numpy as np
import pytest
import rasterio
from pyproj import CRS

from jeospark.catalog.netcdf import netcdf_items
from jeospark.catalog.profile import SENTINEL_2_L2A
from jeospark.errors import SourceError


def test_each_time_step_is_an_item(write_cube):
    path = write_cube()
    items = list(netcdf_items(str(path)))
    assert [item["id"] for item in items] == ["cube_2020-01-01", "cube_2020-01-11", "cube_2020-02-01"]
    asset = items[2]["assets"]["B2"]
    assert asset["proj:code"] == "EPSG:3035"
    assert asset["proj:transform"] == [20.0, 0.0, 4999990.0, 0.0, -20.0, 2500010.0]
    assert asset["proj:shape"] == [4, 5]
    assert asset["href"] == str(path)
    assert asset["jeospark:variable"] == "B2"
    assert asset["bands"] == [{"name": "B2", "data_type": "uint16", "nodata": 0.0, "jeospark:index": 3}]
    assert items[2]["properties"]["datetime"] == "2020-02-01T00:00:00Z"


def test_the_profile_names_and_scales_what_the_file_leaves_out(write_cube):
    item = next(netcdf_items(str(write_cube()), SENTINEL_2_L2A))
    band = item["assets"]["B02"]["bands"][0]
    assert (band["name"], band["eo:common_name"], band["raster:scale"], band["raster:offset"]) == (
        "B02",
        "blue",
        0.0001,
        0.0,
    )
    assert item["assets"]["B02"]["jeospark:variable"] == "B2"
    classes = item["assets"]["SCL"]["bands"][0]["classification:classes"]
    assert [(one["value"], one["name"]) for one in classes][::11] == [(0, "no_data"), (11, "snow")]
    assert "raster:scale" not in item["assets"]["SCL"]["bands"][0]
    assert item["properties"]["platform"] == "sentinel-2"


def test_the_file_has_the_last_word_on_scale(write_cube):
    path = write_cube(scale_factor=0.5, add_offset=-3.0)
    band = next(netcdf_items(str(path), SENTINEL_2_L2A))["assets"]["B02"]["bands"][0]
    assert (band["raster:scale"], band["raster:offset"]) == (0.5, -3.0)


def test_south_up_files_are_declared_as_they_are(write_cube):
    asset = next(netcdf_items(str(write_cube(south_up=True))))["assets"]["B2"]
    assert asset["proj:transform"] == [20.0, 0.0, 4999990.0, 0.0, 20.0, 2499930.0]


def test_axes_are_known_by_their_attributes(write_cube):
    def tell(cube):
        cube["easting"].axis = "X"
        cube["northing"].standard_name = "projection_y_coordinate"

    path = write_cube(names=("time", "northing", "easting"), change=tell)
    assert len(list(netcdf_items(str(path)))) == 3


def test_axes_that_nothing_tells_are_named(write_cube):
    for names, axis in ((("step", "y", "x"), "T"), (("time", "row", "x"), "Y"), (("time", "y", "column"), "X")):
        with pytest.raises(SourceError, match=f"the {axis} axis"):
            list(netcdf_items(str(write_cube(names=names))))


def test_times_of_day_are_part_of_the_id(write_cube):
    def at_noon(cube):
        cube["time"][:] = [0.5, 1.5, 2.0]

    assert next(netcdf_items(str(write_cube(change=at_noon))))["id"] == "cube_2020-01-01T120000"


def test_a_transposed_cube_is_named(write_cube):
    def turn(cube):
        for axis, name in (("Y", "x"), ("X", "y")):
            cube[name].axis = axis

    with pytest.raises(SourceError, match=r"over \(time, x, y\)"):
        list(netcdf_items(str(write_cube(change=turn))))


def test_cf_parameters_alone_make_a_crs(write_cube):
    def parameters(cube):
        cube["crs"].delncattr("crs_wkt")
        cube["crs"].setncatts({k: v for k, v in CRS.from_epsg(32633).to_cf().items() if k != "crs_wkt"})
        cube["x"][:] = 500000 + 20.0 * np.arange(5)

    assert next(netcdf_items(str(write_cube(change=parameters))))["assets"]["B2"]["proj:code"] == "EPSG:32633"


def _irregular(cube):
    cube["x"][2] += 15.0


def _no_mapping(cube):
    for name in ("B2", "SCL"):
        cube[name].delncattr("grid_mapping")


def _bad_crs(cube):
    cube["crs"].crs_wkt = "PROJCS[nonsense"


def _before_the_calendar(cube):
    cube["time"].units, cube["time"].calendar = "days since 0001-01-01", "standard"


def _odd_calendar(cube):
    cube["time"].calendar = "360_day"


def _no_units(cube):
    cube["time"].delncattr("units")


def test_time_may_be_counted_from_the_year_1(write_cube):
    """As old reanalyses do; the days between are those of the mixed calendar that CF calls standard."""

    def from_1(cube):
        cube["time"].units = "hours since 1-1-1 00:00:0.0"
        cube["time"].calendar = "standard"
        cube["time"][:] = 17700000 + np.arange(3) * 24

    items = list(netcdf_items(str(write_cube(change=from_1))))
    assert [item["properties"]["datetime"] for item in items] == [f"2020-03-{day}T00:00:00Z" for day in (15, 16, 17)]


def test_longitude_and_latitude_need_no_grid_mapping(write_cube):
    """As CF says; most cubes of climate models have none."""

    def degrees(cube):
        _no_mapping(cube)
        cube["x"].units, cube["y"].units = "degrees_east", "degrees_north"
        cube["x"][:], cube["y"][:] = np.arange(5) + 10.5, 49.5 - np.arange(4)

    item = next(netcdf_items(str(write_cube(change=degrees))))
    assert item["bbox"] == [10, 46, 15, 50]
    assert item["assets"]["B2"]["proj:code"] == "EPSG:4326"


def test_bytes_may_be_unsigned(tmp_path):
    """NetCDF 3 has no unsigned types: GDAL reads numbers of 0 to 255 where `_Unsigned` says so."""
    path = tmp_path / "bytes.nc"
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as cube:
        axes = {"time": "days since 2020-01-01", "lat": "degrees_north", "lon": "degrees_east"}
        for (name, unit), values in zip(axes.items(), ([0], [2.5, 1.5], [0.5, 1.5]), strict=True):
            cube.createDimension(name, len(values))
            axis = cube.createVariable(name, "f8", (name,))
            axis.units = unit
            axis[:] = values
        band = cube.createVariable("v", "i1", ("time", "lat", "lon"), fill_value=-1)
        band.set_auto_maskandscale(False)
        band._Unsigned = "true"
        band[0] = np.array([[1, 200], [255, 100]], np.uint8).view(np.int8)
    item = next(netcdf_items(str(path)))
    assert item["assets"]["v"]["bands"][0] == {"name": "v", "data_type": "uint8", "nodata": 255.0, "jeospark:index": 1}
    with rasterio.open(f'NETCDF:"{path}":v') as dataset:
        assert (dataset.dtypes, dataset.nodata) == (("uint8",), 255)


def test_two_names_of_one_missing_value_are_one(write_cube):
    def again(cube):
        cube["B2"].missing_value = np.float64(0)

    assert next(netcdf_items(str(write_cube(change=again))))["assets"]["B2"]["bands"][0]["nodata"] == 0


def _two_missing(cube):
    cube["B2"].missing_value = np.uint16(65535)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (_two_missing, "'B2' marks what is missing by 0 and 65535"),
        (_irregular, "not regular"),
        (_no_mapping, "grid mapping"),
        (_bad_crs, "no CRS"),
        (_odd_calendar, "common calendar"),
        (_before_the_calendar, "common calendar"),
        (_no_units, "common calendar"),
    ],
)
def test_what_makes_no_cube_is_named(write_cube, change, text):
    path = write_cube(change=change)
    with pytest.raises(SourceError, match=text) as caught:
        list(netcdf_items(str(path)))
    assert caught.value.where == str(path)


def test_files_that_are_no_netcdf_are_named(tmp_path):
    (tmp_path / "bad.nc").write_bytes(b"no cube")
    for name in ("bad.nc", "missing.nc"):
        with pytest.raises(SourceError, match="netCDF"):
            list(netcdf_items(str(tmp_path / name)))


@pytest.mark.realdata
def test_the_romanian_cube(shared_data):
    path = next(shared_data("nrt_romania_s2").rglob("*20m.nc"))
    items = list(netcdf_items(str(path), SENTINEL_2_L2A))
    assert len(items) == 140
    assert sorted(items[0]["assets"]) == ["B03", "B04", "B11", "B8A", "SCL"]
    assert items[0]["assets"]["B03"]["proj:code"] == "EPSG:3035"
    assert items[-1]["properties"]["datetime"] == "2021-01-01T00:00:00Z"
