"""What a plan would read, make and need, before anything runs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jeospark.engine.job import FILE
from jeospark.engine.plan import Plan
from jeospark.engine.session import cores
from jeospark.errors import EmptySelectionError, TooLargeError
from jeospark.settings import Settings
from jeospark.storage.publish import exists
from jeospark.task.memory import peak_mb, window_floor_mb
from jeospark.task.program import Program
from jeospark.task.unit import is_published

PIXELS_PER_SECOND = 70e6
"""Source pixels that a core reads and computes in a second, from COGs on their own grid (docs/benchmarks.md)."""
JPEG2000_PIXELS_PER_SECOND = 7e6
"""The same for JPEG 2000, whose decoding is what costs."""
LARGEST = 5
SUMMED = ("items", "observations", "bytes", "pixels", "decoded", "seconds", "done")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitSize:
    """A unit, and how much it is."""

    unit_id: str
    items: int
    pixels: int
    """Of the output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A plan in figures."""

    units: int
    done: int
    """Units that are published already, from the same recipe and items."""
    items: int
    """Uses of items: an item in two units counts twice."""
    observations: int
    bytes: int
    """Of the files to read, where the catalogue knows; windows and masks read less."""
    pixels_read: int
    """Source pixels at most, on the output's grid."""
    pixels: int
    """Output pixels."""
    core_hours: float
    cores: int
    peak_mb: float
    """Predicted for a worker process with the largest unit."""
    largest: tuple[UnitSize, ...]

    def text(self) -> str:
        """The figures in words, a line each."""
        lines = [
            f"units          {self.units:,} ({self.done:,} done already)",
            f"items          {self.items:,} in {self.observations:,} observations",
            f"to read        at most {self.bytes / 1e9:,.2f} GB, {self.pixels_read / 1e6:,.1f} Mpx",
            f"to make        {self.pixels / 1e6:,.1f} Mpx",
            f"core-hours     {self.core_hours:,.3f} (about {self._minutes():,.1f} min on {self.cores} cores)",
            f"worker memory  {self.peak_mb:,.0f} MB at the peak",
            "largest units",
        ]
        largest = (f"  {each.unit_id}: {each.items} items, {each.pixels:,} px" for each in self.largest)
        return "\n".join([*lines, *largest])

    def _minutes(self) -> float:
        return self.core_hours * 60 / self.cores


def explain(plan: Plan, settings: Settings) -> Explanation:
    """Count what a plan reads and makes, and predict time and memory.

    Raises:
        EmptySelectionError: The plan has no unit.
        TooLargeError: A unit cannot fit in a worker's memory; names the setting that would make it fit.
    """
    program = plan.job.program
    sizes = _sizes(plan.units, program, ran_before=exists(plan.job.path(FILE))).cache()
    try:
        return _explained(plan, sizes, program, settings)
    finally:
        sizes.unpersist()


def _explained(plan: Plan, sizes: DataFrame, program: Program, settings: Settings) -> Explanation:
    sums = sizes.agg(
        F.count("*").alias("units"),
        *(F.sum(name).alias(name) for name in SUMMED),
        F.max("observations").alias("deepest"),
        F.max("pixels").alias("widest"),
    ).first()
    if sums is None or not sums["units"]:
        raise EmptySelectionError(
            "no item of the catalogue meets the recipe's extent and filters",
            where=plan.job.catalog,
            remedy="See what there is with `jeospark items`, and widen the filters.",
        )
    _check_fits(int(sums["deepest"]), program, settings)
    top = sizes.orderBy(F.desc("decoded"), "unit_id").limit(LARGEST).collect()
    largest = tuple(UnitSize(unit_id=row["unit_id"], items=row["items"], pixels=row["pixels"]) for row in top)
    return Explanation(
        units=int(sums["units"]),
        done=int(sums["done"]),
        items=int(sums["items"]),
        observations=int(sums["observations"]),
        bytes=int(sums["bytes"] or 0),
        pixels_read=int(sums["decoded"]),
        pixels=int(sums["pixels"]),
        core_hours=float(sums["seconds"]) / 3600,
        cores=cores(plan.units.sparkSession.sparkContext),
        peak_mb=peak_mb(program, int(sums["deepest"]), int(sums["widest"]), settings),
        largest=largest,
    )


def _sizes(units: DataFrame, program: Program, *, ran_before: bool) -> DataFrame:
    """One row a unit: where it goes, items, observations, bytes, output and source pixels, seconds, done."""
    sources = F.flatten(F.transform("items", lambda item: item["sources"]))
    jpeg2000 = F.exists(sources, lambda source: F.lower(source["href"]).endswith(".jp2"))
    observations = F.array_distinct(F.transform("items", lambda item: item["observation"]))
    bands = len(program.names)
    table = units.withColumns(
        {
            "n_items": F.size("items"),
            "observations": F.size(observations),
            "bytes": F.aggregate(sources, F.lit(0).cast("long"), _add_size),
            "pixels": F.col("shape")[0].cast("long") * F.col("shape")[1],
            "rate": F.when(jpeg2000, JPEG2000_PIXELS_PER_SECOND).otherwise(PIXELS_PER_SECOND),
        }
    ).withColumn("decoded", F.col("pixels") * F.col("observations") * bands)
    sizes = table.select(
        *("unit_id", "output_href", "digest"),
        F.col("n_items").alias("items"),
        *("observations", "bytes", "pixels", "decoded"),
        (F.col("decoded") / F.col("rate")).alias("seconds"),
        F.lit(0).alias("done"),
    )
    return _with_done(sizes) if ran_before else sizes


def _add_size(total: Column, source: Column) -> Column:
    return total + F.coalesce(source["size"], F.lit(0))


def _with_done(sizes: DataFrame) -> DataFrame:
    """The same rows, `done` being 1 where the unit is published already."""

    def looked_at(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            places = zip(batch.column("output_href").to_pylist(), batch.column("digest").to_pylist(), strict=True)
            done = pa.array([int(is_published(href, digest)) for href, digest in places], pa.int32())
            yield batch.set_column(batch.schema.get_field_index("done"), "done", done)

    return sizes.mapInArrow(looked_at, sizes.schema)


def _check_fits(observations: int, program: Program, settings: Settings) -> None:
    needed = window_floor_mb(program, observations, settings)
    if needed > settings.worker_memory_mb / 2:
        raise TooLargeError(
            f"a unit of {observations} observations and {len(program.names)} bands needs {needed * 2:.0f} MB",
            where=f"JEOSPARK_WORKER_MEMORY_MB={settings.worker_memory_mb}",
            remedy=f"Set JEOSPARK_WORKER_MEMORY_MB to {int(needed * 2) + 1} or more, or take a shorter period.",
        )
