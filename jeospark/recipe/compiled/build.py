"""From the text of a kernel to a function: written to a folder that processes share, so that each is compiled once."""

import hashlib
import importlib.util
import os
import pkgutil
import sys
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import ModuleType

_STAMP = (0, 0)
"""Time of all kernel files: numba takes a file of another time for another one, and processes write the same twice."""


def blocks_digest() -> str:
    """Give the sha256 of `udfs.blocks`, without importing it."""
    return hashlib.sha256(pkgutil.get_data("udfs", "blocks.py") or b"").hexdigest()


@lru_cache(maxsize=64)
def load_kernel(source: str, folder: str) -> Callable[..., None]:
    """Import a kernel; where its file cannot be written, make it in memory.

    Args:
        source: The kernel's module.
        folder: Where modules and what numba compiles of them are kept.
    """
    name = hashlib.sha256(source.encode()).hexdigest()
    try:
        module = _import(_published(source, Path(folder) / "kernels" / f"{name}.py"), f"jeospark_kernel_{name}")
    except OSError:
        module = ModuleType(f"jeospark_kernel_{name}")
        exec(source, module.__dict__)  # noqa: S102 - made of numbers and fixed texts only
    kernel: Callable[..., None] = module.kernel
    return kernel


def _published(source: str, path: Path) -> Path:
    """Write a file unless it is there as it should be; several processes may do so at once."""
    if path.is_file() and path.read_text(encoding="utf-8") == source:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False, encoding="utf-8") as file:
        file.write(source)
    os.utime(file.name, _STAMP)
    Path(file.name).replace(path)
    return path


def _import(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(name, path=str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
