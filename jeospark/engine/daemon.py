"""Spark's Python daemon, made so that a task costs milliseconds: modules are imported before the workers fork.

Spark forks a worker process for every core and reuses it; what the daemon has imported, the workers share, so that
rasterio and numba are loaded once a node and not once a process. Nothing is opened before the fork. Between two tasks
pyspark's worker pays three times for nothing, 0.25 s in all where many modules are loaded: it collects garbage over all
of them, makes zipimport read its archives again, and waits 40 ms for an acknowledgement that TCP delays. Named by
`spark.python.daemon.module`.
"""

import gc
import importlib
import socket
import sys
from zipimport import zipimporter

from numba.core.registry import cpu_target
from pyspark import daemon

PRELOADED = ("pandas", "pyarrow", "pyspark.worker", "pyspark.sql.pandas.serializers", "jeospark.engine.worker")

serve = daemon.worker


def promptly(sock: socket.socket, authenticated: bool) -> int:  # noqa: FBT001 - pyspark's signature
    """Run one task; what Spark sends first is acknowledged at once, as the rest waits for that (RFC 896)."""
    if sys.platform == "linux" and sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    return int(serve(sock, authenticated))  # type: ignore[no-untyped-call]


def keep(_: zipimporter) -> None:
    """Keep an archive's directory: the archives on a worker's path stay as they are while it lives."""


def prepare() -> None:
    """Import what tasks need, and make what comes between tasks cheap."""
    for name in PRELOADED:
        importlib.import_module(name)
    # What numba loads when it first calls a compiled function.
    cpu_target.target_context.refresh()
    daemon.worker = promptly
    zipimporter.invalidate_caches = keep  # type: ignore[assignment,method-assign]
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    prepare()
    daemon.manager()  # type: ignore[no-untyped-call]
