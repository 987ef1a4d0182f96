"""Feeds that are texts of columns: rows in, typed columns and points out, and bad rows told one by one."""

import csv
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv

from jeospark.errors import FeedError
from jeospark.vector.crs import CRS84, parse_crs
from jeospark.vector.feeds.feed import Feed, Rejects
from jeospark.vector.feeds.values import PARSERS, Mask, shown
from jeospark.vector.sources.points import point_wkb
from jeospark.vector.sources.request import GEOMETRY, Opened, Request

BLOCK = 8 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a feed's layer."""

    name: str
    kind: str = "text"
    """One of `feeds.values.PARSERS`."""
    source: tuple[str, ...] = ()
    """Its names in files, in lower case; `name` where none is given."""
    required: bool = False
    """True where a row without it is rejected; else a value that cannot be read is null, and counted."""
    unknown: tuple[float, ...] = ()
    """Numbers that mean not known."""
    limit: int | None = None
    """Greatest number, and least with its sign turned."""

    @property
    def type(self) -> pa.DataType:
        """Of the layer's column."""
        return PARSERS[self.kind][1]

    def place(self, names: Sequence[str]) -> int | None:
        """Where a file has it; None where it does not."""
        wanted = self.source or (self.name.lower(),)
        return next((names.index(name) for name in wanted if name in names), None)


Rule = Callable[[dict[str, pa.Array]], Iterator[tuple[Mask, str]]]
"""Gives masks of rows to reject, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """How a feed's files are written, and what becomes of them."""

    columns: tuple[Column, ...]
    headers: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """Names of the columns in files without a header, by their number."""
    delimiter: str = ","
    quoted: bool = True
    point: tuple[str, str] | None = None
    """Columns of longitude and latitude."""
    derived: Callable[[dict[str, pa.Array]], dict[str, pa.Array]] | None = None
    """Makes further columns, and replaces some, of those read."""
    rule: Rule | None = None
    geometry: Callable[[dict[str, pa.Array]], pa.BinaryArray] | None = None
    """Makes the geometries, where they are not points."""
    must_have: tuple[str, ...] = ()
    """Names, in lower case, by which a header is known."""


