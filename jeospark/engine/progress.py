"""Progress of a run in output pixels, with the time left: a bar on a terminal or in a notebook, lines in a log."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from tqdm.auto import tqdm

from jeospark.report.numbers import short

POLL = 0.25
"""Seconds between two looks at the count."""
LOG_EVERY = 10.0
"""Seconds between two lines in a log."""


@contextmanager
def watching(total: int, done: Callable[[], int], what: str) -> Iterator[None]:
    """Show progress while the block runs.

    Args:
        total: Pixels in all.
        done: Tells the pixels that are done.
        what: Name of the run.
    """
    stop = threading.Event()
    show = _bar if sys.stderr.isatty() or _in_notebook() else _lines
    thread = threading.Thread(target=show, args=(total, done, what, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _in_notebook() -> bool:
    # A program that runs notebooks has the module without being one.
    kernel = sys.modules.get("ipykernel.kernelapp")
    return kernel is not None and bool(kernel.IPKernelApp.initialized())


def _bar(total: int, done: Callable[[], int], what: str, stop: threading.Event) -> None:
    with tqdm(total=total, desc=what, unit="px", unit_scale=True) as bar:
        ended = False
        while not ended:
            ended = stop.wait(POLL)
            bar.update(done() - bar.n)


def _lines(total: int, done: Callable[[], int], what: str, stop: threading.Event) -> None:
    started = perf_counter()
    shown = -1
    ended = False
    while not ended:
        ended = stop.wait(LOG_EVERY if shown >= 0 else POLL)
        if done() != shown:
            shown = done()
            sys.stderr.write(line(what, shown, total, perf_counter() - started) + "\n")


def line(what: str, done: int, total: int, seconds: float) -> str:
    """One line of a log: share done, pixels, rate, and the time left at that rate.

    >>> line("NDVI", 250_000, 1_000_000, 5.0)
    'NDVI: 25 % (250 kpx of 1 Mpx), 50 kpx/s, 0:15 left'
    """
    rate = done / seconds if seconds else 0.0
    left = f"{_clock((total - done) / rate)} left" if rate else "time left unknown"
    share = 100 * done // total if total else 100
    return f"{what}: {share} % ({short(done)}px of {short(total)}px), {short(rate)}px/s, {left}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
