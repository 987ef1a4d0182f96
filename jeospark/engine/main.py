"""A whole run, as `jeospark run`, `jeospark resume` and the jobs do it."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path

from pyspark.sql import SparkSession

from jeospark.engine.finish import Attempt, finish, remember
from jeospark.engine.job import Job
from jeospark.engine.native import native_grid
from jeospark.engine.plan import make_plan
from jeospark.engine.run import RunResult, resume, run
from jeospark.engine.session import spark_session
from jeospark.recipe.graph import ProcessGraph
from jeospark.settings import Settings
from jeospark.task.program import only_load

FAILED = 1
"""Exit code where more units failed than allowed."""


def make_job(
    recipe: str,
    *,
    output: str,
    grid: str = "native",
    catalog: str | None = None,
    title: str = "",
    max_error_ratio: float = 0.0,
    skip_bad_assets: bool = False,
) -> Job:
    """Make a job of what a user asked for.

    Args:
        recipe: The process graph as JSON.
        output: Folder of the results; made absolute.
        grid: Text form of a grid, or `native` for the one grid that the collection's items share.
        catalog: Folder of the catalogue; None for the one of the settings.
        title: Name of the product; None for the collection's id.
        max_error_ratio: See `Job`.
        skip_bad_assets: See `Job`.

    Raises:
        RecipeError: The recipe is not one that can run.
        GridError: The items of the collection have no one grid.
    """
    graph = ProcessGraph.from_json(recipe)
    job = Job(
        recipe=graph.to_json(),
        catalog=str(Path(catalog or Settings.load().catalog).resolve()),
        grid=grid,
        output=str(Path(output).resolve()),
        title=title or only_load(graph).collection,
        max_error_ratio=max_error_ratio,
        skip_bad_assets=skip_bad_assets,
    )
    return replace(job, grid=native_grid(job.catalog, job.program.load)) if grid == "native" else job


def run_job(job: Job) -> int:
    """Plan and run a job, publish the catalogue and the report, and say where they lie; returns the exit code."""
    spark = spark_session(f"jeospark {job.title}")
    return _end(spark, run(make_plan(spark, job), Settings.load()))


def resume_job(output: str) -> int:
    """Do what is missing or failed of the job in an output folder; returns the exit code."""
    spark = spark_session("jeospark resume")
    return _end(spark, resume(spark, output, Settings.load()))


def _end(spark: SparkSession, result: RunResult) -> int:
    spark.stop()
    attempt = Attempt(
        name=result.attempt,
        started=result.started,
        seconds=result.seconds,
        cores=result.cores,
        command=shlex.join(sys.argv),
    )
    remember(result.job, attempt)
    places = finish(result.job)
    print(summary(result))
    print(f"results    {result.job.output}\ncatalogue  {places.collection}\nreport     {places.report}")
    if not result.ok:
        print(f"resume     jeospark resume {shlex.quote(result.job.output)}")
    return 0 if result.ok else FAILED


def summary(result: RunResult) -> str:
    """One line: how many units ended in which way, and the time."""
    counts = {name: getattr(result, name) for name in ("done", "skipped", "empty", "failed")}
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"{result.units} units: {told}; {result.seconds:.1f} s"
