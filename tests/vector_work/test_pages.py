"""The Python of the page on ships runs as it stands."""

import re
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "ships.md"


@pytest.mark.spark
def test_python_of_the_page_runs(spark, tmp_path, monkeypatch, capsys):
    random = np.random.default_rng(1)
    lines = ["MMSI,BaseDateTime,LAT,LON,SOG"]
    for ship in range(8):
        for minute in range(0, 30, 2):
            lat, lon = 29.7 + 2e-4 * ship + random.normal(0, 1e-4), -95.0 + 1e-3 * minute
            lines.append(f"{366000000 + ship},2022-01-03T00:{minute:02d}:00,{lat:.6f},{lon:.6f},3.5")
    (tmp_path / "ais.csv").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JEOSPARK_CATALOG", str(tmp_path / "catalog"))
    # The session of the tests stays; Spark reads relative paths against the folder that it was started in.
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    code = "\n".join(blocks).replace('"ais.csv"', repr(str(tmp_path / "ais.csv")))
    exec(compile(code, str(PAGE), "exec"), {})
    told = capsys.readouterr().out
    assert "broadcasts right: it is small" in told
    assert "366000000" in told
    assert "Houston" in told
