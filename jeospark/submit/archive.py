"""The environment that a job's processes run in on a cluster: one lean archive for what is installed here, made once.

It is a virtual environment without what nodes have from Spark (pyspark and its jars) and what no run needs (tests,
headers, type stubs, bytecode): YARN takes its time for each file that it unpacks. Its interpreter is a link to the one
here, which nodes must have at the same path.
"""

import gzip
import io
import lzma
import os
import re
import sys
import tarfile
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import Distribution, PackageNotFoundError, PackagePath, distribution
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement

from jeospark.errors import ArchiveError
from jeospark.storage.publish import publishing
from jeospark.storage.sweep import sweep

NAME = "environment"
"""Folder that the archive becomes, beside a process of a job."""
PYTHON = f"./{NAME}/bin/python"
SITE = PurePosixPath("lib", "python{}.{}".format(*sys.version_info[:2]), "site-packages")
LEFT_OUT = frozenset({"pyspark", "py4j"})
"""Spark brings its own on every node; of these, versions only are told."""
NO_RUN_NEEDS = frozenset(
    {".c", ".cc", ".cmake", ".cpp", ".h", ".hpp", ".md", ".pxd", ".pxi", ".pyc", ".pyi", ".pyx", ".rst"}
)
"""Suffixes."""
NOT_ON_NODES = frozenset({"prompt_toolkit", "wcwidth"})
"""What only a person at a terminal needs."""
KEPT = 3
"""Archives that stay in the cache, however old."""
UNUSED_S = 7 * 24 * 3600
"""Seconds that others stay after they were last given to a job."""
STORAGES = ("s3", "xrootd")
"""Extras of jeospark that go along where they are installed: a job that reads here must read on nodes, too."""
_ZONES = ("pytz/zoneinfo/", "tzdata/zoneinfo/")
"""Files of time zones: all times of jeospark are UTC."""


def environment_archive(cache: str) -> Path:
    """The archive of what is installed here; made where the cache does not have it yet.

    Args:
        cache: Folder of the cache.

    Raises:
        ArchiveError: A file of a package is missing here.
        OutputError: The cache cannot be written.
    """
    packages = needed("jeospark")
    path = Path(cache, "environments", f"{_key(packages)}.tar.gz")
    if not path.exists():
        with publishing(str(path)) as part, gzip.GzipFile(part, "wb", compresslevel=1, mtime=0) as stream:
            _fill(stream, packages)
        _forget_old(path.parent)
    # In a cache that others keep, nothing can be marked.
    with suppress(OSError):
        _mark(path).touch()
    return path


def _mark(path: Path) -> Path:
    """A file whose time tells when an archive was last given to a job: YARN takes one of a new time for another one."""
    return path.with_name(f"{path.name}.used")


def _used(path: Path) -> float:
    return max(each.stat().st_mtime for each in (path, _mark(path)) if each.exists())


def _forget_old(folder: Path) -> None:
    """Remove archives of what was installed before: but for the last ones, those that no job has been given for long.

    Executors of Spark's own cluster that come later fetch the archive from here.
    """
    sweep(str(folder))
    # Somebody else's stays, and so may what somebody else removes meanwhile.
    with suppress(OSError):
        for path in sorted(folder.glob("*.tar.gz"), key=_used, reverse=True)[KEPT:]:
            if time.time() - _used(path) > UNUSED_S:
                path.unlink()
                _mark(path).unlink(missing_ok=True)


def needed(package: str) -> list[Distribution]:
    """A package and all that it requires as it is installed here, by name; of jeospark's extras, the storages.

    Raises:
        ArchiveError: Something that it requires is not installed.
    """
    found: dict[str, Distribution] = {}
    waiting = [package]
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name not in found:
            found[name] = _installed(name)
            waiting += _required(found[name], STORAGES if name == "jeospark" else ())
    return [found[name] for name in sorted(found)]


