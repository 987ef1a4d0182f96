"""Composites of a recipe: `spark-submit jobs/composite.py RECIPE --output FOLDER`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from jeospark.engine.job import Job
from jeospark.engine.main import enter_folder, make_job, run_job
from jeospark.errors import JeosparkError
from jeospark.recipe.graph import ProcessGraph


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line, or what `jeospark submit` was given for it."""
    parser = argparse.ArgumentParser(description="Run a recipe (an openEO process graph) over a catalogue's items.")
    parser.add_argument("recipe", type=Path, help="JSON file of the process graph")
    parser.add_argument("--output", required=True, help="folder of the results, one a recipe")
    parser.add_argument("--grid", default="native", help="mgrs, webmercator:12, CRS:resolution:rowsxcols:x,y, native")
    parser.add_argument("--catalog", help="folder of the catalogue (default: JEOSPARK_CATALOG)")
    parser.add_argument("--title", default="", help="name of the product")
    parser.add_argument("--max-error-ratio", type=float, default=0.0, help="share of units that may fail")
    parser.add_argument("--skip-bad-assets", action="store_true", help="leave items with a bad asset out of a unit")
    return parser.parse_args(arguments)


def job(arguments: Sequence[str] | None = None) -> Job:
    """What is to be done; `jeospark submit` asks for it too, to predict memory and to follow the run."""
    asked = vars(parse_arguments(arguments))
    return make_job(ProcessGraph.from_file(asked.pop("recipe")).to_json(), **asked)


def main() -> int:
    """Run; returns the exit code: 0, 1 where too many units failed, 2 where the run could not start."""
    try:
        enter_folder()
        ending = run_job(job())
    except JeosparkError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2
    print(ending.text)
    return ending.code


if __name__ == "__main__":
    sys.exit(main())
