"""Repairing invalid geometries, with a list of what was done."""

import numpy as np
import pyarrow as pa
import shapely

from jeospark.vector import wkb
from jeospark.vector.ids import id_texts

REPAIRS = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("row", pa.int64()),
        pa.field("reason", pa.string()),
        pa.field("area_before", pa.float64()),
        pa.field("area_after", pa.float64()),
        pa.field("type_before", pa.string()),
        pa.field("type_after", pa.string()),
    ]
)
"""Id where the layer has one; row within the piece of the source that was read; why it was invalid, by GEOS; areas in
square units of the layer's CRS."""
UNREADABLE = "Ring not closed, or of too few points"
"""Why GEOS does not even read some well-formed WKB."""


def repair(column: pa.BinaryArray, ids: pa.Array | None, first: int) -> tuple[np.ndarray, pa.RecordBatch]:
    """Make geometries valid, keeping the type where a valid geometry of it exists.

    Rings that are open are closed; then GEOS's structure method: rings keep their meaning, shells are joined and holes
    cut out. What collapses becomes null.

    Args:
        column: WKB.
        ids: Their names; None where they have none.
        first: Number of the first row.

    Returns:
        WKB as an array of objects, and a batch of `REPAIRS`.
    """
    pieces = column.to_numpy(zero_copy_only=False)
    known = column.is_valid().to_numpy(zero_copy_only=False)
    shapes = shapely.from_wkb(pieces, on_invalid="ignore")
    unread = shapely.is_missing(shapes) & known
    shapes[unread] = shapely.from_wkb(pieces[unread], on_invalid="fix")
    bad = np.flatnonzero((~shapely.is_valid(shapes) & known) | unread)
    if not bad.size:
        return pieces, pa.RecordBatch.from_pylist([], REPAIRS)
    before = shapes[bad]
    finite = (wkb.scan(column).flags[bad] & wkb.NOT_FINITE) == 0
    after = np.full(len(bad), None, dtype=object)
    after[finite] = shapely.make_valid(before[finite], method="structure", keep_collapsed=False)
    after[shapely.is_empty(after)] = None
    shapes[bad] = after
    rows = pa.RecordBatch.from_arrays(
        [
            pa.nulls(len(bad), pa.string()) if ids is None else id_texts(ids.take(pa.array(bad))),
            pa.array(bad + first),
            pa.array(np.where(unread[bad], UNREADABLE, shapely.is_valid_reason(before)).tolist(), pa.string()),
            pa.array(np.nan_to_num(shapely.area(before))),
            pa.array(np.nan_to_num(shapely.area(after))),
            pa.array([shape.geom_type if shape else None for shape in before], pa.string()),
            pa.array([shape.geom_type if shape else None for shape in after], pa.string()),
        ],
        schema=REPAIRS,
    )
    return shapely.to_wkb(shapes, flavor="iso"), rows