def table_feed(name: str, title: str, table: Table, **more: Any) -> Feed:
    """A feed of a table; `more` goes to `Feed`."""
    schema = more.pop("schema", pa.schema([pa.field(column.name, column.type) for column in table.columns]))

    def opened(request: Request, path: str, rejects: Rejects) -> Opened:
        form = _form(path, request, table)
        _check_names(form.names, table, request, name)

        def read(_: None) -> Iterator[pa.RecordBatch]:
            for rows, texts in _rows(path, request, form, rejects):
                yield _features(rows, texts, table, schema, form.names, rejects)

        crs_from = f"{name} has longitude and latitude on WGS 84"
        return Opened(driver="CSV", layer=None, crs=parse_crs(CRS84), crs_from=crs_from, read=read)

    return Feed(name=name, title=title, schema=schema, open=opened, **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """How one file is written."""

    names: tuple[str, ...]
    """Of its columns, in lower case."""
    skip: int
    """Lines before the rows: blank ones, and the one that tells the columns where there is one."""
    empty: bool
    """True where nothing comes after these."""
    delimiter: str
    quoted: bool


def _form(path: str, request: Request, table: Table) -> _Form:
    if not Path(path).exists():
        raise FeedError("there is no such file", where=request.href)
    try:
        with pa.input_stream(path) as stream:
            head = bytes(stream.read(1 << 20))
    except OSError as error:
        raise FeedError(f"it cannot be read ({error})", where=request.href, remedy="Fetch it again.") from error
    lines = head.decode(request.encoding or "utf-8", errors="replace").removeprefix("\ufeff").splitlines()
    blank = len(list(itertools.takewhile(lambda line: not line.strip(), lines)))
    if blank == len(lines):
        raise FeedError("it is empty", where=request.href)
    first = lines[blank]
    delimiter = request.delimiter or (table.delimiter if table.delimiter in first else ",")
    quoted = table.quoted or delimiter != table.delimiter
    cells = next(csv.reader([first], delimiter=delimiter)) if quoted else first.split(delimiter)
    names, header = tuple(name.strip().lower() for name in cells), True
    if not set(table.must_have) <= set(names) and len(names) in table.headers:
        names, header = table.headers[len(names)], False
    skip = blank + header
    return _Form(names=names, skip=skip, empty=len(lines) == skip, delimiter=delimiter, quoted=quoted)


def _check_names(names: tuple[str, ...], table: Table, request: Request, feed: str) -> None:
    lacking = [column.name for column in table.columns if column.required and column.place(names) is None]
    if lacking:
        raise FeedError(
            f"it is no file of {feed}: the columns {', '.join(lacking)} are missing",
            where=request.href,
            remedy=f"It has {len(names)}: {', '.join(names[:8])}, …",
        )


def _rows(path: str, request: Request, form: _Form, rejects: Rejects) -> Iterator[tuple[np.ndarray, pa.RecordBatch]]:
    """Batches of texts with the numbers of their rows; rows of another width are rejected."""
    names = form.names
    broken: list[int] = []
    if form.empty:
        # Arrow takes a header that no line ends for half a file.
        return

    def invalid(row: pv.InvalidRow) -> str:
        # Without threads, Arrow numbers lines from 1, those before the rows included.
        number = int(row.number) - form.skip
        broken.append(number)
        reason = f"number of columns: {row.actual_columns}, not {row.expected_columns}"
        rejects.add(number, reason, row.text)
        return "skip"

    binary = pa.binary()
    try:
        reader = pv.open_csv(
            pa.input_stream(path),
            read_options=pv.ReadOptions(
                block_size=BLOCK, use_threads=False, skip_rows=form.skip, encoding=request.encoding or "utf8",
                column_names=[str(place) for place in range(len(names))],
            ),
            parse_options=pv.ParseOptions(
                delimiter=form.delimiter, quote_char='"' if form.quoted else False,
                newlines_in_values=False, invalid_row_handler=invalid,
            ),
            convert_options=pv.ConvertOptions(
                column_types={str(place): binary for place in range(len(names))}, strings_can_be_null=False
            ),
        )  # fmt: skip
        last = 0
        for batch in reader:
            numbers = np.arange(last + 1, last + 1 + batch.num_rows + len(broken))
            numbers = np.setdiff1d(numbers, np.array(broken, numbers.dtype))[: batch.num_rows]
            last = int(numbers[-1]) if batch.num_rows else last
            yield _decoded(numbers, batch, rejects)
    except UnicodeDecodeError as error:
        raise FeedError(f"it is not {request.encoding} ({error})", where=request.href) from error
    except (pa.ArrowInvalid, OSError) as error:
        raise FeedError(
            f"it is no table of columns, or cut short ({' '.join(str(error).split())[:200]})", where=request.href
        ) from error


def _decoded(numbers: np.ndarray, batch: pa.RecordBatch, rejects: Rejects) -> tuple[np.ndarray, pa.RecordBatch]:
    try:
        columns = [column.cast(pa.string()) for column in batch.columns]
    except pa.ArrowInvalid:
        good = np.array([_is_text(row.values()) for row in batch.to_pylist()], bool)
        for row in np.flatnonzero(~good).tolist():
            line = b"\t".join(column[row].as_py() for column in batch.columns)
            rejects.add(int(numbers[row]), "not UTF-8", line.decode(errors="replace"))
        return _decoded(numbers[good], batch.filter(pa.array(good)), rejects)
    return numbers, pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _is_text(values: Any) -> bool:
    try:
        for value in values:
            value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _features(
    numbers: np.ndarray, texts: pa.RecordBatch, table: Table, schema: pa.Schema, names: Sequence[str], rejects: Rejects
) -> pa.RecordBatch:
    values: dict[str, pa.Array] = {}
    optional: list[_Wrong] = []
    bad = np.zeros(texts.num_rows, bool)

    def reject(wrong: _Wrong) -> None:
        for row in np.flatnonzero(wrong.mask & ~bad).tolist():
            reason = wrong.kind if wrong.detail is None else f"{wrong.kind}: '{shown(wrong.detail[row].as_py())}'"
            line = "\t".join(column[row].as_py() for column in texts.columns)
            rejects.add(int(numbers[row]), reason, line)
        np.logical_or(bad, wrong.mask, out=bad)

    for column in table.columns:
        place = column.place(names)
        if place is None:
            values[column.name] = pa.nulls(texts.num_rows, column.type)
            continue
        values[column.name], found = _value(column, texts.column(place))
        for wrong in found:
            reject(wrong) if column.required else optional.append(wrong)
    if table.rule:
        for mask, reason in table.rule(values):
            reject(_Wrong(mask, reason))
    for wrong in optional:
        rejects.leave_out(wrong.kind, int((wrong.mask & ~bad).sum()))
    kept = {name: value.filter(pa.array(~bad)) for name, value in values.items()}
    return _assembled(kept, table, schema)


@dataclass(frozen=True, slots=True)
class _Wrong:
    """Rows with a value that is none, and why."""

    mask: Mask
    kind: str
    detail: pa.Array | None = None
    """The values, where they are to be told."""


def _value(column: Column, texts: pa.Array) -> tuple[pa.Array, list[_Wrong]]:
    """A column's values, null where there is none, and what is wrong with them."""
    parse, kind, wanted = PARSERS[column.kind]
    parsed, unread = parse(texts)
    wrong = [_Wrong(unread, f"{column.name} is not {wanted}", texts)]
    if column.unknown:
        missing = np.isin(parsed.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False), column.unknown)
        parsed = pc.if_else(pa.array(missing), pa.scalar(None, kind), parsed)
    if column.required:
        wrong.append(_Wrong(~_known(parsed), f"{column.name} is missing"))
    if column.limit:
        beyond = _beyond(parsed, column.limit)
        wrong.append(_Wrong(beyond, f"{column.name} is beyond {column.limit}"))
        parsed = pc.if_else(pa.array(beyond), pa.scalar(None, kind), parsed)
    return parsed, wrong


def _assembled(values: dict[str, pa.Array], table: Table, schema: pa.Schema) -> pa.RecordBatch:
    if table.derived:
        values = {**values, **table.derived(values)}
    if table.geometry:
        shapes = table.geometry(values)
    elif table.point:
        x, y = (
            values[name].cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False) for name in table.point
        )
        shapes = point_wkb(x, y)
    else:
        shapes = pa.nulls(len(next(iter(values.values()))), pa.binary())
    columns = [shapes, *(values[item.name].cast(item.type) for item in schema)]
    return pa.RecordBatch.from_arrays(columns, names=[GEOMETRY, *schema.names])


def _known(column: pa.Array) -> Mask:
    known: Mask = column.is_valid().to_numpy(zero_copy_only=False)
    return known


def _beyond(column: pa.Array, limit: float) -> Mask:
    numbers = column.cast(pa.float64()).fill_null(0.0).to_numpy(zero_copy_only=False)
    beyond: Mask = np.abs(numbers) > limit
    return beyond
