import json
import os
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

import jeospark
from jeospark.cli import main
from jeospark.lab.recipe import load_collection

COMMANDS = [
    "doctor", "ingest", "items", "ledger", "plan", "preview", "processes", "report", "resume", "run", "sql", "submit",
    "vectors",
]  # fmt: skip


@pytest.fixture
def jeo():
    """A function that runs the command in this process."""
    return lambda *arguments: CliRunner().invoke(main, [str(part) for part in arguments])


def failed(result, *words):
    """Checks that a command told a named error in one line."""
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1, result.stderr
    assert all(word in result.stderr for word in words), result.stderr
    return result.stderr


@pytest.fixture
def recipe(tmp_path):
    chain = load_collection("s2", bands=["B04", "B08", "SCL"]).mask_classes([9]).ndvi().aggregate("month", "median")
    path = tmp_path / "ndvi recipe.json"
    path.write_text(chain.save(dtype="int16", scale=0.0001, nodata=-32768).to_json())
    return path


@pytest.fixture
def filled(archive, scene):
    """Two dates in May and one in June, in the catalogue."""
    for month, day in ((5, 1), (5, 2), (6, 1)):
        archive.write(
            f"i{month}{day}", f"2020-{month:02d}-{day:02d}", scene(10 * month + day), **{"eo:cloud_cover": float(day)}
        )
    return archive.save()


