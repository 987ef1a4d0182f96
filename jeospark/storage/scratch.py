"""Folders for large intermediate files on this machine; those of killed processes are removed by whoever comes next."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jeospark.storage.parts import final_name, is_dead, part_name

NAME = "jeospark"


@contextmanager
def scratch_folder(parent: str) -> Iterator[Path]:
    """Yield a new folder of this process; it is removed when the block ends.

    Args:
        parent: Folder that exists.

    Raises:
        OSError: It cannot be made.
    """
    for left in Path(parent).iterdir():
        if final_name(left.name) == NAME and is_dead(left.name):
            shutil.rmtree(left, ignore_errors=True)
    own = Path(parent, part_name(NAME))
    own.mkdir(mode=0o700)
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)
