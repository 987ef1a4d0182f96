"""Zonal statistics on an executor: the number of a share of a plan's units in, and how many ended in which way out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from jeospark.engine.job import Job
from jeospark.engine.suspects import each_once
from jeospark.engine.worker import Shift, TaskEnding, recorded
from jeospark.model import Outcome, Unit
from jeospark.raster.env import gdal_environment
from jeospark.storage.publish import exists
from jeospark.storage.tables import open_table
from jeospark.task.memory import MIB
from jeospark.task.program import program
from jeospark.task.zonal import ZonalOrders, zonal_unit
from jeospark.task.zonal_place import PLACED
from jeospark.task.zonal_table import Limits
from jeospark.task.zonal_tile import TileZones, tile_zones
from jeospark.tiling.extent import PixelExtent

ZONES = "zones"
"""Folder of placed zones in the output folder, by attempt."""
PARTS = "parts"
"""Folder of the units' rows."""
COVERAGE_SHARE = 4
"""The part of a worker's memory that coverage may take is one in so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZonalShift(Shift):
    """What the tasks of an attempt have in common; travels to the workers."""

    method: int
    """A value of `udfs.coverage.METHODS`."""
    limits: Limits
    by_observation: bool
    """See `jeospark.task.zonal.ZonalOrders`."""


def placed_path(job: Job, attempt: str, tile: str) -> str:
    """Where the zones of a tile lie."""
    return job.path(ZONES, attempt, f"{tile}.parquet")


def worker(shift: ZonalShift) -> Callable[[int], TaskEnding]:
    """The function that does the task of a number."""

    def work(task: int) -> TaskEnding:
        orders = ZonalOrders(
            program=program(shift.job.recipe, shift.bands),
            settings=shift.settings,
            skip_bad_assets=shift.job.skip_bad_assets,
            by_observation=shift.by_observation,
            limits=shift.limits,
        )
        with gdal_environment(shift.settings):
            units = shift.folder.read(*shift.share(task))
            return recorded(shift, task, list(each_once(shift.job, shift.attempt, units, _maker(shift, orders))))

    return work


def _maker(shift: ZonalShift, orders: ZonalOrders) -> Callable[[Unit], Outcome]:
    """Makes units; those of a tile follow each other, and share its zones."""

    @lru_cache(maxsize=1)
    def zones_of(tile: str, extent: PixelExtent) -> TileZones | None:
        return _zones(shift, tile, extent)

    def make(unit: Unit) -> Outcome:
        zones = zones_of(unit.tile, PixelExtent(crs=unit.crs, transform=unit.transform, shape=unit.shape))
        if zones is None:
            return Outcome(unit_id=unit.unit_id, tile=unit.tile, period=unit.period, status="empty")
        href = shift.job.path(PARTS, unit.tile, f"{unit.tile}_{unit.period}.parquet")
        return zonal_unit(replace(unit, output_href=href), zones, orders)

    return make


def _zones(shift: ZonalShift, tile: str, extent: PixelExtent) -> TileZones | None:
    """The zones of a tile; None where it has none."""
    path = placed_path(shift.job, shift.attempt, tile)
    if not exists(path):
        return None
    with open_table(path) as file:
        placed = file.read(PLACED.names)
    memory = shift.settings.worker_memory_mb * MIB // COVERAGE_SHARE
    return tile_zones(placed, extent, shift.method, memory)
