"""`jeospark sql`."""

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jeospark.cli import options
from jeospark.errors import FormatError, SqlError
from jeospark.words import numbered

if TYPE_CHECKING:
    from jeospark.sql.answer import Answer

FORMATS = ("table", "csv", "geojson", "geoparquet", "gpkg", "arrow")


@click.command(epilog='Example: jeospark sql "SELECT collection, count(*) FROM items GROUP BY collection"')
@click.argument("query", required=False)
@click.option(
    "--file",
    "-f",
    "script",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="Statements separated by ;, - for stdin.",
)
@click.option("--output", "-o", metavar="FILE", help="Write the last answer there, in the format of its suffix.")
@click.option("--format", "kind", type=click.Choice(FORMATS), help="Format, whatever the suffix says.")
@click.option("--crs", metavar="CODE", help="CRS of geometries that have none, such as EPSG:3035.")
@click.option("--ledger", "outputs", multiple=True, metavar="FOLDER", help="Output folder of a run, for `outcomes`.")
@click.option("--max-rows", type=click.IntRange(min=1), help="Refuse an answer of more rows.")
@click.option("--max-bytes", type=click.IntRange(min=1), help="Refuse an answer of more bytes (as Arrow).")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds a statement may take.")
@click.option("--definitions", is_flag=True, help="Print the statements that make the tables, for `spark-sql -i`.")
@options.catalog
def sql(
    query: str | None,
    script: str | None,
    output: str | None,
    kind: str | None,
    crs: str | None,
    outputs: tuple[str, ...],
    max_rows: int | None,
    max_bytes: int | None,
    timeout: float | None,
    definitions: bool,
    catalog: str | None,
) -> None:
    """Answer QUERY over catalogue, vector layers and ledgers; without a query, prompt for some.

    Tables are collections, items, assets, bands, outcomes, and one for each vector layer. Functions are those of Spark
    and of Sedona (ST_…).
    """
    from jeospark.sql.limits import Limits
    from jeospark.sql.registry import folder_of, tables
    from jeospark.sql.relation import session_statements
    from jeospark.sql.session import session

    root = folder_of(catalog)
    if definitions:
        click.echo(";\n".join(session_statements(tables(root, outputs))) + ";")
        return
    text = _text(query, script)
    kind = _checked(output, kind, crs)
    limits = Limits(rows=max_rows, seconds=timeout, nbytes=max_bytes)
    spark = session(root, outputs=outputs)
    if text is None:
        from jeospark.sql.prompt import prompt

        prompt(spark, limits)
        return
    from jeospark.sql.display import ROWS
    from jeospark.sql.query import run

    whole = output is not None or kind not in {None, "table"} or max_rows is not None
    for answer in run(spark, text, limits=limits, head=None if whole else ROWS):
        last = answer
        if output is None and kind in {None, "table"} and answer.table.num_columns:
            click.echo(repr(answer))
    if output is not None or kind not in {None, "table"}:
        _deliver(last, output, kind, crs)


def _text(query: str | None, script: str | None) -> str | None:
    """What was asked; None for a person at a terminal who has not asked yet."""
    if query is not None and script is not None:
        raise click.UsageError("give a query or --file, not both")
    if query is None and script is None:
        return None if sys.stdin.isatty() else sys.stdin.read()
    if script is None:
        return query
    with click.open_file(script, "rb") as file:
        text = file.read()
    try:
        # Editors of Windows begin a file with a mark of its encoding.
        return bytes(text).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SqlError("it is no UTF-8 text", where=script, remedy="Save it in UTF-8.") from error


def _checked(output: str | None, kind: str | None, crs: str | None) -> str | None:
    """The format; what is typed wrongly is told before Spark takes its seconds to start."""
    from jeospark.sql.crs import parse_crs
    from jeospark.sql.formats import TEXTS, format_of
    from jeospark.storage.publish import output_path

    if crs is not None:
        parse_crs(crs)
    if output is not None:
        output_path(output)
        kind = kind or format_of(output)
    if output is None and kind is not None and kind not in TEXTS:
        raise FormatError(f"{kind} is no text", remedy="Name a file with -o.")
    return kind


def _deliver(answer: "Answer", output: str | None, kind: str | None, crs: str | None) -> None:
    from jeospark.sql.formats import write

    if output is not None:
        write(answer, output, kind, crs)
        click.echo(f"{output}: {numbered(len(answer), 'row')}")
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "answer")
            write(answer, str(path), kind, crs)
            click.echo(path.read_text(encoding="utf-8"), nl=False)
