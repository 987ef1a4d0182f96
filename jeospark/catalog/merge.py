"""Batches of items spooled to disk and merged into one sorted GeoParquet file, without holding them all in memory."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

ROW_GROUP = 20_000
"""Items a row group: small enough that Spark splits a file of a million among its cores."""


class Spool:
    """Record batches in a folder, one Arrow IPC file each, read back by memory mapping."""

    def __init__(self, folder: Path) -> None:
        """Start an empty spool in an empty folder."""
        self._folder = folder
        self.batches: list[pa.RecordBatch] = []

    def append(self, batch: pa.RecordBatch) -> int:
        """Write a batch down and return its number."""
        path = str(self._folder / f"{len(self.batches)}.arrow")
        with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)
        self.batches.append(pa.ipc.open_file(pa.memory_map(path)).get_batch(0))
        return len(self.batches) - 1

    def append_file(self, path: str) -> int:
        """Write the row groups of a Parquet file down, one batch each, and return how many."""
        source = pq.ParquetFile(path)
        for group in range(source.num_row_groups):
            table = source.read_row_group(group).replace_schema_metadata().combine_chunks()
            self.append(table.to_batches()[0])
        return int(source.num_row_groups)


def merged(spool: Spool, keep: Iterable[tuple[int, int]]) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Put the kept rows in order of datetime, then id.

    Args:
        spool: The batches.
        keep: (batch, row) of each row that is kept.

    Returns:
        The schema that holds all batches, and batches of at most `ROW_GROUP` rows.

    Raises:
        pyarrow.ArrowTypeError: Two batches give a column types that no common type holds.
    """
    places = np.array(sorted(keep), dtype=np.int64).reshape(-1, 2)
    used = [spool.batches[number] for number in np.unique(places[:, 0])]
    schema = pa.unify_schemas([batch.schema for batch in used], promote_options="permissive")
    keys = pa.table({name: _column(spool, name, places) for name in ("datetime", "id")})
    order = pc.sort_indices(keys, [("datetime", "ascending"), ("id", "ascending")]).to_numpy()
    return schema, _groups(spool, places[order], schema)


def _column(spool: Spool, name: str, places: NDArray[np.int64]) -> pa.ChunkedArray:
    # `places` is sorted by batch, so that one slice of it a batch is enough.
    numbers, starts = np.unique(places[:, 0], return_index=True)
    rows = np.split(places[:, 1], starts[1:])
    return pa.chunked_array(
        [spool.batches[n].column(name).take(pa.array(r)) for n, r in zip(numbers, rows, strict=True)]
    )


def _groups(spool: Spool, places: NDArray[np.int64], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(places), ROW_GROUP):
        yield _gather(spool, places[start : start + ROW_GROUP], schema)


def _gather(spool: Spool, places: NDArray[np.int64], schema: pa.Schema) -> pa.RecordBatch:
    tables, positions = [schema.empty_table()], []
    for number in np.unique(places[:, 0]):
        wanted = np.flatnonzero(places[:, 0] == number)
        tables.append(pa.Table.from_batches([spool.batches[number].take(pa.array(places[wanted, 1]))]))
        positions.append(wanted)
    table = pa.concat_tables(tables, promote_options="permissive").combine_chunks()
    sorted_table: Any = table.take(pa.array(np.argsort(np.concatenate(positions), kind="stable")))
    return sorted_table.combine_chunks().to_batches()[0]
