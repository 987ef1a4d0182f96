import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import numpy as np
import pyarrow as pa
import pytest

from jeospark.model import Outcome, Reject
from jeospark.output import OutputBand
from jeospark.raster.quicklook import quicklook
from jeospark.report.chain import steps
from jeospark.report.numbers import NOTHING, duration, grouped, percent, short, size, tallies, totals
from jeospark.report.page import MAX_PICTURES, write_report
from jeospark.report.parts import MAX_ERRORS
from jeospark.report.record import RunInfo, TileArea
from jeospark.report.svg import MAX_COLUMNS, MAX_ROWS, coverage_map, matrix, state
from jeospark.schema import outcome_batch

RECIPE = """{"process_graph": {
"save": {"process_id": "save_result", "result": true,
  "arguments": {"data": {"from_node": "month"}, "format": "GTiff"}},
"load": {"process_id": "load_collection", "arguments": {"id": "S2 & <b>", "bands": ["B4", "B8A"]}},
"month": {"process_id": "aggregate_temporal_period", "arguments": {"data": {"from_node": "load"}, "period": "month",
  "reducer": {"process_graph": {"m": {"process_id": "median",
  "arguments": {"data": {"from_parameter": "data"}}}}}}}}}"""
SQUARE = ((10.0, 45.0), (11.0, 45.0), (11.0, 46.0), (10.0, 46.0), (10.0, 45.0))


def outcome_of(tile="r1c1", period="2019-07", status="done", **changes):
    given = {"pixels": 100, "pixels_valid": 80, "seconds": 2.0, "seconds_read": 1.0, "seconds_write": 0.5} | changes
    return Outcome(unit_id=f"{tile}/{period}", tile=tile, period=period, status=status, **given)


def rows(outcomes):
    return pa.Table.from_batches([outcome_batch(outcomes)])


def tally(*outcomes):
    """What is told of all of them."""
    table = rows(outcomes).append_column("all", pa.array(["all"] * len(outcomes)))
    return tallies(table, ["all"]).get(("all",), NOTHING)


def run_of(**changes):
    given = {
        "title": "NDVI <of> Romania", "recipe_id": "ab" * 32, "recipe_json": RECIPE, "grid": "EPSG:3035",
        "period": "month",
        "started": datetime(2026, 11, 22, 9, 5, tzinfo=UTC), "seconds": 61.0, "cores": 2,
        "command": "jeospark run $recipe > log", "resume_command": "jeospark resume out", "inputs": {"Items": "140"},
        "versions": {"GDAL": "3.10"}, "tiles": (TileArea(tile="r1c1", ring=SQUARE),),
    }  # fmt: skip
    return RunInfo(**given | changes)


def written(folder, run, outcomes):
    href = write_report(str(folder), run, rows(outcomes))
    assert href == f"{folder}/report.html"
    return (folder / "report.html").read_text(encoding="utf-8")


