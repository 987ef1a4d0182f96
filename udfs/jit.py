"""How kernels are compiled: by numba, kept on disk where that can be done."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache


class _Helpful(FunctionCache):
    """Keeps what was compiled for other processes; a disk that cannot take it costs them time, nobody a result."""

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep one compiled form."""
        with suppress(OSError):
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Decorate a kernel: numba's `njit` that keeps what it compiled.

    Args:
        options: Those of `numba.njit`, but for `cache`.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = njit(**options)(function)
        # RuntimeError: there is no folder in which numba could keep it.
        with suppress(RuntimeError):
            dispatcher._cache = _Helpful(function)  # type: ignore[no-untyped-call]  # noqa: SLF001 - as enable_caching does
        return dispatcher

    return decorate
