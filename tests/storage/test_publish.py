import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from jeospark.errors import DiskFullError, OutputUnwritableError
from jeospark.storage.publish import (
    attempt_path,
    check_writable,
    exists,
    publish,
    publishing,
    read_text,
    remove,
    write_text_atomic,
)


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def tiny_disk(tmp_path: Path):
    """A file system of 1 MiB, where the machine lets us mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("mounting a small tmpfs needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_text_comes_back_and_nothing_else_is_left(tmp_path):
    href = str(tmp_path / "new" / "folder" / "a.json")
    write_text_atomic(href, "año\n")
    assert read_text(href) == "año\n"
    assert exists(href)
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["a.json"]


def test_file_uri_is_its_path(tmp_path):
    write_text_atomic(f"file://{tmp_path}/a%20b.txt", "x")
    assert (tmp_path / "a b.txt").read_text() == "x"


def test_attempts_have_names_of_their_own_in_the_same_hidden_place(tmp_path):
    final = str(tmp_path / "t.tif")
    names = {attempt_path(final) for _ in range(50)}
    assert len(names) == 50
    assert all(Path(name).parent == tmp_path and Path(name).name.startswith(".t.tif.") for name in names)


def test_an_error_in_the_block_leaves_the_published_file_alone(tmp_path):
    final = tmp_path / "a.txt"
    final.write_text("first")

    def fail():
        with publishing(str(final)) as tmp:
            Path(tmp).write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert final.read_text() == "first"
    assert names(tmp_path) == ["a.txt"]


def test_the_later_publish_wins_whole(tmp_path):
    final = str(tmp_path / "a.txt")
    with publishing(final) as one, publishing(final) as two:
        Path(one).write_text("one")
        Path(two).write_text("two")
    assert read_text(final) == "one"


def test_a_file_where_a_folder_should_be_is_unwritable(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputUnwritableError, match=str(tmp_path / "file")):
        write_text_atomic(str(tmp_path / "file" / "a.txt"), "x")
    with pytest.raises(OutputUnwritableError, match="file"):
        check_writable(str(tmp_path / "file"))


def test_a_folder_in_the_place_of_the_result_is_unwritable(tmp_path):
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(OutputUnwritableError, match=r"a\.txt"):
        write_text_atomic(str(tmp_path / "a.txt"), "x")
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission_is_unwritable(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputUnwritableError, match="Permission denied"):
        check_writable(str(tmp_path))


def test_a_read_only_file_system_is_unwritable(tiny_disk):
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    with pytest.raises(OutputUnwritableError, match="Read-only"):
        check_writable(str(tiny_disk))


def test_unknown_storages_are_refused_by_name():
    with pytest.raises(OutputUnwritableError, match="ftp://host/x"):
        write_text_atomic("ftp://host/x", "")


def test_check_writable_makes_the_folder_and_leaves_it_empty(tmp_path):
    check_writable(str(tmp_path / "a" / "b"), 4096)
    assert names(tmp_path / "a" / "b") == []


def test_publishing_what_was_never_written_is_an_error(tmp_path):
    with pytest.raises(OutputUnwritableError, match="No such file"):
        publish(str(tmp_path / "absent"), str(tmp_path / "a"))


def test_full_disk_is_named(tiny_disk):
    final = str(tiny_disk / "a.txt")
    with pytest.raises(DiskFullError, match=final):
        write_text_atomic(final, "x" * (2 << 20))
    with pytest.raises(DiskFullError):
        check_writable(str(tiny_disk), 2 << 20)
    assert names(tiny_disk) == []


def test_file_size_limit_is_a_full_disk(tmp_path):
    code = (
        "import sys\n"
        "from jeospark.storage.publish import write_text_atomic\nfrom jeospark.errors import DiskFullError\n"
        "try: write_text_atomic(sys.argv[1], 'x' * 100_000)\n"
        "except DiskFullError: print('full')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a")], check=True, capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
    )  # fmt: skip
    assert done.stdout == "full\n"
    assert names(tmp_path) == []


def test_what_cannot_be_removed_is_named(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputUnwritableError, match="folder"):
        remove(str(tmp_path / "folder"))
    (tmp_path / "a").write_text("x")
    remove(str(tmp_path / "a" / "b"))
