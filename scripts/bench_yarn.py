"""The composite on YARN: one executor against two, and both against local mode; the cluster is scripts/cluster.sh's."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from bench_jeospark import ROOT, Engine, Reply
from bench_result import Result, compared
from bench_work import Work, check_equal, composite, sentinel_tile, tifs

from jeospark.engine.explain import explain
from jeospark.engine.main import make_job
from jeospark.engine.plan import make_plan
from jeospark.settings import Settings
from jeospark.submit.archive import NAME, PYTHON, environment_archive
from jeospark.submit.hadoop import Hadoop
from jeospark.submit.memory import memory_conf
from jeospark.submit.profile import read_properties

HERE, ONE, TWO = "local[2]", "one executor", "two executors"
ROUNDS = 3
"""How often each session is started anew: idle ones beside it would take from its cores."""
WARM = 6
"""Jobs after the first that do not count yet: the JVM interprets what it has not run often, and compiles it then."""
PORT = 18420
"""First one of the cluster's, apart from those that a user has started."""


@contextmanager
def cluster() -> Iterator[None]:
    """A cluster, and the environment that tells where it is."""
    script = str(ROOT / "scripts" / "cluster.sh")
    subprocess.run([script, "yarn", "start", str(PORT)], check=True, stdout=subprocess.DEVNULL)
    try:
        said = subprocess.run([script, "yarn", "env", str(PORT)], check=True, capture_output=True, text=True).stdout
        os.environ.update(re.findall(r"export (\w+)=(\S+)", said))
        yield
    finally:
        subprocess.run([script, "yarn", "stop", str(PORT)], check=True, stdout=subprocess.DEVNULL)


def archived() -> str:
    """Where the cluster has the environment of its workers."""
    return Hadoop().put(environment_archive(Settings.load().cache))


def properties(work: Work, archive: str, executors: int) -> dict[str, str]:
    """conf/yarn.conf and the site's, with as many executors of one core, all the time."""
    request = work.request(tile=work.tile)
    job = make_job(request.recipe, output=request.output, grid=request.grid, catalog=request.catalog)
    peak = explain(make_plan(None, job), Settings.load()).peak_mb
    return {
        **read_properties(Path(os.environ["SPARK_CONF_DIR"], "spark-defaults.conf")),
        **read_properties(ROOT / "conf" / "yarn.conf"),
        **memory_conf(peak, 1, {}),
        "spark.yarn.dist.archives": f"{archive}#{NAME}",
        "spark.dynamicAllocation.enabled": "false",
        "spark.executor.instances": str(executors),
        "spark.executor.cores": "1",
        "spark.scheduler.minRegisteredResourcesRatio": "1",
        # The first time, nodes unpack the environment.
        "spark.scheduler.maxRegisteredResourcesWaitingTime": "300s",
        "spark.ui.enabled": "false",
    }


def bench_yarn(folder: Path, repeat: int) -> Iterator[Result]:
    """One executor, two executors and local mode in turn, each in a session that has the machine to itself."""
    with cluster():
        archive = archived()
        yield from against_local(composite(folder, "composite"), archive, repeat)
        yield from of_a_tile(sentinel_tile(folder), archive, min(repeat, 3))


def against_local(work: Work, archive: str, repeat: int) -> Iterator[Result]:
    """The composite benchmark, whose two units an executor take a second and a half."""
    request = work.request(tile=work.tile)
    bare = [[work.run_bare(processes) for _ in range(ROUNDS)] for processes in (1, 2)]
    one, two = (properties(work, archive, executors) for executors in (1, 2))
    kinds = {HERE: (2, {}, sys.executable), ONE: (1, one, PYTHON), TWO: (2, two, PYTHON)}
    replies: dict[str, list[Reply]] = {name: [] for name in kinds}
    began: dict[str, tuple[float, float]] = {}
    for _ in range(ROUNDS):
        for name, kind in kinds.items():
            with Engine(*kind) as engine:
                first = engine.run(request)
                began.setdefault(name, (engine.session_seconds, first.seconds))
                for _ in range(WARM):
                    engine.run(request)
                replies[name] += [engine.run(request) for _ in range(repeat)]
    check_equal(tifs(work.folder / "bare"), tifs(work.folder / "jeospark"))
    yield scaling("yarn", replies[ONE], replies[TWO], also={"bare script alike": compared(*bare) / 2})
    seconds = {name: [reply.seconds for reply in replies[name]] for name in (HERE, TWO)}
    yield Result(
        name="yarn-overhead", what="two executors on YARN / local mode on two cores, warm",
        ratio=compared(seconds[TWO], seconds[HERE]), seconds=seconds,
        also={
            "session on YARN": began[TWO][0], "session here": began[HERE][0],
            "first job on YARN": began[TWO][1], "first job here": began[HERE][1],
        },
    )  # fmt: skip


def of_a_tile(work: Work, archive: str, repeat: int) -> Iterator[Result]:
    """The same of work that takes a minute, where what Spark does between units does not count."""
    request = work.request(tile=work.tile)
    replies = []
    for executors in (1, 2):
        # One after the other: the small cluster has no room for both.
        with Engine(executors, properties(work, archive, executors), PYTHON) as engine:
            engine.run(work.request(tile=work.tile, dates=1))
            replies.append([engine.run(request) for _ in range(repeat)])
    yield scaling("yarn-tile", *replies)


def scaling(
    name: str, alone: Sequence[Reply], both: Sequence[Reply], *, also: Mapping[str, float] = MappingProxyType({})
) -> Result:
    """What two executors give of twice the speed of one."""
    seconds = {ONE: [reply.seconds for reply in alone], TWO: [reply.seconds for reply in both]}
    return Result(
        name=name, what="one executor / two executors on YARN, a half of it",
        ratio=compared(seconds[ONE], seconds[TWO]) / 2, target=0.9, sense="at least", seconds=seconds,
        also={
            "units alone": compared([each.units for each in alone], [each.units for each in both]) / 2,
            "work lost": compared([each.busy for each in both], [each.busy for each in alone]) - 1,
            **also,
        },
    )  # fmt: skip
