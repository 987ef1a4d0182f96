"""Statistics of zones in one process: the functions of the batch, without files between them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from jeospark.errors import CrsUnknownError, ExtentError
from jeospark.grid import BBox
from jeospark.model import Unit
from jeospark.raster.env import gdal_environment
from jeospark.sql.crs import UNKNOWN, crs_of
from jeospark.sql.pixels.area import Area
from jeospark.sql.pixels.ask import Ask
from jeospark.sql.pixels.plan import Plan
from jeospark.sql.pixels.read import named
from jeospark.task.memory import MIB
from jeospark.task.observation import BadAssetError
from jeospark.task.zonal import ZonalOrders, zonal_rows
from jeospark.task.zonal_place import PLACED, Ground, lonlat_bounds, place_zones
from jeospark.task.zonal_table import PARTS, RESULTS, Limits, merge
from jeospark.task.zonal_tile import tile_zones
from jeospark.task.zonal_zones import REJECTS, ZONES
from jeospark.tiling.extent import PixelExtent
from jeospark.vector.crs import NO_CODE
from udfs.coverage import METHODS

COVERAGE_SHARE = 4
"""The part of a worker's memory that coverage may take is one in so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which statistics of zones are asked for."""

    ask: Ask
    """Of which pixels."""
    coverage: str
    """A key of `udfs.coverage.METHODS`."""
    limits: Limits


def zone_statistics(shapes: Sequence[shapely.Geometry | None], wanted: Wanted) -> tuple[pa.Table, pa.Table]:
    """Sum up the pixels of zones.

    Args:
        shapes: Polygons, each with the SRID of its CRS; x before y. None and others than polygons are rejected.
        wanted: Which statistics.

    Returns:
        Rows of `zonal_table.RESULTS` and of `zonal_zones.REJECTS`; zones are called by their places in `shapes`.

    Raises:
        CrsUnknownError: A zone has no SRID, or one that is no CRS.
        RasterError: An asset cannot be used; says of which item and band.
        JeosparkError: See `jeospark.sql.pixels.plan.Plan`.
    """
    groups = _by_crs(shapes)
    plan = Plan(wanted.ask)
    units = _units(wanted.ask, groups)
    extents = {unit.tile: PixelExtent(crs=unit.crs, transform=unit.transform, shape=unit.shape) for unit in units}
    ground = Ground(plan.grid, extents, METHODS[wanted.coverage])
    pairs = [place_zones(table, crs, ground) for crs, table in groups.items()]
    placed = pa.Table.from_batches([rows for rows, _ in pairs], PLACED)
    with gdal_environment(wanted.ask.settings):
        rows = pa.Table.from_batches(_parts(units, placed, ground, plan, wanted), PARTS)
    return _whole(rows, plan.names, wanted.limits), pa.Table.from_batches([bad for _, bad in pairs], REJECTS)


def _by_crs(shapes: Sequence[shapely.Geometry | None]) -> dict[str, pa.Table]:
    """Rows of `ZONES` by CRS; what has no geometry has any."""
    cells = np.array(shapes, dtype=object)
    # Sedona gives an empty geometry no CRS.
    there = ~(shapely.is_missing(cells) | shapely.is_empty(cells))
    srids = shapely.get_srid(cells)
    if (srids[there] == UNKNOWN).any():
        remedy = f"Say which with ST_SetSRID(geometry, code); x comes before y. {NO_CODE}"
        raise CrsUnknownError("zones have no CRS", where="zonal_stats", remedy=remedy)
    srids[~there] = srids[there][0] if there.any() else 4326
    groups = {}
    for srid in np.unique(srids).tolist():
        at = np.flatnonzero(srids == srid)
        ids = pa.array([str(each) for each in at.tolist()], pa.string())
        wkb = pa.array(shapely.to_wkb(cells[at], include_srid=False), pa.binary())
        groups[crs_of(srid).to_wkt()] = pa.table([ids, wkb], ZONES)
    return groups


def _units(ask: Ask, groups: Mapping[str, pa.Table]) -> list[Unit]:
    """The units around zones; none where no zone can be used, or none lies where the grid's CRS serves."""
    found = np.array([lonlat_bounds(table, crs) for crs, table in groups.items()]).reshape(-1, 4)
    bounds = found[np.isfinite(found).all(axis=1)]
    if not len(bounds):
        return []
    west, south = bounds[:, :2].min(axis=0).tolist()
    east, north = bounds[:, 2:].max(axis=0).tolist()
    area = Area(bbox=BBox(west=west, south=south, east=east, north=north))
    try:
        return list(Plan(replace(ask, area=area)).units())
    except ExtentError:
        return []


def _parts(
    units: Sequence[Unit], placed: pa.Table, ground: Ground, plan: Plan, wanted: Wanted
) -> Iterator[pa.RecordBatch]:
    """Rows of `PARTS` of all units; those of a tile share what its zones cover."""
    settings = wanted.ask.settings
    orders = ZonalOrders(
        program=plan.program,
        settings=settings,
        skip_bad_assets=False,
        by_observation=plan.by_date,
        limits=wanted.limits,
    )
    memory = settings.worker_memory_mb * MIB // COVERAGE_SHARE
    for tile, of_tile in groupby(units, key=lambda unit: unit.tile):
        here = placed.filter(pc.equal(placed.column("tile"), tile))
        if not here.num_rows:
            continue
        zones = tile_zones(here, ground.planned[tile], ground.method, memory)
        for unit in of_tile:
            try:
                yield from zonal_rows(unit, zones, orders)
            except BadAssetError as error:
                raise named(error) from error


def _whole(rows: pa.Table, bands: Sequence[str], limits: Limits) -> pa.Table:
    """Rows of `RESULTS`, parts of zones put together, in the order of zones, bands and time."""
    rows = rows.filter(pc.is_in(rows.column("band"), pa.array(bands)))
    cut = pc.is_valid(rows.column("spectrum"))
    whole = pa.concat_tables([rows.filter(pc.invert(cut)).select(RESULTS.names), merge(rows.filter(cut), limits)])
    at = pc.sort_indices(
        whole.append_column("at", pc.cast(whole.column("zone"), pa.int64())),
        [("at", "ascending"), ("band", "ascending"), ("start", "ascending")],
    )
    return whole.take(at)
