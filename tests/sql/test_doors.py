"""The command line, the prompt, notebooks, and a session without Sedona."""

import os
import socket
import subprocess
import sys

import pyogrio
import pytest
from click.testing import CliRunner
from IPython.core.interactiveshell import InteractiveShell
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from jeospark.cli import main
from jeospark.sql.server import make_builtin

pytestmark = pytest.mark.spark


@pytest.fixture
def jeo(db, held, monkeypatch):
    monkeypatch.setenv("JEOSPARK_CATALOG", held.catalog)
    return lambda *asked, **more: CliRunner().invoke(main, ["sql", *map(str, asked)], **more)


def test_a_catalogue_that_is_not_there_is_told_before_spark_starts(jeo, tmp_path):
    result = jeo("SELECT 1", "--catalog", tmp_path / "typo")
    assert result.exit_code == 2
    assert result.stderr.startswith("SqlError: there is no such folder [")


def test_a_query_and_a_file(jeo, tmp_path):
    result = jeo("SELECT collection, count(*) AS n FROM items GROUP BY 1 ORDER BY 1")
    assert [line.split() for line in result.stdout.splitlines()[2:4]] == [["other-1.x", "1"], ["s2", "3"]]
    (tmp_path / "q.sql").write_text(
        "CREATE OR REPLACE TEMPORARY VIEW few AS SELECT 1 AS a; SELECT a AS b FROM few;\n-- end"
    )
    assert jeo("-f", tmp_path / "q.sql").stdout.splitlines() == ["b", "─", "1", "(1 row)"]
    (tmp_path / "q.sql").write_bytes(b"\xef\xbb\xbfSELECT 1 AS marked")
    assert jeo("-f", tmp_path / "q.sql").stdout.startswith("marked")
    assert jeo("-f", "-", input="SELECT 2 AS piped").stdout.startswith("piped")
    assert "does not exist" in jeo("-f", tmp_path / "none.sql").stderr
    assert "no UTF-8 text" in jeo("-f", "-", input=b"\xff").stderr
    assert jeo("--format", "csv", input="SELECT 1 AS a, 'x' AS b").stdout == '"a","b"\n1,"x"\n'


def test_files_and_what_is_refused(jeo, tmp_path):
    path = tmp_path / "zones.gpkg"
    assert jeo("SELECT * FROM zones", "-o", path).stdout == f"{path}: 2 rows\n"
    assert pyogrio.read_info(path)["crs"] == "EPSG:32633"
    refused = jeo("SELECT ST_SetSRID(geometry, 0) AS g FROM zones", "-o", path)
    assert (refused.exit_code, refused.stderr.split(":")[0]) == (2, "CrsUnknownError")
    assert jeo("SELECT ST_SetSRID(geometry, 0) AS g FROM zones", "-o", path, "--crs", "EPSG:3035").exit_code == 0
    assert pyogrio.read_info(path)["crs"] == "EPSG:3035"
    assert "3 rows" in jeo("SELECT id FROM items", "--max-rows", 3).stderr
    assert jeo("SELECT 1", "-o", "a.shp").stderr.startswith("FormatError")
    assert jeo("SELECT 1", "--crs", "nonsense").stderr.startswith("CrsUnknownError")


def test_pages_nulls_and_intervals_are_shown(jeo):
    assert "FileScan parquet" in jeo("EXPLAIN SELECT id FROM items WHERE id = 'i1'").stdout
    shown = jeo("SELECT array(struct(1 AS a), NULL) AS n, interval 2 months AS i").stdout.splitlines()
    assert shown[2].split("  ") == ["[{'a': 1}, None]", "INTERVAL '2' MONTH"]


def test_an_error_is_a_line_and_its_place(jeo):
    result = jeo("SELECT idd FROM items")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "SqlError: there is no column 'idd' [line 1, column 8]. Did you mean id?", "  SELECT idd FROM items",
        "         ^^^",
    ]  # fmt: skip


def test_definitions_run_in_another_session(jeo, spark):
    other = spark.newSession()
    for statement in jeo("--definitions").stdout.split(";\n"):
        if statement.strip():
            other.sql(statement)
    assert other.sql("SELECT id FROM items").count() == 4


