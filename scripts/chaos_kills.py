"""`kill -9` at random moments, then resume."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from subprocess import Popen  # noqa: TC003 - for readers; in quotes, as it is generic

import numpy as np
from chaos_check import KINDS, Row, contents, differences, last_attempt, marks, strays, told
from chaos_job import Job
from chaos_ways import ROLES, Way, ended, killed


@dataclass(frozen=True, slots=True, kw_only=True)
class Undisturbed:
    """A run that nobody disturbed."""

    contents: Mapping[str, bytes]
    seconds: float
    """From its first file to the last one of a unit."""

    @property
    def units(self) -> int:
        """That were published, each in a file of every kind."""
        return len(self.contents) // len(KINDS)


def undisturbed(way: Way, job: Job, folder: Path) -> Undisturbed:
    """Run a job in peace.

    Raises:
        RuntimeError: It failed; there is nothing to compare with.
    """
    output = _new(folder / f"whole-{way.name}")
    run = way.submit(job, output)
    first_file(run, output)
    started = time.time()
    if ended(run):
        raise RuntimeError(f"the undisturbed run failed, see {output.with_suffix('.log')}")
    last = max(path.stat().st_mtime for path in output.rglob("*.tif"))
    return Undisturbed(contents=contents(output), seconds=last - started)


def kill(way: Way, job: Job, folder: Path, whole: Undisturbed, number: int, random: np.random.Generator) -> Row:
    """One run with one process killed, and its resumption.

    Args:
        way: How it is run.
        job: What is run.
        folder: For the output.
        whole: What must come of it.
        number: Of the trial, which decides whose process is killed.
        random: Decides the moment, and which of several.
    """
    role = ROLES[way.name][number % len(ROLES[way.name])]
    output = _new(folder / f"kill-{way.name}-{number}")
    run = way.submit(job, output)
    started = first_file(run, output)
    _await_moment(run, output, whole, random)
    moment = time.monotonic() - started
    victim = _struck(way, run, role, random)
    before = marks(output)
    code = ended(run)
    ending = f"exit {code}" + ("" if code else f" ({told(last_attempt(output))})")
    way.mend()
    # As a user would, now with the same job, now from the folder.
    command = ["jeospark", "resume", str(output)]
    again = ended(way.submit(job, output) if number % 2 else way.started(command, output))
    redone = sum(marks(output).get(name) != mark for name, mark in before.items())
    broken = [*differences(output, whole.contents), *strays(output, whole.contents)]
    if again:
        broken.append(f"the resumption ended with {again}, see {output.with_suffix('.log')}")
    if redone > way.cores:
        broken.append(f"{redone} units that were published were made again")
    what = (
        f"{victim or 'ended before'} at {moment:.1f} s with {len(before)} units published; {ending}; "
        f"resumed: {told(last_attempt(output))}; {redone} made again"
    )
    if not broken:
        rmtree(output)
    return Row(way=way.name, fault=f"kill {role}", what=what, broken=tuple(broken))


def _await_moment(run: "Popen[str]", output: Path, whole: Undisturbed, random: np.random.Generator) -> None:
    """Wait for some time, or for some units: these come all at once after a long start."""
    if random.integers(2):
        time.sleep(random.uniform(0, whole.seconds))
        return
    await_units(run, output, int(random.integers(1, whole.units)))


def await_units(run: "Popen[str]", output: Path, units: int) -> None:
    """Wait until a run has published so many units, or has ended."""
    while run.poll() is None and len(marks(output)) < units:
        time.sleep(0.01)


def _struck(way: Way, run: "Popen[str]", role: str, random: np.random.Generator) -> str | None:
    """Kill a process as soon as there is one; tells which, None where the run had ended."""
    victim = None
    while victim is None and run.poll() is None:
        victim = killed(way, run, role, random)
        time.sleep(0.01)
    return victim


def first_file(run: "Popen[str]", output: Path) -> float:
    """Wait until a run has begun its work; gives that moment."""
    while not (output / "run.json").exists() and run.poll() is None:
        time.sleep(0.01)
    return time.monotonic()


def _new(output: Path) -> Path:
    rmtree(output, ignore_errors=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.with_suffix(".log").unlink(missing_ok=True)
    return output
