"""Values as other programs can read them: of what only Spark and Sedona know, texts."""

from collections.abc import Iterator
from typing import cast

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    CalendarIntervalType,
    DataType,
    MapType,
    StructType,
    VariantType,
    YearMonthIntervalType,
)

_UNKNOWN_TO_OTHERS = CalendarIntervalType | VariantType | YearMonthIntervalType


def exported(column: str, kind: DataType) -> Column:
    """A column for an answer: geometries as EWKB, those inside of other values as texts."""
    return F.call_function("ST_AsEWKB", F.col(column)) if is_geometry(kind) else _readable(F.col(column), kind)


def is_geometry(kind: DataType) -> bool:
    """True for Sedona's geometries."""
    return type(kind).__name__ == "GeometryType"


def _readable(value: Column, kind: DataType) -> Column:
    if _is_place(kind):
        return F.call_function("ST_AsText" if is_geometry(kind) else "ST_AsEWKT", value)
    if isinstance(kind, _UNKNOWN_TO_OTHERS):
        return value.cast("string")
    if not _is_foreign(kind):
        return value
    if isinstance(kind, ArrayType):
        return F.transform(value, lambda each: _readable(each, kind.elementType))
    if isinstance(kind, MapType):
        # Keys are no geometries: Spark cannot compare those.
        return F.transform_values(value, lambda _, each: _readable(each, kind.valueType))
    fields = [_readable(value.getField(each.name), each.dataType).alias(each.name) for each in cast("StructType", kind)]
    return F.when(value.isNotNull(), F.struct(*fields))


def _is_place(kind: DataType) -> bool:
    return is_geometry(kind) or type(kind).__name__ == "GeographyType"


def _is_foreign(kind: DataType) -> bool:
    """True where a value, or a part of it, is of a kind that others do not know."""
    return _is_place(kind) or isinstance(kind, _UNKNOWN_TO_OTHERS) or any(map(_is_foreign, _parts(kind)))


def _parts(kind: DataType) -> Iterator[DataType]:
    if isinstance(kind, ArrayType):
        yield kind.elementType
    elif isinstance(kind, MapType):
        yield kind.valueType
    elif isinstance(kind, StructType):
        yield from (each.dataType for each in kind)
