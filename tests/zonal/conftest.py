"""Polygons, grids, and what a plain and slow way makes of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import shapely
from hypothesis import strategies as st

from jeospark.engine.main import make_job
from jeospark.engine.plan import make_plan
from jeospark.grid import Grid
from jeospark.raster.env import gdal_environment
from jeospark.recipe.analysis import period
from jeospark.settings import Settings
from jeospark.task.zonal import ZonalOrders, zonal_rows
from jeospark.task.zonal_place import Ground, place_zones
from jeospark.task.zonal_table import PARTS, RESULTS, Limits, merge
from jeospark.task.zonal_tile import tile_zones
from jeospark.task.zonal_zones import ZONES
from jeospark.tiling.extent import PixelExtent
from udfs.coverage import METHODS
from udfs.rings import FULL, Rings


def rings_of_pixels(polygons) -> Rings:
    """Outlines of polygons whose coordinates are columns and rows."""
    parts, zone = shapely.get_parts(np.array(polygons, dtype=object), return_index=True)
    lines, part = shapely.get_rings(parts, return_index=True)
    points, sizes = shapely.get_coordinates(lines), shapely.get_num_coordinates(lines)
    x, y = np.rint(points * FULL).astype(np.int64).T
    return Rings(
        x, y, np.append(0, np.cumsum(sizes)), np.append(False, part[1:] == part[:-1]),
        np.searchsorted(zone[part], np.arange(len(polygons) + 1)).astype(np.int64),
    )  # fmt: skip


@pytest.fixture(scope="session")
def rings_of() -> Callable[..., Rings]:
    return rings_of_pixels


def on_lattice(shape: shapely.Geometry) -> shapely.Geometry:
    """The polygons of a geometry, rounded so that all that look at them see the same."""
    with np.errstate(all="ignore"):
        # GEOS divides by zero where it drops what has no area.
        whole = shapely.set_precision(shape, 2.0**-20)
    parts = [part for part in shapely.get_parts(whole) if part.geom_type == "Polygon" and part.area > 0]
    return shapely.MultiPolygon(parts) if len(parts) != 1 else parts[0]


@pytest.fixture(scope="session")
def rounded() -> Callable[[shapely.Geometry], shapely.Geometry]:
    return on_lattice


coordinates = st.one_of(
    st.floats(0, 12, allow_nan=False, width=32),
    # Corners and edges of pixels.
    st.integers(0, 12).map(float),
    st.integers(0, 24).map(lambda half: half / 2),
)


@st.composite
def polygons(draw) -> shapely.Geometry:
    """A valid polygon or multipolygon over 12 × 12 pixels: slivers, holes, vertices on corners and edges of pixels."""
    points = draw(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=9, unique=True))
    shape = shapely.Polygon(points).buffer(0) if draw(st.booleans()) else shapely.MultiPoint(points).convex_hull
    if draw(st.booleans()):
        left, top = draw(st.floats(0, 9)), draw(st.floats(0, 9))
        shape = shape.difference(shapely.box(left, top, left + draw(st.floats(0.1, 3)), top + draw(st.floats(0.1, 3))))
    if draw(st.booleans()):
        left, top = draw(st.floats(0, 11)), draw(st.floats(0, 11))
        shape = shape.union(shapely.box(left, top, left + draw(st.floats(0.01, 1)), top + draw(st.floats(0.01, 1))))
    return on_lattice(shape)


@pytest.fixture(scope="session")
def some_polygons() -> st.SearchStrategy[list[shapely.Geometry]]:
    """One to three polygons; their coordinates are columns and rows."""
    return st.lists(polygons().filter(lambda shape: not shape.is_empty), min_size=1, max_size=3)


@dataclass(frozen=True)
class Bench:
    """Zonal statistics of an archive without Spark: each unit by itself, then merged."""

    folder: Path

    def run(self, archive, recipe, zones, *, grid, crs="EPSG:32633", coverage="fractional", order=None, memory=768,
            limits=Limits(), **asked):  # fmt: skip
        """Statistics as a table, sorted; zones are pairs of id and shape."""
        rows, _ = self.rows(
            archive, recipe, zones, grid=grid, crs=crs, coverage=coverage, order=order, memory=memory, limits=limits,
            **asked,
        )  # fmt: skip
        table = pa.Table.from_batches(rows, PARTS)
        cut = pc.is_valid(table.column("spectrum"))
        whole = table.filter(pc.invert(cut)).select(RESULTS.names)
        together = pa.concat_tables([whole, merge(table.filter(cut), limits)])
        keys = [(name, "ascending") for name in ("zone", "band", "period", "start")]
        return together.take(pc.sort_indices(together, keys))

    def rows(self, archive, recipe, zones, *, grid, crs, coverage, order, memory, limits, **asked):
        """Batches of `PARTS` of all units, and rejects."""
        folder = self.folder / uuid4().hex
        job = make_job(recipe.to_json(), output=str(folder), catalog=archive.catalog, grid=grid)
        units = list(make_plan(None, job).write().read())
        settings = Settings.load({"JEOSPARK_WORKER_MEMORY_MB": str(memory), "JEOSPARK_COMPILE": "off"})
        extents = {unit.tile: PixelExtent(crs=unit.crs, transform=unit.transform, shape=unit.shape) for unit in units}
        method = METHODS[coverage]
        placed, rejects = place_zones(table_of(zones), crs, Ground(Grid.parse(job.grid), extents, method))
        by_date = period(job.program.graph) == "date"
        orders = ZonalOrders(
            program=job.program, settings=settings, skip_bad_assets=False, by_observation=by_date, limits=limits,
        )  # fmt: skip
        batches = []
        with gdal_environment(settings):
            for unit in order(units) if order else units:
                of_tile = pa.table(placed.filter(pc.equal(placed.column("tile"), unit.tile)))
                zones_here = tile_zones(of_tile, extents[unit.tile], method, memory=asked.get("kept", 1 << 20))
                batches += zonal_rows(unit, zones_here, orders)
        return batches, rejects


def table_of(zones) -> pa.Table:
    """Rows of `ZONES` of pairs of id and shape."""
    ids, shapes = [name for name, _ in zones], [shape for _, shape in zones]
    cells = [shape if shape is None or isinstance(shape, bytes) else shapely.to_wkb(shape) for shape in shapes]
    return pa.table([pa.array(ids, pa.string()), pa.array(cells, pa.binary())], ZONES)


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture(scope="session")
def zone_rows() -> Callable[..., pa.Table]:
    return table_of
