"""Which items a question means: bounding box, interval and comparisons of properties."""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import shapely

from jeospark.catalog.footprint import query_shape
from jeospark.errors import CatalogError, ExtentError

Bbox = Sequence[float]
"""(west, south, east, north) in degrees; west > east means that it crosses the antimeridian."""

Interval = tuple[datetime | None, datetime | None]
"""Start, inclusive, and end, exclusive; None leaves that side open; a time without zone is UTC."""

Comparisons = Mapping[str, tuple[str, Any] | Sequence[tuple[str, Any]]]
"""Property name to (operator, value), or several of them, such as `{"eo:cloud_cover": [(">=", 5), ("<=", 50)]}`."""

_OPERATORS: dict[str, Callable[[pa.Array, pa.Scalar], pa.Array]] = {
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
    "==": pc.equal,
    "!=": pc.not_equal,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the items looked for have to fulfil.

    Raises:
        ExtentError: An inverted or empty bounding box or interval.
        CatalogError: An unknown operator.
    """

    bbox: Bbox | None = None
    """The footprint must touch it."""
    interval: Interval | None = None
    """The datetime must lie in it."""
    properties: Comparisons = field(default_factory=dict)
    """All must hold; an item without the property is left out."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.bbox is not None:
            _check_bbox(self.bbox)
        if self.interval is not None:
            _check_interval(self.interval)
        for name, symbol, _ in _each(self.properties):
            if symbol not in _OPERATORS:
                remedy = f"Use one of {', '.join(_OPERATORS)}."
                raise CatalogError(f"'{symbol}' is no comparison", where=name, remedy=remedy)

    def columns(self, schema: pa.Schema) -> list[str]:
        """Name the columns that `mask` reads.

        Raises:
            CatalogError: A compared property is no column.
        """
        for name in self.properties:
            if name not in schema.names:
                near = difflib.get_close_matches(name, schema.names, n=1)
                remedy = f"Did you mean '{near[0]}'?" if near else f"There are {', '.join(sorted(schema.names))}."
                raise CatalogError(f"no item has a property '{name}'", remedy=remedy)
        return ["datetime", *(["bbox", "geometry"] if self.bbox else []), *self.properties]

    def mask(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Tell of each row whether it fulfils the question; True = it does.

        Raises:
            CatalogError: A value that the property cannot be compared with.
        """
        mask = pa.array([True] * batch.num_rows, pa.bool_())
        if self.interval is not None:
            mask = pc.and_(mask, _within(batch.column("datetime"), self.interval))
        for name, symbol, value in _each(self.properties):
            column = batch.column(name)
            mask = pc.and_(mask, pc.fill_null(_OPERATORS[symbol](column, _constant(name, column.type, value)), False))  # noqa: FBT003
        if self.bbox is not None:
            mask = pc.and_(mask, _touching(batch, self.bbox, mask))
        return mask


def _each(properties: Comparisons) -> Iterator[tuple[str, str, Any]]:
    for name, given in properties.items():
        for symbol, value in [given] if isinstance(given, tuple) else given:
            yield name, symbol, value


def _check_bbox(bbox: Bbox) -> None:
    west, south, east, north = bbox
    if not (-90 <= south < north <= 90) or not (-180 <= west <= 180 and -180 <= east <= 180) or west == east:
        remedy = "Give west, south, east, north in degrees; west > east only across the antimeridian."
        raise ExtentError(f"the bounding box {list(bbox)} is inverted, empty or off the globe", remedy=remedy)


def _check_interval(interval: Interval) -> None:
    start, end = interval
    if start is not None and end is not None and _utc(start) >= _utc(end):
        remedy = "Its end is exclusive and must come after its start."
        raise ExtentError(f"the interval {start.isoformat()} to {end.isoformat()} is inverted or empty", remedy=remedy)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _within(times: pa.Array, interval: Interval) -> pa.Array:
    start, end = (None if moment is None else pa.scalar(_utc(moment), times.type) for moment in interval)
    after = pc.is_valid(times) if start is None else pc.greater_equal(times, start)
    return after if end is None else pc.and_(after, pc.less(times, end))


def _constant(name: str, kind: pa.DataType, value: object) -> pa.Scalar:
    try:
        return pa.scalar(value, pa.float64() if pa.types.is_integer(kind) else kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        what = f"{value!r} cannot be compared with a property of type {kind}"
        raise CatalogError(what, where=name, remedy="Give a value of that type.") from error


def _touching(batch: pa.RecordBatch, bbox: Bbox, candidates: pa.BooleanArray) -> pa.BooleanArray:
    west, south, east, north = bbox
    box = batch.column("bbox")
    xmin, ymin, xmax, ymax = (pc.struct_field(box, name) for name in ("xmin", "ymin", "xmax", "ymax"))
    right_of_west, left_of_east = pc.greater_equal(xmax, west), pc.less_equal(xmin, east)
    # Longitudes are on a circle: two intervals that cross the antimeridian meet, and one that does has two sides.
    crosses, asked_crosses = pc.greater(xmin, xmax), pa.scalar(west > east)
    either, both = pc.or_(right_of_west, left_of_east), pc.and_(right_of_west, left_of_east)
    in_x = pc.or_(pc.if_else(pc.xor(crosses, asked_crosses), either, both), pc.and_(crosses, asked_crosses))
    in_y = pc.and_(pc.greater_equal(ymax, south), pc.less_equal(ymin, north))
    rows = pc.indices_nonzero(pc.and_(candidates, pc.and_(in_x, in_y)))
    shapes = shapely.from_wkb(batch.column("geometry").take(rows).to_pylist())
    met = rows.filter(pa.array(shapely.intersects(shapes, query_shape(bbox)), pa.bool_()))
    return pc.is_in(pa.array(range(batch.num_rows), met.type), value_set=met)
