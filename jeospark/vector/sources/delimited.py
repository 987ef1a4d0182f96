"""Texts of columns, gzipped or not: CSV and its kin, with points as x and y or well-known text or binary."""

import codecs
import csv
import io
import itertools
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv

from jeospark.errors import VectorEncodingError, VectorSourceError
from jeospark.vector.sources.columns import distinct, tidy
from jeospark.vector.sources.points import MADE, check_columns, srids_crs, srids_of, with_geometry
from jeospark.vector.sources.request import Opened, Request

BLOCK = 8 << 20
"""Bytes of text that are parsed at a time."""
_WHOLE = r"^[+-]?(0|[1-9]\d{0,18})$"
_LONG = r"^[+-]?\d{17,}$"
"""Whole numbers that a number of 64 bits with a point may not hold, as ids are."""
_REAL = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_LEADING_ZERO = r"^[+-]?0\d"
_ABSENT = pa.array(["NA", "N/A", "NaN", "nan"])
"""No value in a column of numbers or instants; a text like any other else."""
_KINDS = (pa.int64(), pa.float64(), pa.timestamp("us"), pa.timestamp("us", tz="UTC"))


def open_delimited(request: Request, path: str) -> Opened:
    """Open a text of columns with a header.

    Raises:
        VectorSourceError: It is no such text, or the request's columns are not in it.
        VectorEncodingError: It is not in the encoding given, UTF-8 by default.
    """
    delimiter = request.delimiter or sniff(path, request)
    names, *_ = _header(request, path, delimiter)
    check_columns(request, names)
    types, srids = _survey(request, path, delimiter, names)
    types |= _known_types(request, names)
    crs, crs_from = srids_crs(srids, request)

    def read(_: None) -> Iterator[pa.RecordBatch]:
        row, nothing = 0, pa.RecordBatch.from_pylist([], pa.schema([(name, pa.string()) for name in names]))
        # The columns of a text without rows are of use too.
        for batch in itertools.chain([nothing], _texts(request, path, delimiter)):
            typed = [_typed(batch.column(name), name, types.get(name, pa.string()), request.href) for name in names]
            made = with_geometry(pa.RecordBatch.from_arrays(typed, names=names), request, row)
            yield tidy(made, MADE, request.href)
            row += batch.num_rows

    return Opened(
        driver="CSV",
        layer=None,
        crs=crs,
        crs_from=crs_from,
        read=read,
        id=next((name for name in names if name.lower() == "id"), None),
    )


def sniff(path: str, request: Request) -> str:
    """The delimiter of a text: a tab in .tsv, else the most frequent of four in the first line.

    Raises:
        VectorSourceError: The file is not there, or empty.
        VectorEncodingError: See `open_delimited`.
    """
    if not Path(path).exists():
        raise VectorSourceError("there is no such file", where=request.href)
    try:
        with pa.input_stream(path) as stream:
            head = bytes(stream.read(1 << 16))
        lines = head.decode(request.encoding or "utf-8", errors="ignore").removeprefix("\ufeff").splitlines()
    except OSError as error:
        raise _damaged(request.href, error) from error
    first = next(filter(str.strip, lines), None)
    if first is None:
        raise VectorSourceError("it is empty", where=request.href)
    if ".tsv" in Path(path).suffixes:
        return "\t"
    return max(",;\t|", key=first.count)


def _texts(request: Request, path: str, delimiter: str) -> Iterator[pa.RecordBatch]:
    """The whole table, all columns as text."""
    header, lines, more = _header(request, path, delimiter)
    if not more:
        # Arrow takes a header that no line ends for half a file.
        return
    try:
        reader = pv.open_csv(
            pa.input_stream(path),
            read_options=pv.ReadOptions(
                block_size=BLOCK, encoding=request.encoding or "utf8", column_names=header, skip_rows=lines
            ),
            parse_options=pv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                null_values=["", "NULL", "null", "\\N"],
            ),
        )  # fmt: skip
        yield from reader
    except UnicodeDecodeError as error:
        raise _encoding(request, error) from error
    except (pa.ArrowInvalid, OSError) as error:
        # Arrow tells bad bytes and bad tables in one class; the bytes can be asked themselves.
        _check_encoding(request, path)
        raise _damaged(request.href, error) from error


