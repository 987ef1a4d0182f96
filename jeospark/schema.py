"""The Arrow tables that travel through Spark, and the one way a batch is made to fit one."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from jeospark.errors import PlanError
from jeospark.model import ItemRef, Outcome, Reject, Source, Transform, Unit

INSTANT = pa.timestamp("us", tz="UTC")

SOURCE = pa.struct(
    [
        pa.field("band", pa.string()),
        pa.field("href", pa.string()),
        pa.field("variable", pa.string()),
        pa.field("index", pa.int32()),
        pa.field("data_type", pa.string()),
        pa.field("nodata", pa.float64()),
        pa.field("scale", pa.float64()),
        pa.field("offset", pa.float64()),
        pa.field("crs", pa.string()),
        pa.field("transform", pa.list_(pa.float64())),
        pa.field("shape", pa.list_(pa.int32())),
        pa.field("size", pa.int64()),
    ]
)
"""One `model.Source`."""

ITEM = pa.struct(
    [
        pa.field("datetime", INSTANT),
        pa.field("item_id", pa.string()),
        pa.field("observation", pa.string()),
        pa.field("footprint", pa.binary()),
        pa.field("sources", pa.list_(SOURCE)),
    ]
)
"""One `model.ItemRef`."""

UNITS = pa.schema(
    [
        pa.field("unit_id", pa.string()),
        pa.field("tile", pa.string()),
        pa.field("period", pa.string()),
        pa.field("start", INSTANT),
        pa.field("end", INSTANT),
        pa.field("crs", pa.string()),
        pa.field("transform", pa.list_(pa.float64())),
        pa.field("shape", pa.list_(pa.int32())),
        pa.field("output_href", pa.string()),
        pa.field("digest", pa.string()),
        pa.field("items", pa.list_(ITEM)),
        pa.field("item_count", pa.int32()),
        pa.field("observation_count", pa.int32()),
        # Of the files, where the catalogue knows them.
        pa.field("bytes", pa.int64()),
        # True where any of the files is JPEG 2000.
        pa.field("jpeg2000", pa.bool_()),
        # True where any of the files is in another CRS than the unit.
        pa.field("warped", pa.bool_()),
        # Pixels of the files that one of the unit spans, 1 or more: the mean of all that are in the unit's CRS.
        pa.field("density", pa.float64()),
    ]
)
"""A plan: one row a `model.Unit`, and beside it what it amounts to."""
COUNTS = ("item_count", "observation_count", "bytes", "jpeg2000", "warped", "density")

REJECT = pa.struct([pa.field(name, pa.string()) for name in ("item_id", "band", "asset", "error", "message")])
"""One `model.Reject`."""

OUTCOMES = pa.schema(
    [
        pa.field("unit_id", pa.string()),
        pa.field("tile", pa.string()),
        pa.field("period", pa.string()),
        pa.field("status", pa.string()),
        pa.field("href", pa.string()),
        pa.field("digest", pa.string()),
        pa.field("error", pa.string()),
        pa.field("message", pa.string()),
        pa.field("item_id", pa.string()),
        pa.field("band", pa.string()),
        pa.field("asset", pa.string()),
        pa.field("items", pa.int32()),
        pa.field("pixels", pa.int64()),
        pa.field("pixels_read", pa.int64()),
        pa.field("pixels_skipped", pa.int64()),
        pa.field("pixels_valid", pa.int64()),
        pa.field("bytes_written", pa.int64()),
        pa.field("seconds_read", pa.float64()),
        pa.field("seconds_warp", pa.float64()),
        pa.field("seconds_compute", pa.float64()),
        pa.field("seconds_write", pa.float64()),
        pa.field("seconds", pa.float64()),
        pa.field("peak_mb", pa.float64()),
        pa.field("rejects", pa.list_(REJECT)),
        pa.field("host", pa.string()),
        pa.field("started", INSTANT),
    ]
)
"""The ledger: one row a `model.Outcome`."""


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Give a batch the columns of `schema`, by name, in its order and types.

    Spark matches what a Python function yields by position and ignores names: same-typed columns in another order
    would come back silently swapped.

    Raises:
        PlanError: A column is missing or cannot be cast.
    """
    missing = [name for name in schema.names if name not in batch.schema.names]
    if missing:
        raise PlanError(f"the batch lacks {', '.join(missing)}", where=", ".join(batch.schema.names))
    try:
        columns = [batch.column(field.name).cast(field.type) for field in schema]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise PlanError(f"the batch does not fit its schema ({error})") from error
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def unit_of(row: Mapping[str, Any]) -> Unit:
    """The unit in one row of `UNITS`."""
    return Unit(
        **{
            **{name: value for name, value in row.items() if name not in COUNTS},
            "transform": _transform(row["transform"]),
            "shape": tuple(row["shape"]),
            "items": tuple(item_of(item) for item in row["items"]),
        }
    )


def item_of(row: Mapping[str, Any]) -> ItemRef:
    """The item in one value of `ITEM`."""
    return ItemRef(**{**row, "sources": tuple(source_of(source) for source in row["sources"])})


def source_of(row: Mapping[str, Any]) -> Source:
    """The source in one value of `SOURCE`."""
    transform, shape = row["transform"], row["shape"]
    return Source(
        **{
            **row,
            "transform": _transform(transform) if transform else None,
            "shape": tuple(shape) if shape else None,
        }
    )


def outcome_of(row: Mapping[str, Any]) -> Outcome:
    """The outcome in one row of `OUTCOMES`."""
    return Outcome(**{**row, "rejects": tuple(Reject(**each) for each in row["rejects"])})


def outcome_batch(outcomes: Iterable[Outcome]) -> pa.RecordBatch:
    """A batch of `OUTCOMES` from records."""
    rows = [asdict(outcome) for outcome in outcomes]
    return pa.RecordBatch.from_pylist(rows, schema=OUTCOMES)


def _transform(values: Iterable[float]) -> Transform:
    a, b, c, d, e, f = values
    return a, b, c, d, e, f
