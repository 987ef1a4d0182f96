"""What faults other than kills have in common."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from chaos_check import Row, differences, strays
from chaos_job import Job
from chaos_kills import Undisturbed
from chaos_ways import Way, ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where a fault happens."""

    way: Way
    job: Job
    folder: Path
    whole: Undisturbed

    def output(self, name: str) -> Path:
        """A new folder of results."""
        output = self.folder / f"{name}-{self.way.name}"
        rmtree(output, ignore_errors=True)
        output.with_suffix(".log").unlink(missing_ok=True)
        return output

    def run(self, output: Path, *more: str, job: Job | None = None, **changes: str) -> int:
        """Run a job to its end; gives its exit code."""
        return ended(self.way.submit(job or self.job, output, *more, **changes))

    def resume(self, output: Path, **changes: str) -> int:
        """Resume a run to its end; gives the exit code."""
        return ended(self.way.started(["jeospark", "resume", str(output)], output, **changes))

    def row(self, fault: str, what: str, broken: list[str], output: Path, *, compared: bool = True) -> Row:
        """The row of a fault after which all must be as if nothing had been."""
        if compared:
            broken += [*differences(output, self.whole.contents), *strays(output, self.whole.contents)]
        return Row(way=self.way.name, fault=fault, what=what, broken=tuple(broken))


def expect(broken: list[str], found: object, wanted: object, what: str) -> None:
    """Note where something is not what it must be."""
    if found != wanted:
        broken.append(f"{what} is {found}, not {wanted}")


def need(broken: list[str], what: str, *, holds: bool) -> None:
    """Note where something does not hold."""
    if not holds:
        broken.append(f"not so: {what}")


def said(output: Path, *words: str) -> list[str]:
    """What of some words the log of a run lacks."""
    log = output.with_suffix(".log").read_text(encoding="utf-8", errors="replace")
    return [f"the log does not say '{word}', see {output.with_suffix('.log')}" for word in words if word not in log]


@contextmanager
def disk(folder: Path, size: str) -> Iterator[bool]:
    """A small file system of its own in a folder; False where this user may not mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault, and where it can be made."""

    run: Callable[[Scene], Row]
    ways: tuple[str, ...] = ("local",)
