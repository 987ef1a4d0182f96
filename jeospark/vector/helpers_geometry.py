"""Geometry columns of DataFrames: which they are, their SRID, and the way to and from Arrow."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from functools import cache, partial
from typing import Literal

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType
from sedona.spark.sql.types import GeometryType

from jeospark.errors import ArgumentError, LayerCrsError, VectorError
from jeospark.vector.crs import CRS84, NO_CODE, same_crs, transform_points

Geometries = NDArray[np.object_]
ArrowMapper = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]

DEGREES = 4326
"""SRID of longitude and latitude on WGS 84, x before y."""


def st(name: str, *arguments: Column | float) -> Column:
    """Call one of Sedona's functions; what is no column is a literal."""
    return F.call_function(name, *(each if isinstance(each, Column) else F.lit(each) for each in arguments))


def quoted(name: str) -> str:
    """The name of a column as SQL reads it, whatever characters are in it."""
    return "`" + name.replace("`", "``") + "`"


def column(name: str) -> Column:
    """The column of a name, whatever characters are in it."""
    return F.col(quoted(name))


def check_columns(frame: DataFrame, names: Iterable[str], layer: str) -> None:
    """Make sure that a layer has columns, in whatever case, as Spark takes them.

    Args:
        frame: A layer.
        names: Of columns.
        layer: What errors call the layer.

    Raises:
        ArgumentError: One is not there.
    """
    known = {name.lower(): name for name in frame.columns}
    for name in names:
        if name.lower() not in known:
            near = get_close_matches(name.lower(), list(known), n=3)
            hint = f"Did you mean {' or '.join(known[each] for each in near)}?" if near else ""
            remedy = hint or f"There are {', '.join(frame.columns)}."
            raise ArgumentError(f"the {layer} have no column '{name}'", where=layer, remedy=remedy)


def free_names(names: Iterable[str], taken: Iterable[str]) -> dict[str, str]:
    """Names for columns of a right side: `right_NAME` where another has the name, which Spark tells without case."""
    used, given = {name.lower() for name in taken}, {}
    for name in names:
        free = name
        while free.lower() in used:
            free = f"right_{free}"
        used.add(free.lower())
        given[name] = free
    return given


def valid(geometry: Column) -> Column:
    """Geometries as they are where they are valid, else made valid; what asks for parts and unions fails for others."""
    return F.when(st("ST_IsValid", geometry), geometry).otherwise(st("ST_MakeValid", geometry))


def geometry_columns(frame: DataFrame) -> list[str]:
    """Names of the columns of Sedona's type."""
    return [field.name for field in frame.schema.fields if isinstance(field.dataType, GeometryType)]


def geometry_column(frame: DataFrame, name: str | None, layer: str) -> str:
    """The geometry column that is meant: the one named, else `geometry`, else the only one.

    Args:
        frame: A layer.
        name: Column; None to find it.
        layer: What errors call the layer.

    Raises:
        VectorError: There is none, or several and none is named.
    """
    found = geometry_columns(frame)
    if name is None and len(found) > 1 and "geometry" in found:
        return "geometry"
    if name is None and len(found) == 1:
        return found[0]
    if name in found:
        return str(name)
    has = f"It has {', '.join(found)}." if found else "Make one with ST_GeomFromWKB or ST_Point."
    wanted = f"no geometry column '{name}'" if name else f"{len(found)} geometry columns, where one must be meant"
    raise VectorError(f"the {layer} have {wanted}", where=layer, remedy=has)


def srid_of(frame: DataFrame, name: str, layer: str, *, all_rows: bool = False) -> int:
    """The SRID of a geometry column; 0 where no row has a geometry.

    Args:
        frame: A layer.
        name: Its geometry column.
        layer: What errors call the layer.
        all_rows: Look at every row; else at the first that has a geometry.

    Raises:
        LayerCrsError: The geometries have no CRS, or several.
    """
    geometry = column(name)
    known = frame.where(geometry.isNotNull()).select(st("ST_SRID", geometry).alias("srid"))
    rows = known.distinct().limit(3).collect() if all_rows else known.limit(1).collect()
    found = sorted(int(row["srid"]) for row in rows)
    if len(found) > 1:
        remedy = "Transform its parts to one CRS with ST_Transform."
        raise LayerCrsError(f"the {layer} have geometries of SRID {found}", where=layer, remedy=remedy)
    if found == [0]:
        remedy = f"Say what their coordinates are: ST_SetSRID(geometry, 4326) for longitude, latitude. {NO_CODE}"
        raise LayerCrsError(f"the geometries of the {layer} have no CRS", where=layer, remedy=remedy)
    return found[0] if found else 0


def check_same(one: int, other: int, names: tuple[str, str]) -> None:
    """Refuse two layers of different CRS.

    Raises:
        LayerCrsError: Their SRIDs differ.
    """
    if one and other and one != other:
        raise LayerCrsError(
            f"the {names[0]} are in {code_of(one)}, the {names[1]} in {code_of(other)}",
            remedy=f"Transform one of them first, such as transform({names[1]}, '{code_of(one)}').",
        )


@cache
def code_of(srid: int) -> str:
    """`EPSG:…` or `ESRI:…` of an SRID.

    Raises:
        LayerCrsError: It is a code of neither.
    """
    for authority in ("EPSG", "ESRI"):
        try:
            CRS.from_authority(authority, srid)
        except CRSError:
            continue
        return f"{authority}:{srid}"
    raise LayerCrsError(f"SRID {srid} is no code of EPSG or ESRI", remedy="Set the right one with ST_SetSRID.")


