"""Rasters beyond the antimeridian, round the Earth and around poles: from the file through the plan to the pixels."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import CRS, Transformer

from jeospark.catalog.ingest import ingest
from jeospark.catalog.store import Catalog
from jeospark.engine.main import make_job
from jeospark.engine.plan import make_plan
from jeospark.errors import GridError
from jeospark.grid import geobox_from
from jeospark.lab.recipe import load_collection
from jeospark.raster.env import gdal_environment
from jeospark.raster.header import describe
from jeospark.schema import unit_of
from jeospark.settings import Settings
from jeospark.task.product import product
from jeospark.task.unit import Orders, run_unit

SMALL = 1
"""MB for windows: many of them."""


@dataclass
class Place:
    """A catalogue in a folder, and what runs over it give."""

    folder: Path
    runs: int = 0
    units: dict = field(default_factory=dict)

    @property
    def catalog(self):
        return str(self.folder / "catalog")

    def write(self, name, data, transform, crs="EPSG:4326"):
        """A raster and its item; the item tells of its place what the file does."""
        path = self.folder / f"{name}.tif"
        with rasterio.open(
            path, "w", driver="GTiff", count=1, height=data.shape[0], width=data.shape[1], dtype=data.dtype, crs=crs,
            transform=transform, tiled=True, blockxsize=16, blockysize=16,
        ) as file:  # fmt: skip
            file.write(data, 1)
        return {
            "type": "Feature", "stac_version": "1.0.0", "id": name, "links": [],
            "properties": {"datetime": "2020-01-01T00:00:00Z"},
            "assets": {
                "v": {
                    "href": str(path), "type": "image/tiff", "roles": ["data"], "proj:epsg": int(crs.split(":")[1]),
                    "proj:transform": list(transform)[:6], "proj:shape": list(data.shape),
                }
            },
        }  # fmt: skip

    def add(self, *items):
        source = self.folder / "items.json"
        source.write_text(json.dumps({"type": "FeatureCollection", "features": items}))
        assert not ingest(Catalog(self.catalog), str(source), "c", describe=describe).rejected

    def run(self, grid="native", memory_mb=768, recipe=None, **selection):
        """The pixels of each tile, as a run publishes them, and its transform."""
        recipe = recipe or load_collection("c", bands=["v"], **selection).reduce("mean")
        self.runs += 1
        output = str(self.folder / f"out{self.runs}")
        job = make_job(recipe.to_json(), output=output, grid=grid, catalog=self.catalog)
        settings = Settings.load({"JEOSPARK_WORKER_MEMORY_MB": str(memory_mb), "JEOSPARK_COMPILE": "off"})
        made = product(job.program, folder=output, title="t")
        orders = Orders(program=job.program, product=made, settings=settings, skip_bad_assets=False)
        found = {}
        with gdal_environment(settings):
            for row in make_plan(None, job)._here().to_pylist():
                unit = unit_of(row)
                outcome = run_unit(unit, orders)
                assert outcome.status in ("done", "empty"), outcome.message
                with rasterio.open(unit.output_href) as file:
                    found[unit.tile] = file.read(1), Affine(*unit.transform)
        return found

    def view(self, crs, transform, shape):
        return load_collection("c", bands=["v"]).reduce("mean").preview(
            geobox_from(crs, transform, shape), catalog=self.catalog
        )  # fmt: skip


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def numbers(rows, cols):
    return np.arange(1, rows * cols + 1, dtype=np.float32).reshape(rows, cols)


def put_together(tiles, whole, shape):
    """Tiles on the grid of `whole`; NaN where there is none."""
    found = np.full((3 * shape[0], 3 * shape[1]), np.nan, np.float32)
    for pixels, transform in tiles.values():
        col, row = (round(each) for each in ~whole @ (transform.c, transform.f))
        into = found[row + shape[0] :, col + shape[1] :][: pixels.shape[0], : pixels.shape[1]]
        into[...] = np.where(np.isnan(pixels), into, pixels)
    return found[shape[0] : 2 * shape[0], shape[1] : 2 * shape[1]]


def write_cube(path, step, first, south_up):
    """A CF cube as climate models have them: longitudes from `first` eastwards, the poles in rows of their own."""
    lat, lon = np.arange(90, -90 - step / 2, -step), np.arange(first, first + 360, step)
    values = numbers(lat.size, lon.size)
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", 1)
        time = file.createVariable("time", "f8", ("time",))
        time.standard_name, time.units = "time", "days since 2020-01-01"
        time[:] = 0
        for name, standard, unit, axis in (
            ("lat", "latitude", "degrees_north", lat[::-1] if south_up else lat),
            ("lon", "longitude", "degrees_east", lon),
        ):
            file.createDimension(name, len(axis))
            variable = file.createVariable(name, "f8", (name,))
            variable.standard_name, variable.units = standard, unit
            variable[:] = axis
        file.createVariable("crs", "i4").setncatts(CRS.from_epsg(4326).to_cf())
        band = file.createVariable("v", "f4", ("time", "lat", "lon"), zlib=True, chunksizes=(1, 16, 32))
        band.grid_mapping = "crs"
        band[0] = values[::-1] if south_up else values
    return values


@pytest.mark.parametrize("first", [0.0, 0.5, -180.0])
@pytest.mark.parametrize("south_up", [False, True])
def test_a_cube_of_the_earth_is_one_tile_of_its_own_pixels(place, first, south_up):
    values = write_cube(place.folder / "cube.nc", 1.0, first, south_up)
    ingest(Catalog(place.catalog), str(place.folder / "cube.nc"), "c")
    assert next(Catalog(place.catalog).items("c"))["bbox"] == [-180, -90, 180, 90]
    for memory_mb in (768, SMALL):
        ((pixels, _),) = place.run(memory_mb=memory_mb).values()
        np.testing.assert_array_equal(pixels, values)


@pytest.mark.parametrize("box", [(-10, 40, 10, 50), (-20, 40, -10, 50), (170, 40, -170, 50), (100, 40, 110, 50)])
@pytest.mark.parametrize("crs", [(0.5, "native"), (-179.5, "native"), (0.5, "EPSG:4326:1:30x40:-180,89.5")])
def test_an_area_on_either_side_of_a_seam_is_whole(place, box, crs):
    first, grid = crs
    values = write_cube(place.folder / "cube.nc", 1.0, first, south_up=False)
    ingest(Catalog(place.catalog), str(place.folder / "cube.nc"), "c")
    columns = np.arange(box[0], box[0] + (box[2] - box[0]) % 360) - round(first - 0.5)
    expected = values[40:51, columns % 360]
    selections = (
        {"bbox": (box[0], 39.5, box[2], 50.5)},
        {"recipe": load_collection("c", bands=["v"]).filter_bbox(box[0], 39.5, box[2], 50.5).reduce("mean")},
    )
    for selection in selections:
        got = {}
        for pixels, transform in place.run(grid, **selection).values():
            for at, col in enumerate(round(transform.c - first + 0.5) + np.arange(pixels.shape[1])):
                got[col % 360] = pixels[:, at]
        found = np.stack([got[col] for col in columns % 360], axis=1)
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
        if grid == "native":
            np.testing.assert_array_equal(found, expected)
        others = [got[col] for col in got.keys() - set((columns % 360).tolist())]
        # A tile of which both ends are wanted has the columns between them, too.
        assert len(others) in (0, 360 - len(columns))
        if "recipe" in selection:
            assert np.isnan(np.array(others)).all()


def test_windows_beyond_the_antimeridian_are_read(place):
    values, transform = numbers(100, 200), Affine(0.1, 0, 170, 0, -0.1, -10)
    place.add(place.write("fiji", values, transform))
    for memory_mb in (768, SMALL):
        assert place.run(memory_mb=memory_mb).keys() == {"r0000c0000"}
        ((pixels, _),) = place.run(memory_mb=memory_mb).values()
        np.testing.assert_array_equal(pixels, values)
    tiles = place.run("EPSG:4326:0.1:100x100:-180,-10")
    np.testing.assert_array_equal(tiles["r0000c0035"][0], values[:, :100])
    np.testing.assert_array_equal(tiles["r0000c0000"][0], values[:, 100:])
    view = place.view("EPSG:4326", (0.1, 0, 175, 0, -0.1, -12), (30, 100))
    np.testing.assert_array_equal(view.data[0], values[20:50, 50:150])


def test_a_declared_footprint_beyond_the_antimeridian_is_brought_back(place):
    values = numbers(20, 40)
    item = place.write("east", values, Affine(0.5, 0, 170, 0, -0.5, -10))
    ring = [[170, -20], [190, -20], [190, -10], [170, -10], [170, -20]]
    place.add(item | {"geometry": {"type": "Polygon", "coordinates": [ring]}})
    assert next(Catalog(place.catalog).items("c"))["bbox"] == [170, -20, -170, -10]
    tiles = place.run("EPSG:4326:0.5:20x20:-180,-10")
    np.testing.assert_array_equal(tiles["r0000c0000"][0], values[:, 20:])


@pytest.mark.parametrize("epsg", [3413, 3031])
def test_items_around_a_pole_reach_all_tiles(place, epsg):
    values, transform = numbers(200, 200), Affine(10000, 0, -1e6, 0, -10000, 1e6)
    place.add(place.write("whole", values, transform, f"EPSG:{epsg}"))
    for grid in ("native", f"EPSG:{epsg}:10000:20x20:0,0", f"EPSG:{epsg}:10000:50x50:-250000,250000"):
        np.testing.assert_array_equal(put_together(place.run(grid), transform, (200, 200)), values)
    for side in (3, 20, 90):
        at = slice(100 - side, 100 + side)
        view = place.view(f"EPSG:{epsg}", (10000, 0, -1e4 * side, 0, -10000, 1e4 * side), (2 * side, 2 * side))
        np.testing.assert_array_equal(view.data[0], values[at, at])


def test_a_tile_over_a_pole_gets_all_items(place):
    values, transform = numbers(200, 200), Affine(10000, 0, -1e6, 0, -10000, 1e6)
    parts = [(row, col) for row in range(0, 200, 50) for col in range(0, 200, 50)]

    def part(row, col):
        at = transform @ Affine.translation(col, row)
        return place.write(f"i{row}-{col}", values[row : row + 50, col : col + 50], at, "EPSG:3413")

    place.add(*(part(row, col) for row, col in parts))
    grid = "EPSG:3413:10000:200x200:-1000000,1000000"
    np.testing.assert_array_equal(place.run(grid)["r0000c0000"][0], values)
    ((pixels, _),) = place.run(grid, bbox=(-180, 85, 180, 90)).values()
    assert pixels.size > 100 * 100
    assert np.isfinite(pixels).all()
    assert np.isfinite(place.view("EPSG:3413", tuple(transform)[:6], (200, 200)).data).all()


@pytest.mark.parametrize("first", [-180.0, 0.0])
@pytest.mark.parametrize(
    ("grid", "box", "least"),
    [
        ("EPSG:3035:100000:10x10:0,0", (-10, 35, 30, 70), 600),
        ("EPSG:3035:100000:10x10:0,0", None, 2000),
        ("EPSG:3413:100000:20x20:0,0", (-180, 60, 180, 90), 4000),
        ("EPSG:3031:100000:20x20:0,0", (-180, -90, 180, -60), 4000),
        ("EPSG:3413:100000:80x80:-4000000,4000000", (-180, -90, 180, 90), 4000),
        ("EPSG:32701:50000:20x20:0,10000000", (170, -25, -170, -10), 1000),
        ("EPSG:32630:50000:20x20:0,10000000", (-10, 30, 10, 60), 1000),
        ("EPSG:3857:100000:50x50:0,0", (160, -60, -160, 60), 1000),
    ],
)
def test_a_raster_of_the_earth_on_any_grid_is_where_it_is(place, first, grid, box, least):
    """Values that are linear in latitude, and nearly so around the Earth, against PROJ's own coordinates."""
    lat, lon = np.arange(89.75, -90, -0.5), first + np.arange(0.25, 360, 0.5)
    values = (lat[:, None] + 10 * np.cos(np.radians(lon))[None, :]).astype(np.float32)
    place.add(place.write("earth", values, Affine(0.5, 0, first, 0, -0.5, 90)))
    count = 0
    for pixels, transform in place.run(grid, **({} if box is None else {"bbox": box})).values():
        cols, rows = np.meshgrid(np.arange(pixels.shape[1]) + 0.5, np.arange(pixels.shape[0]) + 0.5)
        x, y = transform @ (cols, rows)
        there = Transformer.from_crs(grid[: grid.index(":", 5)], "OGC:CRS84", always_xy=True)
        longitude, latitude = there.transform(x, y)
        expected = latitude + 10 * np.cos(np.radians(longitude))
        near = np.abs(latitude) < 89
        np.testing.assert_allclose(pixels[near], expected[near], atol=0.2)
        count += near.sum()
    assert count >= least


