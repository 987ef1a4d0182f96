"""A run on more cores than there are: the units of a measured run, scheduled as Spark does it.

Tasks go, in the plan's order, to the core that is free first (list scheduling: R. L. Graham, "Bounds on multiprocessing
timing anomalies", 1969). Storage is a bound on what all cores read together (the asymptotic bound of closed queues:
P. J. Denning and J. P. Buzen, "The operational analysis of queueing network models", 1978).
"""

import heapq
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeospark.engine import ledger
from jeospark.engine.finish import FILE
from jeospark.engine.job import Job, load_job
from jeospark.engine.plan import written_plan
from jeospark.engine.run import TASKS_PER_CORE, UNITS_PER_TASK
from jeospark.model import Source
from jeospark.storage.publish import read_text

Floats = NDArray[np.float64]
SAMPLE = 64
"""Units whose files tell how many bytes a pixel has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run's ledger tells."""

    cores: int
    seconds: float
    """Wall time of all units."""
    busy: Floats
    """Core-seconds of each unit that was made, in the plan's order."""
    read: Floats
    """Of these, in reading."""
    bytes: Floats
    """That each of them read, by the pixels it read and the size of its files."""
    overhead: float
    """Core-seconds a unit beside its own: tasks that start, rows that are written, cores that wait for the last."""

    def sized(self, size: float) -> "Run":
        """The same work in units that read `size` bytes on average: what measured units took grows with their bytes."""
        times = size / self.bytes.mean()
        return replace(self, busy=self.busy * times, read=self.read * times, bytes=self.bytes * times)

    def beside(self, cores: int, contention: float) -> "Run":
        """The same units where so many cores work: one alone is faster, see `Cluster.contention`."""
        times = contention ** ((cores > 1) - (self.cores > 1))
        return replace(self, busy=self.busy * times, read=self.read * times)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Where a run would take place."""

    cores: int
    storage_servers: int = 40
    """Assumed: 13 PB gross (JEODPP in 2018) at about 0.3 PB a disk server."""
    server_rate: float = 1.0e9
    """Bytes a second that a disk server (FST) gives. Assumed: 10 Gbit/s Ethernet, four fifths of it used."""
    cores_per_node: int = 40
    """Assumed."""
    node_rate: float = 1.0e9
    """Bytes a second into a node. Assumed as `server_rate`."""
    contention: float = 1.0
    """How many times as long a unit takes where all cores of a node work as where one does. See `scale.py measure`."""
    start: float = 60.0
    """Seconds until the first task: application master, environment, plan. Assumed."""
    executors_per_second: float = 5.0
    """That the cluster starts, one a node. Assumed."""
    warm_up: float = 8.0
    """Seconds of a core's first task: imports and compiled kernels. Assumed."""
    dispatch: float = 0.002
    """Seconds that the driver takes a task, one after the other. See `scale.py measure`."""
    straggling: float = 0.01
    """Share of tasks that straggle, not cut short by speculation. Assumed."""
    straggle: float = 3.0
    """How many times as long these take. Assumed."""
    finish: float = 0.0001
    """Seconds a unit for closing the ledger, collection and report, on the driver. See `bench.py finish`."""


RELAXED: Mapping[str, Mapping[str, Any]] = {
    "storage": {"storage_servers": 10**9},
    "network of the nodes": {"node_rate": 1e18},
    "start-up": {"start": 0.0, "warm_up": 0.0, "executors_per_second": 1e9},
    "stragglers": {"straggling": 0.0},
    "driver's dispatch": {"dispatch": 0.0},
    "driver's finish": {"finish": 0.0},
}
"""What may hold a run up beside its cores, and how a cluster would be without it."""
TELLING = 0.05
"""Part of a run's time that a bottleneck must cost to be named."""


def run_of(folder: str) -> Run:
    """The last attempt of the run in an output folder."""
    job = load_job(folder)
    attempt = json.loads(read_text(job.path(FILE)))
    made = [row for row in ledger.rows(job, attempt["name"]) if row.status in {"done", "empty"}]
    if not made:
        raise SystemExit(f"{folder}: its last attempt made no unit; give a run that did.")
    pixels = np.array([row.pixels_read for row in made], np.float64)
    busy = np.array([row.seconds for row in made])
    return Run(
        cores=attempt["cores"],
        seconds=attempt["seconds"],
        busy=busy,
        read=np.array([row.seconds_read for row in made]),
        bytes=pixels * _bytes_per_pixel(job),
        overhead=max(attempt["cores"] * attempt["seconds"] - float(busy.sum()), 0.0) / len(busy),
    )