def _header(request: Request, path: str, delimiter: str) -> tuple[list[str], int, bool]:
    """Names of the columns, the lines to the end of the one that tells them, and True where something follows."""
    with pa.input_stream(path) as stream:
        head = bytes(stream.read(1 << 16)).decode(request.encoding or "utf-8-sig", errors="replace")
    reader = csv.reader(io.StringIO(head.removeprefix("\ufeff"), newline=None), delimiter=delimiter)
    names = next(row for row in reader if any(map(str.strip, row)))
    if any("\ufffd" in name for name in names):
        _check_encoding(request, path)
    if len(set(names)) < len(names):
        raise VectorSourceError("two columns have one name", where=request.href, remedy="Rename one in the file.")
    return names, reader.line_num, next(reader, None) is not None


def _check_encoding(request: Request, path: str) -> None:
    """Make sure that a text is in its encoding, as far as it can be read.

    Raises:
        VectorEncodingError: It is not.
    """
    # It remembers a character that is cut at the end of a block.
    decoder = codecs.getincrementaldecoder(request.encoding or "utf-8")()
    try:
        with pa.input_stream(path) as stream:
            while block := bytes(stream.read(BLOCK)):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise _encoding(request, error) from error
    except OSError:
        return


def _known_types(request: Request, names: list[str]) -> dict[str, pa.DataType]:
    """Types of the columns that a layer has already, under the names of the text."""
    kept = [name for name in names if name != request.wkt]
    pairs = zip(kept, distinct(kept), strict=True)
    return {name: request.types.field(there).type for name, there in pairs if there in request.types.names}


def _survey(request: Request, path: str, delimiter: str, names: list[str]) -> tuple[dict[str, pa.DataType], set[int]]:
    """Types of the columns, and SRIDs of the geometries.

    A type is the first of whole number, number, instant that all values of a column are; else text.
    """
    # Coordinates of one file may be whole, or missing, by chance.
    coordinates = {request.x, request.y}
    possible = {name: [pa.float64()] if name in coordinates else list(_KINDS) for name in names}
    seen = {name for name in names if name in coordinates}
    srids: set[int] = set()
    for batch in _texts(request, path, delimiter):
        srids |= srids_of(batch.column(request.wkt)) if request.wkt else set()
        for name in batch.schema.names:
            column = _present(batch.column(name).drop_null())
            if len(column):
                seen.add(name)
                possible[name] = [kind for kind in possible[name] if _fits(column, kind)]
    text = pa.string()
    return {name: (kinds[0] if kinds and name in seen else text) for name, kinds in possible.items()}, srids


def _fits(column: pa.Array, kind: pa.DataType) -> bool:
    if not pa.types.is_timestamp(kind):
        pattern, coded = (_WHOLE, _LEADING_ZERO) if pa.types.is_integer(kind) else (_REAL, f"{_LEADING_ZERO}|{_LONG}")
        if pc.any(pc.match_substring_regex(column, coded)).as_py():
            return False
        if not pc.all(pc.match_substring_regex(column, pattern)).as_py():
            return False
    try:
        # A look at one value spares most columns the cost of a cast that fails.
        _cast(column.slice(0, 1), kind)
        _cast(column, kind)
    except pa.ArrowInvalid:
        return False
    return True


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    plain = pc.replace_substring_regex(column, r"^\+", "") if pa.types.is_integer(kind) else column
    return plain.cast(kind)


def _present(column: pa.Array) -> pa.Array:
    """The values without those that mean none among numbers; among texts they may mean Namibia."""
    return column.filter(pc.invert(pc.is_in(column, _ABSENT)))


def _typed(column: pa.Array, name: str, kind: pa.DataType, where: str) -> pa.Array:
    if kind == column.type:
        return column
    known = pc.if_else(pc.is_in(column, _ABSENT), pa.scalar(None, pa.string()), column)
    try:
        return _cast(known, kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise VectorSourceError(
            f"column {name} is {kind} in the layer, which a value here is not ({error})",
            where=where,
            remedy="Correct the file, or add it as a layer of its own.",
        ) from error


def _encoding(request: Request, error: Exception) -> VectorEncodingError:
    return VectorEncodingError(
        f"it is not {request.encoding or 'UTF-8'} ({' '.join(str(error).split())[:120]})",
        where=request.href,
        remedy="Say what it is with --encoding, such as --encoding ISO-8859-1.",
    )


def _damaged(where: str, error: Exception) -> VectorSourceError:
    text = " ".join(str(error).split())
    return VectorSourceError(
        f"it is no table of columns, or cut short ({text[:200]})",
        where=where,
        remedy="Check the file and its delimiter.",
    )
