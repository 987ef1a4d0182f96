"""Names of files that are being written, and whether somebody still writes them.

A name tells the system (its boot and its process namespace) and the process that write the file. Whether such a process
lives is known on that system only.
"""

import hashlib
import os
import re
import uuid
from functools import lru_cache
from pathlib import Path

_NAME = re.compile(r"\.(?P<final>.+)\.(?P<place>[0-9a-f]{8})-(?P<process>\d+)-[0-9a-f]{12}\.part")


def part_name(final: str) -> str:
    """A hidden name, which nobody else uses, for what will be called `final`."""
    return f".{final}.{_place()}-{os.getpid()}-{uuid.uuid4().hex[:12]}.part"


def final_name(part: str) -> str | None:
    """What a file of that name will be called; None where it is no `part_name`."""
    match = _NAME.fullmatch(part)
    return None if match is None else match["final"]


def is_dead(part: str) -> bool | None:
    """True where the process that writes a file of that `part_name` has ended; None where only another system knows."""
    match = _NAME.fullmatch(part)
    if match is None or match["place"] != _place():
        return None
    return not Path("/proc", match["process"]).exists()


@lru_cache(maxsize=1)
def _place() -> str:
    """Names this boot of this machine, and the namespace in which its process numbers hold."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    return hashlib.sha256(f"{boot}{Path('/proc/self/ns/pid').readlink()}".encode()).hexdigest()[:8]
