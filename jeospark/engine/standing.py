"""How each unit of a run stands after all its attempts, as a table: a run may have a million units."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from jeospark.catalog.publish import item_href
from jeospark.engine import ledger
from jeospark.engine.job import Job
from jeospark.model import Outcome
from jeospark.schema import OUTCOMES, outcome_of
from jeospark.storage.publish import exists

MADE = pa.array(["done", "empty"])


def standing(job: Job) -> pa.Table:
    """How each unit stands: its last row, or the one that made the result where that still holds.

    Returns:
        Rows of `jeospark.schema.OUTCOMES`, one a unit, sorted by `unit_id`.

    Raises:
        StorageError: The storage does not give the ledger.
    """
    table = OUTCOMES.empty_table()
    for attempt in ledger.attempts(job):
        table = _after(table, ledger.table(job, attempt))
    return table.sort_by("unit_id")


def latest(job: Job) -> Iterator[Outcome]:
    """The rows of `standing`, one by one."""
    return outcomes(standing(job))


def outcomes(rows: pa.Table) -> Iterator[Outcome]:
    """The records in rows of `jeospark.schema.OUTCOMES`."""
    for batch in rows.to_batches(max_chunksize=1 << 14):
        yield from map(outcome_of, batch.to_pylist())


def _after(known: pa.Table, later: pa.Table) -> pa.Table:
    """How units stand after one more attempt."""
    news = later.filter(pa.array(~_still_hold(known, later)))
    replaced = pc.is_in(known.column("unit_id"), value_set=news.column("unit_id").combine_chunks())
    return pa.concat_tables([known.filter(pc.invert(replaced)), news])


def _still_hold(known: pa.Table, later: pa.Table) -> NDArray[np.bool_]:
    """For each later row, True where the unit stands as it is known: it was skipped, or failed before it was there."""
    place = pc.index_in(later.column("unit_id"), value_set=known.column("unit_id").combine_chunks())
    before = known.select(["status", "digest"]).take(place)
    made = pc.fill_null(pc.is_in(before.column("status"), value_set=MADE), fill_value=False)
    skipped = pc.equal(later.column("status"), "skipped")
    failed = pc.and_(
        pc.equal(later.column("status"), "failed"), pc.equal(later.column("digest"), before.column("digest"))
    )
    holds = _flags(pc.and_(made, skipped))
    for row in np.flatnonzero(_flags(pc.and_(made, failed))).tolist():
        (was,), (now,) = outcomes(known.slice(place[row].as_py(), 1)), outcomes(later.slice(row, 1))
        holds[row] = now.rejects == was.rejects and _is_there(was.href)
    return holds


def _is_there(href: str | None) -> bool:
    return href is not None and exists(href) and exists(item_href(href))


def _flags(values: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.array(pc.fill_null(values, fill_value=False).to_numpy(), dtype=bool)
