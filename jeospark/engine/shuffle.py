"""Placed items brought together by tile and period: Arrow tables travel through Spark's shuffle as bytes.

Spark moves opaque cells faster than nested rows: nothing is taken apart in the JVM, and what gathers them is the same
function that the driver uses for small plans.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from jeospark.planning.deal import Dealing
from jeospark.planning.folder import Part, write_part
from jeospark.planning.gather import Gathering, gather
from jeospark.planning.place import PLACED
from jeospark.schema import UNITS

PAIRS = 40_000
"""Rows of a bucket: uses of items that one task gathers; and rows that are dealt to the buckets together."""
TASKS = 100
"""Tasks that place items, at most: each opens the catalogue once, whose footer grows with its row groups."""
PACKED = pa.ipc.IpcWriteOptions(compression="lz4")
"""A quarter of the bytes go through the JVM."""
BUCKETS = pa.schema([pa.field("bucket", pa.int32()), pa.field("placed", pa.binary())])
"""Some rows of `PLACED`, as an Arrow stream."""
PARTS = pa.schema([pa.field("name", pa.string()), pa.field("units", pa.int64()), pa.field("pixels", pa.int64())])
"""One row a `Part`."""

Placer = Callable[[Iterable[int]], Iterator[pa.RecordBatch]]
Mapper = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def spread(spark: SparkSession, groups: int, placer: Placer, dealing: Dealing) -> DataFrame:
    """`BUCKETS`, all rows of a tile and period in one partition.

    Args:
        spark: The session.
        groups: Row groups of the catalogue; a task takes some that follow each other.
        placer: Gives `PLACED` of the row groups of some numbers.
        dealing: The bucket of each tile and period.
    """

    def mapper(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for table in _stacked(placer(batch.column(0).to_pylist())):
                yield _dealt(table, dealing)

    placed = spark.range(0, groups, 1, min(groups, TASKS)).mapInArrow(mapper, from_arrow_schema(BUCKETS))
    return placed.repartition(dealing.buckets, "bucket")


def gatherer(gathering: Gathering) -> Mapper:
    """The function that Spark maps over partitions of `BUCKETS`; it gives `UNITS`."""

    def mapper(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        units = _gathered(batches, gathering)
        if units.num_rows:
            yield units

    return mapper


def written(buckets: DataFrame, gathering: Gathering, path: str) -> list[Part]:
    """Gather the units, and write those of each partition as a file of the plan in the folder `path`."""

    def mapper(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        units = _gathered(batches, gathering)
        if units.num_rows:
            number = _task().partitionId()
            part = write_part(path, f"part-{number:05d}.parquet", units)
            yield pa.RecordBatch.from_arrays([[part.name], [part.units], [part.pixels]], schema=PARTS)

    table: pa.Table = buckets.mapInArrow(mapper, from_arrow_schema(PARTS)).toArrow()
    return [Part(**row) for row in table.to_pylist()]


def _task() -> TaskContext:
    context = TaskContext.get()
    if context is None:
        raise RuntimeError("this runs in Spark's tasks only")
    return context


def _gathered(batches: Iterable[pa.RecordBatch], gathering: Gathering) -> pa.RecordBatch:
    cells = [cell.as_buffer() for batch in batches for cell in batch.column(1)]
    placed = [batch for cell in cells for batch in pa.ipc.open_stream(cell)]
    return gather(placed, gathering) if placed else pa.RecordBatch.from_pylist([], schema=UNITS)


def _stacked(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The same rows in tables of about `PAIRS`."""
    held, rows = [], 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        if rows >= PAIRS:
            yield pa.Table.from_batches(held, schema=PLACED)
            held, rows = [], 0
    if rows:
        yield pa.Table.from_batches(held, schema=PLACED)


def _dealt(table: pa.Table, dealing: Dealing) -> pa.RecordBatch:
    """The rows by bucket (`BUCKETS`)."""
    codes = dealing.codes(table)
    order = np.argsort(codes, kind="stable")
    ordered = table.take(pa.array(order)).combine_chunks()
    numbers, firsts = np.unique(codes[order], return_index=True)
    ends = np.append(firsts[1:], len(codes))
    cells = [_bytes(ordered.slice(first, end - first)) for first, end in zip(firsts, ends, strict=True)]
    return pa.RecordBatch.from_arrays([pa.array(numbers, pa.int32()), pa.array(cells, pa.binary())], schema=BUCKETS)


def _bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, PLACED, options=PACKED) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())
