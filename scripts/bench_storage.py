"""The composite read from a real XRootD server by HTTP, by root:// and through a FUSE mount, against local files."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from time import sleep

from bench_items import COLLECTION, items
from bench_jeospark import Engine
from bench_result import Result, compared
from bench_work import Work, check_equal, composite, tifs
from storage_servers import EXPORT, Doors, missing_xrootd, start_xrootd

from jeospark.catalog.store import Catalog

TARGETS = {"http": 1.5, "root": 2.0, "mount": 2.0}
"""Of the whole job's time, in units of that from local files."""
FUSE_LIMITS = {"XRD_CONNECTIONWINDOW": "3", "XRD_CONNECTIONRETRY": "1", "XRD_STREAMERRORWINDOW": "3",
               "XRD_REQUESTTIMEOUT": "15"}  # fmt: skip
"""Without them a mount whose server is away hangs for minutes."""


def bench_storage(folder: Path, repeat: int, cores: int) -> Iterator[Result]:
    """Local, HTTP, root, mount, local, …; all must give the same pixels."""
    if reason := missing_xrootd():
        raise SystemExit(reason)
    work = composite(folder, "composite")
    local = work.request(tile=work.tile)
    with tempfile.TemporaryDirectory(prefix="jeospark-xrootd-") as home, ExitStack() as stack:
        Path(home).chmod(0o755)
        doors = start_xrootd(Path(home), stack)
        _serve(work, doors)
        bases = {"http": doors.http + EXPORT, "root": doors.root + EXPORT, **_mounted(doors, Path(home), stack)}
        requests = {"local": local} | {
            way: replace(
                local, catalog=_catalog(work, base, Path(home) / f"catalog-{way}"), output=f"{local.output}-{way}"
            )
            for way, base in bases.items()
        }
        seconds: dict[str, list[float]] = {way: [] for way in requests}
        reading: dict[str, list[float]] = {way: [] for way in requests}
        with Engine(cores) as engine:
            for request in requests.values():
                engine.run(request)
            for _ in range(repeat):
                for way, request in requests.items():
                    reply = engine.run(request)
                    seconds[way].append(reply.seconds)
                    reading[way].append(reply.read)
        for way in bases:
            check_equal(tifs(Path(local.output)), tifs(Path(requests[way].output)))
    for way in bases:
        yield Result(
            name=f"storage-{way}", what=f"composite read by {way} / from local files",
            ratio=compared(seconds[way], seconds["local"]), target=TARGETS[way],
            seconds={"local": seconds["local"], way: seconds[way]},
            also={"reading alone": compared(reading[way], reading["local"])},
        )  # fmt: skip


def _serve(work: Work, doors: Doors) -> None:
    """The archive's files where the server has them, without a copy where that can be."""
    for item in items(work.archive):
        for asset in item["assets"].values():
            source = Path(asset["href"])
            target = doors.data / source.relative_to(work.archive.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.stat().st_dev == doors.data.stat().st_dev:
                os.link(source, target)
            else:
                shutil.copyfile(source, target)


def _catalog(work: Work, base: str, folder: Path) -> str:
    moved = items(work.archive)
    for item in moved:
        for asset in item["assets"].values():
            asset["href"] = f"{base}/{Path(asset['href']).relative_to(work.archive.folder)}"
    Catalog(folder).add({"id": COLLECTION, "title": "Generated Sentinel-2"}, moved)
    return str(folder)


def _mounted(doors: Doors, home: Path, stack: ExitStack) -> dict[str, str]:
    """The server's files as a mount, where this machine has FUSE."""
    if not (shutil.which("xrootdfs") and Path("/dev/fuse").exists()):
        print("no mount: xrootdfs or /dev/fuse is missing")
        return {}
    return {"mount": str(stack.enter_context(_fuse(doors, home / "mount")))}


@contextmanager
def _fuse(doors: Doors, mount: Path) -> Iterator[Path]:
    mount.mkdir()
    command = ["xrootdfs", str(mount), "-f", "-o", f"rdr={doors.root}{EXPORT}"]
    process = subprocess.Popen(command, env={**os.environ, **FUSE_LIMITS}, stdout=subprocess.DEVNULL)
    try:
        for _ in range(50):
            if mount.is_mount() and any(mount.iterdir()):
                break
            sleep(0.2)
        else:
            raise SystemExit("the mount shows no files")
        yield mount
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=False)
        process.wait(20)
