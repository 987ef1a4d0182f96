"""Rows of chips and of pixels: their schemas, and batches of them from arrays."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jeospark.errors import OptionError
from jeospark.grid import PixelExtent
from jeospark.schema import INSTANT
from jeospark.sql.pixels.area import Area, centres, part

BATCH_BYTES = 4 << 20
"""Of values in a batch: what is in flight between Python and the JVM stays small."""
VALUE, VALID = 4, 1 / 8
"""Bytes of a value, and of whether it is null."""
CHIP_BYTES = 200
"""What a row of a chip has beside its values, about."""
PIXEL_BYTES = 36
"""What a row of a pixel has beside its values: x, y, datetime, and the text of its CRS with its offset."""

BBOX = pa.struct([pa.field(name, pa.float64()) for name in ("xmin", "ymin", "xmax", "ymax")])
_CHIP = (
    pa.field("tile", pa.string()),
    pa.field("period", pa.string()),
    pa.field("datetime", INSTANT),
    pa.field("row", pa.int32()),
    pa.field("col", pa.int32()),
    pa.field("rows", pa.int32()),
    pa.field("cols", pa.int32()),
    pa.field("crs", pa.string()),
    pa.field("transform", pa.list_(pa.float64())),
    pa.field("bbox", BBOX),
)
_PIXEL = (
    pa.field("x", pa.float64()),
    pa.field("y", pa.float64()),
    pa.field("crs", pa.string()),
    pa.field("datetime", INSTANT),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A chip, and what its row says beside values."""

    tile: str
    period: str
    datetime: datetime | None
    row: int
    """Of its first pixel in the tile."""
    col: int
    extent: PixelExtent
    values: NDArray[np.float32]
    """(bands, rows, cols), physical."""
    valid: NDArray[np.bool_]
    """Same shape, True = usable."""
    inside: NDArray[np.bool_] | None
    """(rows, cols), True for pixels of the area; None where all are."""


def schema_of(rows: str, names: Sequence[str]) -> pa.Schema:
    """The columns of a table.

    Args:
        rows: `chip` or `pixel`.
        names: Of the bands.

    Raises:
        OptionError: Two columns would have one name, as SQL compares names.
    """
    fixed = () if rows == "chip" else tuple(field.name for field in _PIXEL)
    seen: set[str] = set()
    for name in (*fixed, *names):
        if name.lower() in seen:
            remedy = "Leave it out by the option bands, or rename it in the recipe."
            raise OptionError(f"two columns would be called '{name}'", where="bands", remedy=remedy)
        seen.add(name.lower())
    if rows == "pixel":
        return pa.schema([*_PIXEL, *(pa.field(name, pa.float32()) for name in names)])
    bands = pa.struct([pa.field(name, pa.list_(pa.float32())) for name in names])
    return pa.schema([*_CHIP, pa.field("bands", bands)])


def row_bytes(rows: str, bands: int, pixels: int, chips: int) -> int:
    """About how large an answer is as Arrow."""
    values = int(pixels * bands * (VALUE + VALID))
    return values + (pixels * PIXEL_BYTES if rows == "pixel" else chips * CHIP_BYTES)


def cut(chip: Chip, side: int, area: Area | None) -> Iterator[Chip]:
    """Cut what was read into chips, on a lattice anchored at the first pixel of the tile.

    Chips that lie outside the area are left out, and values outside it made null.
    """
    rows, cols = chip.extent.shape
    for top in range(-(chip.row % side), rows, side):
        for left in range(-(chip.col % side), cols, side):
            first, last = (max(top, 0), max(left, 0)), (min(top + side, rows), min(left + side, cols))
            extent = part(chip.extent, *first, (last[0] - first[0], last[1] - first[1]))
            inside = area.inside(extent) if area else None
            if inside is not None and not inside.any():
                continue
            where = (slice(None), slice(first[0], last[0]), slice(first[1], last[1]))
            values, valid = chip.values[where], chip.valid[where] & np.isfinite(chip.values[where])
            yield Chip(
                tile=chip.tile, period=chip.period, datetime=chip.datetime, row=chip.row + first[0],
                col=chip.col + first[1], extent=extent, values=values,
                valid=valid if inside is None else valid & inside, inside=inside,
            )  # fmt: skip


def batches(chips: Iterable[Chip], rows: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Record batches of `schema_of`, each of some MB."""
    held: list[Chip] = []
    size = 0
    for chip in chips:
        held.append(chip)
        size += chip.values.size * VALUE
        if rows == "pixel" or size >= BATCH_BYTES:
            yield _batch(held, rows, schema)
            held, size = [], 0
    if held:
        yield _batch(held, rows, schema)


def _batch(chips: Sequence[Chip], rows: str, schema: pa.Schema) -> pa.RecordBatch:
    return _pixel_batch(chips[0], schema) if rows == "pixel" else _chip_batch(chips, schema)


def _chip_batch(chips: Sequence[Chip], schema: pa.Schema) -> pa.RecordBatch:
    bounds = [dict(zip(BBOX.names, chip.extent.bounds, strict=True)) for chip in chips]
    kind = schema.field("bands").type
    bands = [_lists(chips, plane) for plane in range(kind.num_fields)]
    columns = {
        **{name: [getattr(chip, name) for chip in chips] for name in ("tile", "period", "datetime", "row", "col")},
        "rows": [chip.extent.shape[0] for chip in chips],
        "cols": [chip.extent.shape[1] for chip in chips],
        "crs": [chip.extent.crs for chip in chips],
        "transform": [chip.extent.transform for chip in chips],
        "bbox": bounds,
    }
    arrays = [pa.array(values, schema.field(name).type) for name, values in columns.items()]
    return pa.RecordBatch.from_arrays([*arrays, pa.StructArray.from_arrays(bands, fields=list(kind))], schema=schema)


def _lists(chips: Sequence[Chip], plane: int) -> pa.ListArray:
    """One band of chips, a list of its pixels by rows each; null where not usable."""
    ends = np.cumsum([0, *(chip.values[plane].size for chip in chips)], dtype=np.int32)
    values, null = np.empty(ends[-1], np.float32), np.empty(ends[-1], np.bool_)
    for chip, start, end in zip(chips, ends[:-1], ends[1:], strict=True):
        shape = chip.extent.shape
        values[start:end].reshape(shape)[:] = chip.values[plane]
        np.logical_not(chip.valid[plane], out=null[start:end].reshape(shape))
    return pa.ListArray.from_arrays(pa.array(ends), pa.array(values, mask=null))


def _pixel_batch(chip: Chip, schema: pa.Schema) -> pa.RecordBatch:
    x, y = np.meshgrid(*centres(chip.extent))
    kept = slice(None) if chip.inside is None else np.flatnonzero(chip.inside)
    columns = [pa.array(each.ravel()[kept]) for each in (x, y)]
    columns += [pa.repeat(pa.scalar(chip.extent.crs), len(columns[0]))]
    columns += [pa.repeat(pa.scalar(chip.datetime, INSTANT), len(columns[0]))]
    for values, valid in zip(chip.values, chip.valid, strict=True):
        columns.append(pa.array(values.ravel()[kept].astype(np.float32), mask=~valid.ravel()[kept]))
    return pa.RecordBatch.from_arrays(columns, schema=schema)
