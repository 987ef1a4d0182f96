"""Ways of running a job that is disturbed: on this machine, on Spark's own cluster, on YARN; and what can be killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from chaos_job import JVM, ROOT, Job, environment
from cluster_hadoop import yarn
from cluster_processes import Cluster, kill, process, start, started_by, stop
from cluster_spark import standalone

from jeospark.engine.java import ensure_java

PORTS = {"standalone": 17377, "yarn": 18320}
"""The first ones of clusters of our own."""
PYTHON = "jeospark.engine.daemon"
ROLES = {
    "local": ("driver", "python worker"),
    "standalone": ("driver", "executor", "python worker", "worker2"),
    "yarn": ("application master", "executor", "python worker", "nodemanager2"),
}
"""What is killed in each way."""
NAMES = {
    "driver": ("SparkSubmit", "composite.py"),
    "executor": ("CoarseGrainedExecutorBackend",),
    "application master": ("ApplicationMaster",),
}
"""Words on the command line of a role's process."""


PATIENCE_S = 900
"""Until a run has to end: a lost NodeManager is missed after 15 s, a lost host by Spark after two minutes."""


def ended(run: "subprocess.Popen[str]") -> int:
    """Wait for the end of a run, and end it where it takes too long; gives its exit code."""
    try:
        return run.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        return run.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a job is submitted, and where."""

    name: str
    options: tuple[str, ...]
    """Of spark-submit."""
    cores: int
    """Tasks at once."""
    cluster: Cluster | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def submit(self, job: Job, output: Path, *more: str, **changes: str) -> "subprocess.Popen[str]":
        """Start a run; what it says goes into a file beside the output folder.

        Args:
            job: What is run.
            output: Folder of the results.
            more: Further arguments of the job.
            changes: Of the environment.
        """
        command = ["spark-submit", *self.options, str(ROOT / "jobs" / "composite.py"), *job.arguments(output, *more)]
        return self.started(command, output, **changes)

    def started(self, command: list[str], output: Path, **changes: str) -> "subprocess.Popen[str]":
        """Start a command in the environment of this way."""
        with output.with_suffix(".log").open("a", encoding="utf-8") as log:
            return subprocess.Popen(
                command, env=environment(**self.environment, **changes), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, text=True, start_new_session=True, cwd=output.parent,
            )  # fmt: skip

    def processes(self, run: "subprocess.Popen[str]") -> list[psutil.Process]:
        """All processes that work on a run."""
        found = {}
        try:
            submission = psutil.Process(run.pid)
            found = {each.pid: each for each in (submission, *submission.children(recursive=True))}
        except psutil.NoSuchProcess:
            pass  # it has ended
        if self.cluster is not None:
            found |= {each.pid: each for each in started_by(self.cluster.folder)}
        return list(found.values())

    def victims(self, run: "subprocess.Popen[str]", role: str) -> list[psutil.Process]:
        """The processes of a role that live now."""
        if role in ("worker2", "nodemanager2") and self.cluster is not None:
            found = process(self.cluster, next(each for each in self.cluster.roles if each.name == role))
            return [found] if found else []
        lines = dict(_lines(self.processes(run)))
        if role == "python worker":
            daemons = {each.pid for each, line in lines.items() if PYTHON in line}
            return [each for each in lines if PYTHON in lines[each] and _parent(each) in daemons]
        words = NAMES[role]
        return [each for each, line in lines.items() if any(word in line for word in words) and "bash -c" not in line]

    def mend(self) -> None:
        """Start again what was killed of the cluster."""
        if self.cluster is not None:
            start(self.cluster)


def _lines(processes: list[psutil.Process]) -> Iterator[tuple[psutil.Process, str]]:
    for each in processes:
        try:
            yield each, " ".join(each.cmdline())
        except psutil.Error:
            continue


def _parent(each: psutil.Process) -> int | None:
    try:
        return int(each.ppid())
    except psutil.Error:
        return None


@contextmanager
def way(name: str, folder: Path) -> Iterator[Way]:
    """Start what a way needs; end it all when the block ends."""
    quiet = f"{JVM} -Dlog4j2.configurationFile={ROOT / 'conf' / 'log4j2.properties'}"
    driver = ("--driver-memory", "512m", "--driver-java-options", quiet)
    common = (*driver, "--conf", f"spark.executor.extraJavaOptions={JVM}")
    if name == "local":
        own = ("--properties-file", str(ROOT / "conf" / "local.conf"), "--master", "local[2,16]")
        yield Way(name=name, options=(*own, *common), cores=2)
        return
    os.environ["JAVA_HOME"] = ensure_java()
    make = {"standalone": standalone, "yarn": yarn}[name]
    cluster = make(folder / f"cluster-{name}", PORTS[name])
    executors = {
        "spark.executor.memory": "512m",
        "spark.executor.cores": "1",
        "spark.executorEnv.PYSPARK_PYTHON": sys.executable,
        "spark.executorEnv.SPARK_LOCAL_IP": "127.0.0.1",
    }
    conf = executors | (_yarn() if name == "yarn" else {"spark.cores.max": "2"})
    pairs = tuple(part for key, value in conf.items() for part in ("--conf", f"{key}={value}"))
    master = ("--master", "yarn", "--deploy-mode", "cluster") if name == "yarn" else ()
    try:
        start(cluster)
        yield Way(
            name=name, options=(*master, *common, *pairs), cores=2, cluster=cluster, environment=cluster.environment
        )
    finally:
        stop(cluster)


def _yarn() -> dict[str, str]:
    return {
        "spark.executor.instances": "2",
        "spark.executor.memoryOverhead": "1g",
        "spark.driver.memoryOverhead": "512m",
        "spark.yarn.appMasterEnv.PYSPARK_PYTHON": sys.executable,
        "spark.yarn.appMasterEnv.DO_NOT_TRACK": "true",
        "spark.yarn.maxAppAttempts": "2",
        # Several executors of a run are killed on purpose.
        "spark.executor.maxNumFailures": "32",
    }


def killed(way_: Way, run: "subprocess.Popen[str]", role: str, random: np.random.Generator) -> str | None:
    """Kill a process of a role at once; tells which, None where none lives."""
    if role in ("worker2", "nodemanager2") and way_.cluster is not None:
        return f"{role} {kill(way_.cluster, role)}" if way_.victims(run, role) else None
    victims = way_.victims(run, role)
    if not victims:
        return None
    victim = victims[int(random.integers(len(victims)))]
    try:
        victim.kill()
    except psutil.NoSuchProcess:
        return None
    return f"{role} {victim.pid}"
