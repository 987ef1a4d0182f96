"""The processes of a cluster: each role is a JVM of its own, known by a mark on its command line."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

NODES = 2
PATIENCE_S = 120
"""Until a cluster has to be up."""
MARKS = ("JEOSPARK_CLUSTER", "LOCAL_DIRS", "SPARK_EXECUTOR_DIRS")
"""Variables that say which cluster a process was started by: ours, YARN's, and those of Spark's workers."""


class ClusterError(Exception):
    """The cluster cannot do what was asked for; says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Role:
    """One process of a cluster."""

    name: str
    command: tuple[str, ...]
    """Without the mark; see `options`."""
    addresses: Mapping[str, str] = field(default_factory=dict)
    """What it listens for: host:port."""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The roles of a cluster, in the order in which they start."""

    folder: Path
    """State, logs and data."""
    roles: tuple[Role, ...]
    prepare: Callable[[], None]
    """Writes configuration and what a first start needs."""
    active: Callable[[], int]
    """Counts the nodes that take work now; 0 as long as the cluster takes none."""
    environment: Mapping[str, str]
    """What who submits a job has to set."""


def mark(folder: Path, name: str) -> str:
    """The option of a role's JVM by which its process is known."""
    return f"-Djeospark.cluster={folder}/{name}"


def start(cluster: Cluster) -> None:
    """Start what does not run yet, and wait until all nodes are active.

    Raises:
        ClusterError: A port is taken, or a role ended instead of starting.
    """
    down = [role for role in cluster.roles if process(cluster, role) is None]
    for role in down:
        _check_free(role)
    cluster.folder.mkdir(parents=True, exist_ok=True)
    cluster.prepare()
    started = {role: _launch(cluster, role) for role in down}
    deadline = time.monotonic() + PATIENCE_S
    while cluster.active() < NODES or not all(map(_listens, cluster.roles)):
        for role, popen in started.items():
            if popen.poll() is not None:
                raise ClusterError(f"{role.name} ended:\n{_tail(_log(cluster, role))}")
        if time.monotonic() > deadline:
            raise ClusterError(f"not all nodes are active after {PATIENCE_S} s; see the logs in {cluster.folder}")
        time.sleep(0.25)


def status(cluster: Cluster) -> int:
    """Print the roles; returns 0 where all of them are up, else 1."""
    ok = True
    for role in cluster.roles:
        found = process(cluster, role)
        ok = ok and found is not None
        told = f"process {found.pid}" if found else "not running"
        addresses = ", ".join(f"{name} {address}" for name, address in role.addresses.items())
        print(f"{role.name:16}{told:17}{addresses}")
    active = cluster.active()
    print(f"{'nodes':16}{active} of {NODES} active")
    print(f"{'logs, data':16}{cluster.folder}")
    return 0 if ok and active == NODES else 1


def kill(cluster: Cluster, name: str) -> int:
    """End a role at once, without a word to it.

    `node1` and `node2` stand for a NodeManager or worker together with all that it started.

    Returns:
        The number of a process.

    Raises:
        ClusterError: There is no such role, or it does not run.
    """
    if name.startswith("node") and name[4:] in {"1", "2"}:
        return _kill_node(cluster, name[4:])
    roles = {role.name: role for role in cluster.roles}
    if name not in roles:
        raise ClusterError(f"there is no role '{name}'; there are {', '.join(roles)}")
    found = process(cluster, roles[name])
    if found is None:
        raise ClusterError(f"{name} does not run")
    found.kill()
    found.wait(10)
    return int(found.pid)


def _kill_node(cluster: Cluster, number: str) -> int:
    """As where a machine fails."""
    role = next(role for role in cluster.roles if role.name in {f"nodemanager{number}", f"worker{number}"})
    own = process(cluster, role)
    killed = [*([own] if own else []), *started_by(cluster.folder / role.name)]
    for each in killed:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    if not killed:
        raise ClusterError(f"nothing of node{number} runs")
    psutil.wait_procs(killed, timeout=10)
    return int(killed[0].pid)


def stop(cluster: Cluster) -> int:
    """End all roles, then what they started and left; returns how many processes there were."""
    roles = [found for role in reversed(cluster.roles) if (found := process(cluster, role))]
    for each in roles:
        each.send_signal(signal.SIGTERM)
    _, stubborn = psutil.wait_procs(roles, timeout=10)
    left = [*stubborn, *started_by(cluster.folder)]
    count = len({each.pid for each in (*roles, *left)})
    while left:
        for each in left:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(left, timeout=10)
        left = list(started_by(cluster.folder))
    for role in cluster.roles:
        _pid_file(cluster, role).unlink(missing_ok=True)
    return count


def process(cluster: Cluster, role: Role) -> psutil.Process | None:
    """The process of a role; a number may be another program's by now, so only one that bears the mark counts."""
    path = _pid_file(cluster, role)
    if not path.exists():
        return None
    try:
        found = psutil.Process(int(path.read_text(encoding="utf-8")))
        alive = found.status() != psutil.STATUS_ZOMBIE and mark(cluster.folder, role.name) in found.cmdline()
    except psutil.Error:
        return None
    return found if alive else None


def started_by(folder: Path) -> Iterator[psutil.Process]:
    """Processes that a cluster started: roles, containers, executors and their Python workers."""
    for each in psutil.process_iter():
        try:
            environment = each.environ()
        except (psutil.Error, OSError):
            continue
        if any(environment.get(name, "").startswith(str(folder) + "/") for name in MARKS):
            yield each


def _launch(cluster: Cluster, role: Role) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, **role.environment, "JEOSPARK_CLUSTER": f"{cluster.folder}/"}
    with _log(cluster, role).open("ab") as log:
        started = subprocess.Popen(
            role.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment,
            cwd=cluster.folder, start_new_session=True,
        )  # fmt: skip
    _pid_file(cluster, role).write_text(str(started.pid), encoding="utf-8")
    return started


def _listens(role: Role) -> bool:
    for address in role.addresses.values():
        host, _, port = address.rpartition(":")
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))):
                return False
    return True


def _check_free(role: Role) -> None:
    for address in role.addresses.values():
        host, _, port = address.rpartition(":")
        with socket.socket() as probe:
            # As the JVM does: a port in TIME_WAIT is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, int(port)))
            except OSError as error:
                raise ClusterError(
                    f"{role.name} cannot have {address} ({error.strerror}); name another PORT"
                ) from error


def _pid_file(cluster: Cluster, role: Role) -> Path:
    return cluster.folder / f"{role.name}.pid"


def _log(cluster: Cluster, role: Role) -> Path:
    return cluster.folder / f"{role.name}.log"


def _tail(path: Path, lines: int = 15) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