def check_archive(path: Path) -> None:
    """Refuse an archive that would write outside the folder that it is unpacked in, or has no Python.

    The interpreter alone may be a link to a place outside: that is how virtual environments are made.

    Raises:
        ArchiveError: It does, it has none, or it is no archive.
    """
    remedy = "Leave --archive out, so that one is made, or make it with venv-pack or conda-pack."
    try:
        with tarfile.open(path) as archive:
            names = set()
            for member in archive:
                outside = _outside(member)
                if outside:
                    raise ArchiveError(f"'{member.name}' {outside}", where=str(path), remedy=remedy)
                names.add(os.path.normpath(member.name))
    except (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError) as error:
        raise ArchiveError(f"this is no archive that can be read ({error})", where=str(path), remedy=remedy) from error
    if "bin/python" not in names:
        raise ArchiveError("the archive has no bin/python", where=str(path), remedy=remedy)


def _outside(member: tarfile.TarInfo) -> str:
    """What is wrong with a member; empty where nothing is."""
    name = os.path.normpath(member.name)
    if name.startswith(("/", "..")):
        return "lies outside the archive's folder"
    if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
        return "is neither a file, a folder nor a link"
    if member.issym() and re.fullmatch(r"bin/python[\d.]*", name):
        return ""
    base = os.path.dirname(name) if member.issym() else ""  # noqa: PTH120 - a name in an archive
    if (member.issym() or member.islnk()) and os.path.normpath(os.path.join(base, member.linkname)).startswith(  # noqa: PTH118
        ("/", "..")
    ):
        return "is a link to a place outside"
    return ""


def _required(package: Distribution, extras: tuple[str, ...]) -> list[str]:
    """Names of what a package requires, and of what its extras require and is here."""
    requirements = [Requirement(each) for each in package.requires or ()]
    optional = [each for each in requirements if any(_applies(each, extra) for extra in extras)]
    return [each.name for each in requirements if _applies(each)] + [
        each.name for each in optional if _is_installed(each.name)
    ]


def _applies(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _installed(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError as error:
        raise ArchiveError(
            f"the package {name} is needed and not installed", remedy="Install jeospark again, with what it requires."
        ) from error


def _key(packages: list[Distribution]) -> str:
    """One for each lock: the interpreter, the versions of all packages, and the very files of jeospark."""
    lock = [sys.version, _interpreter(), *(f"{each.name}=={each.version}" for each in packages)]
    own = next(each for each in packages if each.name == "jeospark")
    return sha256("\n".join([*lock, own.read_text("RECORD") or ""]).encode()).hexdigest()[:16]


def _interpreter() -> str:
    return str(Path(sys.base_prefix, "bin", "python{}.{}".format(*sys.version_info[:2])))


def _fill(stream: gzip.GzipFile, packages: list[Distribution]) -> None:
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in ("bin/python", "bin/python3"):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, _interpreter()
            archive.addfile(link)
        _add_text(
            archive, "pyvenv.cfg", f"home = {Path(_interpreter()).parent}\ninclude-system-site-packages = false\n"
        )
        for package in packages:
            for file in _files(package):
                source = Path(str(file.locate()))
                if not source.is_file():
                    remedy = f"Run pip install --force-reinstall {package.name}=={package.version}."
                    raise ArchiveError(f"a file of {package.name} is missing", where=str(source), remedy=remedy)
                archive.add(source, str(SITE / file), recursive=False, filter=_anonymous)


def _files(package: Distribution) -> Iterator[PackagePath]:
    """Those that go into the archive, in order."""
    told_only = package.name in LEFT_OUT | NOT_ON_NODES
    for file in sorted(package.files or (), key=str):
        inside = not file.is_absolute() and ".." not in file.parts
        described = file.parts[0].endswith((".dist-info", ".egg-info"))
        useless = file.suffix in NO_RUN_NEEDS or {"tests", "licenses"} & set(file.parts) or str(file).startswith(_ZONES)
        if inside and not useless and (described or not told_only):
            yield file


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode()
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """The same bytes whoever makes it, whenever."""
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member
