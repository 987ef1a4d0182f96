"""What runs on an executor: rows of units in, rows of outcomes out."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from jeospark.engine.job import Job
from jeospark.output import OutputBand
from jeospark.raster.env import gdal_environment
from jeospark.schema import OUTCOMES, conform, outcome_batch, unit_of
from jeospark.settings import Settings
from jeospark.task.product import product
from jeospark.task.program import program
from jeospark.task.unit import Orders, run_unit

if TYPE_CHECKING:
    from pyspark.accumulators import Accumulator

Mapper = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def mapper(job: Job, bands: tuple[OutputBand, ...], settings: Settings, pixels: "Accumulator[int]") -> Mapper:
    """The function that Spark maps over batches of units.

    Args:
        job: What all units share.
        bands: Those of the job's collection.
        settings: Those of the driver, which hold on every worker.
        pixels: Gets the output pixels of each unit that ended, for the progress.
    """

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        ready = program(job.recipe, bands)
        orders = Orders(
            program=ready,
            product=product(ready, folder=job.output, title=job.title),
            settings=settings,
            skip_bad_assets=job.skip_bad_assets,
        )
        with gdal_environment(settings):
            for batch in batches:
                for row in batch.to_pylist():
                    outcome = run_unit(unit_of(row), orders)
                    pixels.add(outcome.pixels)
                    yield conform(outcome_batch([outcome]), OUTCOMES)

    return run
