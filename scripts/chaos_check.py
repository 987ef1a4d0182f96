"""What must hold after a disturbed run: the bytes of an undisturbed one, nothing else in the folder, little redone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from jeospark.engine import ledger
from jeospark.engine.job import load_job
from jeospark.engine.standing import latest

KINDS = (".tif", ".png", ".json")
"""Files of a unit."""
FOLDERS = frozenset({"ledger", "plan"})
FILES = frozenset({"run.json", "attempt.json", "ended.json", "collection.json", "recipe.json", "report.html"})
"""What a run leaves beside its tiles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    way: str
    fault: str
    what: str
    """What was done, and what came of it."""
    broken: tuple[str, ...] = ()
    """What did not hold."""


def contents(output: Path) -> dict[str, bytes]:
    """The files of all units: path in the folder → bytes."""
    return {str(path.relative_to(output)): path.read_bytes() for path in _of_units(output)}


def marks(output: Path) -> dict[str, int]:
    """The published units: path of the COG → the time at which it was published."""
    cogs = [path.with_suffix(".tif") for path in _of_units(output) if path.suffix == ".json"]
    return {str(path): path.stat().st_mtime_ns for path in cogs if path.exists()}


def _of_units(output: Path) -> Iterator[Path]:
    for path in sorted(output.glob("*/*")):
        if path.parent.name not in FOLDERS and path.suffix in KINDS and not path.name.startswith("."):
            yield path


def differences(output: Path, reference: Mapping[str, bytes]) -> Iterator[str]:
    """How the files of units differ from those of an undisturbed run."""
    found = contents(output)
    if missing := reference.keys() - found.keys():
        yield f"{len(missing)} files are missing, as {min(missing)}"
    if more := found.keys() - reference.keys():
        yield f"{len(more)} files too many, as {min(more)}"
    if other := [name for name in sorted(found.keys() & reference.keys()) if found[name] != reference[name]]:
        yield f"{len(other)} files differ, as {other[0]}"


def strays(output: Path, reference: Mapping[str, bytes]) -> Iterator[str]:
    """Files that no finished run has."""
    for path in sorted(output.rglob("*")):
        name = str(path.relative_to(output))
        if path.is_dir() or name in reference or name in FILES:
            continue
        if path.relative_to(output).parts[0] in FOLDERS and not path.name.startswith((".", "_begun")):
            continue
        yield f"stray file {name}"


def standing(output: Path) -> dict[str, int]:
    """How many units stand in which way in the ledger."""
    counts: dict[str, int] = {}
    for outcome in latest(load_job(str(output))):
        counts[outcome.status] = counts.get(outcome.status, 0) + 1
    return counts


def last_attempt(output: Path) -> dict[str, int]:
    """How many units ended in which way in the last attempt."""
    job, counts = load_job(str(output)), dict[str, int]()
    for outcome in ledger.rows(job, ledger.attempts(job)[-1]):
        counts[outcome.status] = counts.get(outcome.status, 0) + 1
    return counts


def told(counts: Mapping[str, int]) -> str:
    """Counts in words."""
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "nothing"


def table(rows: list[Row]) -> str:
    """The rows under each other, and how many of them held."""
    lines = [f"{row.way:11} {row.fault:22} {'held' if not row.broken else 'BROKEN':7} {row.what}" for row in rows]
    lines += [f"{'':11} {row.fault}: {text}" for row in rows for text in row.broken]
    held = sum(not row.broken for row in rows)
    return "\n".join([*lines, f"{held} of {len(rows)} held"])
