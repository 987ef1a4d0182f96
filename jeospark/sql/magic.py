"""The cell magic `%%jeosql` of notebooks."""

import argparse
import shlex
import sys
from typing import TYPE_CHECKING, NoReturn

from jeospark.errors import JeosparkError, SqlError
from jeospark.sql.answer import Answer
from jeospark.sql.limits import Limits
from jeospark.sql.query import run
from jeospark.sql.registry import folder_of
from jeospark.sql.session import session

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

HELP = "%%jeosql [NAME] [--catalog FOLDER] [--max-rows N] [--timeout SECONDS]"


class _Arguments(argparse.ArgumentParser):
    """Raises where argparse would end the process."""

    def error(self, message: str) -> NoReturn:
        raise SqlError(message, where="%%jeosql", remedy=f"Write {HELP}.")


def register_magic(shell: "InteractiveShell") -> None:
    """Make `%%jeosql` known to a notebook's shell; `%load_ext jeospark.sql` calls this."""

    def jeosql(line: str, cell: str) -> Answer | None:
        """Answer the query in a cell, and keep the answer under a name where one is given."""
        try:
            name, answer = _run(line, cell)
        except JeosparkError as error:
            sys.stderr.write("\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())]) + "\n")
            return None
        if name is None:
            return answer
        shell.user_ns[name] = answer
        return None

    shell.register_magic_function(jeosql, "cell", "jeosql")  # type: ignore[arg-type]


def _run(line: str, cell: str) -> tuple[str | None, Answer]:
    parser = _Arguments(add_help=False)
    parser.add_argument("name", nargs="?")
    parser.add_argument("--catalog")
    parser.add_argument("--max-rows", type=int)
    parser.add_argument("--timeout", type=float)
    try:
        given = parser.parse_args(shlex.split(line))
    except ValueError as error:
        parser.error(f"{str(error).lower()} in the line of the magic")
    if any(limit is not None and limit <= 0 for limit in (given.max_rows, given.timeout)):
        parser.error("--max-rows and --timeout are more than 0")
    if given.name is not None and not given.name.isidentifier():
        parser.error(f"'{given.name}' is no name of a variable")
    limits = Limits(rows=given.max_rows, seconds=given.timeout)
    *_, last = run(session(folder_of(given.catalog)), cell, limits=limits)
    return given.name, last
