"""What a job's file says of itself before it runs."""

import runpy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jeospark.engine.job import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A job's file."""

    job: Callable[[Sequence[str]], Job] | None
    """Its function `job`, which makes of arguments what will be run; None where it has none."""
    sedona: bool
    """True where it has `SEDONA = True`: its session needs Sedona, which must be there when the JVM starts."""


def read_script(path: Path) -> Script:
    """Load a job's file, without running the job."""
    names = runpy.run_path(str(path))
    return Script(job=names.get("job"), sedona=names.get("SEDONA") is True)
