import os
from pathlib import Path

import pytest

from jeospark.doctor import Check, examine
from jeospark.errors import SettingError


def named(checks: tuple[Check, ...], name: str) -> Check:
    return next(check for check in checks if check.name == name)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("JEOSPARK_CATALOG", str(tmp_path / "catalog"))
    monkeypatch.setenv("JEOSPARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("JEOSPARK_WORKER_MEMORY_MB", "1")
    monkeypatch.delenv("PYSPARK_PYTHON", raising=False)
    return tmp_path


def test_this_machine_is_looked_at_from_all_sides(home: Path) -> None:
    checks = examine(str(home / "results"))
    assert [check.name for check in checks] == [
        "Java", "Python", "workers", "packages", "GDAL", "memory", "scratch", "catalogue", "kernel cache", "output",
    ]  # fmt: skip
    for name in ("Python", "packages", "GDAL", "catalogue", "output"):
        assert named(checks, name).ok, name
    assert all(check.ok != bool(check.remedy) for check in checks)


def test_a_worker_python_without_the_packages_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = home / "python"
    python.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'pyarrow'\" >&2; exit 1\n")
    python.chmod(0o755)
    monkeypatch.setenv("PYSPARK_PYTHON", str(python))
    check = named(examine(), "workers")
    assert not check.ok
    assert "No module named 'pyarrow'" in check.text
    monkeypatch.setenv("PYSPARK_PYTHON", str(home / "absent"))
    assert "does not run" in named(examine(), "workers").text


def test_a_worker_of_another_version_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = home / "python"
    python.write_text("#!/bin/sh\necho 3.8\n")
    python.chmod(0o755)
    monkeypatch.setenv("PYSPARK_PYTHON", str(python))
    assert "is Python 3.8" in named(examine(), "workers").text


def test_too_little_memory(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert home
    monkeypatch.setenv("JEOSPARK_WORKER_MEMORY_MB", "99999999")
    check = named(examine(), "memory")
    assert not check.ok
    assert "JEOSPARK_WORKER_MEMORY_MB" in check.remedy


def test_a_wrong_java_is_named_with_its_remedy(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = home / "jdk" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(home / "jdk"))
    monkeypatch.setenv("PATH", str(home / "jdk" / "bin"))
    monkeypatch.setattr("jeospark.engine.java.find_spec", lambda _: None)
    check = named(examine(), "Java")
    assert not check.ok
    assert "Java 11" in check.text
    assert "JDK 17" in check.remedy


def test_folders_that_cannot_be_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "file").write_text("")
    assert "is not a folder" in named(examine(str(home / "file" / "results")), "output").text
    monkeypatch.setenv("JEOSPARK_SCRATCH", str(home / "absent"))
    assert not named(examine(), "scratch").ok
    if os.geteuid() != 0:
        (home / "locked").mkdir(mode=0o500)
        assert not named(examine(str(home / "locked")), "output").ok


def test_a_bad_setting_is_an_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert home
    monkeypatch.setenv("JEOSPARK_OPEN_DATASETS", "many")
    with pytest.raises(SettingError):
        examine()
