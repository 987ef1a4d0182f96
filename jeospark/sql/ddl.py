"""Schemas and names as SQL text, so that every server and shell can be given the same tables."""

from collections.abc import Callable, Mapping

import pyarrow as pa

_PLAIN: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_boolean, "BOOLEAN"),
    (pa.types.is_int8, "TINYINT"),
    (pa.types.is_int16, "SMALLINT"),
    (pa.types.is_uint8, "SMALLINT"),
    (pa.types.is_int32, "INT"),
    (pa.types.is_uint16, "INT"),
    (pa.types.is_int64, "BIGINT"),
    (pa.types.is_uint32, "BIGINT"),
    (pa.types.is_uint64, "DECIMAL(20, 0)"),
    (pa.types.is_float16, "FLOAT"),
    (pa.types.is_float32, "FLOAT"),
    (pa.types.is_float64, "DOUBLE"),
    (pa.types.is_string, "STRING"),
    (pa.types.is_large_string, "STRING"),
    (pa.types.is_string_view, "STRING"),
    (pa.types.is_binary, "BINARY"),
    (pa.types.is_large_binary, "BINARY"),
    (pa.types.is_binary_view, "BINARY"),
    (pa.types.is_fixed_size_binary, "BINARY"),
    (pa.types.is_date, "DATE"),
)


def type_ddl(kind: pa.DataType) -> str | None:
    """Spark's name of an Arrow type; None where Spark reads no such column from Parquet."""
    for matches, name in _PLAIN:
        if matches(kind):
            return name
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP_NTZ" if kind.tz is None else "TIMESTAMP"
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    if pa.types.is_dictionary(kind):
        return type_ddl(kind.value_type)
    return _nested(kind)


def _nested(kind: pa.DataType) -> str | None:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        inner = type_ddl(kind.value_type)
        return inner and f"ARRAY<{inner}>"
    if pa.types.is_map(kind):
        key, value = type_ddl(kind.key_type), type_ddl(kind.item_type)
        return f"MAP<{key}, {value}>" if key and value else None
    if pa.types.is_struct(kind):
        fields = [(field.name, type_ddl(field.type)) for field in kind]
        known = ", ".join(f"{name(each)}: {text}" for each, text in fields if text)
        return f"STRUCT<{known}>" if known else None
    return None


def columns_ddl(schema: pa.Schema, known: Mapping[str, str] | None = None) -> str:
    """Columns of a table, those without a type in Spark left out.

    Args:
        schema: Of the file.
        known: Types that are settled otherwise, by column.
    """
    types = {field.name: (known or {}).get(field.name) or type_ddl(field.type) for field in schema}
    return ", ".join(f"{name(column)} {kind}" for column, kind in types.items() if kind)


def name(identifier: str) -> str:
    """An identifier as it stands in SQL, whatever it is made of."""
    return "`" + identifier.replace("`", "``") + "`"


def text(value: str) -> str:
    """A text as it stands in SQL."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
