from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jeospark.engine import ledger
from jeospark.engine.job import Job
from jeospark.engine.order import FORM, name_after
from jeospark.engine.standing import latest
from jeospark.model import Outcome


def test_names_sort_by_time_and_are_never_the_same():
    names = [name_after([]) for _ in range(100)]
    assert len(set(names)) == 100
    assert [name[:23] for name in names] == sorted(name[:23] for name in names)
    assert abs(datetime.now(UTC) - datetime.strptime(names[-1][:23], FORM).replace(tzinfo=UTC)) < timedelta(minutes=1)


def test_a_clock_that_is_behind_changes_no_order():
    ahead = f"{datetime.now(UTC) + timedelta(days=400):{FORM}}-ffff"
    second = name_after(["20190714T093000.000000Z", ahead])
    third = name_after([ahead, second])
    assert ahead < second < third


def standing(tmp_path, *attempts):
    """How one unit stands after attempts, each one row."""
    job = Job(recipe="{}", catalog="", grid="", output=str(tmp_path))
    for name, row in attempts:
        ledger.write_part(job, name, 0, [row])
        ledger.close(job, name)
    ledger.tidy(job)
    (found,) = latest(job)
    return found


def published(tmp_path):
    href = tmp_path / "t" / "t_m.tif"
    href.parent.mkdir()
    href.touch()
    href.with_suffix(".json").touch()
    return str(href)


ROW = Outcome(unit_id="t/m", tile="t", period="m", status="done", digest="d")


def test_the_attempt_that_made_a_unit_stands_though_one_that_began_later_had_failed_before(tmp_path):
    made = replace(ROW, href=published(tmp_path), seconds=7.0)
    failed = replace(ROW, status="failed", error="StorageError")
    assert standing(tmp_path, ("2020-a", made), ("2020-b", failed)).seconds == 7.0


def test_a_failure_stands_where_the_result_is_gone_or_another(tmp_path):
    made = replace(ROW, href=published(tmp_path))
    failed = replace(ROW, status="failed", error="StorageError")
    Path(made.href).with_suffix(".json").unlink()
    assert standing(tmp_path, ("2020-a", made), ("2020-b", failed)).status == "failed"
    Path(made.href).with_suffix(".json").touch()
    other = replace(failed, digest="e")
    assert standing(tmp_path, ("2020-c", made), ("2020-d", other)).status == "failed"


def test_a_finished_attempt_keeps_one_file_and_one_that_was_cut_off_all_its_rows(tmp_path):
    job = Job(recipe="{}", catalog="", grid="", output=str(tmp_path))
    for name in ("2020-a", "2020-b"):
        for task in (0, 1):
            ledger.write_part(job, name, task, [replace(ROW, unit_id=f"{name}/{task}")])
    ledger.close(job, "2020-a")
    # An executor that was given up for lost may write its rows yet.
    ledger.write_part(job, "2020-a", 1, [replace(ROW, unit_id="2020-a/1")])
    ledger.tidy(job)
    files = {path.name for path in Path(ledger.path(job, "2020-a")).iterdir()}
    assert files == {ledger.WHOLE}
    assert [row.unit_id for row in latest(job)] == ["2020-a/0", "2020-a/1", "2020-b/0", "2020-b/1"]


def test_names_that_somebody_else_has_put_there_do_not_count():
    ahead = "20991231T000000.000000Z-3fa2"
    assert name_after([ahead, "copy of 2019", "x"]) > ahead
    assert name_after(["x"]) < ahead
