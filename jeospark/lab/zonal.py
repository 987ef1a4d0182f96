"""Zonal statistics, as a notebook asks for them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from jeospark.engine.main import make_job
from jeospark.engine.zonal import ZonalResult, Zones, run_zonal
from jeospark.errors import ArgumentError, SourceError
from jeospark.settings import Settings
from jeospark.storage.roots import Roots
from jeospark.task.zonal_table import Limits
from jeospark.task.zonal_zones import ZONES
from jeospark.tiling.extent import known_crs, same_crs
from jeospark.tiling.footprints import LONLAT
from udfs.coverage import METHODS

if TYPE_CHECKING:
    from jeospark.lab.recipe import Recipe


def zonal(  # noqa: PLR0913 (what users choose, by name)
    recipe: "Recipe",
    zones: pa.Table | Iterable[tuple[object, bytes]],
    output: str | Path,
    *,
    crs: str,
    zone: str = "zone",
    geometry: str = "geometry",
    coverage: str = "fractional",
    min_pixels: float = 0.0,
    min_valid_share: float = 0.0,
    histogram: Iterable[str] = (),
    **asked: Any,
) -> ZonalResult:
    """Count, valid share, mean, sd, min, max, quartiles and sum of a recipe's pixels by zone, period and band.

    Args:
        recipe: What is computed; where it keeps the dates, each orbit pass has rows of its own.
        zones: Polygons: a table of ids and WKB, or pairs of them.
        output: Folder of the results; it holds those of one recipe.
        crs: Of the zones; x comes before y.
        zone: Column of the ids.
        geometry: Column of the polygons.
        coverage: Which pixels count: `fractional` (by the share that the zone covers), `centre` or `all_touched`.
        min_pixels: Usable pixels below which statistics are null.
        min_valid_share: Share of usable pixels below which they are.
        histogram: Bands whose values are counted, such as classes.
        asked: `grid`, `catalog`, `title`, `max_error_ratio` and `skip_bad_assets`, see `engine.main.make_job`.

    Raises:
        ArgumentError: A column, a way to count or a band is unknown.
        EmptySelectionError: No zone can be used, or no item of the catalogue lies where they are.
        GridError: The CRS is unknown.
        OutputError: The output folder cannot be written, or holds another recipe's results.
    """
    job = make_job(recipe.to_json(), output=str(output), **asked)
    bands = frozenset(histogram)
    _check("coverage", [coverage], METHODS)
    _check("histogram", bands, job.program.outputs)
    limits = Limits(min_pixels=min_pixels, min_valid_share=min_valid_share, histogram=bands)
    known_crs(crs)
    wanted = Zones(table=zone_table(zones, zone, geometry), crs=crs, coverage=coverage, limits=limits)
    return run_zonal(None, job, wanted, Settings.load())


def zone_table(zones: pa.Table | Iterable[tuple[object, bytes]], zone: str, geometry: str) -> pa.Table:
    """Make a table of zones (`jeospark.task.zonal_zones.ZONES`); ids become text.

    Raises:
        ArgumentError: It is neither a table nor pairs; a column is unknown, or not of WKB.
    """
    if not isinstance(zones, pa.Table):
        try:
            pairs = [(name, wkb) for name, wkb in zones]
        except (TypeError, ValueError) as error:
            remedy = "Give one of these; of a GeoDataFrame, pyarrow.table(frame.to_arrow())."
            what = f"{type(zones).__name__} is neither an Arrow table nor pairs of id and WKB"
            raise ArgumentError(what, where="zones", remedy=remedy) from error
        ids = [None if name is None else str(name) for name, _ in pairs]
        return pa.table([pa.array(ids, pa.string()), pa.array([wkb for _, wkb in pairs], pa.binary())], ZONES)
    _check("zones", [zone, geometry], zones.column_names)
    ids, shapes = zones.column(zone), zones.column(geometry)
    if isinstance(shapes.type, pa.BaseExtensionType):
        shapes = pa.chunked_array([chunk.storage for chunk in shapes.chunks], shapes.type.storage_type)
    if not (pa.types.is_binary(shapes.type) or pa.types.is_large_binary(shapes.type)):
        raise ArgumentError(f"the column '{geometry}' is {shapes.type}, not WKB", where="zones")
    return pa.table([pc.cast(ids, pa.string()), pc.cast(shapes, pa.binary())], ZONES)


def read_zones(path: str, zone: str, crs: str | None = None) -> tuple[pa.Table, str]:
    """Read zones of GeoParquet: rows of `jeospark.task.zonal_zones.ZONES`, and their CRS.

    Args:
        path: A file, or a folder of them.
        zone: Column of the ids.
        crs: Stands in for what the file says.

    Raises:
        ForbiddenError: It lies outside the allowed roots.
        SourceError: There is no Parquet there, it is not GeoParquet, or its files are in several CRS.
        ArgumentError: A column is unknown.
    """
    Roots.load(Settings.load()).check(str(Path(path).absolute()))
    try:
        source = ds.dataset(path, format="parquet")
    except (OSError, pa.ArrowInvalid) as error:
        raise SourceError(f"no Parquet to read ({error})", where=path, remedy="Give a GeoParquet file.") from error
    _check("zones", [zone], source.schema.names)
    (geometry, found), *others = [_described(file) for file in source.files]
    if crs is None and found is None:
        raise SourceError("the CRS of the zones is not known", where=path, remedy="Give one.")
    for name, other in others:
        if name != geometry or (crs is None and not _same(found, other)):
            remedy = "Give a folder of files of one CRS and geometry column."
            raise SourceError("its files are in several CRS, or geometry columns", where=path, remedy=remedy)
    table = source.to_table(columns=[zone, geometry])
    return zone_table(table, zone, geometry), crs or str(found)


def _described(file: str) -> tuple[str, str | None]:
    """Name and CRS of the geometry column of a GeoParquet file; None where the CRS is not known."""
    about = (pq.read_schema(file).metadata or {}).get(b"geo")
    if about is None:
        raise SourceError("the file is Parquet, but not GeoParquet", where=file, remedy="Write it as GeoParquet.")
    geo = json.loads(about)
    column = geo["columns"][geo["primary_column"]]
    if column["encoding"] != "WKB":
        raise SourceError(f"geometries are encoded as {column['encoding']}", where=file, remedy="Write them as WKB.")
    # Of a GeoParquet file that names none, the CRS is OGC:CRS84; null means that it is not known.
    crs = column.get("crs", LONLAT)
    return geo["primary_column"], crs if crs is None or isinstance(crs, str) else json.dumps(crs)


def _same(one: str | None, other: str | None) -> bool:
    return one == other or (one is not None and other is not None and same_crs(one, other))


def _check(argument: str, given: Iterable[str], known: Iterable[str]) -> None:
    names = list(known)
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise ArgumentError(
            f"there is no {', '.join(map(repr, unknown))}", where=argument, remedy=f"There is {', '.join(names)}."
        )
