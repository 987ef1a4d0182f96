"""Features in sorted runs on disk, and from these into GeoParquet files: memory holds a few batches, never a layer."""

import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jeospark.errors import VectorSourceError
from jeospark.vector.prepare import Orders, Preparation, Tally
from jeospark.vector.sources.columns import KEY
from jeospark.vector.sources.request import Opened

RUN_BYTES = 96 << 20
"""What a run holds in memory before it is sorted and written."""
RUN_ROWS = 1 << 19
CROWD = 1 << 18
"""More features than this between two keys share one place, or have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Features sorted along the curve, in one Arrow file."""

    path: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spool:
    """A source, read."""

    runs: tuple[Run, ...]
    schema: pa.Schema
    """Of the features, without the key."""
    tally: Tally
    repairs: tuple[pa.RecordBatch, ...]

    @property
    def rows(self) -> int:
        """Features in all."""
        return sum(run.rows for run in self.runs)

    @property
    def bytes(self) -> int:
        """Bytes of them in memory."""
        return sum(run.bytes for run in self.runs)


def spool(opened: Opened, orders: Orders, folder: Path) -> Spool:
    """Read a source, as many pieces at a time as there are cores, into runs in a folder.

    Threads serve: GDAL, Arrow, PROJ and the scanner of WKB all work outside Python's lock.

    Raises:
        VectorError: What reading or preparing raises.
    """
    names = map(str, itertools.count())

    def one(piece: object) -> tuple[list[Run], pa.Schema, Preparation]:
        preparation = Preparation(orders)
        prepared = map(preparation.take, opened.read(piece))
        runs, schema = _runs(prepared, lambda: folder / f"{next(names)}.arrow")
        return runs, schema, preparation

    with ThreadPoolExecutor(cores()) as pool:
        done = list(pool.map(one, opened.pieces))
    tally = Tally()
    for _, _, preparation in done:
        tally.add(preparation.tally)
    _check_count(opened, orders, tally)
    schema = _unified([schema for _, schema, _ in done], orders.where)
    return Spool(
        runs=tuple(run for runs, _, _ in done for run in runs),
        schema=schema.remove(schema.get_field_index(KEY)),
        tally=tally,
        repairs=tuple(batch for _, _, preparation in done for batch in preparation.repairs),
    )


def cores() -> int:
    """How many cores this process may use."""
    return max(len(os.sched_getaffinity(0)), 1)


def _check_count(opened: Opened, orders: Orders, tally: Tally) -> None:
    if opened.features is not None and tally.features < opened.features:
        raise VectorSourceError(
            f"it is cut short: {tally.features} of {opened.features} features could be read",
            where=orders.where,
            remedy="Fetch it again.",
        )


def _unified(schemas: list[pa.Schema], where: str) -> pa.Schema:
    try:
        return pa.unify_schemas([schema.remove_metadata() for schema in schemas], promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise VectorSourceError(
            f"its files disagree about the type of a column ({error})",
            where=where,
            remedy="Add them as several layers.",
        ) from error


def _runs(batches: Iterator[pa.RecordBatch], name: Callable[[], Path]) -> tuple[list[Run], pa.Schema]:
    runs: list[Run] = []
    held: list[pa.RecordBatch] = []
    size = rows = 0
    schema = None
    for batch in batches:
        schema = batch.schema.remove_metadata() if schema is None else schema
        held.append(batch if batch.schema.equals(schema) else batch.select(schema.names).cast(schema))
        size, rows = size + batch.nbytes, rows + batch.num_rows
        if size >= RUN_BYTES or rows >= RUN_ROWS:
            runs.append(_write_run(held, name()))
            held, size, rows = [], 0, 0
    if rows:
        runs.append(_write_run(held, name()))
    return runs, schema


def _write_run(held: list[pa.RecordBatch], path: Path) -> Run:
    table = pa.Table.from_batches(held).combine_chunks()
    held.clear()
    order = np.argsort(table.column(KEY).to_numpy(), kind="stable")
    ordered = table.take(pa.array(order)).combine_chunks()
    del table
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, ordered.schema) as writer:
        writer.write_table(ordered)
    return Run(path=str(path), rows=ordered.num_rows, bytes=ordered.nbytes)


def run_table(run: Run) -> pa.Table:
    """The features of a run, mapped from its file."""
    return pa.ipc.open_file(pa.memory_map(run.path)).read_all()


def filtered(spooled: Spool, keep: npt.NDArray[np.bool_], folder: Path) -> Spool:
    """A spool of some of the features.

    Args:
        spooled: All.
        keep: True for those to keep, in the order of the runs.
        folder: Where the new runs go.
    """
    runs, first = [], 0
    for number, run in enumerate(spooled.runs):
        kept = run_table(run).filter(pa.array(keep[first : first + run.rows]))
        first += run.rows
        if kept.num_rows:
            runs.append(_write_run(kept.to_batches(), folder / f"kept-{number}.arrow"))
    return replace(spooled, runs=tuple(runs))


def merged(spooled: Spool, edges: npt.NDArray[np.int64]) -> Iterator[pa.Table]:
    """The features between each two neighbouring keys, in the order of the curve.

    Args:
        spooled: The runs.
        edges: Keys, sorted; the last is exclusive, unless it is the greatest there is.
    """
    tables = [run_table(run) for run in spooled.runs]
    keys = [table.column(KEY).to_numpy() for table in tables]
    greatest = np.iinfo(np.int64).max
    for low, high in itertools.pairwise(edges.tolist()):
        side: Literal["left", "right"] = "right" if high == greatest else "left"
        pieces = []
        for table, key in zip(tables, keys, strict=True):
            start, end = np.searchsorted(key, low), np.searchsorted(key, high, side=side)
            if end > start:
                pieces.append(table.slice(int(start), int(end - start)))
        yield from _sorted(pieces, spooled.schema)


def _sorted(pieces: list[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    if sum(piece.num_rows for piece in pieces) > CROWD:
        # Quantiles cannot part features of one place: their order does not matter, their number does.
        for piece in pieces:
            for start in range(0, piece.num_rows, CROWD // 4):
                yield _dressed(piece.slice(start, CROWD // 4), schema)
    elif pieces:
        table = pa.concat_tables(pieces, promote_options="permissive")
        if len(pieces) > 1:
            table = table.combine_chunks().take(pc.sort_indices(table.column(KEY).combine_chunks()))
        yield _dressed(table, schema)


def _dressed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    for field in schema:
        if field.name not in table.column_names:
            table = table.append_column(field.name, pa.nulls(table.num_rows, field.type))
    return table.select(schema.names).cast(schema)


def quantiles(spooled: Spool, groups: int) -> npt.NDArray[np.int64]:
    """Keys that part the features into groups of nearly one size; features of one key stay together.

    Returns:
        `groups` + 1 keys at most, from the least to the greatest that can be.
    """
    least, greatest = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    # 64 samples a group hold the groups' sizes to some per cent; runs are sorted, so a regular sample serves.
    step = max(spooled.rows // (groups * 64), 1)
    samples = []
    for run in spooled.runs:
        column = run_table(run).column(KEY).to_numpy()
        samples.append(column[step // 2 :: step])
    sample = np.sort(np.concatenate(samples)) if samples else np.zeros(0, np.int64)
    inner = sample[np.linspace(0, len(sample), groups + 1)[1:-1].astype(int)] if len(sample) else sample
    return np.unique(np.concatenate([[least], inner[inner < greatest], [greatest]]))
