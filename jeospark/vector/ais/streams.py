"""Rows of one key brought together and handed to a function as Arrow, in bounded memory.

Spark shuffles and sorts (and spills where it must); Python sees some hundred thousand rows at a time, never a part of a
key's rows. A window function of Spark sees a row at a time instead.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from jeospark.vector.helpers_geometry import map_in_arrow
from udfs.ais import first_rows

ROWS = 200_000
"""Rows that are handed over together at least, where there are so many; whole keys only."""
INSTANT = pa.timestamp("us", tz="UTC")

Change = Callable[[pa.Table], pa.Table]


def grouped(
    frame: DataFrame, keys: Sequence[str], order: Sequence[str], change: Change, schema: pa.Schema, *, rows: int = ROWS
) -> DataFrame:
    """Hand over all rows of some keys at a time.

    Args:
        frame: Rows.
        keys: Columns whose equal values belong together.
        order: Columns by which rows are sorted; the keys come first.
        change: Takes rows sorted by `order`, whole keys, and gives rows of `schema`.
        schema: Of the result.
        rows: Least number of rows to hand over, but for the last of a partition.
    """
    # Asked for by number: by itself, Spark would put what looks small on one core.
    parts = int(frame.sparkSession.conf.get("spark.sql.shuffle.partitions") or 8)
    ready = frame.repartition(parts, *keys).sortWithinPartitions(*order)

    def mapper(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for table in whole_keys(batches, keys, rows):
            yield from change(table).select(schema.names).cast(schema).to_batches()

    return map_in_arrow(ready, mapper, from_arrow_schema(schema))


def whole_keys(batches: Iterable[pa.RecordBatch], keys: Sequence[str], rows: int) -> Iterator[pa.Table]:
    """The same rows in tables of at least `rows`, none of which ends within a key."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += batch.num_rows
        if count < rows:
            continue
        table = pa.Table.from_batches(held)
        begin = _last_key(table, keys)
        if begin:
            yield table.slice(0, begin).combine_chunks()
        held = table.slice(begin).combine_chunks().to_batches()
        count = table.num_rows - begin
        # A key that is longer than the limit by itself is looked at again only when it has doubled.
        rows = max(rows, 2 * count) if not begin else rows
    if count:
        yield pa.Table.from_batches(held).combine_chunks()


def _last_key(table: pa.Table, keys: Sequence[str]) -> int:
    """Row at which the last key begins."""
    return int(first_rows(*(_codes(table, key) for key in keys))[-1])


def _codes(table: pa.Table, name: str) -> NDArray[np.int64]:
    """Numbers that differ where the values of a key do."""
    values = table.column(name)
    if pa.types.is_integer(values.type) or pa.types.is_timestamp(values.type):
        return whole(table, name)
    encoded = values.combine_chunks().dictionary_encode()
    codes: NDArray[np.int64] = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def whole(table: pa.Table, name: str) -> NDArray[np.int64]:
    """A column of whole numbers or instants (microseconds); 0 where it is null."""
    values = table.column(name)
    plain = values.cast(pa.int64()) if not pa.types.is_integer(values.type) else values
    found: NDArray[np.int64] = plain.fill_null(0).to_numpy().astype(np.int64, copy=False)
    return found


def real(table: pa.Table, name: str) -> NDArray[np.float64]:
    """A column of numbers; NaN where it is null."""
    found: NDArray[np.float64] = table.column(name).cast(pa.float64()).fill_null(np.nan).to_numpy()
    return found


def instants(values: NDArray[np.int64]) -> pa.Array:
    """Microseconds as instants."""
    return pa.array(values).cast(INSTANT)