def test_help_begins_with_what_to_do_first(jeo):
    result = jeo("--help")
    assert result.exit_code == 0
    assert sorted(main.commands) == COMMANDS
    assert all(f"\n  {name} " in result.output for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_an_example(jeo, name):
    result = jeo(name, "--help")
    assert result.exit_code == 0
    assert f"Example: jeospark {name}" in result.output
    assert len(result.output.split("Options:")[0].split("\n\n")[1]) > 20


def test_the_version(jeo):
    assert jeospark.__version__ in jeo("--version").output


def test_ingest_of_stac_items_and_again(jeo, archive, scene, tmp_path):
    folder = tmp_path / "stac"
    folder.mkdir()
    for number in (1, 2):
        item = archive.write(f"i{number}", f"2020-05-0{number}", scene(number))
        (folder / f"i{number}.json").write_text(json.dumps(item))
    (folder / "broken.json").write_text("{")
    first = jeo("ingest", folder, "--collection", "s2", "--catalog", archive.catalog)
    assert first.exit_code == 0
    assert first.stdout == "s2: 2 added, 0 updated, 0 unchanged\n"
    assert "rejected" in first.stderr
    assert "broken.json" in first.stderr
    again = jeo("ingest", folder, "--collection", "s2", "--catalog", archive.catalog)
    assert again.stdout == "s2: 0 added, 0 updated, 2 unchanged\n"


def test_ingest_can_be_told_what_files_leave_out(jeo, archive, scene, tmp_path):
    item = archive.write("a", "2020-05-01", scene(1))
    for asset in item["assets"].values():
        del asset["bands"][0]["nodata"]
    (tmp_path / "item.json").write_text(json.dumps(item))
    asked = ("ingest", tmp_path / "item.json", "--collection", "s2", "--catalog", archive.catalog)
    assert jeo(*asked, "--nodata", "7").exit_code == 0
    (ref,) = archive.store.refs("s2", ["B04"])
    assert ref.sources[0].nodata == 7


@pytest.mark.parametrize(
    ("source", "word"), [("nothing.nc", "no file or folder"), ("text.txt", "neither"), ("empty", "no item")]
)
def test_ingest_of_nothing(jeo, archive, tmp_path, source, word):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("hello")
    failed(jeo("ingest", tmp_path / source, "--collection", "x", "--catalog", archive.catalog), "SourceError", word)


def test_items(jeo, filled):
    def listed(*more):
        return jeo("items", "s2", "--catalog", filled.catalog, *more).stdout.splitlines()

    assert [line.split()[:2] for line in listed()] == [
        ["2020-05-01T10:00:00Z", "i51"], ["2020-05-02T10:00:00Z", "i52"], ["2020-06-01T10:00:00Z", "i61"],
    ]  # fmt: skip
    assert listed()[0].endswith("1.0 % cloud")
    assert len(listed("--limit", 2)) == 2
    assert [line.split()[1] for line in listed("--start", "2020-05-02", "--end", "2020-06-01")] == ["i52"]
    assert listed("--bbox", 100, 10, 101, 11) == []
    assert len(listed("--bbox", 14.9, 45, 15.1, 46)) == 3
    assert [json.loads(line)["id"] for line in listed("--json")] == ["i51", "i52", "i61"]


def test_items_without_a_collection_lists_those_there_are(jeo, filled, archive):
    archive.save(collection="other")
    assert [line.split()[0] for line in jeo("items", "--catalog", filled.catalog).stdout.splitlines()] == [
        "other",
        "s2",
    ]


def test_an_empty_catalogue_is_told(jeo, tmp_path):
    for command in ("items",), ("vectors", "list"):
        result = jeo(*command, "--catalog", tmp_path / "none")
        assert (result.exit_code, result.stdout) == (0, "")
        assert str(tmp_path / "none") in result.stderr
        assert "first" in result.stderr


def test_a_catalogue_is_on_a_mounted_file_system(jeo, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for command in ("items",), ("vectors", "list"), ("ingest", tmp_path, "--collection", "a"):
        failed(jeo(*command, "--catalog", "s3://bucket/catalog"), "OutputUnwritableError", "s3://bucket/catalog")
    assert [*tmp_path.iterdir()] == []


def test_a_catalogue_that_is_damaged_is_told(jeo, filled, recipe):
    (Path(filled.catalog) / "s2" / "collection.json").write_text("{")
    failed(jeo("items", "--catalog", filled.catalog), "CatalogError", "s2/collection.json")
    failed(jeo("plan", recipe, "-o", "x", "--catalog", filled.catalog), "CatalogError", "s2/collection.json")


def test_items_that_are_damaged_are_told(jeo, filled, recipe):
    file = Path(filled.catalog) / "s2" / "items.parquet"
    file.write_bytes(file.read_bytes()[:-9])
    for command in ("items", "s2"), ("plan", recipe, "-o", "x"), ("sql", "SELECT 1"):
        failed(jeo(*command, "--catalog", filled.catalog), "CatalogError", "s2/items.parquet")


def test_items_of_what_is_not_there(jeo, filled):
    failed(jeo("items", "s3", "--catalog", filled.catalog), "CollectionNotFoundError", "It has s2.")
    failed(jeo("items", "s2", "--catalog", filled.catalog, "--bbox", 14, 46, 15, 45), "ExtentError", "inverted")


def test_processes(jeo):
    every = jeo("processes").stdout.splitlines()
    assert len(every) > 50
    assert any(line.startswith("ndvi ") for line in every)
    one = jeo("processes", "class_mask").stdout
    assert "dilation (number" in one
    assert "default 'SCL'" in one
    assert "Returns: " in one
    failed(jeo("processes", "clas_mask"), "UnknownProcessError", "class_mask")


def test_doctor_says_what_to_mend(jeo, monkeypatch, tmp_path):
    monkeypatch.setenv("JEOSPARK_SCRATCH", str(tmp_path / "none"))
    result = jeo("doctor")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("NO  scratch:"))
    assert "JEOSPARK_SCRATCH" in lines[at + 1]
    assert any(line.startswith("ok  GDAL:") for line in lines)


def test_ctrl_c_is_no_failed_unit(jeo, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("jeospark.doctor.examine", interrupted)
    result = jeo("doctor")
    assert (result.exit_code, result.stderr) == (2, "Interrupted.\n")


def test_a_setting_that_cannot_be_read(jeo, monkeypatch):
    monkeypatch.setenv("JEOSPARK_WORKER_MEMORY_MB", "much")
    failed(jeo("doctor"), "SettingError", "JEOSPARK_WORKER_MEMORY_MB")


def test_preview_writes_a_picture(jeo, filled, recipe, tmp_path):
    picture = tmp_path / "a.png"
    asked = ("preview", recipe, "--bbox", 15, 45.145, 15.008, 45.15, "--catalog", filled.catalog, "-o", picture)
    result = jeo(*asked, "--size", 50, "--period", "2020-05", "--crs", "EPSG:32633")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"{picture}: 50 × ")
    assert "2020-05, 2 items" in result.stdout
    # The header of a PNG: width and height follow the first chunk's name.
    assert max(struct.unpack(">II", picture.read_bytes()[16:24])) == 50
    failed(jeo(*asked, "--period", "2021-01"), "EmptySelectionError", "2020-05, 2020-06")


def test_a_picture_goes_where_its_href_says_or_nowhere(jeo, filled, recipe, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    asked = ("preview", recipe, "--bbox", 15, 45.145, 15.008, 45.15, "--catalog", filled.catalog, "--size", 50, "-o")
    failed(jeo(*asked, "ftp://host/a.png"), "OutputUnwritableError", "[ftp://host/a.png]")
    assert not (tmp_path / "ftp:").exists()
    assert jeo(*asked, f"file://{tmp_path}/a%20b.png").exit_code == 0
    assert (tmp_path / "a b.png").exists()
    refused = jeo(*asked, tmp_path / "a.jpg")
    assert (refused.exit_code, "end its name with .png" in refused.stderr) == (2, True)


def test_queues_are_yarns(jeo, tmp_path):
    (tmp_path / "job.py").touch()
    refused = jeo("submit", "--on", "local", "--queue", "night", tmp_path / "job.py")
    assert (refused.exit_code, "leave --queue out" in refused.stderr) == (2, True)


def test_errors_of_recipes_are_told_with_their_place(jeo, filled, tmp_path):
    path = tmp_path / "bad.json"
    path.write_text('{"n": {"process_id": "ndvy", "arguments": {}, "result": true}}')
    for command in (("preview", path, "-o", "x.png"), ("plan", path, "-o", tmp_path / "out"), ("run", path, "-o", "x")):
        failed(jeo(*command, "--catalog", filled.catalog), "UnknownProcessError", "ndvi")
    path.write_text("not json")
    failed(jeo("plan", path, "-o", tmp_path / "out", "--catalog", filled.catalog), "RecipeError", "[", "bad.json]")
    path.write_bytes(b"\xff\xfe\x00")
    failed(jeo("plan", path, "-o", tmp_path / "out", "--catalog", filled.catalog), "RecipeError", "bad.json")


def test_a_recipe_file_that_is_not_there_is_click_s_own_error(jeo, tmp_path):
    result = jeo("plan", tmp_path / "none.json", "-o", tmp_path)
    assert result.exit_code == 2
    assert "does not exist" in result.stderr


def test_an_asset_that_cannot_be_read_in_a_preview(jeo, filled, recipe, tmp_path):
    Path(filled.items[-1]["assets"]["B08"]["href"]).unlink()
    box = (15, 45.145, 15.008, 45.15)
    result = jeo("preview", recipe, "--bbox", *box, "--catalog", filled.catalog, "-o", tmp_path / "a.png")
    failed(result, "AssetMissingError", "i61", "B08")


@pytest.mark.spark
def test_plan(spark, jeo, filled, recipe, tmp_path):
    result = jeo("plan", recipe, "--catalog", filled.catalog, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert "units          2 (0 done already)" in result.stdout
    assert "items          3 in 3 observations" in result.stdout
    assert "r0000c0000/2020-05: 2 items" in result.stdout
    assert not (tmp_path / "out").exists()


@dataclass(frozen=True)
class Ran:
    folder: Path
    bad: str


@pytest.fixture
def ran(spark, filled, recipe, tmp_path):
    """A run of which June failed."""
    bad = filled.items[-1]["assets"]["SCL"]["href"]
    Path(bad).write_bytes(b"")
    from jeospark.lab.recipe import Recipe

    Recipe.from_json(recipe).plan(tmp_path / "out", catalog=filled.catalog).run()
    return Ran(tmp_path / "out", bad)


@pytest.mark.spark
def test_ledger_and_report(ran, jeo):
    lines = jeo("ledger", ran.folder).stdout.splitlines()
    assert [line.split()[:2] for line in lines if not line.startswith(" ")] == [
        ["done", "r0000c0000/2020-05"], ["failed", "r0000c0000/2020-06"],
    ]  # fmt: skip
    (told,) = (line for line in jeo("ledger", ran.folder, "--status", "failed").stdout.splitlines() if line[0] != " ")
    assert ran.bad in told
    assert sorted(jeo("ledger", ran.folder, "--all").stdout.splitlines()) == sorted(lines)

    report = ran.folder / "report.html"
    before = report.read_bytes()
    report.unlink()
    result = jeo("report", ran.folder)
    assert result.stdout == f"{report}\n"
    assert report.read_bytes() == before


@pytest.mark.spark
def test_a_run_that_did_not_end_has_a_ledger_without_rows_and_no_report(ran, jeo):
    (ran.folder / "attempt.json").unlink()
    failed(jeo("report", ran.folder), str(ran.folder), "resume")


@pytest.mark.parametrize("command", ["ledger", "report", "resume"])
def test_a_folder_without_a_run(jeo, tmp_path, command):
    failed(jeo(command, tmp_path), "OutputTakenError", str(tmp_path))


@pytest.mark.parametrize("text", ["{", '{"later": 1}', "3"])
@pytest.mark.parametrize("command", ["ledger", "report", "resume"])
def test_a_run_that_cannot_be_read(jeo, tmp_path, command, text):
    (tmp_path / "run.json").write_text(text)
    failed(jeo(command, tmp_path), "OutputTakenError", str(tmp_path / "run.json"))


def test_run_and_resume_in_processes_of_their_own(filled, recipe, tmp_path):
    # The command is no file of its own where the tests run on a checkout.
    command = [sys.executable, "-c", "from jeospark.cli import main; main(prog_name='jeospark')"]
    changes = {
        "PYTHONPATH": str(Path(jeospark.__file__).parents[1]),
        "JEOSPARK_CATALOG": filled.catalog,
        "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    }

    def ended(*arguments):
        return subprocess.run(
            [*command, *map(str, arguments)],
            env=os.environ | changes, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    bad = Path(filled.items[-1]["assets"]["SCL"]["href"])
    whole = bad.read_bytes()
    bad.write_bytes(b"")
    first = ended("run", recipe, "-o", "out")
    assert first.returncode == 1, first.stderr
    assert first.stdout.splitlines()[0].startswith("2 units: 1 done, 1 failed; ")
    assert "s2: 100 %" in first.stderr
    bad.write_bytes(whole)
    second = ended("resume", "out")
    assert second.returncode == 0, second.stderr
    assert second.stdout.splitlines()[0].startswith("2 units: 1 done, 1 skipped; ")
    assert len(list((tmp_path / "out").glob("r*/*.tif"))) == 2
