"""How long a storage is asked again."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

from jeospark.errors import StorageSlowError, StorageUnreachableError

FIRST_DELAY, LONGEST_DELAY = 0.25, 8.0
"""Seconds between attempts; each is twice as long as the one before."""
SLOWEST = 10_000
"""Bytes a second, over a whole request, below which a server is as good as none."""

Value = TypeVar("Value")


def patiently(attempt: Callable[[], Value], patience: float) -> Value:
    """Try until it succeeds or patience ends.

    Args:
        attempt: What to try.
        patience: Seconds.

    Raises:
        StorageSlowError: The last attempt did.
        StorageUnreachableError: The last attempt did.
    """
    end, delay = monotonic() + patience, FIRST_DELAY
    while True:
        try:
            return attempt()
        except (StorageUnreachableError, StorageSlowError):
            if monotonic() + delay > end:
                raise
        sleep(delay)
        delay = min(2 * delay, LONGEST_DELAY)


def deadline(timeout: float, length: int) -> float:
    """Seconds that a request for `length` bytes may take in all."""
    return timeout + length / SLOWEST
