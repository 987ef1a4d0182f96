"""Positions of ships as all of this package takes them."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jeospark.errors import ArgumentError, FeedError
from jeospark.vector.helpers_geometry import DEGREES, check_same, column, geometry_columns, srid_of, st

COLUMNS = ("mmsi", "time", "lon", "lat")
TYPES = {"mmsi": "bigint", "time": "timestamp", "lon": "double", "lat": "double"}
"""Spark's types: identity, instant (UTC), degrees on WGS 84."""
_OTHER_NAMES = {
    "time": ("basedatetime", "base_date_time", "datetime", "timestamp"),
    "lon": ("longitude", "x"),
    "lat": ("latitude", "y"),
}


def positions(frame: DataFrame) -> DataFrame:
    """The positions of a table under the names `mmsi`, `time`, `lon`, `lat`, with all other columns as they are.

    Names are taken without regard to case, and so are some that providers use (`BaseDateTime`, `LONGITUDE`). Where
    there is a geometry column and no longitude, its points are the places. What cannot be read as a number or instant
    becomes null, which `checked` names.

    Args:
        frame: A row a position.

    Raises:
        FeedError: A column is missing.
        LayerCrsError: The geometry is not in longitude and latitude.
    """
    lower = {name.lower(): name for name in frame.columns}
    found = {
        name: next((lower[each] for each in (name, *_OTHER_NAMES.get(name, ())) if each in lower), None)
        for name in COLUMNS
    }
    places = geometry_columns(frame)
    if found["lon"] is None and found["lat"] is None and len(places) == 1:
        srid = srid_of(frame, places[0], "positions")
        check_same(DEGREES, srid, ("ships", "positions"))
        frame = frame.withColumns({"lon": st("ST_X", column(places[0])), "lat": st("ST_Y", column(places[0]))})
        found |= {"lon": "lon", "lat": "lat"}
    missing = [name for name, source in found.items() if source is None]
    if missing:
        has = ", ".join(frame.columns)
        raise FeedError(f"the positions lack {' and '.join(missing)}", remedy=f"Rename a column; there are {has}.")
    taken = {source for source in found.values() if source}
    cast = [column(str(found[name])).try_cast(TYPES[name]).alias(name) for name in COLUMNS]
    return frame.select(*cast, *(column(name) for name in frame.columns if name not in taken and name not in COLUMNS))


def check_free(name: str, results: tuple[str, ...]) -> None:
    """Make sure that a column that keeps its name has none of the result's.

    Raises:
        ArgumentError: It has.
    """
    if name.lower() in results:
        remedy = f"Rename yours: withColumnRenamed('{name}', 'own_{name}')."
        raise ArgumentError(f"'{name}' is a column of the result too", remedy=remedy)


def standard(frame: DataFrame) -> DataFrame:
    """The four columns alone."""
    return positions(frame).select(*(F.col(name) for name in COLUMNS))