def test_tiles_at_the_limb_of_a_world_map_are_made(place):
    values = np.ones((180, 360), np.float32)
    place.add(place.write("earth", values, Affine(1, 0, -180, 0, -1, 90)))
    tiles = place.run("ESRI:54009:200000:30x30:-18200000,9200000")
    whole = put_together(tiles, Affine(2e5, 0, -1.82e7, 0, -2e5, 9.2e6), (92, 182))
    x, y = np.meshgrid(-1.82e7 + 2e5 * (np.arange(182) + 0.5), 9.2e6 - 2e5 * (np.arange(92) + 0.5))
    longitudes, _ = Transformer.from_crs("ESRI:54009", "OGC:CRS84", always_xy=True).transform(x, y)
    np.testing.assert_array_equal(np.isfinite(whole), np.isfinite(longitudes))


@pytest.mark.parametrize("code", ["ESRI:54009", "EPSG:8857"])
def test_a_world_map_is_native_by_its_code(place, code):
    values = numbers(20, 30)
    path = place.folder / "map.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=20, width=30, dtype="float32", crs=CRS(code).to_wkt(),
        transform=Affine(1000, 0, 1e6, 0, -1000, 5e6),
    ) as file:  # fmt: skip
        file.write(values, 1)
    item = place.write("unused", values, Affine(1, 0, 10, 0, -1, 50))
    item["assets"]["v"] = {"href": str(path), "type": "image/tiff", "roles": ["data"]}
    place.add(item)
    assert next(Catalog(place.catalog).items("c"))["properties"]["proj:code"] == code
    ((pixels, _),) = place.run().values()
    np.testing.assert_array_equal(pixels, values)


