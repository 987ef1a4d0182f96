"""The Python of the documentation runs as it stands, over JRC's cube of Romania."""

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


def test_commands_of_the_readme_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^jeospark (\w+)", text, re.MULTILINE))
    assert named == set(main.commands)
