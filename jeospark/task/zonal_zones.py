"""Zones as users give them: which can be used, and of those that cannot, why."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from jeospark.errors import (
    ZoneDuplicateError,
    ZoneError,
    ZoneInvalidError,
    ZoneKindError,
    ZoneMissingError,
    ZoneUnreadableError,
)

ZONES = pa.schema([pa.field("zone", pa.string()), pa.field("geometry", pa.binary())])
"""One row a zone: its id, and a polygon or multipolygon as WKB."""
REJECTS = pa.schema([pa.field(name, pa.string()) for name in ("zone", "error", "message")])
"""One row a zone that cannot be used: the name of the error's class, and what is wrong."""

Geometries = NDArray[np.object_]
_POLYGONS = (3, 6)
"""Polygon and MultiPolygon in shapely's numbering."""


@dataclass(frozen=True, slots=True)
class Usable:
    """The zones of a batch that can be used."""

    zones: NDArray[np.object_]
    """Ids, shape (n,)."""
    geometries: Geometries
    """Polygons and MultiPolygons, valid, without Z."""
    rejects: pa.RecordBatch
    """`REJECTS`: the other zones."""


def repeated(zones: pa.ChunkedArray | pa.Array) -> frozenset[str]:
    """Ids that several zones have."""
    counts = pc.value_counts(zones)
    return frozenset(each["values"] for each in counts.filter(pc.greater(counts.field("counts"), 1)).to_pylist())


def usable(batch: pa.RecordBatch | pa.Table, repeats: frozenset[str] = frozenset()) -> Usable:
    """Tell zones that can be used from those that cannot.

    Args:
        batch: Rows of `ZONES`.
        repeats: Ids that several zones have: which of them a row of results is of, nobody could tell.
    """
    zones = np.array(batch.column("zone").to_pylist(), dtype=object)
    cells = np.array(batch.column("geometry").to_pylist(), dtype=object)
    shapes = shapely.force_2d(shapely.from_wkb(cells, on_invalid="ignore"))
    reasons: dict[int, tuple[type[ZoneError], str]] = {}
    for kind, message, wrong in _checks(zones, cells, shapes, repeats):
        for at in np.flatnonzero(wrong).tolist():
            reasons.setdefault(at, (kind, message))
    unsure = np.array([at for at in range(len(zones)) if at not in reasons], np.int64)
    for at in unsure[~shapely.is_valid(shapes[unsure])].tolist():
        reasons[at] = (ZoneInvalidError, f"not valid: {shapely.is_valid_reason(shapes[at])}; repair it first")
    kept = np.array([at for at in unsure.tolist() if at not in reasons], np.int64)
    return Usable(zones[kept], shapes[kept], rejects_of([(zones[at], *reasons[at]) for at in sorted(reasons)]))


def rejects_of(rows: Sequence[tuple[str | None, type[ZoneError], str]]) -> pa.RecordBatch:
    """Rows of `REJECTS`: id, class of the error, what is wrong."""
    named = [{"zone": zone, "error": kind.__name__, "message": message} for zone, kind, message in rows]
    return pa.RecordBatch.from_pylist(named, schema=REJECTS)


def _checks(
    zones: NDArray[np.object_], cells: NDArray[np.object_], shapes: Geometries, repeats: frozenset[str]
) -> list[tuple[type[ZoneError], str, NDArray[np.bool_]]]:
    """What may be wrong, first things first, and with which zones it is."""
    missing = np.array([cell is None for cell in cells], np.bool_)
    bounds = shapely.bounds(shapes)
    return [
        (ZoneMissingError, "the zone has no id", np.array([zone is None for zone in zones], np.bool_)),
        (ZoneDuplicateError, "several zones have this id", np.array([zone in repeats for zone in zones], np.bool_)),
        (ZoneMissingError, "the zone has no geometry", missing),
        (ZoneUnreadableError, "the geometry is not WKB", shapely.is_missing(shapes)),
        (ZoneMissingError, "the geometry is empty", shapely.is_empty(shapes)),
        (ZoneKindError, "not a polygon", ~np.isin(shapely.get_type_id(shapes), _POLYGONS)),
        (ZoneUnreadableError, "a coordinate is no number", ~_finite(shapes, bounds)),
    ]


def _finite(shapes: Geometries, bounds: NDArray[np.float64]) -> NDArray[np.bool_]:
    """True where all coordinates are finite; NaN hides from bounds, and infinity does not."""
    points, owner = shapely.get_coordinates(shapes, return_index=True)
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(bounds).all(axis=1))
    finite[owner[~np.isfinite(points).all(axis=1)]] = False
    return finite
