"""The short form of scripts/chaos.py: real runs are broken, and what comes of them is compared with one in peace."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.mark.spark
def test_killed_drivers_and_workers_bad_assets_and_a_full_disk_lose_nothing(tmp_path):
    done = subprocess.run(
        [
            sys.executable, str(SCRIPTS / "chaos.py"), "--size", "small", "--times", "2", "--seed", "7",
            "--faults", "assets", "output", "--folder", str(tmp_path),
        ],
        capture_output=True, text=True, timeout=900, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    rows = done.stdout.rpartition("\n\n")[2].splitlines()
    assert [re.split(r"\s{2,}", row)[1] for row in rows[:-1]] == [
        "kill driver", "kill python worker", "bad assets", "disk full: output",
    ]  # fmt: skip
    assert rows[-1] == "4 of 4 held"


@pytest.fixture
def check(monkeypatch):
    """The module that tells whether something holds."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("chaos_check")


@pytest.fixture
def output(tmp_path):
    """A folder as a run leaves it, and what is in its units."""
    for name in ("t/t_m.tif", "t/t_m.json", "t/t_m.png", "run.json", "plan/a/part-0.parquet", "ledger/b/x.parquet"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def test_the_comparison_sees_what_is_missing_too_much_and_other(check, output):
    whole = check.contents(output)
    assert sorted(whole) == ["t/t_m.json", "t/t_m.png", "t/t_m.tif"]
    assert [*check.differences(output, whole), *check.strays(output, whole)] == []
    (output / "t" / "t_m.tif").write_text("other")
    (output / "t" / "t_m.png").unlink()
    (output / "t" / "t_n.tif").write_text("more")
    assert [text.split(", as ")[0] for text in check.differences(output, whole)] == [
        "1 files are missing", "1 files too many", "1 files differ",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["t/.t_m.tif.x.part", ".run.json.x.part", "ledger/b/_begun-1", "plan/a/.part-0.parquet.x.part", "t/t_m.aux"]
)
def test_the_comparison_sees_stray_files(check, output, name):
    whole = check.contents(output)
    (output / name).write_text("")
    assert list(check.strays(output, whole)) == [f"stray file {name}"]


def test_one_broken_row_makes_the_table_say_so(check):
    rows = [
        check.Row(way="local", fault="kill", what="a"),
        check.Row(way="local", fault="disk", what="b", broken=("c",)),
    ]
    told = check.table(rows)
    assert "BROKEN" in told
    assert "disk: c" in told
    assert told.endswith("1 of 2 held")
