"""Run one unit: read, evaluate, write, publish, and tell what happened; a unit fails alone."""

import resource
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from jeospark.catalog.publish import OutputCollection, item_href, thumbnail_href, valid_share, write_item
from jeospark.errors import JeosparkError, StorageError, TooLargeError
from jeospark.model import Outcome, Reject, Unit
from jeospark.raster.cog import CogWriter
from jeospark.raster.datasets import Datasets
from jeospark.raster.placement import Target
from jeospark.raster.quicklook import quicklook_cog
from jeospark.settings import Settings
from jeospark.storage.publish import publishing, remove
from jeospark.storage.tokens import redact
from jeospark.task.evaluate import Evaluation
from jeospark.task.memory import window_budget
from jeospark.task.observation import BadAssetError, Fragment
from jeospark.task.product import stored
from jeospark.task.program import Program
from jeospark.task.published import is_made_of, is_published, left_out, published, still_bad

MORE_MEMORY = (
    "Raise spark.executor.memoryOverhead (or spark.executor.pyspark.memory, where it is set), or lower "
    "JEOSPARK_WORKER_MEMORY_MB or spark.executor.cores; then resume."
)
"""What helps a worker that has too little memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What the units of a run have in common."""

    program: Program
    product: OutputCollection
    settings: Settings
    skip_bad_assets: bool
    """True to leave items with a bad asset out of a unit; False to fail the unit."""


def run_unit(unit: Unit, orders: Orders) -> Outcome:
    """Make and publish one unit, unless it is published already.

    Returns:
        What happened; every failure becomes an outcome, none is raised.
    """
    clock = perf_counter()
    base = Outcome(
        unit_id=unit.unit_id, tile=unit.tile, period=unit.period, status="failed", digest=unit.digest,
        items=len(unit.items), pixels=unit.shape[0] * unit.shape[1], host=socket.gethostname(),
        started=datetime.now(UTC),
    )  # fmt: skip
    missing = False
    try:
        known = published(unit.output_href, unit.digest)
        missing = known is None
        outcome = _skipped(unit, orders, base, known) or _run(unit, orders, base)
    except Exception as error:  # noqa: BLE001 - the one place where any failure becomes a row of the ledger
        outcome = failed(base, error)
    if outcome.status == "failed" and missing:
        outcome = _of_a_twin(unit, base) or outcome
    return replace(outcome, seconds=perf_counter() - clock, peak_mb=peak_mb())


def failed(base: Outcome, error: Exception) -> Outcome:
    """The row of a unit that an error ended, with the error's name and text."""
    if isinstance(error, MemoryError):
        error = TooLargeError(str(error) or "a worker got no more memory", remedy=MORE_MEMORY)
    return replace(base, status="failed", error=type(error).__name__, message=redact(f"unit {base.unit_id}: {error}"))


