"""Spark's Thrift (JDBC) and Connect servers, with jeospark's tables and Sedona's functions in every session.

`python -m jeospark.sql.server thrift` and `… connect` run until they are told to stop; scripts/sql-server.sh starts and
stops them.
"""

import argparse
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from jeospark.engine.jars import class_path
from jeospark.errors import ForbiddenError, JeosparkError
from jeospark.settings import Settings
from jeospark.sql.doors import plan_new_sessions
from jeospark.sql.problems import names_of
from jeospark.sql.registry import register_extras, tables
from jeospark.sql.relation import server_statements
from jeospark.sql.session import sedona_session
from jeospark.sql.tree import sequence
from jeospark.storage.roots import VARIABLE, Roots

HOST = "127.0.0.1"
"""Whoever reaches a port can read what the server can."""
PORTS = {"thrift": 10000, "connect": 15002}
READY = "jeospark tables are ready"
_ANALYSIS = "org.apache.spark.sql.catalyst.analysis"


def server_config(kind: str, port: int) -> dict[str, str]:
    """Spark properties of a server.

    Args:
        kind: thrift or connect.
        port: Where it listens.

    Raises:
        SedonaError: Sedona's jars cannot be had.
    """
    # Hive opens sessions with a class loader of its own, which does not see what Spark adds later.
    common = {"spark.sql.catalogImplementation": "in-memory", "spark.driver.extraClassPath": class_path()}
    if kind == "connect":
        return common | {
            "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
            "spark.connect.grpc.binding.address": HOST,
            "spark.connect.grpc.binding.port": str(port),
        }
    return common | {
        "spark.hadoop.hive.server2.thrift.bind.host": HOST,
        "spark.hadoop.hive.server2.thrift.port": str(port),
    }


def start(kind: str, port: int, catalog: str, config: Mapping[str, str]) -> SparkSession:
    """Start a server in this process.

    Args:
        kind: thrift or connect.
        port: Where it listens, on loopback only.
        catalog: Folder of the catalogue.
        config: More Spark properties.

    Raises:
        ForbiddenError: Allowed roots are set, which a server cannot hold its clients to.
        SedonaError: Sedona's jars cannot be had.
    """
    if Roots.load(Settings.load()):
        remedy = f"Unset {VARIABLE} for the server, and give it a user of its own who may read only what clients may."
        raise ForbiddenError("a server cannot hold its clients to allowed roots", where=VARIABLE, remedy=remedy)
    found = tables(catalog)
    # Rules and parser are called back; in other modes nobody could tell for whom.
    os.environ["PYSPARK_PIN_THREAD"] = "true"
    spark = sedona_session(f"jeospark sql {kind}", {**server_config(kind, port), **config})
    register_extras(spark, catalog)
    make_builtin(spark)
    plan_new_sessions(spark)
    for statement in server_statements(found):
        spark.sql(statement)
    if kind == "thrift":
        server = spark._jvm.org.apache.spark.sql.hive.thriftserver.HiveThriftServer2  # type: ignore[union-attr]  # noqa: SLF001
        server.startWithContext(spark._jsparkSession.sqlContext())  # noqa: SLF001
    return spark


def make_builtin(spark: SparkSession) -> None:
    """Make the functions of a session built-in ones, which new sessions know and shared views may use."""
    state = spark._jsparkSession.sessionState()  # noqa: SLF001
    for kind, registry in (
        ("FunctionRegistry", state.functionRegistry()),
        ("TableFunctionRegistry", state.tableFunctionRegistry()),
    ):
        builtin = getattr(getattr(spark._jvm, f"{_ANALYSIS}.{kind}$"), "MODULE$").builtin()  # noqa: SLF001
        known = set(names_of(builtin))
        for name in sequence(registry.listFunction()):
            if name.unquotedString() not in known:
                info, builder = registry.lookupFunction(name), registry.lookupFunctionBuilder(name)
                builtin.registerFunction(name, info.get(), builder.get())


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m jeospark.sql.server", description=__doc__)
    parser.add_argument("kind", choices=sorted(PORTS))
    parser.add_argument("--port", type=int)
    parser.add_argument("--catalog", default=Settings.load().catalog)
    given = parser.parse_args()
    over = threading.Event()

    def stop(*_: Any) -> None:
        over.set()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, stop)
    with tempfile.TemporaryDirectory(prefix="jeospark-sql-") as folder:
        catalog = str(Path(given.catalog).absolute())
        # Hive keeps a small database in the folder it is started in.
        os.chdir(folder)
        config = {
            "spark.sql.warehouse.dir": f"{folder}/warehouse",
            "spark.hadoop.hive.exec.scratchdir": f"{folder}/hive",
        }
        try:
            spark = start(given.kind, given.port or PORTS[given.kind], catalog, config)
        except JeosparkError as error:
            sys.exit(f"{type(error).__name__}: {error}")
        # What scripts/sql-server.sh waits for: ports are open before the tables are there.
        sys.stdout.write(f"{READY}\n")
        sys.stdout.flush()
        over.wait()
        spark.stop()


if __name__ == "__main__":
    main()
