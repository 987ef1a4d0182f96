"""What becomes of a submitted job: its progress, its end, and why."""

import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from tempfile import TemporaryFile

from jeospark.engine.job import Job
from jeospark.engine.ledger import WHOLE, attempts, path
from jeospark.engine.progress import watching
from jeospark.errors import ClusterDownError, OutputError, StorageError
from jeospark.schema import OUTCOMES
from jeospark.storage.publish import names
from jeospark.storage.tables import read_table
from jeospark.submit.hadoop import Application, Hadoop, driver_log
from jeospark.submit.memory import Forecast

LOOK_S = 2.0
"""Seconds between two looks at YARN and at the ledger."""
PATIENCE_S = 300.0
"""Seconds without an answer of YARN after which following ends: its ResourceManager may be starting again."""
LINES = 30
"""Of a failed driver's log."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""
_EXIT = re.compile(r"exited with status (\d+)")
"""YARN keeps a driver's exit code in the text of its diagnostics only."""


class Pixels:
    """Output pixels that the ledger tells of, since this was made; it is read on the storage that drivers write to."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._before = frozenset(attempts(job))
        self._known: dict[str, int] = {}
        self._looked = 0.0
        self._total = 0

    def done(self) -> int:
        """Of units that have ended, in attempts that began after this was made; the attempt that came furthest."""
        if time.monotonic() - self._looked > LOOK_S:
            self._looked = time.monotonic()
            # Where the storage is away, the job goes on, and a later look tells more.
            with suppress(StorageError, OutputError, OSError):
                totals = [self._of(attempt) for attempt in attempts(self._job) if attempt not in self._before]
                self._total = max(totals, default=0)
        return self._total

    def _of(self, attempt: str) -> int:
        found = names(path(self._job, attempt))
        parts = [WHOLE] if WHOLE in found else [name for name in found if name.startswith("part-")]
        return sum(self._pixels(path(self._job, attempt, part)) for part in parts)

    def _pixels(self, part: str) -> int:
        if part not in self._known:
            try:
                batches = read_table(part, OUTCOMES)
            except FileNotFoundError:
                # The attempt ended between two looks, and its parts became one file.
                return 0
            self._known[part] = sum(sum(batch.column("pixels").to_pylist()) for batch in batches)
        return self._known[part]


def run_here(parts: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a job whose driver is here, which tells of itself; returns its exit code."""
    with subprocess.Popen(parts, env=dict(environment)) as submitted:
        try:
            return _code(submitted.wait())
        except KeyboardInterrupt:
            # The driver has got the same signal, and ends its executors.
            submitted.wait()
            return INTERRUPTED


def run_there(
    parts: Sequence[str], environment: Mapping[str, str], hadoop: Hadoop, tag: str, known: Forecast | None
) -> int:
    """Run a job whose driver is on a node of YARN, and follow it from here.

    Args:
        parts: The spark-submit line.
        environment: For it.
        hadoop: Where YARN is.
        tag: What marks the application.
        known: What is known of the job; None for no progress.

    Returns:
        The job's exit code, or 130 after Ctrl-C, which the application survives.

    Raises:
        ClusterDownError: YARN does not answer any more, for minutes.
    """
    with TemporaryFile("w+b") as said:
        submitted = subprocess.Popen(
            parts, env=dict(environment), stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
        )
        try:
            with _progress(known):
                application = _wait(submitted, hadoop, tag)
        except KeyboardInterrupt:
            # YARN is asked when nothing more is handed over.
            _end(submitted)
            _announce(hadoop, tag)
            return INTERRUPTED
        finally:
            _end(submitted)
        if application is None:
            said.seek(0)
            _say("\n".join(said.read().decode(errors="replace").splitlines()[-LINES:]))
            return _code(submitted.returncode) or 1
    return _ending(application)


def _end(submitted: "subprocess.Popen[bytes]") -> None:
    submitted.terminate()
    submitted.wait()


def _code(returned: int) -> int:
    """An exit code as shells have it, of what may have been ended by a signal."""
    return 128 - returned if returned < 0 else returned


def _progress(known: Forecast | None) -> AbstractContextManager[None]:
    if known is None:
        return nullcontext()
    return watching(known.explanation.sums.pixels, Pixels(known.job).done, known.job.title)


class _Look:
    """Looks for an application, patient where YARN is away for a while."""

    def __init__(self, hadoop: Hadoop, tag: str) -> None:
        self._hadoop = hadoop
        self._tag = tag
        self._heard = time.monotonic()
        self.silent = False
        """True where YARN did not answer."""

    def once(self) -> Application | None:
        """The application as YARN has it; None where it has none or does not answer.

        Raises:
            ClusterDownError: YARN has not answered for `PATIENCE_S`.
        """
        try:
            found = self._hadoop.application(self._tag)
        except ClusterDownError as error:
            if time.monotonic() - self._heard > PATIENCE_S:
                raise
            if not self.silent:
                _say(f"{error.what}; it is asked again")
            self.silent = True
            return None
        self._heard, self.silent = time.monotonic(), False
        return found


def _wait(submitted: "subprocess.Popen[bytes]", hadoop: Hadoop, tag: str) -> Application | None:
    """The application at its end; None where spark-submit ended before there was one."""
    state, look = "", _Look(hadoop, tag)
    while True:
        ended = submitted.poll() is not None
        application = look.once()
        if look.silent:
            time.sleep(LOOK_S)
            continue
        if application is None and ended:
            return None
        if application is not None and application.state != state:
            state = application.state
            _say(f"{application.id} is {state}")
        if application is not None and application.ended:
            return application
        time.sleep(LOOK_S)


def _ending(application: Application) -> int:
    """Tell how it ended; returns the job's exit code."""
    log = driver_log(application, LINES)
    if application.final == "SUCCEEDED":
        sys.stdout.write(log.partition("--- stdout of the driver\n")[2] + "\n")
        return 0
    _say(f"{application.id} ended as {application.final}: {application.diagnostics}")
    _say(log or f"its driver's log is not to be had; YARN's page of it was {application.logs}")
    code = _EXIT.search(application.diagnostics)
    return int(code[1]) if code else 1


def _announce(hadoop: Hadoop, tag: str) -> None:
    try:
        application = hadoop.application(tag)
    except ClusterDownError as error:
        _say(f"{error.what}; an application with the tag {tag} goes on without this command")
        return
    if application is None:
        _say("interrupted before YARN had the job")
    else:
        _say(f"{application.id} goes on without this command; to end it: yarn application -kill {application.id}")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
