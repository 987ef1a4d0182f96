"""Zonal statistics of a recipe: `spark-submit jobs/zonal.py RECIPE ZONES --output FOLDER`.

Without ZONES, those of the recipe's aggregate_spatial.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from jeospark.engine.ending import FAILED, Ending, once
from jeospark.engine.main import enter_folder
from jeospark.engine.zonal import ZonalResult
from jeospark.errors import JeosparkError
from jeospark.lab.recipe import Recipe
from jeospark.lab.spatial import Aggregated, aggregate_spatial
from jeospark.lab.zonal import read_zones, zonal
from udfs.coverage import METHODS


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Count, mean, sd, quantiles … of a recipe's pixels by zone.")
    parser.add_argument("recipe", type=Path, help="JSON file of the process graph")
    parser.add_argument("zones", nargs="?", help="GeoParquet file of polygons, or a folder of them; none for those of "
                        "the aggregate_spatial that the recipe ends with")  # fmt: skip
    parser.add_argument("--output", required=True, help="folder of the results, one a recipe")
    parser.add_argument("--zone", default="zone", help="column of the zones' ids (default: %(default)s)")
    parser.add_argument("--crs", help="CRS of the zones (default: what the file says)")
    parser.add_argument("--coverage", choices=METHODS, help="which pixels count (default: fractional; centre without "
                        "ZONES, as openEO has it)")  # fmt: skip
    parser.add_argument("--min-pixels", type=float, default=0.0, help="usable pixels below which results are null")
    parser.add_argument("--min-valid-share", type=float, default=0.0, help="share of them below which they are")
    parser.add_argument("--histogram", action="append", default=[], metavar="BAND", help="count the values of a band")
    parser.add_argument("--grid", default="native", help="mgrs, webmercator:12, CRS:resolution:rowsxcols:x,y, native")
    parser.add_argument("--catalog", help="folder of the catalogue (default: JEOSPARK_CATALOG)")
    parser.add_argument("--title", default="", help="name of the product")
    parser.add_argument("--max-error-ratio", type=float, default=0.0, help="share of units that may fail")
    parser.add_argument("--skip-bad-assets", action="store_true", help="leave items with a bad asset out of a unit")
    return parser.parse_args()


def run(arguments: dict[str, Any]) -> Ending:
    """Make the statistics; returns what happened."""
    recipe, path = Recipe.from_json(arguments.pop("recipe")), arguments.pop("zones")
    output, column, crs = (arguments.pop(name) for name in ("output", "zone", "crs"))
    asked = {name: value for name, value in arguments.items() if value is not None}
    if path is None:
        return _ending(aggregate_spatial(recipe, output, **asked))
    table, crs = read_zones(path, column, crs)
    return _ending(zonal(recipe, table, output, crs=crs, **asked))


def _ending(result: ZonalResult | Aggregated) -> Ending:
    return Ending(0 if result.ok else FAILED, result.text)


def main() -> int:
    """Run; returns the exit code: 0, 1 where too many units failed, 2 where the run could not start."""
    try:
        enter_folder()
        asked = vars(parse_arguments())
        ending = once(asked["output"], lambda: run(asked))
    except JeosparkError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2
    print(ending.text)
    return ending.code


if __name__ == "__main__":
    sys.exit(main())
