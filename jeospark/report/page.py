"""Puts a report together and publishes it."""

import base64
import os.path
from html import escape
from importlib.resources import files
from string import Template

import pyarrow as pa
import pyarrow.compute as pc

from jeospark.report import parts
from jeospark.report.numbers import Totals, duration, grouped, tallies, totals
from jeospark.report.record import RunInfo
from jeospark.storage.href import join, with_suffix
from jeospark.storage.publish import exists, read_bytes, write_text_atomic

REPORT_FILE = "report.html"
MAX_PICTURES = 24


def write_report(folder: str, run: RunInfo, outcomes: pa.Table) -> str:
    """Publish the report of a run as one HTML file without outside references; returns its href.

    Args:
        folder: Output folder of the run; quicklooks are looked for beside the COGs, `.png` for `.tif`.
        run: What the run was.
        outcomes: Rows of `jeospark.schema.OUTCOMES`, one a unit, in any order.

    Raises:
        DiskFullError: No space is left.
        OutputUnwritableError: The folder cannot be written.
    """
    ordered = outcomes.sort_by([(column, "ascending") for column in ("period", "tile", "unit_id")])
    href = join(folder, REPORT_FILE)
    write_text_atomic(href, page(folder, run, ordered))
    return href


def page(folder: str, run: RunInfo, outcomes: pa.Table) -> str:
    """The report's HTML; see `write_report`."""
    sums = totals(outcomes)
    mood, verdict = _verdict(sums, outcomes)
    here = files("jeospark.report")
    return Template(here.joinpath("page.html").read_text(encoding="utf-8")).substitute(
        title=escape(run.title),
        style=here.joinpath("style.css").read_text(encoding="utf-8"),
        mood=mood,
        verdict=escape(verdict),
        when=escape(f"Started {run.started:%d %B %Y, %H:%M} UTC, took {duration(run.seconds)}"),
        body=_body(folder, run, outcomes, sums),
        footer=f"Results are in <code>{escape(folder)}</code>.",
    )


def _body(folder: str, run: RunInfo, outcomes: pa.Table, sums: Totals) -> str:
    return "\n".join(
        (
            parts.figures(run, sums),
            parts.errors(outcomes),
            parts.coverage(run, outcomes),
            parts.pictures(*_pictures(folder, outcomes)),
            _pair(parts.seconds(sums), parts.slowest(outcomes)),
            _pair(parts.recipe(run), parts.provenance(run)),
            parts.again(run),
        )
    )


def _pair(*boxes: str) -> str:
    return f'<div class="pair">{"".join(boxes)}</div>'


def _verdict(sums: Totals, outcomes: pa.Table) -> tuple[str, str]:
    """Mood (CSS class) and sentence."""
    published = f"{grouped(sums.statuses['done'] + sums.statuses['skipped'])} of {grouped(sums.units)} units"
    told = f"{published} are published"
    if sums.statuses["empty"]:
        told += f", {grouped(sums.statuses['empty'])} had no usable pixel"
    if sums.statuses["failed"]:
        return "bad", f"{told}, {grouped(sums.statuses['failed'])} failed."
    left_out = pc.sum(pc.list_value_length(outcomes.column("rejects"))).as_py()
    if left_out:
        return "warn", f"{told}; {grouped(left_out)} bad assets were left out."
    return "good", f"{told}."


def _pictures(folder: str, outcomes: pa.Table) -> tuple[list[parts.Picture], int]:
    """At most `MAX_PICTURES` quicklooks, evenly taken, and how many are left."""
    published = outcomes.filter(pc.field("href").is_valid() & pc.field("status").isin(["done", "skipped"]))
    step = max(1.0, len(published) / MAX_PICTURES)
    places = [int(index * step) for index in range(min(len(published), MAX_PICTURES))]
    chosen = published.take(pa.array(places, pa.int64()))
    shares = tallies(chosen, ["unit_id"])
    shown = []
    for unit_id, href in zip(chosen.column("unit_id").to_pylist(), chosen.column("href").to_pylist(), strict=True):
        quicklook = with_suffix(href, ".png")
        if exists(quicklook):
            uri = "data:image/png;base64," + base64.b64encode(read_bytes(quicklook)).decode("ascii")
            place = os.path.relpath(href, folder)
            shown.append(parts.Picture(unit_id=unit_id, share=shares[unit_id,].share, href=place, uri=uri))
    return shown, len(published) - len(shown)
