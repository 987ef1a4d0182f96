"""How kernels are compiled: by numba, kept on disk where that can be done."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache, IndexDataCacheFile


class _Helpful(FunctionCache):
    """Keeps what was compiled for other processes; a disk that cannot take it costs them time, nobody a result.

    numba takes a kernel from its cache until the kernel's own file changes. Those that it calls are compiled into it,
    so that here all kernels must be as they were.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        stamp = (self._impl.locator.get_source_stamp(), _kernels())
        self._cache_file = IndexDataCacheFile(self._cache_path, self._impl.filename_base, stamp)  # type: ignore[no-untyped-call]

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep one compiled form."""
        with suppress(OSError):
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]


@cache
def _kernels() -> str:
    """sha256 over the sources of this package."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Decorate a kernel: numba's `njit` that keeps what it compiled.

    Args:
        options: Those of `numba.njit`, but for `cache`.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = njit(**options)(function)
        # RuntimeError: there is no folder in which numba could keep it.
        with suppress(RuntimeError):
            dispatcher._cache = _Helpful(function)  # noqa: SLF001 - as enable_caching does
        return dispatcher

    return decorate
