"""Ctrl-C at a moment when it does no harm."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyspark import SparkContext

TICK = 0.2
"""Seconds between two calls to cancel what runs: a job may begin after the first."""


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let SIGINT wait for the end of what is inside: a JVM that is left while it starts stays for ever.

    Raises:
        KeyboardInterrupt: At the end, where SIGINT came.
    """
    with _noted() as came:
        yield
    if came.is_set():
        raise KeyboardInterrupt


@contextmanager
def cancelling(context: SparkContext) -> Iterator[threading.Event]:
    """Let SIGINT cancel Spark's jobs, whose end what is inside waits for.

    Spark's own handler breaks the call of Java that it comes in between, and lets a job run on that begins just then.

    Yields:
        What is set once SIGINT came.
    """
    over = threading.Event()

    def cancel() -> None:
        while not over.wait(TICK):
            if came.is_set():
                context.cancelAllJobs()

    with _noted() as came:
        watcher = threading.Thread(target=cancel, daemon=True)
        watcher.start()
        try:
            yield came
        finally:
            over.set()
            watcher.join()


@contextmanager
def _noted() -> Iterator[threading.Event]:
    """Take note of SIGINT, and do nothing else.

    Outside the main thread, which no signal reaches, nothing is changed.

    Yields:
        What is set once it came.
    """
    came = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield came
        return

    def note(*_: Any) -> None:
        came.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield came
    finally:
        # A session brings a handler of its own, which stays.
        if signal.getsignal(signal.SIGINT) is note:
            signal.signal(signal.SIGINT, before)