def test_sessions_of_a_server_know_all_functions(db):
    make_builtin(db)
    (row,) = (
        db.newSession()
        .sql("SELECT chip_mean(array(1f, 3f)) AS mean, ST_AsText(ST_Point(1, 2)) AS point, t.* FROM (SELECT count(*) "
             "FROM zonal_stats(TABLE(SELECT 1 AS id, ST_Point(1, 1) AS g WHERE false), 's2')) t")
        .collect()
    )  # fmt: skip
    assert tuple(row) == (2.0, "POINT (1 2)", 0)


def test_the_prompt_takes_lines_until_a_semicolon(db, monkeypatch, tmp_path, capsys):
    from jeospark.sql import prompt
    from jeospark.sql.limits import Limits

    monkeypatch.setenv("JEOSPARK_CACHE", str(tmp_path))
    with create_pipe_input() as keys:
        keys.send_text("SELECT count(*) AS n\rFROM items;\rSELECT nope FROM items;\r\x04")
        made = prompt.PromptSession
        monkeypatch.setattr(prompt, "PromptSession", lambda **given: made(input=keys, output=DummyOutput(), **given))
        prompt.prompt(db, Limits())
    shown = capsys.readouterr().out
    assert "\nn\n─\n4\n(1 row)" in shown
    assert "SqlError: there is no column 'nope'" in shown
    assert "+FROM items;" in (tmp_path / "sql-history").read_text()


@pytest.mark.parametrize(
    ("before", "expected"),
    [("SELECT * FROM it", "items"), ("SELECT ST_Inters", "ST_Intersects"), ("SELECT ob FROM items", None),
     ("SELECT * FROM items WHERE obs", "observation"), ("SELECT items.prop", "properties"), ("sel", "SELECT"),
     ("SELECT * FROM zonal", "zonal_stats")],
)  # fmt: skip
def test_completion(db, before, expected):
    from jeospark.sql.prompt import SqlCompleter

    found = [each.text for each in SqlCompleter(db).get_completions(Document(before), None)]
    assert (expected in found) if expected else ("observation" not in found)


def test_the_magic_of_notebooks(db, held, capsys):
    shell = InteractiveShell()
    shell.run_line_magic("load_ext", "jeospark.sql")
    answer = shell.run_cell_magic(
        "jeosql", f"--catalog {held.catalog}", "SELECT id, geometry FROM items WHERE id = 'i1'"
    )
    assert len(answer) == 1
    html = answer._repr_html_()
    assert '<td style="text-align:left">i1</td>' in html
    assert "POLYGON" in html
    assert shell.run_cell_magic("jeosql", f"kept --catalog {held.catalog}", "SELECT 1 AS a") is None
    assert shell.user_ns["kept"].to_pandas()["a"].tolist() == [1]
    capsys.readouterr()
    assert shell.run_cell_magic("jeosql", f"--catalog {held.catalog}", "SELECT nope") is None
    assert "no column 'nope'" in capsys.readouterr().err
    assert shell.run_cell_magic("jeosql", f"--catalog {held.catalog}/typo", "SELECT 1") is None
    assert "no such folder" in capsys.readouterr().err
    shell.run_cell_magic("jeosql", "--nonsense 1", "SELECT 1")
    assert "SqlError" in capsys.readouterr().err


def test_who_does_not_know_the_secret_is_not_listened_to(db, caplog):
    port = db.sparkContext._gateway.get_callback_server().get_listening_port()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as stranger:
        # That is what the JVM would send to call the first object of Python's.
        stranger.sendall(b"c\np0\napply\nn\ne\n")
        try:
            answer = stranger.recv(100)
        except ConnectionResetError:
            answer = b""
    assert answer == b""
    assert "Could not authenticate" in caplog.text


def test_a_session_that_was_started_without_sedona():
    code = (
        "from jeospark.engine.session import spark_session; from jeospark.errors import SedonaError\n"
        "from jeospark.sql import session\n"
        "spark_session('plain', {'spark.master': 'local[1]'})\n"
        "try: session()\nexcept SedonaError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False)
    assert done.stdout.startswith("the running Spark session was started without Sedona"), done.stderr
    assert "JavaPackage" not in done.stdout + done.stderr
