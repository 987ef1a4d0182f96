"""Composites of a recipe: `spark-submit jobs/composite.py RECIPE --output FOLDER`."""

import argparse
import sys
from pathlib import Path

from jeospark.engine.main import make_job, run_job
from jeospark.errors import JeosparkError
from jeospark.recipe.graph import ProcessGraph


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Run a recipe (an openEO process graph) over a catalogue's items.")
    parser.add_argument("recipe", type=Path, help="JSON file of the process graph")
    parser.add_argument("--output", required=True, help="folder of the results, one a recipe")
    parser.add_argument("--grid", default="native", help="mgrs, webmercator:12, CRS:resolution:rowsxcols:x,y, native")
    parser.add_argument("--catalog", help="folder of the catalogue (default: JEOSPARK_CATALOG)")
    parser.add_argument("--title", default="", help="name of the product")
    parser.add_argument("--max-error-ratio", type=float, default=0.0, help="share of units that may fail")
    parser.add_argument("--skip-bad-assets", action="store_true", help="leave items with a bad asset out of a unit")
    return parser.parse_args()


def main() -> int:
    """Run; returns the exit code: 0, 1 where too many units failed, 2 where the run could not start."""
    arguments = vars(parse_arguments())
    try:
        ending = run_job(make_job(ProcessGraph.from_file(arguments.pop("recipe")).to_json(), **arguments))
    except JeosparkError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2
    print(ending.text)
    return ending.code


if __name__ == "__main__":
    sys.exit(main())
