"""Parquet tables, published whole."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jeospark.storage.publish import output_error, output_path, publishing

LEAN: dict[str, Any] = {"compression": "zstd", "use_dictionary": False, "write_statistics": False}
"""These tables are read whole, and most texts in them are unlike: a third of the time to write, and less bytes."""


def write_table(href: str, batches: Iterable[pa.RecordBatch], schema: pa.Schema, *, row_group: int = 1 << 16) -> None:
    """Publish a Parquet file.

    Args:
        href: Where.
        batches: What is in it; as long as they are small, so is the memory needed.
        schema: Of the batches.
        row_group: Rows of a row group at most; those of one batch stay together where they fit.

    Raises:
        DiskFullError: No space is left.
        OutputUnwritableError: The folder cannot be written.
        OutputError: The storage failed otherwise.
    """
    with publishing(href) as tmp:
        try:
            with pq.ParquetWriter(tmp, schema, **LEAN) as writer:
                for batch in batches:
                    writer.write_batch(batch, row_group_size=row_group)
        except OSError as error:
            raise output_error(error, href) from error


def open_table(href: str) -> pq.ParquetFile:
    """A published Parquet file.

    Raises:
        FileNotFoundError: Nothing is at `href`.
    """
    return pq.ParquetFile(output_path(href))
