"""Batches of sources made alike: names that do not clash, types that Parquet readers and Spark know."""

import pyarrow as pa
import pyarrow.compute as pc

from jeospark.errors import VectorEncodingError
from jeospark.vector.sources.request import GEOMETRY

COVERING = "bbox"
"""Name of the column of boxes in every layer."""
KEY = "_key"
"""Name of the column that features are sorted by on their way into a layer."""


_SIGNED = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.decimal128(20, 0),
}
"""What holds the numbers of types without a sign, which Sedona's reader of Parquet refuses."""


def plain_type(kind: pa.DataType) -> pa.DataType:  # noqa: PLR0911 (a table of cases)
    """The type that a layer has for a source's."""
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_null(kind):
        return pa.string()
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        # Spark's Parquet reader refuses times of the day.
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.binary()
    if pa.types.is_float16(kind):
        return pa.float32()
    if pa.types.is_timestamp(kind):
        # An instant is the same in any zone; Parquet keeps no other than UTC.
        return pa.timestamp("us", tz="UTC" if kind.tz else None)
    if pa.types.is_date64(kind):
        return pa.date32()
    if pa.types.is_decimal256(kind):
        return pa.decimal128(kind.precision, kind.scale) if kind.precision <= 38 else pa.string()
    return _nested_type(kind) if pa.types.is_nested(kind) else _SIGNED.get(kind, kind)


def _nested_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(item.name, plain_type(item.type)) for item in kind])
    if pa.types.is_map(kind):
        return pa.map_(plain_type(kind.key_type), plain_type(kind.item_type))
    listed = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return pa.list_(plain_type(kind.value_type)) if listed else kind


def tidy(batch: pa.RecordBatch, geometry: str, where: str) -> pa.RecordBatch:
    """Put the geometry first under its name, and give all columns plain types and names of their own.

    Raises:
        VectorEncodingError: Texts are not UTF-8.
    """
    # By number: files may have several columns of one name.
    place = batch.schema.names.index(geometry)
    others = [(number, name) for number, name in enumerate(batch.schema.names) if number != place]
    plain = [_plain(batch.column(number), name, where) for number, name in others]
    columns = [_binary(batch.column(place)), *plain]
    return pa.RecordBatch.from_arrays(columns, names=[GEOMETRY, *distinct([name for _, name in others])])


def distinct(names: list[str]) -> list[str]:
    """Names of attributes that neither clash with the layer's own columns nor, in SQL, with one another."""
    taken, given = {GEOMETRY, COVERING, KEY}, []
    for name in names:
        plain = name or "column"
        new, number = plain, 1
        while new.lower() in taken:
            new, number = f"{plain}_{number}", number + 1
        taken.add(new.lower())
        given.append(new)
    return given


def _binary(column: pa.Array) -> pa.BinaryArray:
    storage = column.storage if isinstance(column, pa.ExtensionArray) else column
    return storage if pa.types.is_binary(storage.type) else storage.cast(pa.binary())


def _plain(column: pa.Array, name: str, where: str) -> pa.Array:
    stored = column.storage if isinstance(column, pa.ExtensionArray) else column
    kind = plain_type(stored.type)
    if kind == pa.string() and not pa.types.is_null(stored.type):
        check_texts(stored, name, where)
    if pa.types.is_duration(stored.type):
        return pc.cast(stored.cast(pa.int64()), pa.string())
    return stored if stored.type == kind else stored.cast(kind, safe=not pa.types.is_timestamp(kind))


def check_texts(column: pa.Array, name: str, where: str) -> None:
    """Make sure that a column of texts is UTF-8.

    Raises:
        VectorEncodingError: It is not.
    """
    try:
        column.validate(full=True)
    except pa.ArrowInvalid as error:
        raise VectorEncodingError(
            f"texts of column {name} are not in the encoding that the source states",
            where=where,
            remedy="Say which with --encoding, such as --encoding ISO-8859-1.",
        ) from error
