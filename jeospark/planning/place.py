"""Items on the tiles and periods that they matter to."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jeospark import periods
from jeospark.grid import BBox, Grid
from jeospark.planning.pixels import reach
from jeospark.schema import ITEM, conform

PLACED = pa.schema(
    [
        pa.field("tile", pa.string()),
        pa.field("period", pa.string()),
        # False where the item only lies in the margin around the tile.
        pa.field("touches", pa.bool_()),
        pa.field("item", ITEM),
        pa.field("digest", pa.string()),
    ]
)
"""One row an item and tile that it matters to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """What places items on tiles and periods; travels to the workers."""

    grid: str
    """Text form of the grid."""
    period: str
    area: BBox | None
    """Only tiles that meet it, and of these only what lies inside; None for whole tiles."""
    margin: float
    """Metres around a tile in which pixels still matter to it."""


def place(selected: pa.RecordBatch, placing: Placing) -> pa.RecordBatch:
    """The items of a batch of `select.SELECTED` on tiles and periods, `PLACED`.

    Raises:
        GridError: An item names a tile that the grid does not have.
    """
    grid = Grid.parse(placing.grid)
    item, mgrs = selected.column("item"), selected.column("mgrs").to_pylist()
    footprints = item.field("footprint").to_numpy(zero_copy_only=False)
    at, tiles = grid.assign(footprints, mgrs, margin=placing.margin, area=placing.area)
    touches = np.ones(len(at), np.bool_)
    if placing.margin:
        touches = _among((at, tiles), grid.assign(footprints, mgrs, area=placing.area))
    touches[touches] = reach(item, at[touches], tiles[touches], placing.grid, placing.area)
    if not placing.margin:
        at, tiles, touches = at[touches], tiles[touches], touches[touches]
    when = item.field("datetime").to_numpy(zero_copy_only=False)
    rows, each_once = pa.array(at), np.array_equal(at, np.arange(selected.num_rows))
    columns = {
        "tile": pa.array(tiles, pa.string()),
        "period": pa.array(periods.labels(placing.period, when)[at], pa.string()),
        "touches": pa.array(touches),
        "item": item if each_once else item.take(rows),
        "digest": selected.column("digest").take(rows),
    }
    return conform(pa.RecordBatch.from_pydict(columns), PLACED)


Pairs = tuple[NDArray[np.int64], NDArray[np.str_]]


def _among(pairs: Pairs, known: Pairs) -> NDArray[np.bool_]:
    """True where a pair of item and tile is one of the known."""
    _, codes = np.unique(np.concatenate([pairs[1], known[1]]), return_inverse=True)
    width = int(codes.max(initial=0)) + 1
    one = pairs[0] * width + codes[: len(pairs[1])]
    return np.isin(one, known[0] * width + codes[len(pairs[1]) :])
