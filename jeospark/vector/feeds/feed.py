"""What a feed is, and where its rows go that are no features."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jeospark.vector.sources.request import Opened, Request

REJECTS = pa.schema([pa.field("row", pa.int64()), pa.field("reason", pa.string()), pa.field("text", pa.string())])
"""Row of the source, from 1, its header not counted; why it is no feature; what stands there."""
TEXT = 500
"""Characters of a rejected row that are kept."""


def kind_of(reason: str) -> str:
    """A reason without the values of the row, or the place of GEOS, for counting."""
    return reason.partition(": ")[0].partition("[")[0].strip()


class Rejects:
    """Rows that are no features, written to a Parquet file as they come."""

    def __init__(self, path: Path) -> None:
        """Name the file, which is made with the first row."""
        self._path = path
        self._writer: pq.ParquetWriter | None = None
        self._rows: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self.by_reason: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        """Values that are null since they could not be read, of rows that are features nevertheless."""

    def add(self, row: int, reason: str, text: str) -> None:
        """Take a row.

        Args:
            row: Its number.
            reason: Its kind, and after a colon the values concerned.
            text: What stands in the source.
        """
        with self._lock:
            self.by_reason[kind_of(reason)] += 1
            self._rows.append({"row": row, "reason": reason, "text": text[:TEXT]})
            if len(self._rows) >= 10_000:
                self._flush()

    def leave_out(self, reason: str, values: int = 1) -> None:
        """Take values that a feature can do without."""
        if values:
            with self._lock:
                self.left_out[reason] += values

    def close(self) -> dict[str, Any]:
        """Finish the file.

        Returns:
            For the layer's document: `count`, `by_reason`, `file` (None where there is none).
        """
        self._flush()
        if self._writer is not None:
            self._writer.close()
        count = self.by_reason.total()
        return {"count": count, "by_reason": dict(self.by_reason), "file": self._path.name if count else None}

    def _flush(self) -> None:
        if self._rows:
            self._writer = self._writer or pq.ParquetWriter(self._path, REJECTS, compression="zstd")
            self._writer.write_batch(pa.RecordBatch.from_pylist(self._rows, REJECTS))
            self._rows.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A kind of file that comes again and again, and what a layer of it looks like."""

    name: str
    title: str
    schema: pa.Schema
    """Of the attributes; the geometry comes beside them."""
    open: Callable[[Request, str, Rejects], Opened]
    """Opens a file, given the request, its path, and where rejects go."""
    id: str = "id"
    """Column by which features are told apart."""
    latest: bool = False
    """True where a feature that comes again replaces the one that is there; else the first stays."""
    needs_target: bool = False
    """True where sources come in many CRS, so that the layer's has to be chosen."""
