"""Ctrl-C at a moment when it does no harm."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let SIGINT wait for the end of what is inside: a JVM that is left while it starts stays for ever.

    Outside the main thread, which no signal reaches, nothing is changed.

    Raises:
        KeyboardInterrupt: At the end, where SIGINT came.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came = threading.Event()

    def wait(*_: Any) -> None:
        came.set()

    before = signal.signal(signal.SIGINT, wait)
    try:
        yield
    finally:
        # A session brings a handler of its own, which stays.
        if signal.getsignal(signal.SIGINT) is wait:
            signal.signal(signal.SIGINT, before)
    if came.is_set():
        raise KeyboardInterrupt
