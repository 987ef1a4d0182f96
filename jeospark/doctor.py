"""Whether this machine can run jeospark, in plain words."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from jeospark.engine.java import ensure_java, java_version
from jeospark.errors import JavaError
from jeospark.raster.env import gdal_version, missing_drivers
from jeospark.settings import Settings

PACKAGES = ("pyspark", "pyarrow", "numpy", "numba", "rasterio", "shapely", "odc-geo", "pystac")
MIB = 1024 * 1024
GIB = 1024 * MIB
SPARK_MB = 1536
"""What Spark's own process takes on one machine, MiB."""
SCRATCH_GB = 5
"""Free space below which large composites may not finish, GiB."""

_WORKER = "import sys, pyarrow, numba, rasterio, jeospark; print('%d.%d' % sys.version_info[:2])"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at."""

    name: str
    ok: bool
    text: str
    """What was found."""
    remedy: str = ""
    """What to do about it; empty where all is well."""


def examine(output: str = "") -> tuple[Check, ...]:
    """Look at everything a run needs.

    Args:
        output: Folder of results to look at too; empty for none.

    Raises:
        SettingError: A `JEOSPARK_` variable cannot be read.
    """
    settings = Settings.load()
    checks = [_java(), _python(), _workers(), _packages(), _gdal(), _memory(settings), _scratch(settings)]
    folders = {"catalogue": settings.catalog, "kernel cache": str(Path(settings.cache) / "numba"), "output": output}
    return (*checks, *_folders(folders))


def _java() -> Check:
    try:
        home = ensure_java()
    except JavaError as error:
        return Check(name="Java", ok=False, text=f"{error.what} [{error.where}]", remedy=error.remedy)
    return Check(name="Java", ok=True, text=f"Java {java_version(Path(home))} in {home}")


def _python() -> Check:
    found = "{}.{}.{}".format(*sys.version_info[:3])
    ok = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Check(
        name="Python",
        ok=ok,
        text=f"{found}, {sys.executable}",
        remedy="" if ok else "Use Python 3.11, 3.12 or 3.13.",
    )


def _workers() -> Check:
    """Spark starts workers with PYSPARK_PYTHON, which must be the same Python with the same packages."""
    python = os.environ.get("PYSPARK_PYTHON") or sys.executable
    mine = "{}.{}".format(*sys.version_info[:2])
    try:
        found = subprocess.run([python, "-c", _WORKER], capture_output=True, text=True, timeout=120, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return _bad_workers(f"{python} does not run ({error})")
    if found.returncode:
        return _bad_workers(f"{python}: {(found.stderr.strip().splitlines() or ['it failed'])[-1]}")
    if found.stdout.strip() != mine:
        return _bad_workers(f"{python} is Python {found.stdout.strip()}, the driver's is {mine}")
    return Check(name="workers", ok=True, text=f"Python {mine} with all packages, {python}")


def _bad_workers(text: str) -> Check:
    return Check(name="workers", ok=False, text=text, remedy=f"Unset PYSPARK_PYTHON, or set it to {sys.executable}.")


def _packages() -> Check:
    found = {name: _version(name) for name in PACKAGES}
    missing = [name for name, text in found.items() if text is None]
    text = ", ".join(f"{name} {found[name] or 'missing'}" for name in PACKAGES)
    remedy = f"Run pip install {' '.join(missing)}." if missing else ""
    return Check(name="packages", ok=not missing, text=text, remedy=remedy)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _gdal() -> Check:
    missing = missing_drivers()
    text = f"GDAL {gdal_version()}" + (f" without {', '.join(missing)}" if missing else " with all drivers")
    remedy = "Install rasterio's own wheel: pip install --force-reinstall --no-deps rasterio." if missing else ""
    return Check(name="GDAL", ok=not missing, text=text, remedy=remedy)


def _memory(settings: Settings) -> Check:
    available = psutil.virtual_memory().available // MIB
    each = settings.worker_memory_mb + settings.gdal_cache_mb
    cores = len(os.sched_getaffinity(0))
    needed = SPARK_MB + cores * each
    text = f"{available} MiB free; {cores} workers of {each} MiB and Spark take {needed} MiB"
    remedy = "" if available >= needed else "Run fewer workers (--master 'local[1]') or set JEOSPARK_WORKER_MEMORY_MB."
    return Check(name="memory", ok=available >= needed, text=text, remedy=remedy)


def _scratch(settings: Settings) -> Check:
    folder = settings.scratch or tempfile.gettempdir()
    remedy = "Set JEOSPARK_SCRATCH to a local folder with more space."
    try:
        free = shutil.disk_usage(folder).free / GIB
    except OSError as error:
        return Check(name="scratch", ok=False, text=f"{folder}: {error.strerror}", remedy=remedy)
    ok = free >= SCRATCH_GB and os.access(folder, os.W_OK)
    return Check(name="scratch", ok=ok, text=f"{free:.1f} GiB free in {folder}", remedy="" if ok else remedy)


def _folders(folders: dict[str, str]) -> Iterator[Check]:
    for name, folder in folders.items():
        if folder:
            problem = _unwritable(Path(folder).absolute())
            remedy = f"Make {folder} writable, or choose another folder." if problem else ""
            yield Check(name=name, ok=not problem, text=problem or f"{folder} can be written", remedy=remedy)


def _unwritable(folder: Path) -> str:
    """Why files cannot be made in a folder, which need not be there yet; empty where they can."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not there.is_dir():
        return f"{there} is not a folder"
    try:
        with tempfile.TemporaryFile(dir=there):
            return ""
    except OSError as error:
        return f"{there}: {error.strerror}"
