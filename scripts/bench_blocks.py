"""Count the JPEG 2000 tiles that the units of a job decode: run them in this process and listen to GDAL.

Argument: output folder of a job that has run; its units are made again. Prints the number.
"""

import logging
import shutil
import sys
from pathlib import Path

import pyarrow.dataset as ds
import rasterio

from jeospark.engine.job import load_job
from jeospark.engine.plan import FOLDER
from jeospark.engine.worker import mapper
from jeospark.schema import UNITS
from jeospark.settings import Settings


class Listener(logging.Handler):
    """Counts what GDAL says of each tile that it has decoded."""

    def __init__(self) -> None:
        super().__init__()
        self.decoded = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Look at one message."""
        self.decoded += record.getMessage().count("has been decoded")


class Ignored:
    """Takes the progress."""

    def add(self, pixels: int) -> None:
        """Do nothing with it."""


def count(output: str) -> int:
    """Make all units again; returns the tiles decoded."""
    job = load_job(output)
    units = ds.dataset(job.path(FOLDER), schema=UNITS, format="parquet").to_table()
    for tile in set(units.column("tile").to_pylist()):
        shutil.rmtree(Path(output) / tile)
    listener, logger = Listener(), logging.getLogger("rasterio._err")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(listener)
    logger.propagate = False
    with rasterio.Env(CPL_DEBUG=True):
        run = mapper(job, job.bands(), Settings.load(), Ignored())
        statuses = [status for batch in run(units.to_batches()) for status in batch.column("status").to_pylist()]
    if set(statuses) != {"done"}:
        raise SystemExit(f"units ended as {sorted(set(statuses))}")
    return listener.decoded


if __name__ == "__main__":
    print(count(sys.argv[1]))
