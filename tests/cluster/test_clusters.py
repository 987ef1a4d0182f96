"""The job of the demonstration on real clusters, broken on the way, gives the bytes that one machine gives."""

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import shapely

from jeospark.lab.recipe import load_collection

pytestmark = [pytest.mark.spark, pytest.mark.cluster]


def wait_for(condition, job, seconds=600):
    deadline = time.monotonic() + seconds
    while not condition():
        assert job.poll() is None, "the job ended before"
        assert time.monotonic() < deadline
        time.sleep(0.1)


def containers(cluster, number):
    """Names of the containers that a NodeManager has had, but for the application master's."""
    found = (cluster.folder / f"nodemanager{number}" / "containers").glob("application_*/container_*")
    return {path.name for path in found if not path.name.endswith("_000001")}


def test_a_node_of_yarn_is_lost_and_nothing_else(cluster, romania, submit, results):
    yarn = cluster("yarn")
    out = romania / "yarn"
    options = ["--on", "yarn", "--deploy-mode", "cluster", "--executors", "2", "--cores", "2", "--queue", "archive"]
    job = submit(options, romania, "yarn", yarn.environment)
    try:
        wait_for(lambda: containers(yarn, 1) and containers(yarn, 2), job)
        wait_for(lambda: len(list(out.glob("ledger/*/part-*"))) >= 2, job)
        masters = list(yarn.folder.glob("nodemanager?/containers/application_*/container_*_000001"))
        other = "2" if "nodemanager1" in str(masters[0]) else "1"
        assert yarn.call("kill", f"nodemanager{other}").returncode == 0
        # What it started lives on, and goes on writing.
        assert list(yarn.processes(f"nodemanager{other}/"))
        assert yarn.call("kill", f"node{other}").returncode == 0
        assert not list(yarn.processes(f"nodemanager{other}/"))
        assert job.wait(600) == 0, (romania / "yarn.err").read_text()
    finally:
        job.kill()
    said, told = (romania / "yarn.out").read_text(), (romania / "yarn.err").read_text()
    assert "--deploy-mode cluster" in said
    assert "0 failed" not in said
    assert "52 units: " in said
    assert "romania-10m: 100 %" in told
    assert " is FINISHED" in told
    assert results(out) == results(romania / "local")
    assert not [path for path in out.rglob(".*") if path.is_file()]
    rows = ds.dataset(list(out.glob("ledger/attempt=*/*.parquet"))).to_table(columns=["unit_id"])
    assert len(set(rows.column(0).to_pylist())) == 52

    unknown = submit(["--on", "yarn", "--queue", "nope"], romania, "none", yarn.environment)
    assert unknown.wait(60) == 2
    assert (
        "QueueError: YARN has no queue 'nope' [--queue]. It has archive, default." in (romania / "none.err").read_text()
    )

    assert yarn.call("status").returncode == 1
    assert yarn.call("stop").returncode == 0
    assert not list(yarn.processes())


def zones_over(folder):
    """Sixteen zones over the catalogue's items, as GeoParquet."""
    (document,) = (folder / "catalog").glob("*/collection.json")
    west, south, east, north = json.loads(document.read_text())["extent"]["spatial"]["bbox"][0]
    xs, ys = np.linspace(west, east, 5), np.linspace(south, north, 5)
    boxes = [shapely.box(xs[i], ys[j], xs[i + 1], ys[j + 1]) for i in range(4) for j in range(4)]
    described = {"encoding": "WKB", "geometry_types": ["Polygon"]}
    about = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": described}}
    table = pa.table({"zone": [f"z{number:02d}" for number in range(16)], "geometry": shapely.to_wkb(boxes)})
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(about)}), folder / "zones.parquet")


def test_zones_and_vectors_on_yarn_are_those_of_one_machine(cluster, romania, submit):
    """Files are on a file system that the nodes share, and HDFS is the cluster's own."""
    zones_over(romania)
    yarn = cluster("yarn")
    here, there = ["--on", "local"], ["--on", "yarn", "--executors", "2", "--cores", "1"]

    def made(options, name, environment, job, *arguments):
        ended = submit(options, romania, name, environment, job, arguments).wait(600)
        assert ended == 0, (romania / f"{name}.err").read_text()
        return romania / name

    recipe = load_collection("romania-10m", bands=["B04", "B08", "SCL"]).mask_classes().ndvi()
    (romania / "yearly.json").write_text(recipe.aggregate("year", "median").to_json())
    asked = ("zonal", "yearly.json", "zones.parquet")
    one, other = (
        made(here, "zonal-here", None, *asked),
        made([*there, "--deploy-mode", "cluster"], "zonal-yarn", yarn.environment, *asked),
    )
    expected = ds.dataset(one / "statistics").to_table().sort_by([("zone", "ascending"), ("start", "ascending")])
    found = ds.dataset(other / "statistics").to_table().sort_by([("zone", "ascending"), ("start", "ascending")])
    assert expected.num_rows == 16 * 7
    assert found.equals(expected)

    joined = made(there, "join-yarn", yarn.environment, "join", "zones.parquet", "zones.parquet")
    # Each zone meets itself and its neighbours on a lattice of four by four.
    assert ds.dataset(joined).count_rows() == 10 * 10


def test_a_worker_of_sparks_own_cluster_is_lost_and_nothing_else(cluster, romania, submit, results):
    spark = cluster("standalone")
    out = romania / "standalone"
    options = ["--on", "standalone", "--executors", "2", "--cores", "1", "--also", "secure.conf"]
    secure = Path(__file__).resolve().parents[2] / "conf" / "secure.conf"
    shutil.copy(secure, romania / "secure.conf")
    job = submit(options, romania, "standalone", spark.environment)
    try:
        wait_for(lambda: len(list(out.glob("ledger/*/part-*"))) >= 2, job)
        assert list(spark.processes("worker1/"))
        assert list(spark.processes("worker2/"))
        assert spark.call("kill", "node2").returncode == 0
        assert job.wait(600) == 0, (romania / "standalone.err").read_text()
    finally:
        job.kill()
    assert "52 units: " in (romania / "standalone.out").read_text()
    assert results(out) == results(romania / "local")
    assert spark.call("stop").returncode == 0
    assert not list(spark.processes())
