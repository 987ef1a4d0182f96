"""One unit takes more memory than its worker may have."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from shutil import rmtree
from subprocess import Popen  # noqa: TC003 - for readers; in quotes, as it is generic

import bench_items
import psutil
import rasterio
from bench_archive import CRS, ORIGIN, Archive
from chaos_check import Row, last_attempt, told
from chaos_job import Job
from chaos_kills import undisturbed
from chaos_scene import Scene, expect, need
from chaos_ways import Way, ended

from jeospark.catalog.footprint import footprint_of_grid
from jeospark.catalog.store import Catalog
from jeospark.engine import ledger
from jeospark.engine.job import load_job
from jeospark.engine.standing import latest

TILE = 1024
DATES = 150
"""Of the one tile and month that takes too much."""
FAT = 960
"""Rows and columns of these: clear of the tile's edges, as masks grow across them, into the units beside."""
LIMIT_MB = 900
"""Of a worker; the others take half of it."""
BUDGET = {"JEOSPARK_WORKER_MEMORY_MB": "8192"}
"""More than there is, so that windows are as large as they can be."""
ENDED = "beyond the 'PHYSICAL' memory limit"
"""What a NodeManager says of a container that it ends."""


def memory(scene: Scene) -> Row:
    """The unit whose workers are killed for their memory fails by name, and the others are made."""
    job = _with_a_fat_unit(scene)
    whole = undisturbed(scene.way, job, scene.folder / "fat")
    output, broken = scene.output("memory"), list[str]()
    greedy = _greedy(scene.way)
    run = greedy.submit(job, output, **BUDGET)
    with _limited(scene.way, run) as deaths:
        code = ended(run)
        died = deaths()
    # YARN starts the driver once more where units failed.
    drivers = len(ledger.attempts(load_job(str(output))))
    expect(broken, code, 1, "the exit code where none may fail")
    rows = {row.unit_id: row for row in latest(load_job(str(output)))}
    failed = [row for row in rows.values() if row.status == "failed"]
    expect(broken, [(row.unit_id, row.error) for row in failed], [_fat(job)], "what failed")
    text = failed[0].message or "" if failed else ""
    need(broken, f"'{text}' names a setting to change", holds="spark.executor.memoryOverhead" in text)
    first = told(last_attempt(output))
    expect(broken, ended(_roomy(greedy).submit(job, output, **BUDGET)), 0, "the exit code with more")
    expect(broken, died, 2 * drivers, "the number of workers that died")
    what = (
        f"{died} workers killed under {drivers} drivers; exit {code}: {first}; with more: {told(last_attempt(output))}"
    )
    return replace(scene, whole=whole).row("memory of a unit", what, broken, output)


def _with_a_fat_unit(scene: Scene) -> Job:
    """The job on large tiles, with many more dates in a month of the first one."""
    archive = scene.job.archive
    folder = scene.folder / "archive-fat"
    rmtree(folder, ignore_errors=True)
    fat = Archive(folder=folder, size=FAT, dates=1, bands=archive.bands)
    folder.mkdir()
    for band in (*archive.bands, "SCL"):
        pixels = FAT if band != "SCL" else FAT // 2
        with rasterio.open(archive.path(0, band)) as file:
            corner = file.read(1, window=rasterio.windows.Window(0, 0, pixels, pixels))
            profile = {**file.profile, "height": pixels, "width": pixels}
        with rasterio.open(fat.path(0, band), "w", **profile) as file:
            file.write(corner, 1)
    (first,) = bench_items.items(fat)
    transform = (10.0, 0.0, ORIGIN[0], 0.0, -10.0, ORIGIN[1])
    place = footprint_of_grid(CRS, transform, (FAT, FAT))
    more = [
        {
            **first,
            **place,
            "id": f"fat-{number:03d}",
            "properties": {
                **first["properties"],
                "datetime": f"{fat.when(0) + timedelta(minutes=number):%Y-%m-%dT%H:%M:%SZ}",
                "sat:relative_orbit": 1 + number % 140,
                "platform": f"sentinel-2{'abc'[number // 140]}",
            },
        }
        for number in range(DATES)
    ]
    catalog = Catalog(folder / "catalog")
    catalog.add({"id": bench_items.COLLECTION}, [*bench_items.items(archive), *more])
    return replace(scene.job, archive=replace(archive, folder=folder), tile=TILE)


def _fat(job: Job) -> tuple[str, str]:
    month = f"{job.archive.when(0):%Y-%m}"
    return f"r0000c0000/{month}", "WorkerLostError"


def _greedy(way: Way) -> Way:
    """The way with `BUDGET` for a driver that is on a node."""
    given = (f"spark.yarn.appMasterEnv.{name}={value}" for name, value in BUDGET.items())
    return replace(way, options=(*way.options, *(part for each in given for part in ("--conf", each))))


def _roomy(way: Way) -> Way:
    """The way with memory for all units, where there is a limit."""
    return replace(way, options=(*way.options, "--conf", "spark.executor.memoryOverhead=3g"))


@contextmanager
def _limited(way: Way, run: "Popen[str]") -> Iterator[Callable[[], int]]:
    """Let workers that take too much die; gives a function that tells how many did."""
    if way.name != "yarn" or way.cluster is None:
        with _warden(way, run) as killed:
            yield lambda: len(killed)
        return
    logs = [way.cluster.folder / f"nodemanager{number}.log" for number in (1, 2)]
    before = sum(log.read_text(encoding="utf-8").count(ENDED) for log in logs)
    yield lambda: sum(log.read_text(encoding="utf-8").count(ENDED) for log in logs) - before


@contextmanager
def _warden(way: Way, run: "Popen[str]") -> Iterator[list[int]]:
    """Kill workers that take too much, as the kernel does; gives whom."""
    killed, stop = list[int](), threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            for each in way.victims(run, "python worker"):
                with suppress(psutil.Error):
                    if each.memory_info().rss > LIMIT_MB << 20:
                        each.kill()
                        killed.append(each.pid)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield killed
    finally:
        stop.set()
        thread.join()
