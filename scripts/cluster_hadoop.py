"""HDFS and YARN as plain JVMs: jars from Maven, roles, configuration on loopback."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from xml.sax.saxutils import escape

from cluster_processes import Cluster, ClusterError, Role, mark
from server_jars import HADOOP

from jeospark.engine.jars import spark_home

HOSTS = ("127.0.0.1", "127.0.0.2")
"""Two addresses of loopback, so that the NodeManagers are two nodes to YARN."""
QUEUES = {"default": 60, "archive": 40}
"""Of the capacity scheduler, with their shares in per cent."""
HEAPS_MB = {"namenode": 256, "datanode": 192, "resourcemanager": 384, "nodemanager": 256}
MAINS = {
    "namenode": "org.apache.hadoop.hdfs.server.namenode.NameNode",
    "datanode": "org.apache.hadoop.hdfs.server.datanode.DataNode",
    "resourcemanager": "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager",
    "nodemanager": "org.apache.hadoop.yarn.server.nodemanager.NodeManager",
}
PORTS = {
    "namenode": ("hdfs", "page"),
    "datanode": ("data", "page", "ipc"),
    "resourcemanager": ("client", "scheduler", "tracker", "admin", "page"),
    "nodemanager": ("containers", "localizer", "page"),
}
"""What each listens for, from the first port on; both NodeManagers have the same ports, on their own addresses."""

_LOG4J = """log4j.rootLogger=INFO,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %c{2}: %m%n
"""


def yarn(folder: Path, port: int) -> Cluster:
    """HDFS and YARN whose NameNode listens on `port`, and the others on the ports after it."""
    layout = _layout(port)
    page = layout["resourcemanager"]["page"]
    names = ("namenode", "datanode", "resourcemanager", "nodemanager1", "nodemanager2")
    return Cluster(
        folder=folder,
        roles=tuple(_role(folder, name, layout[name]) for name in names),
        prepare=lambda: _prepare(folder, layout),
        active=lambda: _active(layout["namenode"]["page"], page),
        environment={
            "HADOOP_CONF_DIR": str(folder / "conf"),
            "SPARK_CONF_DIR": str(folder / "conf"),
            "SPARK_LOCAL_IP": HOSTS[0],
            "JAVA_HOME": os.environ["JAVA_HOME"],
        },
    )


def _layout(port: int) -> dict[str, dict[str, str]]:
    """Role → what it listens for → host:port."""
    layout, at = {}, port
    for kind, purposes in PORTS.items():
        places = {host: {name: f"{host}:{at + offset}" for offset, name in enumerate(purposes)} for host in HOSTS}
        if kind == "nodemanager":
            layout.update({f"{kind}{number}": places[host] for number, host in enumerate(HOSTS, 1)})
        else:
            layout[kind] = places[HOSTS[0]]
        at += len(purposes)
    return layout


def _role(folder: Path, name: str, addresses: Mapping[str, str]) -> Role:
    kind = name.rstrip("12")
    options = (
        f"-Xmx{HEAPS_MB[kind]}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true",
        mark(folder, name),
    )  # fmt: skip
    return Role(name=name, command=(*_java(folder, name, *options), MAINS[kind]), addresses=addresses)


def _java(folder: Path, name: str, *options: str) -> tuple[str, ...]:
    # The jar of HDFS looks for its pages on the class path, and needs no more of them than their folders.
    path = f"{folder / 'conf' / name}:{folder / 'web'}:{HADOOP.fetched()}/*"
    return (
        str(Path(os.environ["JAVA_HOME"], "bin", "java")),
        *options,
        # Starting a process per localised file costs a third less so.
        "-Djdk.lang.Process.launchMechanism=VFORK",
        f"-Dhadoop.log.dir={folder}",
        *("-cp", path),
    )


def _prepare(folder: Path, layout: Mapping[str, Mapping[str, str]]) -> None:
    """Write the configuration, and format HDFS where it is new."""
    for pages in ("hdfs", "datanode", "static"):
        (folder / "web" / "webapps" / pages).mkdir(parents=True, exist_ok=True)
    common = _sites(folder, layout)
    _configure(folder / "conf", common)
    (folder / "conf" / "spark-defaults.conf").write_text(_spark_defaults(), encoding="utf-8")
    for role in layout:
        own = _node(folder, role, layout[role]) if role.startswith("nodemanager") else {}
        _configure(folder / "conf" / role, {**common, "yarn-site": {**common["yarn-site"], **own}})
    if not (folder / "hdfs" / "name" / "current" / "VERSION").exists():
        command = (*_java(folder, "namenode"), MAINS["namenode"], "-format", "-nonInteractive", "-force")
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
        if done.returncode:
            raise ClusterError(f"HDFS cannot be formatted:\n{done.stderr[-1500:]}")


def _sites(folder: Path, layout: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, object]]:
    namenode, datanode, manager = (layout[name] for name in ("namenode", "datanode", "resourcemanager"))
    return {
        "core-site": {
            "fs.defaultFS": f"hdfs://{namenode['hdfs']}",
            "hadoop.tmp.dir": folder / "tmp",
        },
        "hdfs-site": {
            "dfs.replication": 1,
            "dfs.namenode.name.dir": folder / "hdfs" / "name",
            "dfs.datanode.data.dir": folder / "hdfs" / "data",
            "dfs.namenode.rpc-bind-host": HOSTS[0],
            "dfs.namenode.http-address": namenode["page"],
            "dfs.namenode.http-bind-host": HOSTS[0],
            "dfs.datanode.hostname": HOSTS[0],
            "dfs.datanode.address": datanode["data"],
            "dfs.datanode.http.address": datanode["page"],
            "dfs.datanode.ipc.address": datanode["ipc"],
            # Out of safe mode as soon as the blocks are reported.
            "dfs.namenode.safemode.extension": 0,
        },
        "yarn-site": {
            "yarn.resourcemanager.hostname": HOSTS[0],
            "yarn.resourcemanager.bind-host": HOSTS[0],
            "yarn.resourcemanager.address": manager["client"],
            "yarn.resourcemanager.scheduler.address": manager["scheduler"],
            "yarn.resourcemanager.resource-tracker.address": manager["tracker"],
            "yarn.resourcemanager.admin.address": manager["admin"],
            "yarn.resourcemanager.webapp.address": manager["page"],
            "yarn.scheduler.minimum-allocation-mb": 128,
            # A killed NodeManager is missed after 15 s; an application master may take its time to unpack.
            "yarn.nm.liveness-monitor.expiry-interval-ms": 15_000,
            "yarn.am.liveness-monitor.expiry-interval-ms": 180_000,
            # A driver and an executor of two cores fit on a node, two such executors do not; two of one core do.
            "yarn.nodemanager.resource.memory-mb": 4992,
            "yarn.nodemanager.resource.cpu-vcores": 3,
            # A container over its memory is ended by name; addresses that are only reserved do not count.
            "yarn.nodemanager.pmem-check-enabled": "true",
            "yarn.nodemanager.vmem-check-enabled": "false",
            "yarn.nodemanager.container-monitor.interval-ms": 1000,
            "yarn.nodemanager.resource.memory.enforced": "false",
            "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": 99.5,
            # Logs of what ended stay for a look at them.
            "yarn.nodemanager.delete.debug-delay-sec": 600,
        },
        "capacity-scheduler": {
            "yarn.scheduler.capacity.maximum-am-resource-percent": 0.6,
            # Every 5 ms takes 1 % of a core.
            "yarn.scheduler.capacity.schedule-asynchronously.scheduling-interval-ms": 100,
            "yarn.scheduler.capacity.resource-calculator": (
                "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator"
            ),
            "yarn.scheduler.capacity.root.queues": ",".join(QUEUES),
            **{f"yarn.scheduler.capacity.root.{name}.capacity": share for name, share in QUEUES.items()},
            **{f"yarn.scheduler.capacity.root.{name}.maximum-capacity": 100 for name in QUEUES},
            **{f"yarn.scheduler.capacity.root.{name}.user-limit-factor": 2 for name in QUEUES},
        },
    }


def _node(folder: Path, role: str, addresses: Mapping[str, str]) -> dict[str, object]:
    host = addresses["page"].rpartition(":")[0]
    return {
        "yarn.nodemanager.hostname": host,
        "yarn.nodemanager.bind-host": host,
        "yarn.nodemanager.address": addresses["containers"],
        "yarn.nodemanager.localizer.address": addresses["localizer"],
        "yarn.nodemanager.webapp.address": addresses["page"],
        "yarn.nodemanager.local-dirs": folder / role / "local",
        "yarn.nodemanager.log-dirs": folder / role / "containers",
    }


def _configure(conf: Path, sites: Mapping[str, Mapping[str, object]]) -> None:
    conf.mkdir(parents=True, exist_ok=True)
    for name, properties in sites.items():
        rows = "\n".join(
            f" <property><name>{escape(key)}</name><value>{escape(str(value))}</value></property>"
            for key, value in properties.items()
        )
        (conf / f"{name}.xml").write_text(f"<configuration>\n{rows}\n</configuration>\n", encoding="utf-8")
    (conf / "log4j.properties").write_text(_LOG4J, encoding="utf-8")


def _spark_defaults() -> str:
    """What a site states for all its users: here, that its nodes have Spark, and listen on loopback."""
    properties = {
        "spark.yarn.jars": f"local:{spark_home() / 'jars'}/*",
        "spark.yarn.appMasterEnv.SPARK_LOCAL_IP": HOSTS[0],
        "spark.driver.host": HOSTS[0],
        "spark.driver.bindAddress": HOSTS[0],
    }
    return "".join(f"{key} {value}\n" for key, value in properties.items())


def _active(namenode: str, manager: str) -> int:
    """NodeManagers that take containers; 0 as long as HDFS takes no file."""
    try:
        state = _ask(f"http://{namenode}/jmx?qry=Hadoop:service=NameNode,name=NameNodeInfo")["beans"][0]
        if state["Safemode"] or not json.loads(state["LiveNodes"]):
            return 0
        return int(_ask(f"http://{manager}/ws/v1/cluster/metrics")["clusterMetrics"]["activeNodes"])
    except (OSError, ValueError, LookupError):
        return 0


def _ask(url: str) -> dict[str, Any]:
    with urlopen(url, timeout=5) as answer:  # noqa: S310 - our own page
        told: dict[str, Any] = json.load(answer)
    return told
