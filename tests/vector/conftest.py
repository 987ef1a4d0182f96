"""Fixtures of vector layers: small sources, and a PostGIS server where the machine has one."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from jeospark.vector.layers import Layers


@pytest.fixture
def layers(tmp_path) -> Layers:
    """An empty catalogue."""
    return Layers(tmp_path / "catalog")


@pytest.fixture(scope="session")
def postgis():
    """URL of a database with PostGIS on a server of its own, reached by a socket only."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs or not list(Path("/usr/share/postgresql").glob("*/extension/postgis.control")):
        pytest.skip("PostgreSQL with PostGIS is not installed")
    pytest.importorskip("adbc_driver_postgresql")
    folder = Path(tempfile.mkdtemp(prefix="jeospark-pg-", dir="/tmp"))
    user: dict = {}
    if os.getuid() == 0:
        # The server refuses to run as root.
        try:
            entry = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("there is no user to run PostgreSQL as")
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    name = "postgres"

    def call(program, *arguments):
        done = subprocess.run(
            [str(programs[-1].with_name(program)), *arguments],
            cwd=folder, env={**os.environ, "HOME": str(folder)}, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=False, **user,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    data = folder / "data"
    call("initdb", "-D", str(data), "-U", name, "--auth=trust", "--no-sync", "--encoding=UTF8")
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    # The server would hold the pipes of its starter open.
    call("pg_ctl", "-D", str(data), "-l", str(folder / "log"), "-o", options, "-w", "start")
    try:
        call("psql", "-h", str(folder), "-U", name, "-qc", "CREATE EXTENSION postgis")
        yield f"postgresql://{name}@/{name}?host={folder}"
    finally:
        call("pg_ctl", "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def psql(postgis):
    """A function that runs SQL on the server."""
    from adbc_driver_postgresql import dbapi

    def run(*statements):
        with dbapi.connect(postgis, autocommit=True) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    return run


@pytest.fixture
def write(tmp_path):
    """A function that writes features with GDAL and gives the path of the file."""
    from pyogrio.raw import write_arrow

    def write(name, shapes, *, crs="EPSG:3035", kind="Unknown", driver=None, layer=None, columns=None, **options):
        table = pa.table({**(columns or {"n": list(range(len(shapes)))})})
        field = pa.field("geometry", pa.binary(), metadata={"ARROW:extension:name": "geoarrow.wkb"})
        shapes = np.array(shapes, dtype=object)
        column = pa.array(shapely.to_wkb(shapes, output_dimension=4, flavor="iso"), pa.binary())
        path = str(tmp_path / name)
        write_arrow(
            table.append_column(field, column), path, driver=driver, layer=layer, crs=crs, geometry_type=kind,
            geometry_name="geometry", **options,
        )  # fmt: skip
        return path

    return write


@pytest.fixture
def rows(layers):
    """A function that reads a layer: its rows in the order of a column, geometries as objects."""

    def read(name, by="n"):
        found = pq.read_table(layers.path(name)).to_pylist()
        for row in found:
            row["geometry"] = shapely.from_wkb(row["geometry"])
        return sorted(found, key=lambda row: row[by])

    return read
