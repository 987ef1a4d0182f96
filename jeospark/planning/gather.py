"""Placed items gathered into units: one a tile and period."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from jeospark import periods
from jeospark.planning.amounts import amounts
from jeospark.planning.pixels import TILES, extent_of
from jeospark.planning.place import PLACED, Placing
from jeospark.schema import UNITS, conform
from jeospark.tiling.extent import PixelExtent

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """What makes units of placed items; travels to the workers."""

    placing: Placing
    recipe_id: str
    """Goes into the digests."""
    output: str
    """Folder of the results."""


def gather(placed: Iterable[pa.RecordBatch], gathering: Gathering) -> pa.RecordBatch:
    """The units (`UNITS`) of placed items, sorted by tile and period; their items by datetime, then id.

    Args:
        placed: Batches of `place.PLACED`, with all the items of each tile and period among them.
        gathering: What the units have in common.
    """
    table = _sorted(pa.Table.from_batches(placed, schema=PLACED))
    starts = _starts(table)
    if not len(starts):
        return pa.RecordBatch.from_pylist([], schema=UNITS)
    sizes = np.diff(np.append(starts, table.num_rows))
    touched = np.logical_or.reduceat(table.column("touches").to_numpy(), starts)
    kept = table if touched.all() else table.filter(pa.array(np.repeat(touched, sizes)))
    return _units(kept.combine_chunks(), sizes[touched], gathering)


def _sorted(table: pa.Table) -> pa.Table:
    item = table.column("item")
    keys = {"when": pc.struct_field(item, "datetime"), "id": pc.struct_field(item, "item_id")}
    order = pa.table({"tile": table.column("tile"), "period": table.column("period"), **keys})
    return table.take(pc.sort_indices(order, [(name, "ascending") for name in order.column_names]))


def _starts(table: pa.Table) -> Numbers:
    """Rows at which another tile or period begins."""
    if not table.num_rows:
        return np.empty(0, np.int64)
    changes = np.zeros(table.num_rows, np.bool_)
    changes[0] = True
    for name in ("tile", "period"):
        codes = table.column(name).combine_chunks().dictionary_encode().indices.to_numpy()
        changes[1:] |= codes[1:] != codes[:-1]
    return np.flatnonzero(changes)


def _units(table: pa.Table, sizes: Numbers, gathering: Gathering) -> pa.RecordBatch:
    """The units of sorted rows, of which so many each belong together."""
    ends = np.cumsum(sizes)
    firsts = pa.array(ends - sizes)
    tiles, labels = (table.column(name).take(firsts).to_pylist() for name in ("tile", "period"))
    placing = gathering.placing
    extents = {tile: extent_of(placing.grid, tile, placing.area) for tile in set(tiles)}
    bounds = {label: periods.bounds(placing.period, label) for label in set(labels)}
    items = pa.ListArray.from_arrays(
        np.append(0, ends).astype(np.int32), table.column("item").combine_chunks(), type=UNITS.field("items").type
    )
    columns = {
        "unit_id": [f"{tile}/{label}" for tile, label in zip(tiles, labels, strict=True)],
        "tile": tiles,
        "period": labels,
        "start": [bounds[label][0] for label in labels],
        "end": [bounds[label][1] for label in labels],
        "crs": [extents[tile].crs for tile in tiles],
        "transform": [extents[tile].transform for tile in tiles],
        "shape": [extents[tile].shape for tile in tiles],
        "output_href": [
            f"{gathering.output}/{tile}/{tile}_{label}.tif" for tile, label in zip(tiles, labels, strict=True)
        ],
        "digest": _digests(table.column("digest").to_pylist(), ends, tiles, extents, gathering.recipe_id),
    }
    arrays = {name: pa.array(values, UNITS.field(name).type) for name, values in columns.items()}
    counted = amounts(items, [extents[tile] for tile in tiles])
    return conform(pa.RecordBatch.from_pydict({**arrays, "items": items, **counted}), UNITS)


def _digests(
    items: Sequence[str], ends: Numbers, tiles: Sequence[str], extents: Mapping[str, PixelExtent], recipe_id: str
) -> list[str]:
    """sha256 over all that decides the pixels of a unit: recipe, extent, and its items, whatever their order."""
    digests, first = [], 0
    for end, tile in zip(ends.tolist(), tiles, strict=True):
        text = "\n".join([recipe_id, _written(extents[tile]), *sorted(items[first:end])])
        digests.append(hashlib.sha256(text.encode()).hexdigest())
        first = end
    return digests


@lru_cache(TILES)
def _written(extent: PixelExtent) -> str:
    return json.dumps([extent.crs, extent.transform, extent.shape])
