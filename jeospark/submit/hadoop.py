"""What a Hadoop cluster says of itself: its configuration, YARN's REST interface, files put on HDFS."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import urlopen
from uuid import uuid4
from xml.etree import ElementTree as ET

from jeospark.engine.jars import spark_home
from jeospark.engine.java import ensure_java
from jeospark.errors import ArchiveError, ClusterDownError, QueueError

REMEDY = "Set HADOOP_CONF_DIR to the cluster's configuration; scripts/cluster.sh starts a small one to try."
PATIENCE_S = 10
"""For an answer of YARN."""
NESTED = 20
"""How deep values of the configuration may name others, as Hadoop has it."""
_NAMED = re.compile(r"\$\{([^}$\s]+)\}")
ENDED = frozenset({"FINISHED", "FAILED", "KILLED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """How an application stands (YARN's REST interface, Cluster Application API)."""

    id: str
    state: str
    """ACCEPTED, RUNNING, FINISHED …"""
    final: str
    """UNDEFINED, SUCCEEDED, FAILED, KILLED."""
    diagnostics: str
    logs: str
    """Page with the logs of its application master; empty before that has started."""

    @property
    def ended(self) -> bool:
        """True where nothing more will come of it."""
        return self.state in ENDED


class Hadoop:
    """The cluster that HADOOP_CONF_DIR tells of.

    Raises:
        ClusterDownError: The variable is not set, or its folder has no configuration that can be read.
    """

    def __init__(self) -> None:
        folder = os.environ.get("HADOOP_CONF_DIR") or os.environ.get("YARN_CONF_DIR")
        if not folder:
            raise ClusterDownError("nothing says where the cluster is", where="HADOOP_CONF_DIR", remedy=REMEDY)
        self._properties = _expanded(_site(Path(folder, "core-site.xml")) | _site(Path(folder, "yarn-site.xml")))
        if not self._properties:
            raise ClusterDownError("there is no core-site.xml or yarn-site.xml", where=folder, remedy=REMEDY)

    def check_queue(self, queue: str) -> None:
        """Refuse a queue that the scheduler does not have; one that has no queues, or makes them, takes any name.

        Raises:
            ClusterDownError: YARN does not answer.
            QueueError: There is none of that name.
        """
        info = self.ask("scheduler")["scheduler"]["schedulerInfo"]
        known = sorted(_leaves(info.get("rootQueue", info)))
        if not known or ("rootQueue" in info and self._makes_queues()):
            return
        if queue.rpartition(".")[2] not in {name.rpartition(".")[2] for name in known}:
            raise QueueError(f"YARN has no queue '{queue}'", where="--queue", remedy=f"It has {', '.join(known)}.")

    def application(self, tag: str) -> Application | None:
        """The application that bears a tag; None before YARN knows it.

        Raises:
            ClusterDownError: YARN does not answer.
        """
        found = (self.ask(f"apps?applicationTags={quote(tag)}").get("apps") or {}).get("app") or []
        if not found:
            return None
        told = found[-1]
        return Application(
            id=told["id"],
            state=told["state"],
            final=told["finalStatus"],
            diagnostics=told.get("diagnostics", "").strip(),
            logs=told.get("amContainerLogs", ""),
        )

    def ask(self, what: str) -> Any:
        """An answer of the ResourceManager that is active.

        Raises:
            ClusterDownError: None of them answers.
        """
        tried = []
        for base in self._managers():
            try:
                return _json(f"{base}/ws/v1/cluster/{what}")
            except (OSError, ValueError, HTTPException) as error:
                tried.append(f"{base}: {error}")
        raise ClusterDownError(
            f"YARN does not answer ({'; '.join(tried)})",
            where="yarn.resourcemanager.webapp.address",
            remedy="See whether it runs (scripts/cluster.sh yarn status for the one to try).",
        )

    def put(self, path: Path) -> str:
        """URI of a file that all nodes can read: on the cluster's file system, put there where it is missing.

        Raises:
            ArchiveError: The file system does not take it.
        """
        if not self._properties.get("fs.defaultFS", "file:///").startswith("file:"):
            target = f"{self._properties['fs.defaultFS'].rstrip('/')}/user/{_user()}/.jeospark/{path.name}"
            if not _is_there(target):
                _send(path, target)
            return target
        return path.as_uri()

    def _makes_queues(self) -> bool:
        """True where a fair scheduler makes the queues that jobs name."""
        return self._properties.get("yarn.scheduler.fair.allow-undeclared-pools", "true").lower() != "false"

    def _managers(self) -> list[str]:
        scheme = "https" if self._properties.get("yarn.http.policy") == "HTTPS_ONLY" else "http"
        key = "yarn.resourcemanager.webapp" + (".https.address" if scheme == "https" else ".address")
        port = 8090 if scheme == "https" else 8088
        hosts = self._of_each("yarn.resourcemanager.hostname") or ["127.0.0.1"]
        return [f"{scheme}://{address}" for address in self._of_each(key) or [f"{host}:{port}" for host in hosts]]

    def _of_each(self, key: str) -> list[str]:
        """Values of a property, of each ResourceManager where there are several."""
        return [value for name, value in self._properties.items() if name == key or name.startswith(f"{key}.")]


def driver_log(application: Application, lines: int) -> str:
    """The last lines that the driver of an application in cluster mode printed; empty where they cannot be had."""
    page = urlsplit(application.logs)
    container = next((part for part in page.path.split("/") if part.startswith("container_")), "")
    base = f"{page.scheme}://{page.netloc}/ws/v1/node/containers/{container}/logs"
    texts = []
    for name in ("stderr", "stdout"):
        try:
            with urlopen(f"{base}/{name}?size=-20000", timeout=PATIENCE_S) as answer:  # noqa: S310
                text = answer.read().decode(errors="replace")
        except (OSError, ValueError, HTTPException):
            continue
        texts += [f"--- {name} of the driver", *_contents(text).splitlines()[-lines:]]
    return "\n".join(texts)


def _contents(text: str) -> str:
    """A log without what the NodeManager writes around it."""
    return text.partition("LogContents:\n")[2].rpartition("\nEnd of LogType")[0]


def _json(url: str) -> Any:
    try:
        with urlopen(url, timeout=PATIENCE_S) as answer:  # noqa: S310 - the cluster's own page
            return json.load(answer)
    except HTTPError as error:
        raise OSError(f"{error.code} {error.reason}") from error


def _site(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        rows = ET.parse(path).getroot().iter("property")  # noqa: S314 - the site's own configuration
    except (OSError, ET.ParseError) as error:
        what = f"the cluster's configuration cannot be read ({error})"
        raise ClusterDownError(what, where=str(path), remedy="Mend it, or name another in HADOOP_CONF_DIR.") from error
    return {row.findtext("name", "").strip(): row.findtext("value", "").strip() for row in rows}


def _expanded(properties: Mapping[str, str]) -> dict[str, str]:
    """Properties with the values of others put in where they are named as `${name}`, one in the other."""
    known = dict(properties)
    for _ in range(NESTED):
        known = {name: _expand(value, known) for name, value in known.items()}
    return known


def _expand(value: str, known: Mapping[str, str]) -> str:
    return _NAMED.sub(lambda named: known.get(named[1], named[0]), value)


def _leaves(queue: dict[str, Any]) -> set[str]:
    """Names of the queues that take jobs; the capacity scheduler's are `queues`, the fair one's `childQueues`."""
    held = queue.get("queues") or queue.get("childQueues") or []
    children = held if isinstance(held, list) else held.get("queue") or []
    if isinstance(children, dict):
        children = [children]
    if children:
        return {name for child in children for name in _leaves(child)}
    return {queue["queueName"]} if "queueName" in queue else set()


def _user() -> str:
    return os.environ.get("HADOOP_USER_NAME") or os.environ.get("USER") or Path.home().name


def _is_there(target: str) -> bool:
    return _fs("-test", "-e", target).returncode == 0


def _send(path: Path, target: str) -> None:
    """Put a file under a name of its own, and rename it.

    Raises:
        ArchiveError: The file system does not take it.
    """
    part = f"{target}.{uuid4().hex[:12]}.part"
    for step in (("-mkdir", "-p", target.rpartition("/")[0]), ("-put", str(path), part)):
        _must(_fs(*step), target)
    moved = _fs("-mv", part, target)
    if moved.returncode:
        _fs("-rm", "-skipTrash", part)
        # Another submission may have been first, with the same file.
        if not _is_there(target):
            _must(moved, target)


def _must(done: "subprocess.CompletedProcess[str]", target: str) -> None:
    if done.returncode:
        told = (done.stderr.strip().splitlines() or ["it failed"])[-1]
        remedy = "See whether HDFS runs and has room, or name an archive that is there with --archive."
        raise ArchiveError(f"the cluster's file system does not take it: {told}", where=target, remedy=remedy)


def _fs(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """`hdfs dfs`, by the classes that Spark brings."""
    command = [str(spark_home() / "bin" / "spark-class"), "org.apache.hadoop.fs.FsShell", *arguments]
    environment = {**os.environ, "JAVA_HOME": ensure_java()}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
