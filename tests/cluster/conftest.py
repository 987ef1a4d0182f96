"""Real clusters on this machine, and the job that runs on them: composites of JRC's cube of Romania per month."""

import os
import re
import socket
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from jeospark.cli import main

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "cluster.sh"


@dataclass(frozen=True)
class Cluster:
    """A running cluster."""

    kind: str
    port: int
    folder: Path
    environment: dict[str, str]

    def call(self, action, *arguments):
        return cluster_sh(self.kind, action, *arguments, self.port)

    def processes(self, below=""):
        """Those that were started by it, or by a role of it."""
        marks = ("JEOSPARK_CLUSTER", "LOCAL_DIRS", "SPARK_EXECUTOR_DIRS")
        for each in psutil.process_iter():
            try:
                known = each.environ()
            except (psutil.Error, OSError):
                continue
            if any(known.get(mark, "").startswith(f"{self.folder}/{below}") for mark in marks):
                yield each


def cluster_sh(*arguments):
    return subprocess.run([str(SCRIPT), *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False)


def free_row(length):
    """The first of a row of ports that nobody listens on."""
    for first in range(18200, 19800, length):
        with_all = (probe(host, port) for host in ("127.0.0.1", "127.0.0.2") for port in range(first, first + length))
        if all(with_all):
            return first
    raise AssertionError("no ports are free")


def probe(host, port):
    with socket.socket() as sock:
        return sock.connect_ex((host, port)) != 0


@pytest.fixture
def cluster(request):
    """A function that starts a cluster; it ends with the test, whatever happens in it."""
    started = []

    def start(kind):
        port = free_row(16)
        started.append((kind, port))
        said = cluster_sh(kind, "start", port)
        if said.returncode and "Maven" in said.stderr:
            pytest.skip(f"the jars of Hadoop are not to be had: {said.stderr.strip()}")
        assert said.returncode == 0, said.stderr
        folder = re.search(r"logs, data\s+(\S+)", said.stdout)[1]
        exports = re.findall(r"export (\w+)=(\S+)", cluster_sh(kind, "env", port).stdout)
        return Cluster(kind, port, Path(folder), dict(exports))

    yield start
    for kind, port in started:
        assert cluster_sh(kind, "stop", port).returncode == 0


@pytest.fixture(scope="session")
def romania(tmp_path_factory):
    """Folder with a catalogue, the recipe of the demonstration, and the results of a run on this machine."""
    pytest.importorskip("nrt", reason="the data of the demonstration are not installed")
    folder = tmp_path_factory.mktemp("romania")
    cube = Path(find_spec("nrt.data").origin).with_name("sentinel2_cube_subset_romania_10m.nc")
    asked = ["ingest", str(cube), "--collection", "romania-10m", "--sensor", "sentinel-2-l2a", "--catalog"]
    assert CliRunner().invoke(main, [*asked, str(folder / "catalog")]).exit_code == 0
    made = subprocess.run(
        [sys.executable, ROOT / "scripts" / "demo_recipe.py", "romania-10m", "month", "B08", "B04", "B08"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    (folder / "recipe.json").write_text(made.stdout)
    ended = submitted(["--on", "local"], folder, "local").wait(300)
    assert ended == 0
    return folder


def submitted(options, folder, output, environment=None, job="composite", arguments=("recipe.json",)):
    """`jeospark submit` of a job, in a folder other than jeospark's, with paths as a user gives them."""
    changes = {"JEOSPARK_CATALOG": str(folder / "catalog"), **(environment or {})}
    command = [
        str(Path(sys.executable).with_name("jeospark")), "submit", str(ROOT / "jobs" / f"{job}.py"), *options,
        "--properties", str(ROOT / "conf" / f"{options[1]}.conf"), "--", *arguments, "--output", output,
    ]  # fmt: skip
    with (folder / f"{output}.out").open("w") as out, (folder / f"{output}.err").open("w") as err:
        return subprocess.Popen(command, cwd=folder, env={**os.environ, **changes}, stdout=out, stderr=err)


@pytest.fixture(scope="session")
def submit():
    return submitted


@pytest.fixture(scope="session")
def results():
    """A function that reads what a run published: path → bytes of COGs and quicklooks, None of the others."""

    def read(folder):
        found = [path for path in folder.rglob("r*/*") if path.is_file()]
        return {
            str(path.relative_to(folder)): path.read_bytes() if path.suffix in {".tif", ".png"} else None
            for path in found
        }

    return read
