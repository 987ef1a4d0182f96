"""Which task gathers which units: those of a period share a few buckets.

Catalogues are sorted by time, so that a row group meets few periods: its rows go to few buckets, in large pieces.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from zlib import crc32

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jeospark import periods
from jeospark.catalog.store import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealing:
    """Buckets of units; travels to the workers."""

    buckets: int
    """How many there are."""
    shares: Mapping[str, range]
    """Those of each period; one that is not known has them all."""

    def codes(self, table: pa.Table) -> NDArray[np.int64]:
        """Of each row of `place.PLACED`, the bucket of its tile and period, the same in every process."""
        tiles, labels = (table.column(name).combine_chunks().dictionary_encode() for name in ("tile", "period"))
        hashed = np.array([crc32(tile.encode()) for tile in tiles.dictionary.to_pylist()], np.int64)
        shares = [self.shares.get(label, range(self.buckets)) for label in labels.dictionary.to_pylist()]
        starts, sizes = np.array([(share.start, len(share)) for share in shares], np.int64).reshape(-1, 2).T
        label = labels.indices.to_numpy()
        found: NDArray[np.int64] = starts[label] + hashed[tiles.indices.to_numpy()] % sizes[label]
        return found


def dealing(spans: Iterable[Span], period: str, uses: float, size: int) -> Dealing:
    """Buckets for the units of a catalogue.

    Args:
        spans: Its row groups.
        period: Of the units, one of `periods.PERIODS`.
        uses: How many units an item is used by, about.
        size: Uses of items that a bucket is to hold, about.
    """
    rows: Counter[str] = Counter()
    for span in spans:
        labels = periods.labels_between(period, span.first, span.last)
        rows.update(dict.fromkeys(labels, span.items * uses / len(labels)))
    buckets = max(ceil(rows.total() / size), 1)
    shares, before = {}, 0.0
    for label, count in rows.items():
        first = min(int(before // size), buckets - 1)
        before += count
        shares[label] = range(first, min(max(ceil(before / size), first + 1), buckets))
    return Dealing(buckets=buckets, shares=shares)