def _bytes_per_pixel(job: Job) -> float:
    """Of the files that the first units read."""
    files = {source.href: source for source in islice(_sources(job), SAMPLE * 1000)}.values()
    known = [(each.size, each.shape[0] * each.shape[1]) for each in files if each.size and each.shape]
    if not known:
        raise SystemExit(f"{job.output}: the catalogue does not know the size of its files.")
    sizes, pixels = zip(*known, strict=True)
    return float(sum(sizes) / sum(pixels))


def _sources(job: Job) -> Iterator[Source]:
    folder = written_plan(job)
    units = folder.read(0, min(SAMPLE, folder.units)) if folder else iter(())
    return (source for unit in units for item in unit.items for source in item.sources)


def replayed(run: Run, cores: int, slower: float = 1.0) -> float:
    """Seconds that the very units of a run take on so many cores that are there and warm, beside the same storage.

    Args:
        run: Whose units.
        cores: That they take place on.
        slower: How many times as long each takes there.
    """
    tasks = _tasks(run.busy * slower + run.overhead, cores)
    return _scheduled(tasks, np.zeros(cores), 0.0)


def simulated(run: Run, cluster: Cluster, volume: float, seed: int = 0) -> float:
    """Seconds that a run like this one takes which reads `volume` bytes, from submit to report."""
    random = np.random.default_rng(seed)
    run = run.beside(min(cluster.cores, cluster.cores_per_node), cluster.contention)
    units = max(round(volume / run.bytes.mean()), 1)
    drawn = random.integers(len(run.busy), size=units)
    seconds = _bounded(run, cluster)[drawn] + run.overhead
    tasks = _tasks(seconds, cluster.cores)
    tasks = np.where(random.random(len(tasks)) < cluster.straggling, tasks * cluster.straggle, tasks)
    nodes = np.arange(cluster.cores) // cluster.cores_per_node
    free = cluster.start + nodes / cluster.executors_per_second + cluster.warm_up
    return float(_scheduled(tasks, free, cluster.dispatch, cluster.start) + cluster.finish * units)


def _bounded(run: Run, cluster: Cluster) -> Floats:
    """Seconds of each unit where all cores read at once: its own, or as long as its bytes take."""
    share = cluster.storage_servers * cluster.server_rate / cluster.cores
    node = cluster.node_rate / min(cluster.cores_per_node, cluster.cores)
    # Averaged over the run, as cores that compute leave storage to those that read.
    slower = float(run.bytes.sum() / min(share, node) / run.busy.sum())
    return run.busy * max(slower, 1.0)


def _tasks(units: Floats, cores: int) -> Floats:
    """Seconds of tasks, cut as `engine.run` cuts a plan."""
    count = min(len(units), max(cores * TASKS_PER_CORE, -(-len(units) // UNITS_PER_TASK)))
    cut: Floats = np.add.reduceat(units, np.arange(count) * len(units) // count)
    return cut


def _scheduled(tasks: Floats, free: Floats, dispatch: float, begin: float = 0.0) -> float:
    """When the last of the tasks ends, given when each core is free first."""
    cores, driver, end = sorted(free.tolist()), begin, 0.0
    for seconds in tasks.tolist():
        driver = max(driver, cores[0]) + dispatch
        ended = driver + seconds
        heapq.heapreplace(cores, ended)
        end = max(end, ended)
    return end


def bottleneck(run: Run, cluster: Cluster, volume: float) -> tuple[str, float]:
    """What costs most time beside the cores, and which part of the time; `cores` where nothing costs much."""
    whole = simulated(run, cluster, volume)
    saved = {name: 1 - simulated(run, replace(cluster, **changes), volume) / whole for name, changes in RELAXED.items()}
    worst = max(saved, key=saved.__getitem__)
    return (worst, saved[worst]) if saved[worst] >= TELLING else ("cores", saved[worst])


def assumptions() -> list[str]:
    """Names of the numbers of a `Cluster` beside its cores."""
    return [field.name for field in fields(Cluster) if field.name != "cores"]
