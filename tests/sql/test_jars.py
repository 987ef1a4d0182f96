import os
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from jeospark.engine import jars
from jeospark.errors import SedonaError

PAIR = {"sedona": "1.8.0", "spark": "4.0.5", "scala": "2.13"}


def archive(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a", "content" * 100)
    return path


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("JEOSPARK_CACHE", str(tmp_path))
    return tmp_path / "jars"


@pytest.fixture
def maven(tmp_path, monkeypatch):
    """A function that puts a program `mvn` alone on PATH, which makes files in the folder it is told."""

    def install(make):
        folder = tmp_path / "bin"
        folder.mkdir()
        program = folder / "mvn"
        program.write_text(f'#!/bin/sh\nfor a in "$@"; do case $a in -Doutput*) cd "${{a#*=}}";; esac; done\n{make}\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")

    return install


@pytest.fixture
def no_ivy(monkeypatch):
    monkeypatch.setitem(jars._WAYS, "ivy", lambda *_: "Spark's resolver: UNRESOLVED DEPENDENCIES")


def test_coordinates_follow_the_versions():
    assert [str(each) for each in jars.needed(**PAIR)] == [
        "org.apache.sedona:sedona-spark-shaded-4.0_2.13:1.8.0", "org.datasyslab:geotools-wrapper:1.8.0-33.1",
    ]  # fmt: skip
    (newer,) = jars.needed(sedona="1.9.1", spark="4.1.3", scala="2.13")
    assert newer.file == "sedona-spark-shaded-4.1_2.13-1.9.1.jar"
    assert len(jars.needed()) == 2


@pytest.mark.parametrize("pair", [{"spark": "4.1.0"}, {"spark": "3.5.1"}, {"sedona": "1.7.2"}, {"sedona": "2.0.0"}])
def test_a_pair_without_a_jar(pair):
    with pytest.raises(SedonaError, match=r"no jar is known for Sedona .* on Spark .*Install a pair"):
        jars.needed(**{**PAIR, **pair})


def test_without_the_package(monkeypatch):
    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(jars, "version", absent)
    with pytest.raises(SedonaError, match="pip install apache-sedona"):
        jars.sedona_jars()


def test_without_spark(monkeypatch, tmp_path):
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    with pytest.raises(SedonaError, match="there is no Spark"):
        jars.needed()


def test_what_is_there_is_taken(cache, monkeypatch):
    monkeypatch.setenv("PATH", "")
    made = tuple(str(archive(cache / each.file)) for each in jars.needed())
    assert jars.sedona_jars() == made


def test_maven_fills_the_cache(cache, maven, tmp_path):
    for each in jars.needed():
        archive(tmp_path / "served" / each.file)
    maven(f"cp {tmp_path}/served/*.jar .")
    found = jars.sedona_jars()
    assert sorted(each.name for each in cache.iterdir()) == sorted(each.file for each in jars.needed())
    assert found == tuple(str(cache / each.file) for each in jars.needed())


def test_half_a_jar_is_never_used(cache, maven, no_ivy):
    wanted = jars.needed()
    whole = archive(cache / wanted[0].file)
    whole.write_bytes(whole.read_bytes()[:60])
    maven(f"head -c 50 /dev/zero > {wanted[0].file}; echo > {wanted[1].file}")
    with pytest.raises(SedonaError, match="cannot be fetched"):
        jars.sedona_jars()
    assert [each.name for each in cache.iterdir()] == [wanted[0].file]


def test_when_nothing_works_all_reasons_are_told(cache, maven, no_ivy):
    maven("echo '[INFO] x'; echo '[ERROR] no route to repository'; exit 1")
    with pytest.raises(SedonaError) as caught:
        jars.sedona_jars()
    text = str(caught.value)
    assert "no route to repository" in text
    assert "UNRESOLVED DEPENDENCIES" in text
    assert str(cache) in text
    assert "geotools-wrapper-1.8.0-33.1.jar" in text
    assert "\n" not in text


def test_a_cache_that_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JEOSPARK_CACHE", str(tmp_path / "file"))
    with pytest.raises(SedonaError, match=r"cannot be fetched: .*Not a directory"):
        jars.sedona_jars()


def test_the_set_up_is_told_in_one_line(tmp_path):
    environment = {**os.environ, "SPARK_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "jeospark.engine.jars"], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("SedonaError: there is no Spark")
    assert "Traceback" not in done.stderr


def test_loggers_of_spark_come_before_those_of_geotools():
    first, *others = jars.class_path().split(":")
    assert Path(first).match("jars/slf4j-api-2*.jar")
    assert tuple(others) == jars.sedona_jars()
