"""A layer with what it meets of another.

`spark-submit --properties-file conf/sql.conf jobs/join.py LEFT RIGHT --output FOLDER`
"""

import argparse
import sys

from pyspark.sql import DataFrame

from jeospark.engine.abort import named_abort
from jeospark.engine.main import enter_folder
from jeospark.errors import JeosparkError
from jeospark.settings import Settings
from jeospark.sql.session import sedona_session
from jeospark.vector.helpers_files import read_layer, result_folder, source_path, write_layer
from jeospark.vector.helpers_geometry import code_of, geometry_column, srid_of, transform
from jeospark.vector.helpers_nearest import nearest
from jeospark.vector.joins import explain_join, join
from jeospark.words import numbered

SEDONA = True
"""`jeospark submit` brings Sedona into the JVMs of a job that says so."""


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Join two vector layers by place; the result is GeoParquet.")
    parser.add_argument("left", help="a layer of the catalogue, or a GeoParquet file or folder")
    parser.add_argument("right", help="as left")
    parser.add_argument("--output", required=True, help="folder of the result, which must not be there")
    parser.add_argument("--predicate", default="intersects", choices=["within", "intersects", "nearest"],
                        help="what left is to right; default %(default)s")  # fmt: skip
    parser.add_argument("--k", type=int, default=1, help="how many nearest features")
    parser.add_argument("--max-metres", type=float, help="farther ones are left out")
    parser.add_argument("--transform", action="store_true", help="bring right to the CRS of left where they differ")
    parser.add_argument("--broadcast", default="auto", choices=["auto", "left", "right", "none"],
                        help="side that every executor gets; default: a small one")  # fmt: skip
    parser.add_argument("--catalog", help="folder of the catalogue (default: JEOSPARK_CATALOG)")
    return parser.parse_args()


def run(arguments: argparse.Namespace) -> str:
    """Join and publish; returns what happened."""
    catalog = arguments.catalog or Settings.load().catalog
    paths = [source_path(source, catalog) for source in (arguments.left, arguments.right)]
    output = result_folder(arguments.output)
    spark = sedona_session("jeospark join")
    try:
        left, right = (read_layer(spark, path) for path in paths)
        srid = srid_of(left, geometry_column(left, None, "left"), "left")
        right = transform(right, code_of(srid)) if arguments.transform and srid else right
        found, how = joined(left, right, arguments)
        with named_abort(spark.sparkContext, str(output), "the same join once more", "Nothing is published"):
            rows = write_layer(found, str(output), srid=srid)
    finally:
        spark.stop()
    return f"{numbered(rows, 'row')}\nresult     {output}\njoin       {how}"


def joined(left: DataFrame, right: DataFrame, arguments: argparse.Namespace) -> tuple[DataFrame, str]:
    """The result, and how it is made."""
    if arguments.predicate == "nearest":
        found = nearest(left, right, arguments.k, max_metres=arguments.max_metres)
        return found, f"the {arguments.k} nearest"
    choice = explain_join(left, right, broadcast=arguments.broadcast)
    return join(left, right, arguments.predicate, broadcast=choice.broadcast or "none"), str(choice)


def main() -> int:
    """Run; returns the exit code: 0, or 2 where the join could not be made."""
    try:
        enter_folder()
        print(run(parse_arguments()))
    except JeosparkError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