def peak_mb() -> float:
    """Peak resident memory of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _skipped(unit: Unit, orders: Orders, base: Outcome, item: Mapping[str, Any] | None) -> Outcome | None:
    """That a unit need not be made, as its published STAC item tells; None where it must be."""
    if item is None:
        return None
    missing = left_out(unit, item)
    if not missing:
        return _standing(unit, base, item)
    rejects = still_bad(unit, missing, orders.program, orders.settings) if orders.skip_bad_assets else None
    return None if rejects is None else replace(_standing(unit, base, item), rejects=rejects)


def _of_a_twin(unit: Unit, base: Outcome) -> Outcome | None:
    """That a failed unit is published all the same: a twin was faster, and took away what this one was writing."""
    with suppress(JeosparkError, OSError):
        made = published(unit.output_href, unit.digest)
        return None if made is None else _standing(unit, base, made)
    return None


def _standing(unit: Unit, base: Outcome, item: Mapping[str, Any]) -> Outcome:
    """What is told of a published unit: an attempt that was cut off may have left no other word of it."""
    asset = item["assets"]["data"]
    return replace(
        base,
        status="skipped",
        href=unit.output_href,
        pixels_valid=round(valid_share(asset) * base.pixels),
        bytes_written=asset.get("file:size", 0),
    )


def _run(unit: Unit, orders: Orders, base: Outcome) -> Outcome:
    rejects: tuple[Reject, ...] = ()
    while unit.items:
        try:
            return replace(_make(unit, orders, base), rejects=rejects)
        except BadAssetError as error:
            rejects = (*rejects, error.reject)
            # A server that is away tells nothing of this asset, nor of the others: each would be waited for as long.
            if isinstance(error.__cause__, StorageError):
                return _rejected(base, rejects)
            if not orders.skip_bad_assets:
                return _rejected(base, (*rejects, *_others(unit, orders, error.reject)))
            left = tuple(item for item in unit.items if item.item_id != error.reject.item_id)
            unit = replace(unit, items=left)
    return _rejected(base, rejects)


def _make(unit: Unit, orders: Orders, base: Outcome) -> Outcome:
    """Make the unit of its items from the first window on: a result is never made of two selections."""
    with Datasets(orders.settings.open_datasets) as datasets:
        evaluation = Evaluation(
            orders.program,
            unit.items,
            Target(unit.crs, unit.transform),
            unit.shape,
            datasets,
            orders.settings,
        )
        thumbnail = thumbnail_href(unit.output_href)
        with publishing(unit.output_href, durable=False) as path, publishing(thumbnail, durable=False) as picture:
            valid, size = _write(path, unit, orders, evaluation)
            quicklook_cog(path, orders.product.bands, picture)
            held = published(unit.output_href, unit.digest)
            if held is None or not is_made_of(unit, held):
                # An item that stayed from an earlier selection would vouch for pixels that are not its own.
                _withdraw(item_href(unit.output_href))
    tally = evaluation.tally
    outcome = replace(
        base,
        status="done" if valid else "empty",
        href=unit.output_href,
        pixels_read=tally.pixels_read,
        pixels_skipped=tally.pixels_skipped,
        pixels_valid=valid,
        bytes_written=size,
        seconds_read=tally.seconds_read - tally.seconds_warp,
        seconds_warp=tally.seconds_warp,
        seconds_compute=tally.seconds_compute,
        seconds_write=tally.seconds_write,
    )
    try:
        write_item(unit, outcome, orders.product)
    except JeosparkError:
        if not is_published(unit.output_href, unit.digest):
            _withdraw(unit.output_href, thumbnail_href(unit.output_href))
        raise
    return outcome


def _withdraw(*hrefs: str) -> None:
    for href in hrefs:
        remove(href)


def _write(path: str, unit: Unit, orders: Orders, evaluation: Evaluation) -> tuple[int, int]:
    """Write the COG; returns the usable pixels of its first band, and its bytes."""
    product, settings, valid = orders.product, orders.settings, 0
    with CogWriter(
        path,
        shape=unit.shape,
        dtype=product.data_type,
        bands=product.bands,
        crs=unit.crs,
        transform=unit.transform,
        scratch=settings.scratch,
        memory_limit=window_budget(settings),
        tags={"JEOSPARK_RECIPE": product.recipe_id, "JEOSPARK_DIGEST": unit.digest},
    ) as writer:
        for pixels in evaluation:
            started = perf_counter()
            valid += int(pixels.valid[0].sum())
            writer.write(pixels.window, stored(pixels, product))
            evaluation.tally.seconds_write += perf_counter() - started
        started = perf_counter()
        size = writer.finish()
        evaluation.tally.seconds_write += perf_counter() - started
    return valid, size


def _others(unit: Unit, orders: Orders, known: Reject) -> Iterator[Reject]:
    """The other assets of a failed unit that cannot even be opened, so that they are mended in one go."""
    program = orders.program
    with Datasets(orders.settings.open_datasets) as datasets:
        for item in unit.items:
            fragment = Fragment(
                item, datasets, Target(unit.crs, unit.transform), classes=program.classes, overviews=False
            )
            for band in program.names:
                try:
                    fragment.reader(band)
                except BadAssetError as error:
                    if error.reject != known:
                        yield error.reject
                    if isinstance(error.__cause__, StorageError):
                        return


def _rejected(base: Outcome, rejects: tuple[Reject, ...]) -> Outcome:
    first = rejects[0]
    return replace(
        base,
        error=first.error,
        message=f"unit {base.unit_id}, item {first.item_id}, band {first.band}: {first.message}",
        item_id=first.item_id,
        band=first.band,
        asset=first.asset,
        rejects=rejects,
    )