def transform(
    frame: DataFrame, crs: str, *, geometry: str | None = None, lost: Literal["refuse", "null"] = "refuse"
) -> DataFrame:
    """The same features in another CRS, x before y; by PROJ, vertex by vertex.

    Args:
        frame: A layer whose geometries have an SRID.
        crs: `EPSG:3035`, `ESRI:54009`, `OGC:CRS84`.
        geometry: Column; None to find it.
        lost: What becomes of a geometry with a vertex that has no place in the other CRS.

    Raises:
        LayerCrsError: The layer has no CRS, or the code is none.
        VectorError: See `geometry_column`.
        TransformError: When it is computed: a vertex is lost, and not to be null.
    """
    name = geometry_column(frame, geometry, "features")
    source, target = srid_of(frame, name, "features"), srid_of_code(crs)
    if source in (0, target):
        return frame
    way = (code_of(source), code_of(target))
    return map_arrow(frame, partial(_moved, name=name, way=way, lost=lost))


def map_in_arrow(frame: DataFrame, mapper: ArrowMapper, schema: StructType) -> DataFrame:
    """Map batches as `DataFrame.mapInArrow` does, which takes a dot in the name of a column for a path to a field.

    Args:
        frame: With columns of any names.
        mapper: Takes and gives batches.
        schema: Of what it gives.
    """
    names = frame.columns

    def named(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return mapper(batch.rename_columns(names) for batch in batches)

    return frame.toDF(*(f"c{at}" for at in range(len(names)))).mapInArrow(named, schema)


def map_arrow(frame: DataFrame, change: Callable[[pa.RecordBatch], pa.RecordBatch]) -> DataFrame:
    """Change batches of rows, in which geometries are EWKB; columns keep their names, types and order."""

    def mapper(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return map(change, batches)

    plain = to_wkb(frame)
    return from_wkb(map_in_arrow(plain, mapper, plain.schema), geometry_columns(frame))


def replaced(batch: pa.RecordBatch, name: str, geometries: Geometries, srid: int) -> pa.RecordBatch:
    """The batch with other geometries in a column, as EWKB of an SRID."""
    wkb = shapely.to_wkb(shapely.set_srid(geometries, srid), include_srid=True)
    return batch.set_column(batch.schema.get_field_index(name), name, pa.array(wkb, pa.binary()))


def geometries_of(batch: pa.RecordBatch, name: str) -> Geometries:
    """The geometries of a column of EWKB, None for null."""
    found: Geometries = shapely.from_wkb(batch.column(name).to_numpy(zero_copy_only=False))
    return found


def _moved(batch: pa.RecordBatch, *, name: str, way: tuple[str, str], lost: str) -> pa.RecordBatch:
    transformer = _transformer(*way)
    here = f"column {name}, {' to '.join(way)}"
    found = geometries_of(batch, name)
    if lost == "null":
        found[_without_place(found, transformer)] = None
    moved, deep = found.copy(), shapely.has_z(found)
    for which, z in ((~deep, False), (deep, True)):
        moved[which] = shapely.transform(
            found[which], lambda points: transform_points(points, transformer, here), include_z=z
        )
    return replaced(batch, name, moved, srid_of_code(way[1]))


def _without_place(geometries: Geometries, transformer: Transformer) -> NDArray[np.bool_]:
    """True where a vertex cannot be expressed in the other CRS."""
    points, row = shapely.get_coordinates(geometries, return_index=True)
    there = np.stack(transformer.transform(points[:, 0], points[:, 1], errcheck=False), axis=1)
    without = np.zeros(len(geometries), bool)
    without[row[~np.isfinite(there).all(axis=1)]] = True
    return without


@cache
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


def srid_of_code(crs: str) -> int:
    """The SRID for a code.

    Raises:
        LayerCrsError: It is no code of EPSG or ESRI, nor OGC:CRS84.
    """
    authority, _, number = crs.upper().partition(":")
    try:
        if same_crs(CRS.from_user_input(crs), CRS.from_user_input(CRS84)):
            return DEGREES
    except CRSError as error:
        raise LayerCrsError(f"no CRS is known as '{crs}'", remedy="Give one such as EPSG:3035.") from error
    if authority in ("EPSG", "ESRI") and number.isdigit() and code_of(int(number)) == f"{authority}:{number}":
        return int(number)
    raise LayerCrsError(f"'{crs}' is no code of EPSG or ESRI", remedy="Give one such as EPSG:3035.")


def is_degrees(srid: int) -> bool:
    """True where coordinates of an SRID are longitude and latitude."""
    return bool(srid) and bool(CRS.from_user_input(code_of(srid)).is_geographic)


def check_metres(srid: int) -> None:
    """Refuse a CRS whose unit is not the metre.

    Raises:
        LayerCrsError: It is another.
    """
    units = {axis.unit_name for axis in CRS.from_user_input(code_of(srid)).axis_info} if srid else {"metre"}
    if units != {"metre"}:
        remedy = "Transform the layers to a CRS in metres, or to OGC:CRS84."
        raise LayerCrsError(f"{code_of(srid)} counts in {', '.join(sorted(units))}", remedy=remedy)


def to_wkb(frame: DataFrame) -> DataFrame:
    """Geometry columns as EWKB, which Arrow carries and which keeps the SRID."""
    found = geometry_columns(frame)
    return frame.withColumns({name: st("ST_AsEWKB", column(name)) for name in found}) if found else frame


def from_wkb(frame: DataFrame, columns: Sequence[str], srid: int | None = None) -> DataFrame:
    """Columns of WKB or EWKB as geometries.

    Args:
        frame: With the columns.
        columns: Their names.
        srid: To set; None for what EWKB says.
    """
    return frame.withColumns({name: _geometry(name, srid) for name in columns}) if columns else frame


def _geometry(name: str, srid: int | None) -> Column:
    made = st("ST_GeomFromWKB", column(name))
    return made if srid is None else st("ST_SetSRID", made, srid)
