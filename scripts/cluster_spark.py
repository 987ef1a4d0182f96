"""Spark's standalone cluster: a master and two workers, as PySpark's package brings them."""

import json
import os
from pathlib import Path
from urllib.request import urlopen

from cluster_processes import Cluster, Role, mark

from jeospark.engine.jars import spark_home

HOSTS = ("127.0.0.1", "127.0.0.2")
"""Two addresses of loopback, so that the workers are two hosts to Spark."""
CORES, MEMORY = 2, "4g"
"""What a worker gives to executors."""


def standalone(folder: Path, port: int) -> Cluster:
    """A cluster whose master listens on `port`, and its page on the next one."""
    conf, web = folder / "conf", port + 1
    master = f"{HOSTS[0]}:{port}"

    def prepare() -> None:
        conf.mkdir(exist_ok=True)
        (conf / "spark-defaults.conf").write_text(f"spark.master spark://{master}\n", encoding="utf-8")

    return Cluster(
        folder=folder,
        roles=(_master(folder, port), *(_worker(folder, number, port) for number in (1, 2))),
        prepare=prepare,
        active=lambda: _active(f"http://{HOSTS[0]}:{web}/json/"),
        environment={"SPARK_CONF_DIR": str(conf), "SPARK_LOCAL_IP": HOSTS[0], "JAVA_HOME": os.environ["JAVA_HOME"]},
    )


def _master(folder: Path, port: int) -> Role:
    return Role(
        name="master",
        command=(
            *_spark_class("org.apache.spark.deploy.master.Master"),
            *("--host", HOSTS[0], "--port", str(port), "--webui-port", str(port + 1)),
        ),
        addresses={"master": f"{HOSTS[0]}:{port}", "page": f"{HOSTS[0]}:{port + 1}"},
        environment=_environment(folder, "master", HOSTS[0]),
    )


def _worker(folder: Path, number: int, port: int) -> Role:
    host, name = HOSTS[number - 1], f"worker{number}"
    first = port + 2 * number
    return Role(
        name=name,
        command=(
            *_spark_class("org.apache.spark.deploy.worker.Worker"),
            *("--host", host, "--port", str(first), "--webui-port", str(first + 1)),
            *("--cores", str(CORES), "--memory", MEMORY, "--work-dir", str(folder / name / "work")),
            f"spark://{HOSTS[0]}:{port}",
        ),
        addresses={"worker": f"{host}:{first}", "page": f"{host}:{first + 1}"},
        environment={**_environment(folder, name, host), "SPARK_LOCAL_DIRS": str(folder / name / "local")},
    )


def _spark_class(name: str) -> tuple[str, ...]:
    return (str(spark_home() / "bin" / "spark-class"), name)


def _environment(folder: Path, name: str, host: str) -> dict[str, str]:
    options = (
        mark(folder, name),
        "-Dspark.master.rest.enabled=false",
        "-Dspark.worker.cleanup.enabled=true",
        # A lost worker is noticed soon.
        "-Dspark.worker.timeout=15",
    )
    return {"SPARK_LOCAL_IP": host, "SPARK_DAEMON_MEMORY": "256m", "SPARK_DAEMON_JAVA_OPTS": " ".join(options)}


def _active(url: str) -> int:
    try:
        with urlopen(url, timeout=5) as answer:  # noqa: S310 - our own page
            return int(json.load(answer)["aliveworkers"])
    except (OSError, ValueError):
        return 0
