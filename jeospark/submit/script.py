"""What a job's file says of itself before it runs, and what of it and its arguments would not reach the job."""

import re
import runpy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jeospark.engine.job import Job
from jeospark.errors import JeosparkError, JobFileError

_TOLD = frozenset({"job", "SEDONA"})

_OWN = (ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError, OSError, RuntimeError,
        SyntaxError, SystemExit, TypeError, ValueError)  # fmt: skip
"""What goes wrong in a file that somebody else has written."""
_YARNS = r"`|\{\{|\}\}|<CPS>|<LOG_DIR>"
"""What YARN's shell, or YARN itself, puts something else for in the arguments of a driver."""
_SHELLS = rf'["$\\]|{_YARNS}'
"""The same in its environment."""
_FOUND_BY_NODES = re.compile(r"[\w.~+-]+")
"""Names of files that Spark does not quote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A job's file."""

    job: Callable[[Sequence[str]], Job] | None
    """Its function `job`, which makes of arguments what will be run; None where it has none."""
    sedona: bool
    """True where it has `SEDONA = True`: its session needs Sedona, which must be there when the JVM starts."""


def read_script(path: Path) -> Script:
    """Load a job's file, without running the job.

    Raises:
        JobFileError: It cannot be loaded, or its name is none that Spark takes for Python.
    """
    if path.suffix != ".py" or "#" in str(path.absolute()):
        what = "Spark takes files for Python whose name ends with .py and whose path has no '#'"
        raise JobFileError(what, where=str(path), remedy="Rename it.")
    try:
        # A file that tells nothing is not loaded: it may be one that does its work at once.
        told = _TOLD & set(compile(path.read_bytes(), str(path), "exec").co_names)
        names = runpy.run_path(str(path)) if told else {}
    except JeosparkError:
        raise
    except _OWN as error:
        what = f"the job's file cannot be loaded ({type(error).__name__}: {error})"
        remedy = "Mend it, install what it imports, and let it work below `if __name__ == '__main__':` only."
        raise JobFileError(what, where=str(path), remedy=remedy) from error
    return Script(job=names.get("job"), sedona=names.get("SEDONA") is True)


def check_words(script: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Refuse what would become something else on its way to a driver on a node.

    Args:
        script: The job's file.
        arguments: The job's.
        environment: Of the driver.

    Raises:
        JobFileError: Something would.
    """
    if not _FOUND_BY_NODES.fullmatch(script.name):
        raise JobFileError("a node would not find a file of this name", where=str(script), remedy="Rename it.")
    for words, changed in ((arguments, _YARNS), (environment.values(), _SHELLS)):
        for word in words:
            found = re.search(changed, word)
            if found:
                remedy = "Leave it out, or let the driver run here (--deploy-mode client)."
                raise JobFileError(f"YARN would put something else for '{found[0]}'", where=word, remedy=remedy)
