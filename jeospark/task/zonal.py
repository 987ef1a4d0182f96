"""Zonal statistics of one unit: evaluate where zones are, sum up, write rows, and tell what happened."""

import hashlib
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from time import perf_counter

import pyarrow as pa

from jeospark.errors import StorageError
from jeospark.model import ItemRef, Outcome, Reject, Unit
from jeospark.raster.datasets import Datasets
from jeospark.raster.placement import Target
from jeospark.settings import Settings
from jeospark.storage.publish import exists
from jeospark.storage.tables import open_table, write_table
from jeospark.task.evaluate import Evaluation
from jeospark.task.observation import BadAssetError
from jeospark.task.program import Program
from jeospark.task.stack import Tally
from jeospark.task.unit import failed, peak_mb
from jeospark.task.zonal_sums import Found
from jeospark.task.zonal_table import PARTS, Limits, Slot
from jeospark.task.zonal_tile import TileZones, corner_of

DIGEST = b"jeospark:digest"
"""In the metadata of a unit's file: what its rows were made of."""
BATCH = 1 << 16
"""Rows written together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZonalOrders:
    """What the units of a run have in common."""

    program: Program
    settings: Settings
    skip_bad_assets: bool
    """True to leave items with a bad asset out of a unit; False to fail the unit."""
    by_observation: bool
    """True where the recipe keeps the dates: each orbit pass gets rows of its own."""
    limits: Limits


def zonal_unit(unit: Unit, zones: TileZones, orders: ZonalOrders) -> Outcome:
    """Make and publish the rows of one unit, unless they are published already.

    Args:
        unit: `output_href` is where the rows go (Parquet, `zonal_table.PARTS`).
        zones: Those of its tile.
        orders: What all units have in common.

    Returns:
        What happened; every failure becomes an outcome, none is raised.
    """
    clock = perf_counter()
    base = Outcome(
        unit_id=unit.unit_id,
        tile=unit.tile,
        period=unit.period,
        status="failed",
        digest=digest_of(unit, zones, orders),
        items=len(unit.items),
        pixels=unit.shape[0] * unit.shape[1],
        host=socket.gethostname(),
        started=datetime.now(UTC),
    )
    try:
        outcome = _run(unit, zones, orders, base)
    except Exception as error:  # noqa: BLE001 - the one place where any failure becomes a row of the ledger
        outcome = failed(base, error)
    return replace(outcome, seconds=perf_counter() - clock, peak_mb=peak_mb())


def digest_of(unit: Unit, zones: TileZones, orders: ZonalOrders) -> str:
    """sha256 over all that decides the rows of a unit."""
    limits = orders.limits
    options = (limits.min_pixels, limits.min_valid_share, sorted(limits.histogram))
    return hashlib.sha256(f"{unit.digest}\n{zones.digest}\n{options}".encode()).hexdigest()


def zonal_rows(
    unit: Unit, zones: TileZones, orders: ZonalOrders, tally: Tally | None = None
) -> Iterator[pa.RecordBatch]:
    """Rows of a unit (`zonal_table.PARTS`): every zone that meets it, with each band of each evaluation.

    Raises:
        BadAssetError: An asset cannot be used.
    """
    for slot, items in _slots(unit, orders):
        found = _found(unit, items, zones, orders, tally or Tally())
        yield from found.rows(slot)


def _run(unit: Unit, zones: TileZones, orders: ZonalOrders, base: Outcome) -> Outcome:
    if not len(zones.within(corner_of(unit.crs, unit.transform, unit.shape), unit.shape)):
        return replace(base, status="empty")
    if is_written(unit.output_href, base.digest):
        return replace(base, status="skipped", href=unit.output_href)
    rejects: tuple[Reject, ...] = ()
    while unit.items:
        try:
            return replace(_make(unit, zones, orders, base), rejects=rejects)
        except BadAssetError as error:
            rejects = (*rejects, error.reject)
            if not orders.skip_bad_assets or isinstance(error.__cause__, StorageError):
                break
            left = tuple(item for item in unit.items if item.item_id != error.reject.item_id)
            unit = replace(unit, items=left)
    first = rejects[0]
    return replace(
        base, error=first.error, item_id=first.item_id, band=first.band, asset=first.asset, rejects=rejects,
        message=f"unit {base.unit_id}, item {first.item_id}, band {first.band}: {first.message}",
    )  # fmt: skip


def is_written(href: str, digest: str) -> bool:
    """True where the rows of a unit are complete and were made of what `digest` stands for."""
    if not exists(href):
        return False
    try:
        with open_table(href) as file:
            return bool((file.schema_arrow.metadata or {}).get(DIGEST) == digest.encode())
    except pa.ArrowInvalid:
        return False


def _make(unit: Unit, zones: TileZones, orders: ZonalOrders, base: Outcome) -> Outcome:
    tally = Tally()
    batches = list(zonal_rows(unit, zones, orders, tally))
    started = perf_counter()
    write_table(unit.output_href, batches, PARTS.with_metadata({DIGEST: base.digest.encode()}), row_group=BATCH)
    tally.seconds_write += perf_counter() - started
    return replace(
        base, status="done" if batches else "empty", href=unit.output_href, pixels_read=tally.pixels_read,
        pixels_skipped=tally.pixels_skipped, bytes_written=sum(batch.nbytes for batch in batches),
        seconds_read=tally.seconds_read - tally.seconds_warp, seconds_warp=tally.seconds_warp,
        seconds_compute=tally.seconds_compute, seconds_write=tally.seconds_write,
    )  # fmt: skip


def _slots(unit: Unit, orders: ZonalOrders) -> Iterator[tuple[Slot, tuple[ItemRef, ...]]]:
    """What is evaluated alone: the unit, or each of its observations."""
    if not orders.by_observation:
        yield Slot(period=unit.period, observation=None, start=unit.start), unit.items
        return
    for key, group in groupby(sorted(unit.items, key=_moment), key=lambda item: item.observation):
        items = tuple(group)
        yield Slot(period=unit.period, observation=key, start=min(item.datetime for item in items)), items


def _moment(item: ItemRef) -> tuple[str, datetime, str]:
    return item.observation, item.datetime, item.item_id


def _found(unit: Unit, items: Sequence[ItemRef], zones: TileZones, orders: ZonalOrders, tally: Tally) -> Found:
    corner = corner_of(unit.crs, unit.transform, unit.shape)
    found = Found(zones=zones, bands=orders.program.outputs, limits=orders.limits)
    with Datasets(orders.settings.open_datasets) as datasets:
        target = Target(unit.crs, unit.transform)
        evaluation = Evaluation(orders.program, items, target, unit.shape, datasets, orders.settings)
        for pixels in evaluation.where(lambda window: zones.meets(corner, window)):
            started = perf_counter()
            found.add(pixels, zones.covered(corner, pixels.window))
            tally.seconds_compute += perf_counter() - started
        spent = evaluation.tally
    for name in ("pixels_read", "pixels_skipped", "seconds_read", "seconds_warp", "seconds_compute"):
        setattr(tally, name, getattr(tally, name) + getattr(spent, name))
    return found