def test_an_item_without_the_band_does_not_hide_the_native_grid(place):
    other = place.write("other", numbers(20, 30), Affine(1, 0, 10, 0, -1, 50))
    other["properties"]["datetime"] = "2021-01-01T00:00:00Z"
    other["assets"] = {"w": other["assets"]["v"]}
    place.add(place.write("a", numbers(20, 30), Affine(1, 0, 10, 0, -1, 50)), other)
    ((pixels, _),) = place.run(interval=("2020-01-01", "2021-01-01")).values()
    np.testing.assert_array_equal(pixels, numbers(20, 30))
    with pytest.raises(AssertionError, match="item other, band v: the item has no band 'v'"):
        place.run()


@pytest.mark.parametrize("box", [(190, -20, 200, -10), (170, -20, 190, -10), (0, -20, 360, -10)])
def test_an_area_may_be_given_in_longitudes_of_0_to_360(place, box):
    values = write_cube(place.folder / "cube.nc", 1.0, 0.5, south_up=False)
    ingest(Catalog(place.catalog), str(place.folder / "cube.nc"), "c")
    ((pixels, _),) = place.run(bbox=(box[0], -19.5, box[2], -10.5)).values()
    np.testing.assert_array_equal(pixels, values[101:110, box[0] : box[2]])
    filtered = load_collection("c", bands=["v"]).filter_bbox(box[0], -19.5, box[2], -10.5).reduce("mean")
    ((pixels, _),) = place.run(recipe=filtered).values()
    np.testing.assert_array_equal(pixels, values[101:110, box[0] : box[2]])


