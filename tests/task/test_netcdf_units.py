"""A unit of a CF netCDF cube, from the file through the catalogue to the published pixels."""

import netCDF4
import numpy as np
import pytest
from pyproj import CRS

from jeospark.catalog.ingest import ingest
from jeospark.catalog.profile import SENTINEL_2_L2A
from jeospark.catalog.store import Catalog
from jeospark.lab.recipe import load_collection

ROWS, COLS, DATES = 50, 40, 4


@pytest.fixture
def write_cube(world):
    """A function that writes a cube whose coordinates GDAL understands too."""

    def write(south_up):
        path = world.folder / "cube.nc"
        numbers = np.arange(1, DATES * ROWS * COLS + 1, dtype=np.uint16).reshape(DATES, ROWS, COLS)
        numbers[2, 10:20, 5:9] = 0
        y = world.place.top - 5 - 10 * np.arange(ROWS)
        axes = {
            "time": (np.arange(DATES) * 5.0, "time", "days since 2022-06-01"),
            "y": (y[::-1] if south_up else y, "projection_y_coordinate", "m"),
            "x": (world.place.left + 5 + 10 * np.arange(COLS), "projection_x_coordinate", "m"),
        }
        with netCDF4.Dataset(path, "w") as file:
            file.Conventions = "CF-1.8"
            for name, (values, standard, unit) in axes.items():
                file.createDimension(name, len(values))
                axis = file.createVariable(name, "f8", (name,))
                axis[:] = values
                axis.standard_name, axis.units = standard, unit
            file.createVariable("crs", "i4").setncatts(CRS.from_user_input(world.place.crs).to_cf())
            band = file.createVariable("B04", "u2", ("time", "y", "x"), zlib=True, fill_value=0, chunksizes=(1, 16, 40))
            band.grid_mapping = "crs"
            band[:] = numbers[:, ::-1] if south_up else numbers
        return path, numbers

    return write


@pytest.mark.parametrize("south_up", [False, True])
@pytest.mark.parametrize("reducer", ["max", "count"])
def test_either_order_of_rows_gives_the_same_place(world, write_cube, south_up, reducer):
    path, numbers = write_cube(south_up)
    catalog = Catalog(world.folder / "catalog")
    ingest(catalog, str(path), "cube", profile=SENTINEL_2_L2A)
    items = list(catalog.refs("cube", ["B04"]))
    recipe = load_collection("cube", bands=["B04"]).reduce(reducer)
    scale = 1e-4 if reducer == "max" else 1
    place = world.place.moved(-3, 7)
    got = world.run(
        world.unit(items, (60, 30), place), recipe.save(dtype="uint16", scale=scale, nodata=65535), bands=("B04",),
        memory_mb=1,
    )[0]  # fmt: skip
    expected = np.full((60, 30), 65535 if reducer == "max" else 0)
    inside = numbers[:, :, 7:37]
    expected[3:53] = inside.max(axis=0) if reducer == "max" else (inside > 0).sum(axis=0)
    np.testing.assert_array_equal(got, expected)
