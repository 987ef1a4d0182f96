"""The items that a recipe asks for, batch by batch."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jeospark.catalog.query import Question
from jeospark.catalog.schema import DIGEST, MGRS, OBSERVATION, SOURCES
from jeospark.catalog.store import Catalog
from jeospark.recipe.analysis import Load
from jeospark.schema import INSTANT, ITEM

COLUMNS = ("id", "datetime", "geometry", OBSERVATION, MGRS, DIGEST, SOURCES)
COMPARISONS = {"eq": "==", "neq": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
"""openEO's comparisons as the catalogue writes them."""

SELECTED = pa.schema([pa.field("item", ITEM), pa.field("digest", pa.string()), pa.field("mgrs", pa.string())])
"""One row an item: with the sources wanted only, the digest of the whole STAC item, and its Sentinel-2 tile."""


def question(load: Load) -> Question:
    """The interval and the properties that a load_collection asks for; its area is left to `place`.

    Raises:
        ExtentError: The interval is inverted.
    """
    properties = {
        name: [(COMPARISONS[comparison], value) for comparison, value in conditions]
        for name, conditions in load.properties.items()
    }
    return Question(interval=load.temporal_extent, properties=properties)


def select(catalog: str, load: Load, groups: Iterable[int] | None = None) -> Iterator[pa.RecordBatch]:
    """Batches of `SELECTED`, in the catalogue's order.

    Args:
        catalog: Its root.
        load: Collection, bands, interval and properties wanted.
        groups: Row groups of the collection's items to look through; None for all.

    Raises:
        CatalogError: No item has one of the properties, or it cannot be compared with the value.
        CollectionNotFoundError: The catalogue has no such collection.
    """
    for batch in Catalog(catalog).batches(load.collection, COLUMNS, question(load), groups):
        items = pa.StructArray.from_arrays(
            [
                batch.column("datetime").cast(INSTANT),
                batch.column("id"),
                batch.column(OBSERVATION),
                batch.column("geometry"),
                _only(batch.column(SOURCES), load.bands).cast(ITEM.field("sources").type),
            ],
            fields=list(ITEM),
        )
        yield pa.RecordBatch.from_arrays([items, batch.column(DIGEST), batch.column(MGRS)], schema=SELECTED)


def _only(sources: pa.ListArray, bands: Iterable[str] | None) -> pa.ListArray:
    """The same lists, with the sources of some bands."""
    if bands is None:
        return sources
    flat = sources.flatten()
    keep = pc.is_in(pc.struct_field(flat, "band"), value_set=pa.array(list(bands), pa.string()))
    ends = np.cumsum(pc.fill_null(pc.list_value_length(sources), 0).to_numpy(zero_copy_only=False))
    kept = np.concatenate([[0], np.cumsum(keep.to_numpy(zero_copy_only=False))])
    offsets = pa.array(kept[np.concatenate([[0], ends])].astype(np.int32))
    return pa.ListArray.from_arrays(offsets, flat.filter(keep))
