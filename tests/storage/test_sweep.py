import os
import subprocess
import sys
from pathlib import Path

import pytest

from jeospark.errors import OutputUnwritableError
from jeospark.storage.parts import final_name, is_dead, part_name
from jeospark.storage.publish import publishing
from jeospark.storage.scratch import scratch_folder
from jeospark.storage.sweep import PATIENCE, sweep
from jeospark.storage.upload import WAITING, local_attempt

BEGIN = """
import os, sys
from pathlib import Path
from jeospark.storage.publish import publishing
with publishing(sys.argv[1]) as tmp:
    Path(tmp).write_text("half")
    os.kill(os.getpid(), 9)
"""


@pytest.fixture
def killed(tmp_path):
    """A folder in which a process was killed while it wrote `a.tif`."""
    done = subprocess.run([sys.executable, "-c", BEGIN, str(tmp_path / "a.tif")], check=False)
    assert done.returncode == -9
    assert [final_name(path.name) for path in tmp_path.iterdir()] == ["a.tif"]
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_process_was_writing_is_removed(killed):
    (killed / "b.tif").write_text("whole")
    sweep(str(killed))
    assert names(killed) == ["b.tif"]


def test_what_is_being_written_stays_until_it_is_published_by_somebody(tmp_path):
    final = tmp_path / "a.tif"
    with publishing(str(final)) as tmp:
        Path(tmp).write_text("mine")
        sweep(str(tmp_path))
        assert Path(tmp).exists()
        sweep(str(tmp_path), {"b.tif"})
        assert Path(tmp).exists()
    assert final.read_text() == "mine"


def test_what_is_published_already_need_not_be_written_by_a_twin(tmp_path):
    final = tmp_path / "a.tif"
    final.write_text("mine")

    def twin():
        with publishing(str(final)) as tmp:
            Path(tmp).write_text("twin")
            sweep(str(tmp_path), {"a.tif"})

    with pytest.raises(OutputUnwritableError, match="No such file"):
        twin()
    assert (final.read_text(), names(tmp_path)) == ("mine", ["a.tif"])


def test_files_of_another_system_stay_for_a_day(tmp_path):
    place = part_name("a.tif").split(".")[3].split("-")[0]
    other = tmp_path / part_name("a.tif").replace(place, "00000000")
    assert is_dead(other.name) is None
    other.write_text("half")
    sweep(str(tmp_path))
    assert other.exists()
    long_ago = other.stat().st_mtime - PATIENCE - 1
    os.utime(other, (long_ago, long_ago))
    sweep(str(tmp_path))
    assert names(tmp_path) == []


def test_other_hidden_files_are_nobody_s_business(tmp_path):
    for name in (".a.tif.part", ".profile", "a.part", ".a.1-2.part"):
        (tmp_path / name).write_text("")
    before = names(tmp_path)
    sweep(str(tmp_path), {"a.tif", "profile", "a"})
    assert names(tmp_path) == before


def test_a_scratch_folder_of_a_killed_process_goes_when_the_next_one_is_made(tmp_path):
    code = (
        "import os, sys\n"
        "from jeospark.storage.scratch import scratch_folder\n"
        "with scratch_folder(sys.argv[1]) as own:\n"
        "    (own / 'work.tif').write_text('half')\n"
        "    os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    (left,) = tmp_path.iterdir()
    with scratch_folder(str(tmp_path)) as own, scratch_folder(str(tmp_path)) as other:
        assert not left.exists()
        assert sorted(names(tmp_path)) == sorted([own.name, other.name])
    assert names(tmp_path) == []


def test_a_result_that_waits_to_be_sent_goes_after_its_process_was_killed(tmp_path):
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from jeospark.storage.upload import local_attempt\n"
        "Path(local_attempt('s3://b/a.tif', sys.argv[1])).write_text('half')\n"
        "os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    assert [final_name(name) for name in names(tmp_path)] == [f"{WAITING}.tif"]
    (tmp_path / "other.tif").write_text("")
    own = local_attempt("s3://b/a.tif", str(tmp_path))
    assert Path(own).parent == tmp_path
    assert names(tmp_path) == ["other.tif"]


def test_a_folder_that_is_not_there_is_clean(tmp_path):
    sweep(str(tmp_path / "absent"))


def test_what_cannot_be_removed_keeps_none_of_the_others(killed):
    (left,) = killed.iterdir()
    stays = killed / left.name.replace(".a.tif.", ".0.tif.")
    stays.mkdir()
    sweep(str(killed))
    assert list(killed.iterdir()) == [stays]
