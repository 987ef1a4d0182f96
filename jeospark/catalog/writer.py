"""Adding items to a collection: idempotent by id, and never half done for a reader."""

import fcntl
import itertools
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jeospark.catalog.arrow import batch_of, digest_of, tidy
from jeospark.catalog.document import Digest, collection_document
from jeospark.catalog.merge import Spool, merged
from jeospark.catalog.schema import DIGEST
from jeospark.catalog.times import format_time
from jeospark.errors import CatalogError
from jeospark.storage.publish import output_error

ITEMS = "items.parquet"
DOCUMENT = "collection.json"

_COLLECTION_LINK = {"rel": "collection", "href": f"./{DOCUMENT}", "type": "application/json"}

_STRUCTURE = frozenset({"collection", "parent", "root", "self"})
"""Links that place an item in the catalogue it came from."""

_CHUNK = 5_000
"""Items that are converted at a time."""

Place = tuple[int, int]
"""(batch, row) in the spool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What became of the items offered to a collection."""

    added: int
    """Ids that the collection did not have."""
    updated: int
    """Ids whose item came with another content."""
    unchanged: int
    """Ids whose item came with the same content."""
    rejected: tuple[tuple[str, str], ...] = ()
    """(path, reason) of the sources that gave no item."""


def add_items(folder: Path, collection: Mapping[str, Any], items: Iterable[Mapping[str, Any]]) -> Added:
    """Add items to the collection in a folder; of items with one id, the last counts.

    Raises:
        CatalogError: There is no item, or the items cannot be stored together.
        OutputError: The folder cannot be written, or is full.
    """
    stream = iter(items)
    first = next(stream, None)
    if first is None and not (folder / DOCUMENT).exists():
        raise CatalogError("there is no item to add", where=str(folder), remedy="Give at least one.")
    offered = stream if first is None else itertools.chain([first], stream)
    with ExitStack() as held:
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(_locked(folder))
            spool = held.enter_context(tempfile.TemporaryDirectory(prefix=".spool-", dir=folder))
        return _Addition(folder, Path(spool)).run(collection, offered)


class _Addition:
    def __init__(self, folder: Path, spool: Path) -> None:
        self._folder = folder
        self._items = folder / ITEMS
        self._document = folder / DOCUMENT
        self._temporary = spool
        self._spool = Spool(spool)
        self._known = _known_digests(self._items)
        self._fresh: dict[str, Place] = {}
        self._unchanged: set[str] = set()
        self._previous = json.loads(self._document.read_text()) if self._document.exists() else None
        self._digest = Digest.of_document(self._previous)

    def run(self, collection: Mapping[str, Any], items: Iterable[Mapping[str, Any]]) -> Added:
        for chunk in _chunks(items, _CHUNK):
            with _writing(self._folder):
                self._take(collection["id"], chunk)
        with _writing(self._folder):
            if self._fresh:
                self._write_items()
            self._write_document({**(self._previous or {}), **collection})
        updated = sum(key in self._known for key in self._fresh)
        return Added(added=len(self._fresh) - updated, updated=updated, unchanged=len(self._unchanged))

    def _take(self, collection_id: str, chunk: list[Mapping[str, Any]]) -> None:
        latest = {item["id"]: tidy(_member(item, collection_id)) for item in chunk}
        digests = {item_id: digest_of(item) for item_id, item in latest.items()}
        news = [item_id for item_id, digest in digests.items() if self._is_news(item_id, digest)]
        if not news:
            return
        items = [latest[item_id] for item_id in news]
        number = self._spool.append(batch_of(items, [digests[item_id] for item_id in news]))
        self._fresh |= {item_id: (number, row) for row, item_id in enumerate(news)}
        for item in items:
            self._digest.see(item)

    def _is_news(self, item_id: str, digest: str) -> bool:
        same = self._known.get(item_id) == digest and item_id not in self._fresh
        if same:
            self._unchanged.add(item_id)
        else:
            self._unchanged.discard(item_id)
        return not same

    def _write_items(self) -> None:
        from stac_geoparquet.arrow import to_parquet  # noqa: PLC0415 (it brings pandas)

        keep = list(self._fresh.values()) + self._survivors()
        try:
            schema, batches = merged(self._spool, keep)
        except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
            raise CatalogError(
                f"the new items and those of the collection disagree about the type of a field ({error})",
                where=str(self._items),
                remedy="Ingest them into different collections.",
            ) from error
        path = self._temporary / ITEMS
        crossing = any(_crosses(batch) for batch in self._spool.batches)
        # A reader that prunes by the covering column would lose items whose west exceeds their east.
        version: Literal["1.0.0", "1.1.0"] = "1.0.0" if crossing else "1.1.0"
        reader = pa.RecordBatchReader.from_batches(schema, batches)
        to_parquet(reader, path, schema_version=version, compression="zstd")
        path.replace(self._items)

    def _survivors(self) -> list[Place]:
        if not self._items.exists():
            return []
        start = len(self._spool.batches)
        count = self._spool.append_file(str(self._items))
        return [
            (number, row)
            for number in range(start, start + count)
            for row, item_id in enumerate(self._spool.batches[number].column("id").to_pylist())
            if item_id not in self._fresh
        ]

    def _write_document(self, template: Mapping[str, Any]) -> None:
        table = pq.read_table(self._items, columns=["datetime", "bbox"])
        times = pc.min_max(table["datetime"]).as_py()
        interval = (format_time(times["min"]), format_time(times["max"]))
        document = collection_document(template, self._digest, _extent(table["bbox"]), interval)
        if document != self._previous:
            path = self._temporary / DOCUMENT
            path.write_text(json.dumps(document, indent=1, allow_nan=False))
            path.replace(self._document)


def _member(item: Mapping[str, Any], collection_id: str) -> dict[str, Any]:
    others = [link for link in item.get("links", ()) if link["rel"] not in _STRUCTURE]
    return {**item, "collection": collection_id, "links": [*others, _COLLECTION_LINK]}


def _known_digests(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    table = pq.read_table(path, columns=["id", DIGEST])
    return dict(zip(table["id"].to_pylist(), table[DIGEST].to_pylist(), strict=True))


def _chunks(items: Iterable[Mapping[str, Any]], size: int) -> Iterator[list[Mapping[str, Any]]]:
    stream = iter(items)
    while chunk := list(itertools.islice(stream, size)):
        yield chunk


def _crosses(batch: pa.RecordBatch) -> bool:
    box = batch.column("bbox")
    return bool(pc.any(pc.greater(pc.struct_field(box, "xmin"), pc.struct_field(box, "xmax"))).as_py())


def _extent(boxes: pa.ChunkedArray) -> list[float]:
    side = {name: pc.struct_field(boxes, name) for name in ("xmin", "ymin", "xmax", "ymax")}
    south, north = pc.min(side["ymin"]).as_py(), pc.max(side["ymax"]).as_py()
    crossing = pc.greater(side["xmin"], side["xmax"])
    if pc.any(crossing).as_py() and not pc.all(crossing).as_py():
        return [-180.0, south, 180.0, north]
    return [pc.min(side["xmin"]).as_py(), south, pc.max(side["xmax"]).as_py(), north]


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Name what the system refuses to write; errors of whoever offers items stay what they are."""
    try:
        yield
    except OSError as error:
        raise output_error(error, str(folder)) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time write a collection; the system frees the lock of a process that dies."""
    descriptor = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
