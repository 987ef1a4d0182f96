"""Processes that a benchmark compares: each answers lines of JSON, so that sessions stay warm and memory is its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import TracebackType
from typing import IO, Any, Self


def require(*modules: str) -> None:
    """End with one line where a program to compare with is not installed.

    Args:
        modules: Names to import.
    """
    absent = [name for name in modules if find_spec(name) is None]
    if absent:
        raise missing(*absent)


def missing(*names: str) -> SystemExit:
    """What ends a benchmark whose peers are not installed."""
    return SystemExit(f"not installed: {', '.join(names)}; scripts/setup.sh --bench installs what is compared with")


class Peer:
    """A script that serves.

    Args:
        script: Its path.
        arguments: What tells it to serve, and as what.
    """

    def __init__(self, script: str, *arguments: str) -> None:
        command = [sys.executable, script, *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **asked: Any) -> Any:
        """Wait for its answer."""
        print(json.dumps(asked), file=_open(self._process.stdin), flush=True)
        line = _open(self._process.stdout).readline()
        if not line:
            raise SystemExit("a process ended; see its message above")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        _open(self._process.stdin).close()
        self._process.wait(60)


def serve(answer: Callable[..., Any], answers: IO[str]) -> None:
    """Answer what comes until nothing more does."""
    for line in sys.stdin:
        print(json.dumps(answer(**json.loads(line))), file=answers, flush=True)


@contextmanager
def lonely_stdout() -> Iterator[IO[str]]:
    """The stream for answers; whatever else prints goes to stderr."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        yield answers


def _open(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise SystemExit("a process has no pipe")
    return stream
