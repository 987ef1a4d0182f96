"""The sections of a report, each a piece of HTML from figures; everything that comes from outside is escaped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import pyarrow as pa
import pyarrow.compute as pc

from jeospark.model import Outcome
from jeospark.report.chain import steps
from jeospark.report.numbers import Totals, duration, grouped, percent, short, size, tallies
from jeospark.report.record import RunInfo
from jeospark.report.svg import MAX_COLUMNS, MAX_ROWS, coverage_map, matrix
from jeospark.schema import outcome_of

MAX_ERRORS = 200
OPEN_ERRORS = 8
"""Rows that are seen without a click."""
WIDE = 24
"""Periods from which the matrix takes the whole width."""
MAX_SLOW = 10
_LEGEND = (
    ("s0", "nothing usable"), ("s1", "up to 20 %"), ("s2", "40 %"), ("s3", "60 %"), ("s4", "80 %"), ("s5", "100 %"),
    ("kept", "unchanged"), ("failed", "failed (red outline: some of it)"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The quicklook of a unit."""

    unit_id: str
    share: float | None
    """Of usable pixels, 0..1; None where it is not known."""
    href: str
    """Of the COG, seen from the report."""
    uri: str
    """The picture as a data URI."""


def section(title: str, body: str) -> str:
    """A titled box."""
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def figures(run: RunInfo, sums: Totals) -> str:
    """The run in eight numbers."""
    counts = sums.statuses
    rate = sums.pixels_read / run.seconds if run.seconds else 0.0
    skipped = sums.pixels_skipped / max(sums.pixels_skipped + sums.pixels_read, 1)
    cells = (
        ("Units done", grouped(counts["done"]), f"of {grouped(sums.units)}"),
        ("Unchanged", grouped(counts["skipped"]), "published before"),
        ("Empty", grouped(counts["empty"]), "no usable pixel"),
        ("Failed", grouped(counts["failed"]), "see below" if counts["failed"] else ""),
        ("Wall time", duration(run.seconds), f"{run.cores} at a time"),
        ("Read", f"{short(sums.pixels_read)}px", f"{percent(skipped)} of it all was masked, never decoded"),
        ("Rate", f"{short(rate)}px/s", "source pixels, wall time"),
        ("Written", size(sums.bytes_written), f"{short(sums.pixels)}px of results"),
    )
    body = "".join(
        f"<div><dt>{name}</dt><dd>{value}<small>{escape(note)}</small></dd></div>" for name, value, note in cells
    )
    return f'<section class="figures" aria-label="Figures">{body}</section>'


def coverage(run: RunInfo, outcomes: pa.Table) -> str:
    """Where and when results are usable."""
    by_tile = tallies(outcomes, ["tile"])
    legend = "".join(f'<li><i class="{name}"></i>{text}</li>' for name, text in _LEGEND)
    legend = f'<ul class="legend" aria-label="Share of usable pixels">{legend}</ul>'
    drawn = len({area.tile for area in run.tiles})
    told = f"{grouped(drawn)} of {grouped(len(by_tile))} tiles are drawn." if drawn < len(by_tile) else ""
    boxes = []
    if run.tiles:
        boxes.append(section("Usable pixels by tile", coverage_map(run.tiles, by_tile) + legend + _note(told)))
    periods = pc.count_distinct(outcomes.column("period")).as_py()
    if periods:
        cut = len(by_tile) > MAX_ROWS or periods > MAX_COLUMNS
        note = f"The first {MAX_ROWS} tiles and {MAX_COLUMNS} periods are drawn; the ledger has all." if cut else ""
        drawing = f'<div class="scroll">{matrix(outcomes)}</div>{_note(note)}'
        boxes.append(section("Usable pixels by tile and period", drawing))
    return "".join(boxes) if periods >= WIDE else f'<div class="pair">{"".join(boxes)}</div>'


def seconds(sums: Totals) -> str:
    """Where the workers' time went."""
    whole = sum(sums.phases.values()) or 1.0
    shown = {name: value for name, value in sums.phases.items() if value > 0}
    bar = "".join(f'<i class="{name}" style="width:{100 * value / whole:.2f}%"></i>' for name, value in shown.items())
    rows = "".join(
        f'<tr><td><i class="{name}"></i>{name}</td><td class="n">{duration(value)}</td>'
        f'<td class="n">{percent(value / whole)}</td></tr>'
        for name, value in sums.phases.items()
    )
    head = '<tr><th>Phase</th><th class="n">Worker time</th><th class="n">Share</th></tr>'
    note = f"Largest worker process: {grouped(sums.peak_mb)} MiB. Hosts: {sums.hosts}." if sums.peak_mb else ""
    return section("Where the time went", f'<div class="bar">{bar}</div><table>{head}{rows}</table>{_note(note)}')


