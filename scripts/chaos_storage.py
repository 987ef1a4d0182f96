"""The storage server is killed, hangs, or stays away while a run reads from it."""

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import bench_items
from bench_archive import Archive
from chaos_check import Row, last_attempt, told
from chaos_job import Job
from chaos_kills import await_units, undisturbed
from chaos_scene import Scene, expect, need
from chaos_ways import ended
from storage_servers import EXPORT, Doors, missing_xrootd, start_xrootd

from jeospark.catalog.store import Catalog
from jeospark.engine.job import load_job
from jeospark.engine.standing import latest

OUTAGE_S = 60
IMPATIENT = {"JEOSPARK_STORAGE_PATIENCE_S": "5", "JEOSPARK_STORAGE_TIMEOUT_S": "5"}


def killed(scene: Scene) -> Row:
    """The server is killed while a run reads by HTTP, and back after a minute: the run waits, and ends right."""
    return _outage(scene, "http", "killed", lambda doors: doors.server.stop(), lambda doors: doors.server.start())


def hung(scene: Scene) -> Row:
    """The server says nothing for a minute while a run reads by root://: the run waits, and ends right."""
    return _outage(
        scene, "root", "hung",
        lambda doors: doors.server.signal(signal.SIGSTOP), lambda doors: doors.server.signal(signal.SIGCONT),
    )  # fmt: skip


def away(scene: Scene) -> Row:
    """The server stays away for longer than it is waited for: the cause is named, and resume ends right."""
    fault, output, broken = "server stays away", scene.output("server-away"), list[str]()
    if reason := missing_xrootd():
        return scene.row(fault, f"skipped: {reason}", broken, output, compared=False)
    with _served(scene, "http") as (doors, job):
        whole = undisturbed(scene.way, job, scene.folder / "away")
        run = scene.way.submit(job, output, **IMPATIENT)
        await_units(run, output, whole.units // 2)
        doors.server.stop()
        code = ended(run)
        rows = latest(load_job(str(output)))
        failed = {row.error for row in rows if row.status == "failed"}
        expect(broken, (code, failed), (1, {"StorageUnreachableError"}), "exit code and errors")
        first = told(last_attempt(output))
        doors.server.start()
        expect(broken, scene.resume(output), 0, "the exit code of resume")
    what = f"exit {code}: {first}; server back: {told(last_attempt(output))}"
    return replace(scene, whole=whole).row(fault, what, broken, output)


def _outage(scene: Scene, kind: str, name: str, begin: Callable[[Doors], None], end: Callable[[Doors], None]) -> Row:
    fault, output, broken = f"server {name} for {OUTAGE_S} s", scene.output(f"server-{name}"), list[str]()
    if reason := missing_xrootd():
        return scene.row(fault, f"skipped: {reason}", broken, output, compared=False)
    with _served(scene, kind) as (doors, job):
        whole = undisturbed(scene.way, job, scene.folder / name)
        run = scene.way.submit(job, output)
        await_units(run, output, whole.units // 2)
        began = time.monotonic()
        begin(doors)
        back = threading.Timer(OUTAGE_S, end, [doors])
        back.start()
        code = ended(run)
        took = time.monotonic() - began
        back.join()
    expect(broken, code, 0, "the exit code")
    need(broken, f"the run waited; it ended {took:.0f} s after the outage began", holds=took > OUTAGE_S)
    what = f"by {kind}: exit {code}, {took:.0f} s after the outage began: {told(last_attempt(output))}"
    return replace(scene, whole=whole).row(fault, what, broken, output)


@contextmanager
def _served(scene: Scene, kind: str) -> Iterator[tuple[Doors, Job]]:
    """An XRootD with the files of the archive, and the job that reads them from there."""
    home = scene.folder / f"server-{kind}"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    # XRootD has a user of its own, who must come in.
    for each in (scene.folder, home):
        each.chmod(each.stat().st_mode | 0o011)
    with ExitStack() as stack:
        doors = start_xrootd(home, stack)
        base = getattr(doors, kind) + EXPORT
        for file in scene.job.archive.folder.glob("*.tif"):
            os.link(file, doors.data / file.name)
        archive = replace(scene.job.archive, folder=home / "archive")
        archive.folder.mkdir()
        Catalog(archive.folder / "catalog").add({"id": bench_items.COLLECTION}, _moved(scene.job.archive, base))
        yield doors, replace(scene.job, archive=archive)


def _moved(archive: Archive, base: str) -> list[dict[str, object]]:
    items = bench_items.items(archive)
    for item in items:
        for asset in item["assets"].values():
            asset["href"] = f"{base}/{Path(asset['href']).name}"
    return items
