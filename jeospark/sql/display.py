"""Tables for terminals and notebooks."""

import html
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import shapely

WIDEST = 48
"""Characters of a cell; what is longer is cut."""
ROWS = 40
"""Rows shown of a longer answer."""


def as_text(table: pa.Table, geometries: Sequence[str] = (), *, more: bool = False) -> str:
    """A table of characters: numbers to the right, geometries as WKT.

    Args:
        table: The rows.
        geometries: Columns of WKB.
        more: True where the query has more rows than the table.
    """
    if not table.num_columns:
        return ""
    if _is_page(table):
        return str(table.column(0)[0])
    cells = _cells(table, geometries)
    widths = [max(map(len, [name, *column])) for name, column in zip(table.column_names, cells, strict=True)]
    right = [_is_number(field.type) for field in table.schema]
    lines = [_line(table.column_names, widths, right), "  ".join("─" * width for width in widths)]
    lines += [_line(row, widths, right) for row in zip(*cells, strict=True)]
    return "\n".join(line.rstrip() for line in [*lines, _count(table, more=more)])


def as_html(table: pa.Table, geometries: Sequence[str] = (), *, more: bool = False) -> str:
    """The same as a table of HTML."""
    cells = _cells(table, geometries)
    style = ["text-align:right" if _is_number(field.type) else "text-align:left" for field in table.schema]
    kinds = [("geometry" if field.name in geometries else str(field.type)) for field in table.schema]
    head = "".join(
        f'<th title="{html.escape(kind)}" style="{look}">{html.escape(name)}</th>'
        for name, kind, look in zip(table.column_names, kinds, style, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(f'<td style="{look}">{html.escape(cell)}</td>' for cell, look in zip(row, style, strict=True))
        + "</tr>"
        for row in zip(*cells, strict=True)
    )
    foot = html.escape(_count(table, more=more))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><small>{foot}</small>"


def _is_page(table: pa.Table) -> bool:
    """True for one text of several lines, such as EXPLAIN gives; a table would show its beginning only."""
    return table.shape == (1, 1) and pa.types.is_string(table.schema[0].type) and "\n" in str(table.column(0)[0])


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    fitted = zip(row, widths, right, strict=True)
    return "  ".join(cell.rjust(width) if to_right else cell.ljust(width) for cell, width, to_right in fitted)


def _count(table: pa.Table, *, more: bool) -> str:
    rows = table.num_rows
    if more or rows > ROWS:
        return f"({'more than ' if more else ''}{rows} rows; {min(rows, ROWS)} are shown)"
    return f"({rows} row{'' if rows == 1 else 's'})"


def _cells(table: pa.Table, geometries: Sequence[str]) -> list[list[str]]:
    shown = table.slice(0, ROWS)
    return [
        [_cell(value, is_geometry=field.name in geometries) for value in column.to_pylist()]
        for field, column in zip(shown.schema, shown.columns, strict=True)
    ]


def _cell(value: Any, *, is_geometry: bool) -> str:
    if value is None:
        text = "NULL"
    elif is_geometry:
        text = shapely.to_wkt(shapely.from_wkb(value), rounding_precision=6, trim=True)
    elif isinstance(value, datetime):
        text = value.isoformat(sep=" ", timespec="milliseconds").replace(".000", "").replace("+00:00", "Z")
    elif isinstance(value, float):
        text = f"{value:.10g}"
    elif isinstance(value, bytes):
        text = f"{len(value)} bytes"
    else:
        text = str(value)
    text = text.replace("\n", "⏎")
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
