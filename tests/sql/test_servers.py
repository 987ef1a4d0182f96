"""The servers that one script starts, each asked by a real client."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import shapely

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
for query in sys.argv[2:]:
    print(*(value for row in spark.sql(query).collect() for value in row))
"""
NEAR = """SELECT count(*) FROM places a, places b WHERE ST_Distance(ST_Centroid(a.geometry), b.geometry) < 2"""
OUTER = (
    "SELECT label, count(id) AS n FROM zones LEFT JOIN places p ON ST_Intersects(zones.geometry, p.geometry) GROUP BY 1"
)


@pytest.fixture
def server(held, make_layer, tmp_path):
    """A function that starts a server of a kind and gives its port; they end with the test."""
    catalog = shutil.copytree(held.catalog, tmp_path / "catalog")
    points = [*shapely.points([5e5, 5e5 + 1, 9e5], [5e6, 5e6, 5e6]), None]
    make_layer(catalog, "places", points, 32633, id=[0, 1, 2, 3])
    environment = {**os.environ, "JEOSPARK_CATALOG": str(catalog)}
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
    assert asked(NEAR).stdout.splitlines()[-1] == "5"
    assert sorted(asked(OUTER).stdout.splitlines()[-2:]) == ["NULL,0", "a,2"]
    assert "BroadcastIndexJoin" in asked(f"EXPLAIN {OUTER}").stdout
    refused = asked("SELECT 1 FROM items i, zones z WHERE ST_Within(i.geometry, z.geometry)")
    assert refused.returncode != 0
    assert MIXED in refused.stderr


def test_connect_answers_pyspark(server):
    pytest.importorskip("grpc")
    port = server("connect")
    command = [sys.executable, "-c", CLIENT, port, NEAR, OUTER, f"EXPLAIN {OUTER}"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert MIXED in told
    _, rows, near, outer, *plan = told[told.index("[Row") - 1 :].splitlines()
    assert rows == "[Row(n=2, srid=32633)]"
    assert near == "5"
    assert sorted(outer.split()) == ["0", "2", "None", "a"]
    assert "BroadcastIndexJoin" in "".join(plan)
