"""The catalogue on disk: a folder a collection, with `collection.json` and `items.parquet`."""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jeospark.catalog.arrow import items_of
from jeospark.catalog.query import Bbox, Comparisons, Interval, Question
from jeospark.catalog.schema import OBSERVATION, SOURCES
from jeospark.catalog.sources import source_from_row
from jeospark.catalog.writer import DOCUMENT, ITEMS, Added, add_items
from jeospark.errors import CatalogError, CollectionNotFoundError
from jeospark.model import ItemRef
from jeospark.storage.publish import output_path

_AGAIN = "Mend it, or remove the collection's folder and ingest again."
_ID = re.compile(r"[\w.+-]*\w[\w.+-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What a row group of items is known to hold."""

    first: datetime
    """Of its items' datetimes, as `last`."""
    last: datetime
    items: int


class Catalog:
    """Collections of items under one folder.

    `items.parquet` is stac-geoparquet, sorted by datetime, then id, with the extra columns of `catalog.schema`.
    Where items cross the antimeridian, their bbox has xmin > xmax (RFC 7946, section 5.2).
    """

    def __init__(self, root: str | Path) -> None:
        """Name the folder; it need not exist before the first `add`.

        Raises:
            OutputUnwritableError: It is on no mounted file system.
        """
        self._root = output_path(str(root))

    def collections(self) -> list[dict[str, Any]]:
        """Give the STAC documents of all collections, sorted by id.

        Raises:
            CatalogError: One cannot be read.
        """
        return [_document(path) for path in sorted(self._root.glob(f"*/{DOCUMENT}"))]

    def collection(self, collection_id: str) -> dict[str, Any]:
        """Give the STAC document of a collection.

        Raises:
            CollectionNotFoundError: There is none of that id.
            CatalogError: It cannot be read.
        """
        return _document(self._existing(collection_id) / DOCUMENT)

    def items_path(self, collection_id: str) -> str:
        """Give the path of the GeoParquet file of a collection.

        Raises:
            CollectionNotFoundError: There is none of that id.
        """
        return str(self._existing(collection_id) / ITEMS)

    def add(self, collection: Mapping[str, Any], items: Iterable[Mapping[str, Any]]) -> Added:
        """Add items to a collection, which is made where it does not exist.

        Items are known by their id: one with the same content leaves things as they are, one with another content
        replaces the stored one, and of several with one id the last counts. Readers see the collection as it was
        until all is done; writers of one collection wait for each other.

        Args:
            collection: `id` and what else is to stand in its document (title, description, license, providers);
                extent, summaries and item_assets are computed.
            items: STAC 1.1 items with absolute asset hrefs; their `collection` is set.

        Raises:
            CatalogError: The id cannot name a folder, there is no item, or the items cannot be stored together.
            OutputError: The catalogue's folder cannot be written, or is full.
        """
        identifier = str(collection["id"])
        if not _ID.fullmatch(identifier):
            raise CatalogError(
                f"'{identifier}' cannot be the id of a collection",
                where=str(self._root),
                remedy="Use letters, digits, and . _ + - only.",
            )
        return add_items(self._root / identifier, collection, items)

    def items(
        self,
        collection_id: str,
        bbox: Bbox | None = None,
        interval: Interval | None = None,
        properties: Comparisons | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Find STAC items, sorted by datetime, then id; fields that were null are absent.

        Args:
            collection_id: A collection of this catalogue.
            bbox: The footprint must touch it; see `catalog.query`.
            interval: The datetime must lie in it; see `catalog.query`.
            properties: All comparisons must hold; see `catalog.query`.

        Raises:
            CollectionNotFoundError: There is no such collection.
            ExtentError: An inverted or empty bbox or interval.
            CatalogError: An unknown property or operator.
        """
        question = Question(bbox=bbox, interval=interval, properties=properties or {})
        for batch in self.batches(collection_id, None, question):
            yield from items_of(batch)

    def refs(
        self,
        collection_id: str,
        bands: Sequence[str],
        bbox: Bbox | None = None,
        interval: Interval | None = None,
        properties: Comparisons | None = None,
    ) -> Iterator[ItemRef]:
        """Find items as a unit of work sees them, sorted by datetime, then id.

        Args:
            collection_id: A collection of this catalogue.
            bands: Names of the sources wanted, in that order; a band that an item lacks is left out of its sources.
            bbox: As in `items`.
            interval: As in `items`.
            properties: As in `items`.

        Raises:
            CollectionNotFoundError: There is no such collection.
            ExtentError: An inverted or empty bbox or interval.
            CatalogError: An unknown property or operator.
        """
        columns = ("id", OBSERVATION, "datetime", "geometry", SOURCES)
        question = Question(bbox=bbox, interval=interval, properties=properties or {})
        for batch in self.batches(collection_id, columns, question):
            for row in batch.to_pylist():
                yield _ref(row, bands)

    def schema(self, collection_id: str) -> pa.Schema:
        """Give the columns of `items.parquet`.

        Raises:
            CollectionNotFoundError: There is none of that id.
            CatalogError: The file cannot be read.
        """
        path = self.items_path(collection_id)
        with _readable(path):
            return pq.read_schema(path)

    def batches(
        self,
        collection_id: str,
        columns: Sequence[str] | None,
        question: Question,
        groups: Iterable[int] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Find rows of `items.parquet`, a batch a row group, sorted by datetime, then id.

        Args:
            collection_id: A collection of this catalogue.
            columns: Those wanted; None for all.
            question: What the items have to fulfil.
            groups: Numbers of the row groups to look through; None for all.

        Raises:
            CollectionNotFoundError: There is no such collection.
            CatalogError: An unknown property, or a value that it cannot be compared with; the file cannot be read.
        """
        return _found(self.items_path(collection_id), columns, question, groups)

    def spans(self, collection_id: str) -> list[Span]:
        """Tell of the row groups of `items.parquet`; of those whose file keeps no statistics, nothing.

        Raises:
            CollectionNotFoundError: There is none of that id.
            CatalogError: The file cannot be read.
        """
        path = self.items_path(collection_id)
        with _readable(path):
            held = pq.read_metadata(path)
        columns = [held.schema.column(number).path for number in range(held.num_columns)]
        groups = (held.row_group(number) for number in range(held.num_row_groups))
        found = ((group.num_rows, group.column(columns.index("datetime")).statistics) for group in groups)
        return [
            Span(first=known.min, last=known.max, items=items) for items, known in found if known and known.has_min_max
        ]

    def _existing(self, collection_id: str) -> Path:
        folder = self._root / collection_id
        if _ID.fullmatch(collection_id) and (folder / DOCUMENT).exists():
            return folder
        known = sorted(path.parent.name for path in self._root.glob(f"*/{DOCUMENT}"))
        near = difflib.get_close_matches(collection_id, known, n=1)
        has = f"It has {', '.join(known)}." if known else "The catalogue is empty: run jeospark ingest first."
        raise CollectionNotFoundError(
            f"no collection '{collection_id}'",
            where=str(self._root),
            remedy=f"Did you mean '{near[0]}'?" if near else has,
        )


@contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowInvalid) as error:
        what = f"the items of a collection cannot be read ({error})"
        raise CatalogError(what, where=path, remedy=_AGAIN) from error


def _document(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        what = f"the document of a collection cannot be read ({error})"
        raise CatalogError(what, where=str(path), remedy=_AGAIN) from error
    return document


def _found(
    path: str, columns: Sequence[str] | None, question: Question, groups: Iterable[int] | None
) -> Iterator[pa.RecordBatch]:
    """Read what the question needs of each row group, and the rest only where a row answers it."""
    with _readable(path), pq.ParquetFile(path) as file:
        asked = question.columns(file.schema_arrow)
        for group in range(file.num_row_groups) if groups is None else groups:
            rows = pc.indices_nonzero(question.mask(_row_group(file, group, asked)))
            if len(rows):
                found = _row_group(file, group, columns)
                yield found if len(rows) == found.num_rows else found.take(rows)


def _row_group(file: pq.ParquetFile, group: int, columns: Sequence[str] | None) -> pa.RecordBatch:
    return file.read_row_group(group, columns=columns).combine_chunks().to_batches()[0]


def _ref(row: Mapping[str, Any], bands: Sequence[str]) -> ItemRef:
    sources = {source["band"]: source for source in row[SOURCES]}
    return ItemRef(
        item_id=row["id"],
        observation=row[OBSERVATION],
        datetime=row["datetime"],
        footprint=row["geometry"],
        sources=tuple(source_from_row(sources[name]) for name in bands if name in sources),
    )
