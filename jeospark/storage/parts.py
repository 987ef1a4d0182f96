"""Files that are being written: how they are called, and how those that nobody will finish are found and removed.

A name tells the system (its boot and its process namespace) and the process that write the file. Whether such a process
lives is known on that system; elsewhere only time tells.
"""

import hashlib
import os
import re
import time
import uuid
from collections.abc import Collection
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

_NAME = re.compile(r"\.(?P<final>.+)\.(?P<place>[0-9a-f]{8})-(?P<process>\d+)-[0-9a-f]{12}\.part")
PATIENCE = 24 * 3600
"""Seconds without a byte after which a file of another system counts as left behind, whatever its clock."""


def part_name(final: str) -> str:
    """A hidden name, which nobody else uses, for what will be called `final`."""
    return f".{final}.{_place()}-{os.getpid()}-{uuid.uuid4().hex[:12]}.part"


def sweep(folder: str, finished: Collection[str] = ()) -> None:
    """Remove what attempts that were killed have left in a folder; what cannot be removed stays.

    Args:
        folder: Path; may be missing.
        finished: Names of files that are published: nobody need write them any more, and an attempt that still does
            finds them published when it fails.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _NAME.fullmatch(entry.name)
            if match and (match["final"] in finished or _is_dead(Path(entry.path), match["place"], match["process"])):
                with suppress(OSError):
                    Path(entry.path).unlink()


def _is_dead(path: Path, place: str, process: str) -> bool:
    if place == _place():
        return not Path("/proc", process).exists()
    return time.time() - path.stat().st_mtime > PATIENCE


@lru_cache(maxsize=1)
def _place() -> str:
    """Names this boot of this machine, and the namespace in which its process numbers hold."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    return hashlib.sha256(f"{boot}{Path('/proc/self/ns/pid').readlink()}".encode()).hexdigest()[:8]
