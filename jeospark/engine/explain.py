"""What a plan would read, make and need, before anything runs."""

import os
from dataclasses import dataclass

import pyarrow as pa

from jeospark.engine.job import FILE
from jeospark.engine.plan import Plan, check_units
from jeospark.engine.session import cores
from jeospark.errors import TooLargeError
from jeospark.planning.sums import READ, SUMS, Sums, add, sums_of
from jeospark.report.numbers import duration, short, size
from jeospark.settings import Settings
from jeospark.storage.publish import exists
from jeospark.task.memory import peak_mb, window_floor_mb
from jeospark.task.program import Program
from jeospark.task.published import is_published
from jeospark.words import numbered


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Explanation:
    """A plan in figures."""

    sums: Sums
    cores: int
    peak_mb: float
    """Predicted for a worker process with the largest unit."""

    def __repr__(self) -> str:
        """What a notebook shows: see `text`."""
        return self.text()

    @property
    def core_hours(self) -> float:
        """Predicted."""
        return self.sums.seconds / 3600

    def text(self) -> str:
        """The figures in words, a line each."""
        cores = numbered(self.cores, "core")
        lines = [
            f"units          {self.sums.units:,} ({self.sums.done:,} done already)",
            f"items          {self.sums.items:,} in {numbered(self.sums.observations, 'observation')}",
            f"to read        at most {size(self.sums.bytes)}, {short(self.sums.decoded)}px",
            f"to make        {short(self.sums.pixels)}px",
            f"core-hours     {self.core_hours:,.2g} (about {duration(self.sums.seconds / self.cores)} on {cores})",
            f"worker memory  {self.peak_mb:,.0f} MB at the peak",
            "largest units",
        ]
        largest = (
            f"  {each.unit_id}: {numbered(each.items, 'item')}, {each.pixels:,} px" for each in self.sums.largest
        )
        return "\n".join([*lines, *largest])


def explain(plan: Plan, settings: Settings) -> Explanation:
    """Count what a plan reads and makes, and predict time and memory.

    Raises:
        EmptySelectionError: The plan has no unit.
        TooLargeError: A unit cannot fit in a worker's memory; names the setting that would make it fit.
    """
    program, ran_before = plan.job.program, exists(plan.job.path(FILE))
    bands, outputs = len(program.names), len(program.outputs)

    def summed(units: pa.RecordBatch) -> pa.RecordBatch:
        return sums_of(units, bands, outputs, _done(units) if ran_before else 0)

    sums = add(plan.over(summed, READ, SUMS, files=ran_before))
    check_units(sums.units, plan.job)
    check_fits(sums.deepest, program, settings)
    return Explanation(
        sums=sums,
        cores=cores(plan.spark.sparkContext) if plan.spark else len(os.sched_getaffinity(0)),
        peak_mb=peak_mb(program, sums.deepest, sums.widest, settings),
    )


def _done(units: pa.RecordBatch) -> int:
    """How many of them are published already."""
    places = zip(units.column("output_href").to_pylist(), units.column("digest").to_pylist(), strict=True)
    return sum(is_published(href, digest) for href, digest in places)


def check_fits(observations: int, program: Program, settings: Settings) -> None:
    """Refuse units that cannot be cut into windows small enough.

    Args:
        observations: Of the unit that has most.
        program: The recipe.
        settings: The worker's memory.

    Raises:
        TooLargeError: Names the setting that would make it fit.
    """
    needed = window_floor_mb(program, observations, settings)
    if needed > settings.worker_memory_mb / 2:
        raise TooLargeError(
            f"a unit of {observations} observations and {len(program.names)} bands needs {needed * 2:.0f} MB",
            where=f"JEOSPARK_WORKER_MEMORY_MB={settings.worker_memory_mb}",
            remedy=f"Set JEOSPARK_WORKER_MEMORY_MB to {int(needed * 2) + 1} or more, or take a shorter period.",
        )
