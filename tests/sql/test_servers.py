"""The servers that one script starts, each asked by a real client."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from jeospark.settings import Settings

SCRIPT = Path(__file__).parents[2] / "scripts" / "sql-server.sh"
MIXED = "SqlCrsError: ST_Within has geometries in two CRS: i.geometry in EPSG:4326, z.geometry in EPSG:32633"
CLIENT = """
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.remote(f"sc://127.0.0.1:{sys.argv[1]}").getOrCreate()
mixed = "SELECT 1 FROM items i, zones z WHERE ST_Within(i.geometry, z.geometry)"
try:
    spark.sql(mixed).collect()
except Exception as error:
    print(error)
print(spark.sql("SELECT count(*) AS n, min(ST_SRID(geometry)) AS srid FROM zones").collect())
"""


@pytest.fixture
def server(held):
    """A function that starts a server of a kind and gives its port; they end with the test."""
    environment = {**os.environ, "JEOSPARK_CATALOG": held.catalog}
    started = []

    def start(kind):
        with socket.socket() as door:
            door.bind(("127.0.0.1", 0))
            port = str(door.getsockname()[1])
        started.append((kind, port))
        subprocess.run([str(SCRIPT), kind, "start", port], env=environment, check=True, capture_output=True)
        return port

    yield start
    for kind, port in started:
        subprocess.run([str(SCRIPT), kind, "stop", port], env=environment, check=True, capture_output=True)


def test_thrift_answers_beeline(server):
    port = server("thrift")
    log = Path(Settings.load().cache, "sql-server", f"thrift-{port}.log")
    assert "SLF4J" not in log.read_text()
    query = "SELECT label, ST_AsText(ST_Centroid(geometry)) AS centre FROM zones WHERE label = 'a'"
    beeline = shutil.which("beeline", path=str(Path(sys.executable).parent))
    where = f"jdbc:hive2://127.0.0.1:{port}/default"

    def asked(query):
        command = [beeline, "-u", where, "--silent=true", "--outputformat=csv2", "-e", query]
        return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)

    assert "a,POINT (" in asked(query).stdout
    refused = asked("SELECT 1 FROM items i, zones z WHERE ST_Within(i.geometry, z.geometry)")
    assert refused.returncode != 0
    assert MIXED in refused.stderr


def test_connect_answers_pyspark(server):
    pytest.importorskip("grpc")
    port = server("connect")
    told = subprocess.run([sys.executable, "-c", CLIENT, port], capture_output=True, text=True, check=True).stdout
    assert MIXED in told
    assert told.splitlines()[-1] == "[Row(n=2, srid=32633)]"
