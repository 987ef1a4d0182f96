"""How a job ended, and that it ends once: YARN takes an exit code for a driver that was lost, and starts it again."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from jeospark.engine.application import application, is_second
from jeospark.settings import Settings
from jeospark.storage.href import absolute, join
from jeospark.storage.publish import exists, read_text, write_text_atomic
from jeospark.storage.roots import Roots
from jeospark.storage.tokens import check_href

FAILED = 1
"""Exit code where more units failed than allowed."""
FILE = "ended.json"
AGAIN = "YARN's second attempt does nothing, as the application's first one ended so:"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ended, for whoever started it."""

    code: int
    """Exit code: 0, or 1 where more units failed than the job allows."""
    text: str
    """What happened, where the results lie, and how to go on."""


def once(output: str, run: Callable[[], Ending]) -> Ending:
    """Run a job, unless the first attempt of the same application of YARN has ended with exit code 1.

    A first attempt that was lost, or that raised an error, is done again.

    Args:
        output: Folder or href of the results, where it is kept how the job ended.
        run: The job; its errors are raised.

    Raises:
        CredentialError: The output's href carries a token.
        ForbiddenError: The output lies outside the allowed roots.
        OutputError: The output folder cannot be written.
    """
    if told := _told_before(output):
        return Ending(FAILED, f"{AGAIN}\n{told}")
    ending = run()
    if ending.code == FAILED and application():
        text = json.dumps({"application": application(), "text": ending.text}, indent=1)
        write_text_atomic(_path(output), text, private=True)
    return ending


def _told_before(output: str) -> str:
    """What the first attempt told; empty where this is none after it."""
    if not is_second():
        return ""
    check_href(output)
    Roots.load(Settings.load()).check(absolute(output))
    if not exists(_path(output)):
        return ""
    told: dict[str, str] = json.loads(read_text(_path(output)))
    return told["text"] if told["application"] == application() else ""


def _path(output: str) -> str:
    return join(absolute(output), FILE)
