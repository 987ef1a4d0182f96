"""The Python and SQL of the documentation run as they stand, over JRC's cube of Romania."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from jeospark.cli import main

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["README.md", "docs/recipes.md", "docs/pixels.md", "docs/sql.md", "docs/storage.md", "docs/zonal.md"]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    pytest.importorskip("nrt", reason="the data of the demonstration are not installed")
    folder = tmp_path_factory.mktemp("catalog")
    cube = Path(find_spec("nrt.data").origin).with_name("sentinel2_cube_subset_romania_10m.nc")
    asked = ["ingest", str(cube), "--collection", "romania-10m", "--sensor", "sentinel-2-l2a", "--catalog", str(folder)]
    result = CliRunner().invoke(main, asked)
    assert result.exit_code == 0, result.output
    assert "140 added" in result.output
    return folder


@pytest.mark.spark
@pytest.mark.parametrize("page", PAGES)
def test_python_of_a_page_runs(page, catalog, tmp_path):
    blocks = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    assert blocks
    script = tmp_path / "page.py"
    script.write_text("\n".join(blocks), encoding="utf-8")
    environment = {**os.environ, "JEOSPARK_CATALOG": str(catalog)}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    if page == "README.md":
        assert (tmp_path / "ndvi-2019.png").exists()
        assert "7 units" in done.stdout
        assert len(list((tmp_path / "ndvi-per-year").glob("*/*.tif"))) == 7


SQL = re.compile(r"^```sql\n(.*?)^```", re.MULTILINE | re.DOTALL)
ASKED = re.compile(r'^jeospark sql "(.*?)"', re.MULTILINE)
TABLES = """
import json
from pathlib import Path

from jeospark.lab.recipe import load_collection
from jeospark.sql import ask, session

BOX = "ST_SetSRID(ST_PolygonFromEnvelope(west, south, west + size, south + size), 4326) AS geometry"
spark = session()
spark.sql(
    f"CREATE TEMPORARY VIEW parcels AS SELECT id, {BOX} "
    "FROM VALUES (1, 22.1470D, 45.2030D, 0.003D), (2, 22.1515D, 45.2030D, 0.003D) AS t(id, west, south, size)"
)
spark.sql(
    f"CREATE TEMPORARY VIEW countries AS SELECT name, {BOX} "
    "FROM VALUES ('Italy', 7D, 40D, 7D), ('Atlantis', -40D, 40D, 7D) AS t(name, west, south, size)"
)
spark.sql("CREATE TEMPORARY VIEW trips AS SELECT id, ST_SetSRID(ST_Point(12D, 41D + id), 4326) AS place FROM range(9)")
recipe = load_collection("romania-10m", bands=["B04", "B08", "SCL"]).mask_classes().ndvi().aggregate("year", "median")
Path("ndvi.json").write_text(recipe.to_json(), encoding="utf-8")
for statement in filter(str.strip, Path("page.sql").read_text(encoding="utf-8").split(";")):
    print(json.dumps(ask(statement, spark=spark).table.to_pylist()))
"""


@pytest.mark.spark
def test_sql_of_the_pages_runs(catalog, tmp_path):
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))]
    found = [each for text in texts for pattern in (SQL, ASKED) for each in pattern.findall(text)]
    (tmp_path / "page.sql").write_text(";".join(found), encoding="utf-8")
    (tmp_path / "page.py").write_text(TABLES, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "page.py"], cwd=tmp_path, env={**os.environ, "JEOSPARK_CATALOG": str(catalog)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    collections, means, inside, kept, _ = map(json.loads, done.stdout.splitlines())
    assert collections == [{"collection": "romania-10m", "count(1)": 140}]
    assert {row["zone"] for row in means} == {1, 2}
    assert inside == [{"count(1)": 6}]
    assert {row["name"]: row["count(id)"] for row in kept} == {"Italy": 6, "Atlantis": 0}


def test_commands_of_the_readme_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^jeospark (\w+)", text, re.MULTILINE))
    assert named == set(main.commands)
