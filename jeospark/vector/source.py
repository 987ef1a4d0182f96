"""A source opened for a layer: plain, or as a file of a feed, with its rejects and without what came before."""

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from jeospark.errors import FeedError
from jeospark.vector.feeds import Feed, Rejects, find_feed
from jeospark.vector.ids import Known, id_numbers
from jeospark.vector.sources.columns import plain_type
from jeospark.vector.sources.open import open_source
from jeospark.vector.sources.request import GEOMETRY, Opened, Request
from jeospark.words import are, numbered

REJECTS_FILE = "_rejects.parquet"
"""A name that readers of Parquet folders leave out."""

Choice = Callable[[pa.RecordBatch, np.ndarray], np.ndarray]
"""Rows of a batch to keep, given the numbers of their ids."""


def _identifiers(batch: pa.RecordBatch, name: str, where: str) -> pa.Array:
    """The ids of features.

    Raises:
        FeedError: There is no such column, or a feature has no id.
    """
    if name not in batch.schema.names:
        remedy = "Add it as a layer of its own."
        raise FeedError(f"it has no column '{name}', by which the layer tells features", where=where, remedy=remedy)
    column = batch.column(name)
    if column.null_count:
        raise FeedError(
            f"{column.null_count} features have no '{name}', by which the layer tells features",
            where=where,
            remedy="Give them one, or add the file as a layer of its own with another --id.",
        )
    return column


class Source:
    """What is to be read into a layer."""

    def __init__(self, request: Request, scratch: Path, feed: str | None = None) -> None:
        """Open a source.

        Args:
            request: What is asked for.
            scratch: A folder that outlives the reading.
            feed: Name of the feed whose file it is; None for a source of any features.

        Raises:
            VectorError: See `open_source`.
            FeedError: There is no such feed, or the file is not of it.
        """
        self.request = request
        self.feed: Feed | None = find_feed(feed) if feed else None
        self.twice = 0
        self._path = scratch / REJECTS_FILE
        self._rejects = Rejects(self._path) if self.feed else None
        self.opened = self._open(scratch)

    def _as_layer(self, piece: Any, read: Callable[[Any], Iterator[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
        """Batches with the types that a layer has, for formats that find a type in what a file happens to hold.

        Raises:
            FeedError: A value is not of the layer's type.
        """
        for batch in read(piece):
            columns = [self._cast(batch, name) for name in batch.schema.names]
            yield pa.RecordBatch.from_arrays(columns, names=batch.schema.names)

    def _cast(self, batch: pa.RecordBatch, name: str) -> pa.Array:
        column, types = batch.column(name), self.request.types
        wanted = plain_type(types.field(name).type) if name in types.names else column.type
        if name == GEOMETRY or wanted == column.type:
            return column
        if column.null_count == len(column):
            return pa.nulls(len(column), wanted)
        try:
            return column.cast(wanted)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise FeedError(
                f"column '{name}' is {column.type}, in the layer {wanted} ({' '.join(str(error).split())[:120]})",
                where=self.request.href,
                remedy="Correct it, or add it as a layer of its own.",
            ) from error

    def only_new(self, identifier: str, known: Known, choice: Choice | None = None) -> None:
        """Leave out features whose id was seen: in `known`, or before in this source.

        Args:
            identifier: Column of ids.
            known: Ids that were seen; grows.
            choice: Chooses among the rows that are left; None for all.
        """
        read, lock = self.opened.read, threading.Lock()

        def fresh(piece: Any) -> Iterator[pa.RecordBatch]:
            for batch in read(piece):
                numbers = id_numbers(_identifiers(batch, identifier, self.request.href))
                with lock:
                    mask = known.news(numbers)
                    self.twice += int((~mask).sum())
                    if choice is not None:
                        mask[mask] = choice(batch.filter(pa.array(mask)), numbers[mask])
                yield batch.filter(pa.array(mask))

        self.opened = replace(self.opened, read=fresh, features=None)

    def notes(self) -> tuple[str, ...]:
        """What the layer's document should say of the source."""
        told = f"{numbered(self.twice, 'row')} came again with the id of another, and {are(self.twice)} left out"
        return (*([told] if self.twice else []), *self.left_out())

    def left_out(self) -> tuple[str, ...]:
        """Values of features that could not be read, by reason."""
        found = self._rejects.left_out if self._rejects else {}
        return tuple(f"{numbered(n, 'value')} {are(n)} null: {reason}" for reason, n in sorted(found.items()))

    def close(self, folder: Path) -> dict[str, Any] | None:
        """Finish the list of rejects and put it into a folder.

        Returns:
            What the layer's document says of it; None for a source that is no feed.
        """
        if self._rejects is None:
            return None
        told = self._rejects.close()
        if self._path.exists():
            self._path.rename(folder / REJECTS_FILE)
        return told

    def _open(self, scratch: Path) -> Opened:
        feed, rejects = self.feed, self._rejects
        if feed is None or rejects is None:
            plain = open_source(self.request, scratch)
            return replace(plain, read=lambda piece: self._as_layer(piece, plain.read))
        opened = open_source(self.request, scratch, lambda request, path: feed.open(request, path, rejects))
        nothing = pa.RecordBatch.from_pylist([], feed.schema).append_column("geometry", pa.array([], pa.binary()))
        read = opened.read
        return replace(opened, id=feed.id, read=lambda piece: itertools.chain([nothing], read(piece)))
