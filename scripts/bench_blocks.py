"""Count the JPEG 2000 tiles that the units of a job decode: run them in this process and listen to GDAL.

Argument: output folder of a job that has run; its units are made again. Prints the number.
"""

import logging
import shutil
import sys
from pathlib import Path

import rasterio

from jeospark.engine.job import load_job
from jeospark.engine.plan import written_plan
from jeospark.raster.env import gdal_environment
from jeospark.settings import Settings
from jeospark.task.product import product
from jeospark.task.program import program
from jeospark.task.unit import Orders, run_unit


class Listener(logging.Handler):
    """Counts what GDAL says of each tile that it has decoded."""

    def __init__(self) -> None:
        super().__init__()
        self.decoded = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Look at one message."""
        self.decoded += record.getMessage().count("has been decoded")


def count(output: str) -> int:
    """Make all units again; returns the tiles decoded."""
    job, settings = load_job(output), Settings.load()
    plan = written_plan(job)
    if plan is None:
        raise SystemExit(f"no job has run in {output}")
    units = list(plan.read())
    for tile in {unit.tile for unit in units}:
        shutil.rmtree(Path(output) / tile)
    ready = program(job.recipe, job.bands())
    made = product(ready, folder=job.output, title=job.title)
    orders = Orders(program=ready, product=made, settings=settings, skip_bad_assets=False)
    listener, logger = Listener(), logging.getLogger("rasterio._err")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(listener)
    logger.propagate = False
    with gdal_environment(settings), rasterio.Env(CPL_DEBUG=True):
        statuses = {run_unit(unit, orders=orders).status for unit in units}
    if statuses != {"done"}:
        raise SystemExit(f"units ended as {sorted(statuses)}")
    return listener.decoded


if __name__ == "__main__":
    print(count(sys.argv[1]))
