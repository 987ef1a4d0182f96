"""`jeospark plan`, `jeospark run` and `jeospark resume`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jeospark.cli import options

if TYPE_CHECKING:
    from jeospark.engine.ending import Ending
    from jeospark.engine.job import Job


@click.command(epilog="Example: jeospark plan ndvi.json --grid EPSG:3035:10 -o out/ndvi")
@click.argument("recipe", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.running
def plan(recipe: Path, **given: Any) -> None:
    """Tell what a run of RECIPE (an openEO process graph) would read, make, and need; nothing is run."""
    from jeospark.engine.explain import explain
    from jeospark.engine.plan import make_plan
    from jeospark.settings import Settings

    click.echo(explain(make_plan(None, _job(recipe, given)), Settings.load()).text())


@click.command(epilog="Example: jeospark run ndvi.json --grid EPSG:3035:10 -o out/ndvi")
@click.argument("recipe", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.running
def run(recipe: Path, **given: Any) -> None:
    """Run RECIPE (an openEO process graph) and publish COGs, a STAC catalogue, quicklooks and a report.

    What is published already, from the same recipe and items, is not made again.
    """
    from jeospark.engine.main import run_job

    _tell(run_job(_job(recipe, given)))


@click.command(epilog="Example: jeospark resume out/ndvi")
@click.argument("output", type=options.RunFolder())
def resume(output: str) -> None:
    """Do what is missing or failed of the run in the folder OUTPUT."""
    from jeospark.engine.main import resume_job

    _tell(resume_job(output))


def _tell(ending: "Ending") -> None:
    click.echo(ending.text)
    sys.exit(ending.code)


def _job(recipe: Path, given: dict[str, Any]) -> "Job":
    from jeospark.engine.main import make_job
    from jeospark.recipe.graph import ProcessGraph

    return make_job(ProcessGraph.from_file(recipe).to_json(), **given)