def slowest(outcomes: pa.Table) -> str:
    """The units that took longest."""
    shown = outcomes.select(["unit_id", "seconds", "items", "pixels_read"])
    longest = shown.sort_by([("seconds", "descending"), ("unit_id", "ascending")]).slice(0, MAX_SLOW)
    rows = [
        f'<tr><td>{escape(unit["unit_id"])}</td><td class="n">{duration(unit["seconds"])}</td>'
        f'<td class="n">{unit["items"]}</td><td class="n">{short(unit["pixels_read"])}px</td></tr>'
        for unit in longest.to_pylist()
        if unit["seconds"] > 0
    ]
    head = '<tr><th>Unit</th><th class="n">Time</th><th class="n">Items</th><th class="n">Read</th></tr>'
    return section("Slowest units", _table(head, rows)) if rows else ""


def errors(outcomes: pa.Table) -> str:
    """What failed, and what was left out, each with its cause."""
    rejects = pc.fill_null(pc.list_value_length(outcomes.column("rejects")), 0)
    rowless = pc.and_(pc.equal(rejects, 0), pc.equal(outcomes.column("status"), "failed"))
    count = pc.sum(pc.add(rejects, rowless.cast(pa.int32()))).as_py() or 0
    if not count:
        return ""
    told = outcomes.filter(pc.or_(pc.greater(rejects, 0), rowless)).slice(0, MAX_ERRORS)
    rows = [row for outcome in map(outcome_of, told.to_pylist()) for row in _error_rows(outcome)]
    note = f"{grouped(count - MAX_ERRORS)} more are in the ledger." if count > MAX_ERRORS else ""
    head = "<tr><th>Unit</th><th>Result</th><th>Item</th><th>Band</th><th>Error</th><th>What happened</th></tr>"
    seen, folded = rows[:OPEN_ERRORS], rows[OPEN_ERRORS:MAX_ERRORS]
    more = f"<details><summary>{len(folded)} more</summary>{_table(head, folded)}</details>" if folded else ""
    return section("Errors", _table(head, seen) + more + _note(note))


def _table(head: str, rows: Sequence[str]) -> str:
    return f'<div class="scroll"><table>{head}{"".join(rows)}</table></div>'


def _error_rows(outcome: Outcome) -> list[str]:
    rows = []
    if outcome.status == "failed" and not outcome.rejects:
        facts = (outcome.item_id, outcome.band, outcome.error, outcome.message)
        rows.append(_error_row(outcome, facts))
    rows += [_error_row(outcome, (bad.item_id, bad.band, bad.error, bad.message)) for bad in outcome.rejects]
    return rows


def _error_row(outcome: Outcome, facts: tuple[str | None, ...]) -> str:
    item, band, error, message = (escape(fact or "") for fact in facts)
    failed = outcome.status == "failed"
    word = '<td class="failed-word">failed</td>' if failed else '<td class="left-word">left out</td>'
    return (
        f'<tr><td class="unit">{escape(outcome.unit_id)}</td>{word}<td>{item}</td><td>{band}</td>'
        f'<td><code>{error}</code></td><td class="message">{message}</td></tr>'
    )


def pictures(shown: Sequence[Picture], left: int) -> str:
    """Quicklooks, and how many more there are."""
    if not shown:
        return ""
    note = f"{grouped(left)} more lie beside their COGs." if left else ""
    body = "".join(map(_picture, shown))
    return section("Pictures", f'<div class="pictures">{body}</div>{_note(note)}')


def _picture(shown: Picture) -> str:
    name = escape(shown.unit_id)
    told = "" if shown.share is None else percent(shown.share)
    return (
        f'<figure><a href="{escape(shown.href)}"><img src="{shown.uri}" alt="Quicklook of {name}"></a>'
        f"<figcaption><b>{name.replace('/', '/<wbr>')}</b><span>{told}</span></figcaption></figure>"
    )


def recipe(run: RunInfo) -> str:
    """What was computed."""
    chain = "".join(
        f"<li><b>{escape(process)}</b><span>{escape(arguments)}</span></li>"
        for process, arguments in steps(run.recipe_json)
    )
    raw = f"<details><summary>openEO process graph (JSON)</summary><pre>{escape(run.recipe_json)}</pre></details>"
    return section("Recipe", f'<ol class="chain">{chain}</ol>{raw}')


def provenance(run: RunInfo) -> str:
    """Inputs, grid, recipe id and software."""
    facts = {**run.inputs, "Grid": run.grid, "Period": run.period, "Recipe id": run.recipe_id}
    body = _facts(facts) + '<h2 style="margin-top:20px">Software</h2>' + _facts(run.versions)
    return section("Inputs", body)


def again(run: RunInfo) -> str:
    """How to repeat the run, and how to finish it."""
    return section(
        "Run again",
        f"The same run:<pre>{escape(run.command)}</pre>"
        f"Only what is missing or failed:<pre>{escape(run.resume_command)}</pre>",
    )


def _facts(facts: Mapping[str, str]) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    return f'<dl class="facts">{rows}</dl>'


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>' if text else ""
