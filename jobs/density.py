"""Points as a raster of their density.

`spark-submit --properties-file conf/sql.conf jobs/density.py POINTS --grid GRID --output FOLDER`
"""

import argparse
import sys
from datetime import UTC, datetime
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, functions

from jeospark.engine.abort import named_abort
from jeospark.engine.ending import FAILED, Ending, once
from jeospark.engine.main import enter_folder
from jeospark.errors import FeedError, JeosparkError
from jeospark.grid import Grid
from jeospark.settings import Settings
from jeospark.sql.session import sedona_session
from jeospark.task.product import versions
from jeospark.vector.helpers_density import pixel_counts
from jeospark.vector.helpers_files import read_layer, source_path
from jeospark.vector.helpers_geometry import column
from jeospark.vector.helpers_raster import density_folder, make_product, publish_density
from jeospark.words import numbered

SEDONA = True
"""`jeospark submit` brings Sedona into the JVMs of a job that says so."""


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Count points in the pixels of a grid; the result is COGs with STAC.")
    parser.add_argument("points", help="a layer of the catalogue, or a GeoParquet file or folder")
    parser.add_argument("--grid", required=True, help="webmercator:8, CRS:resolution:rowsxcols:x,y, …")
    parser.add_argument("--output", required=True, help="folder of the results, which must not be there")
    parser.add_argument("--distinct", help="count the different values of a column, such as mmsi, not points")
    parser.add_argument("--measure", choices=["count", "per_km2"], default="per_km2",
                        help="numbers, or numbers a square kilometre of ground; default %(default)s")  # fmt: skip
    parser.add_argument("--time", help="column of instants")
    parser.add_argument("--period", default="all", help="date, month, year, …: a raster each; needs --time")
    parser.add_argument("--where", help="condition in SQL that points must meet, such as 'sog > 1'")
    parser.add_argument("--title", default="", help="name of the product")
    parser.add_argument("--catalog", help="folder of the catalogue (default: JEOSPARK_CATALOG)")
    return parser.parse_args()


def run(arguments: argparse.Namespace) -> Ending:
    """Count and publish; returns what happened."""
    grid = Grid.parse(arguments.grid)
    path = source_path(arguments.points, arguments.catalog or Settings.load().catalog)
    folder = density_folder(arguments.output, request_of(arguments))
    spark = sedona_session("jeospark density")
    try:
        points = chosen(read_layer(spark, path), arguments.where)
        with named_abort(spark.sparkContext, str(folder), "the same density once more"):
            rows = publish(points, grid, str(folder), arguments)
    finally:
        spark.stop()
    done, failed = ([row for row in rows if (row["error"] is None) == good] for good in (True, False))
    total, what = sum(row["total"] for row in done), arguments.distinct or "points"
    lines = [f"failed     {row['tile']} with {row['total']:,.0f} {what}: {row['error']}" for row in failed]
    told = [f"{numbered(len(done), 'raster')}, {total:,.0f} {what} in their pixels", f"results    {folder}", *lines]
    return Ending(FAILED if failed else 0, "\n".join(told))


def request_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """What decides the pixels."""
    return {
        name: getattr(arguments, name) for name in ("points", "grid", "distinct", "measure", "time", "period", "where")
    }


def chosen(points: DataFrame, where: str | None) -> DataFrame:
    """The points that meet a condition of SQL; all without one.

    Raises:
        FeedError: The condition is wrong.
    """
    try:
        return points.where(where) if where else points
    except AnalysisException as error:
        what = f"the condition is wrong ({' '.join(str(error).split())[:300]})"
        raise FeedError(what, where=str(where), remedy=f"There are {', '.join(points.columns)}.") from error


def publish(points: DataFrame, grid: Grid, folder: str, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Make the rasters; returns a row each."""
    request = request_of(arguments)
    counts = pixel_counts(
        points, grid.tiling, distinct=arguments.distinct, time=arguments.time, period=arguments.period
    )
    product = make_product(
        grid.tiling, request, title=arguments.title or f"Density of {arguments.distinct or 'points'}",  # type: ignore[arg-type]
        folder=folder, measure=arguments.measure, what=arguments.distinct or "points", versions=versions(),
        period=arguments.period, interval=interval_of(points, arguments.time),
    )  # fmt: skip
    return publish_density(counts, product, request)


def interval_of(points: DataFrame, time: str | None) -> tuple[datetime, datetime] | None:
    """First and last instant; None without a time.

    Raises:
        FeedError: No point has one.
    """
    if time is None:
        return None
    seconds = functions.unix_seconds(column(time).cast("timestamp"))
    first, last = points.agg(functions.min(seconds), functions.max(seconds)).collect()[0]
    if first is None:
        raise FeedError("no point has a time", where=time, remedy="Name the column of instants with --time.")
    return datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC)


def main() -> int:
    """Run; returns the exit code: 0, 1 where some rasters could not be made, 2 where none could."""
    try:
        enter_folder()
        asked = parse_arguments()
        ending = once(asked.output, lambda: run(asked))
    except JeosparkError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2
    print(ending.text)
    return ending.code


if __name__ == "__main__":
    sys.exit(main())
