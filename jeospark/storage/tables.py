"""Parquet tables, published whole."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jeospark.storage.kinds import is_remote
from jeospark.storage.publish import output_error, output_path, publishing
from jeospark.storage.remote import RemoteFile, Stream

LEAN: dict[str, Any] = {"compression": "zstd", "use_dictionary": False, "write_statistics": False}
"""These tables are read whole, and most texts in them are unlike: a third of the time to write, and less bytes."""


def write_table(
    href: str,
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    *,
    row_group: int = 1 << 16,
    private: bool = False,
) -> None:
    """Publish a Parquet file.

    Args:
        href: Where.
        batches: What is in it; as long as they are small, so is the memory needed.
        schema: Of the batches.
        row_group: Rows of a row group at most; those of one batch stay together where they fit.
        private: See `jeospark.storage.publish.publishing`.

    Raises:
        DiskFullError: No space is left.
        OutputUnwritableError: The folder cannot be written.
        OutputError: The storage failed otherwise.
    """
    with publishing(href, private=private) as tmp:
        try:
            with pq.ParquetWriter(tmp, schema, **LEAN) as writer:
                for batch in batches:
                    writer.write_batch(batch, row_group_size=row_group)
        except OSError as error:
            raise output_error(error, href) from error


@contextmanager
def open_table(href: str) -> Iterator[pq.ParquetFile]:
    """Yield a published Parquet file.

    Raises:
        FileNotFoundError: Nothing is at `href`.
        StorageError: The storage does not give it.
    """
    if not is_remote(href):
        with pq.ParquetFile(output_path(href)) as table:
            yield table
        return
    with RemoteFile(href) as file, Stream(file) as stream, pq.ParquetFile(stream) as table:
        yield table


def read_table(href: str, schema: pa.Schema) -> list[pa.RecordBatch]:
    """The rows of a published Parquet file as batches of a schema; columns that it lacks are null.

    Raises:
        FileNotFoundError: Nothing is at `href`.
        StorageError: The storage does not give it.
    """
    with open_table(href) as table:
        held = table.read()
    columns = [
        held[field.name].cast(field.type) if field.name in held.column_names else pa.nulls(len(held), field.type)
        for field in schema
    ]
    batches: list[pa.RecordBatch] = pa.table(columns, schema=schema).to_batches()
    return batches
