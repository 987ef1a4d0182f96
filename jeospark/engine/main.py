"""A whole run, as `jeospark run`, `jeospark resume` and the jobs do it."""

import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path

from pyspark.sql import SparkSession

from jeospark.engine.ending import FAILED, Ending, once
from jeospark.engine.finish import Attempt, Places, finish, remember
from jeospark.engine.job import Job, load_run
from jeospark.engine.native import native_grid
from jeospark.engine.plan import make_plan
from jeospark.engine.run import RunResult, resume, run
from jeospark.engine.session import spark_session
from jeospark.errors import SettingError
from jeospark.grid import Grid
from jeospark.recipe.graph import ProcessGraph
from jeospark.settings import Settings
from jeospark.storage.href import absolute
from jeospark.storage.publish import check_writable
from jeospark.storage.roots import Roots
from jeospark.storage.tokens import check_href
from jeospark.task.program import Program, only_load
from jeospark.words import numbered

FOLDER_VARIABLE = "JEOSPARK_FOLDER"
"""Set for a driver on a node: the folder that its job was submitted from, on storage that nodes share."""


def enter_folder() -> None:
    """Go to the folder that the job was submitted from, so that relative paths are what the user meant.

    Raises:
        SettingError: The node does not have it.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        try:
            os.chdir(folder)
        except OSError as error:
            remedy = "Submit from a folder that nodes share, or with the driver here (--deploy-mode client)."
            raise SettingError(
                f"this node does not have the folder of the submission ({error.strerror})", where=folder, remedy=remedy
            ) from error


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
        output: Folder of the results, a path or an href; made absolute.
        grid: Text form of a grid, or `native` for the one that the recipe resamples to, else the one grid that the
            collection's items share.
        catalog: Folder of the catalogue; None for the one of the settings.
        title: Name of the product; None for the collection's id.
        max_error_ratio: See `Job`.
        skip_bad_assets: See `Job`.

    Raises:
        BandMissingError: The collection lacks a band of the recipe.
        CollectionNotFoundError: The catalogue has no such collection.
        CredentialError: The output's href carries a token.
        ForbiddenError: Catalogue or output lie outside the allowed roots.
        GridError: The grid is unknown, or the items of the collection have no one grid.
        RecipeError: The recipe is not one that can run.
    """
    check_href(output)
    graph, settings = ProcessGraph.from_json(recipe), Settings.load()
    archive, folder = str(Path(catalog or settings.catalog).resolve()), absolute(output)
    for place in (archive, folder):
        Roots.load(settings).check(place)
    job = Job(
        recipe=graph.to_json(),
        catalog=archive,
        output=folder,
        grid=grid,
        title=title or only_load(graph).collection,
        max_error_ratio=max_error_ratio,
        skip_bad_assets=skip_bad_assets,
    )
    ready = job.program
    return replace(job, grid=Grid.parse(_native(job, ready) if grid == "native" else grid).text)


def _native(job: Job, ready: Program) -> str:
    asked = ready.resampling
    return (asked and asked.grid) or native_grid(job.catalog, ready.load)


def run_job(job: Job) -> Ending:
    """Plan and run a job, and publish the catalogue and the report.

    Raises:
        OutputUnwritableError: The output folder cannot be written.
    """
    check_writable(job.output)
    return once(job.output, lambda: _started(job))


def _started(job: Job) -> Ending:
    spark = spark_session(f"jeospark {job.title}")
    return _ending(spark, run(make_plan(spark, job), Settings.load()))


def resume_job(output: str) -> Ending:
    """Do what is missing or failed of the job in an output folder.

    Raises:
        OutputTakenError: The folder holds no run, or statistics of zones.
    """
    load_run(output)  # A folder without a run is told at once, not when Spark has started.
    spark = spark_session("jeospark resume")
    return _ending(spark, resume(spark, output, Settings.load()))


def conclude(result: RunResult, command: str) -> Places:
    """Publish the catalogue and the report of what a run made; `command` is what started it."""
    attempt = Attempt(
        name=result.attempt,
        started=result.started,
        seconds=result.seconds,
        cores=result.cores,
        command=command,
    )
    remember(result.job, attempt)
    return finish(result.job)


def _ending(spark: SparkSession, result: RunResult) -> Ending:
    spark.stop()
    places = conclude(result, command=shlex.join(sys.argv))
    lines = [
        summary(result),
        f"results    {result.job.output}",
        f"catalogue  {places.collection}",
        f"report     {places.report}",
    ]
    if result.failed:
        lines.append(f"resume     jeospark resume {shlex.quote(result.job.output)}")
    return Ending(0 if result.ok else FAILED, "\n".join(lines))


def summary(result: RunResult) -> str:
    """One line: how many units ended in which way, and the time."""
    counts = {name: getattr(result, name) for name in ("done", "skipped", "empty", "failed")}
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"{numbered(result.units, 'unit')}: {told}; {result.seconds:.1f} s"