class _Balance(HTMLParser):
    """Fails on a tag closed that is not open."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, _attrs):
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_asks_nothing_of_the_network(tmp_path):
    text = written(tmp_path, run_of(), [outcome_of(), outcome_of(status="failed", period="2019-08", message="m")])
    parser = _Balance()
    parser.feed(text)
    assert parser.open == []
    assert re.findall(r"https?://|<script|<link|@import", text) == []


def test_what_comes_from_outside_is_escaped(tmp_path):
    bad = outcome_of(status="failed", error="Error", message="<script>alert(1)</script>", item_id="<i>", band='"')
    text = written(tmp_path, run_of(), [bad])
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "NDVI &lt;of&gt; Romania" in text
    assert "S2 &amp; &lt;b&gt;" in text
    assert "jeospark run $recipe &gt; log" in text


def test_the_same_outcomes_in_any_order_give_the_same_page(tmp_path):
    outcomes = [outcome_of(tile, period) for tile in "abc" for period in ("2019", "2020")]
    assert written(tmp_path, run_of(), outcomes) == written(tmp_path, run_of(), outcomes[::-1])


@pytest.mark.parametrize(
    ("outcomes", "mood", "said"),
    [
        ([outcome_of()], "good", "1 of 1 units are published."),
        ([outcome_of(), outcome_of("b", status="failed")], "bad", "1 of 2 units are published, 1 failed."),
        ([outcome_of(status="empty"), outcome_of("b")], "good", "1 of 2 units are published, 1 had no usable pixel."),
        ([], "good", "0 of 0 units are published."),
    ],
)
def test_the_verdict(tmp_path, outcomes, mood, said):
    text = written(tmp_path, run_of(), outcomes)
    assert f'<p class="verdict {mood}">{said}</p>' in text


def test_each_bad_asset_has_a_row_with_its_cause(tmp_path):
    reject = Reject(item_id="S2A_1", band="B8A", asset="/a.tif", error="AssetMissingError", message="no file")
    text = written(
        tmp_path, run_of(), [outcome_of(rejects=(reject,)), outcome_of("b", status="failed", rejects=(reject, reject))]
    )
    assert text.count("<code>AssetMissingError</code>") == 3
    assert text.count("left out</td>") == 1
    assert text.count(">failed</td>") == 2
    assert "1 of 2 units are published, 1 failed." in text


def test_a_flood_of_errors_is_cut_and_said(tmp_path):
    outcomes = [outcome_of(f"t{index:04}", status="failed", error="E") for index in range(MAX_ERRORS + 7)]
    text = written(tmp_path, run_of(), outcomes)
    assert text.count("<code>E</code>") == MAX_ERRORS
    assert "7 more are in the ledger" in text


def test_pictures_are_inside_the_page_and_bounded(tmp_path):
    outcomes = []
    for index in range(MAX_PICTURES + 3):
        href = tmp_path / f"t{index}" / "2019.tif"
        quicklook(np.ones((1, 4, 4)), np.ones((1, 4, 4), bool), [OutputBand(name="x")], str(href.with_suffix(".png")))
        outcomes.append(outcome_of(f"t{index}", "2019", href=str(href)))
    outcomes.append(outcome_of("without", "2018", href=str(tmp_path / "without.tif")))
    text = written(tmp_path, run_of(), outcomes)
    assert MAX_PICTURES - 1 <= text.count("data:image/png;base64,") <= MAX_PICTURES
    assert 'href="t0/2019.tif"' in text


def test_a_million_cells_are_not_drawn():
    outcomes = [outcome_of(f"t{row:03}", f"p{column:03}") for row in range(90) for column in range(90)]
    assert matrix(rows(outcomes)).count("<rect") == MAX_ROWS * MAX_COLUMNS


def test_drawings_are_xml():
    areas = [TileArea(tile="a<b", ring=SQUARE), TileArea(tile="c", ring=SQUARE)]
    drawing = ET.fromstring(coverage_map(areas, tallies(rows([outcome_of("a<b")]), ["tile"])))
    classes = [each.get("class") for each in drawing.iter("polygon")]
    assert classes == ["tile s4", "tile none"]
    assert {each.text for each in drawing.iter("text")} >= {"10.0°E", "11.0°E", "45.0°N", "46.0°N"}
    ET.fromstring(matrix(rows([outcome_of("a<b")])))


def test_tiles_at_both_sides_of_the_antimeridian_lie_side_by_side():
    east = tuple((lon + 169, lat) for lon, lat in SQUARE)
    west = tuple((lon - 190, lat) for lon, lat in SQUARE)
    drawing = ET.fromstring(
        coverage_map([TileArea(tile="e", ring=east), TileArea(tile="w", ring=west)], {("e",): tally(outcome_of("e"))})
    )
    first, second = (
        [float(point.split(",")[0]) for point in each.get("points").split()] for each in drawing.iter("polygon")
    )
    assert max(first) == pytest.approx(min(second), abs=0.2)
    assert "180.0°E" in {each.text for each in drawing.iter("text")}
    assert "179.0°W" in {each.text for each in drawing.iter("text")}


def test_a_tile_across_the_antimeridian_is_drawn_whole():
    parts = [tuple((lon + move, lat) for lon, lat in SQUARE) for move in (169, -190)]
    drawing = ET.fromstring(
        coverage_map([TileArea(tile="e", ring=ring) for ring in parts], {("e",): tally(outcome_of("e"))})
    )
    assert [each.get("class") for each in drawing.iter("polygon")] == ["tile s4", "tile s4"]


def test_state_of_units():
    assert state(tally()) == "none"
    assert state(tally(outcome_of(status="failed"))) == "failed"
    assert state(tally(outcome_of(pixels_valid=0, status="empty"))) == "s0"
    assert state(tally(outcome_of(pixels_valid=1))) == "s1"
    assert state(tally(outcome_of(pixels_valid=100), outcome_of(status="failed", pixels_valid=0))) == "s5 some-failed"
    assert state(tally(outcome_of(status="skipped", pixels_valid=0))) == "kept"


def test_totals():
    sums = totals(rows([outcome_of(peak_mb=5, host="a"), outcome_of(status="failed", peak_mb=9, host="b")]))
    assert sums.statuses == {"done": 1, "skipped": 0, "empty": 0, "failed": 1}
    assert (sums.pixels, sums.peak_mb, sums.hosts, sums.units) == (100, 9, 2, 2)
    assert sums.phases == {"read": 2.0, "warp": 0.0, "compute": 0.0, "write": 1.0, "other": 1.0}
    assert tally(outcome_of(), outcome_of(status="failed", pixels_valid=0)).share == 0.8
    assert tally().share is None


def test_steps_follow_the_data():
    assert steps(RECIPE) == [
        ("load_collection", "id S2 & <b>, bands B4, B8A"),
        ("aggregate_temporal_period", "period month, reducer median"),
        ("save_result", "format GTiff"),
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (grouped(1234567), "1\u2009234\u2009567"),
        (short(13_340_000_000), "13.3 G"),
        (short(999), "999 "),
        (size(654), "654 B"),
        (size(1.5e6), "1.5 MB"),
        (duration(4.23), "4.2 s"),
        (duration(200), "3 min 20 s"),
        (duration(7500), "2 h 05 min"),
        (percent(0.9999), "99.9 %"),
        (percent(1.0), "100 %"),
        (percent(0.174), "17 %"),
    ],
)
def test_numbers_are_written_for_readers(text, wanted):
    assert text == wanted