def test_a_crs_without_code_has_no_native_grid(place):
    crs = CRS("+proj=sinu +R=6371007.181 +units=m")
    item = place.write("a", numbers(20, 30), Affine(1000, 0, 1e6, 0, -1000, 5e6))
    item["assets"]["v"] |= {"proj:epsg": None, "proj:wkt2": crs.to_wkt()}
    place.add(item)
    with pytest.raises(GridError, match="item 'a' has no code"):
        place.run()


def test_pixels_that_are_not_square_are_native(place):
    values = numbers(144, 192)
    place.add(place.write("model", values, Affine(1.875, 0, -180, 0, -1.25, 90)))
    ((pixels, transform),) = place.run().values()
    assert (transform.a, transform.e) == (1.875, -1.25)
    np.testing.assert_array_equal(pixels, values)


def test_the_same_earth_from_greenwich_or_the_antimeridian_is_averaged_alike(place):
    values = np.random.default_rng(1).random((720, 1440)).astype(np.float32)
    other = Place(place.folder / "other")
    other.folder.mkdir()
    place.add(place.write("a", values, Affine(0.25, 0, -180, 0, -0.25, 90)))
    other.add(other.write("a", np.roll(values, 720, axis=1), Affine(0.25, 0, 0, 0, -0.25, 90)))
    for grid, box in (
        ("EPSG:3035:200000:10x10:3000000,4000000", (0, 40, 20, 60)),
        ("EPSG:32645:200000:10x10:0,4000000", (84, 5, 90, 30)),
        ("EPSG:3857:200000:50x50:0,5000000", (0, 0, 40, 40)),
    ):
        tiles, others = place.run(grid, bbox=box), other.run(grid, bbox=box)
        assert tiles.keys() == others.keys()
        for name, (pixels, _) in tiles.items():
            np.testing.assert_array_equal(pixels, others[name][0])
            # Means of some 64 numbers, not single ones, which spread by 0.29.
            assert np.nanstd(pixels) < 0.1
