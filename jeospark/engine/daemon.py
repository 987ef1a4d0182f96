"""Spark's Python daemon with the task's modules already imported.

Spark forks a worker process for every core; what the daemon has imported, the workers share, so that rasterio and numba
are loaded once a node and not once a process. Nothing is opened before the fork. Named by `spark.python.daemon.module`.
"""

import importlib

from pyspark.daemon import manager

PRELOADED = ("pandas", "pyarrow", "pyspark.worker", "pyspark.sql.pandas.serializers", "jeospark.engine.worker")

if __name__ == "__main__":
    for name in PRELOADED:
        importlib.import_module(name)
    manager()  # type: ignore[no-untyped-call]
