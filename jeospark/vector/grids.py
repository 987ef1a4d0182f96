"""Cells of grids, as codes and as squares: H3, quadkeys of web maps, and the reference grid of the EEA.

Codes come from arithmetic on columns; nothing is joined.
"""

import re

import numpy as np
import shapely
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jeospark.errors import ArgumentError, GridError, LayerCrsError
from jeospark.vector.helpers_geometry import (
    DEGREES,
    check_columns,
    column,
    from_wkb,
    geometry_column,
    srid_of,
    st,
    transform,
)

EEA_SRID = 3035
EEA_SIZES = {"100m": 100, "1km": 1_000, "10km": 10_000, "100km": 100_000}
"""Sides of the cells, metres, by the start of their codes."""
MERCATOR = 85.05112877980659
"""Degrees of latitude at which web maps end."""
_CODE = re.compile(r"(\d+k?m)E(\d+)N(\d+)")


def h3(layer: DataFrame, resolution: int, *, name: str = "h3", geometry: str | None = None) -> DataFrame:
    """Points with the H3 cell that holds each, as a 64-bit number; null beyond ±180 and ±90, and without geometry.

    Args:
        layer: Points in longitude and latitude.
        resolution: 0 to 15.
        name: Column to add.
        geometry: Column; None to find it.

    Raises:
        ArgumentError: There is no such resolution.
        LayerCrsError: The layer is not in longitude and latitude.
        VectorError: See `geometry_column`.
    """
    _within("resolution", resolution, 15)
    place = _degrees(layer, geometry)
    cells = st("ST_H3CellIDs", column(place), resolution, F.expr("false"))
    # H3 turns what lies beyond around the Earth; what is empty has no coordinates.
    east, north = st("ST_X", column(place)), st("ST_Y", column(place))
    known = (st("ST_GeometryType", column(place)) == "ST_Point") & east.between(-180, 180) & north.between(-90, 90)
    return layer.withColumn(name, F.when(known, F.get(cells, 0)))


def quadkey(layer: DataFrame, zoom: int, *, name: str = "quadkey", geometry: str | None = None) -> DataFrame:
    """Points with the quadkey of the web map's tile that holds each; null beyond ±85.05° and without geometry.

    A point on the line between two tiles belongs to the one east or south of it.

    Args:
        layer: Points in longitude and latitude.
        zoom: 1 to 29: the number of digits.
        name: Column to add.
        geometry: Column; None to find it.

    Raises:
        ArgumentError: There is no such level.
        LayerCrsError: The layer is not in longitude and latitude.
        VectorError: See `geometry_column`.
    """
    _within("zoom", zoom, 29, least=1)
    place = _degrees(layer, geometry)
    lon, north = st("ST_X", column(place)), st("ST_Y", column(place))
    # At the poles the formula divides by zero, which ends a query.
    lat = F.when(F.abs(north) <= MERCATOR, north)
    tiles = 1 << zoom
    x = F.floor((lon + 180.0) / 360.0 * tiles)
    sine = F.sin(F.radians(lat))
    y = F.floor((0.5 - F.log((1 + sine) / (1 - sine)) / (4 * np.pi)) * tiles)
    known = lat.isNotNull() & (F.abs(lon) <= 180.0)
    held = layer.withColumns({"__x": _clamped(x, tiles), "__y": _clamped(y, tiles)})
    digits = [_digit(F.col("__x"), F.col("__y"), level) for level in range(zoom - 1, -1, -1)]
    return held.withColumn(name, F.when(known, F.concat(*digits))).drop("__x", "__y")


def _clamped(number: Column, tiles: int) -> Column:
    return F.greatest(F.least(number, F.lit(tiles - 1)), F.lit(0)).cast("long")


def _digit(x: Column, y: Column, level: int) -> Column:
    bit = F.shiftright(x, level).bitwiseAND(1) + 2 * F.shiftright(y, level).bitwiseAND(1)
    return bit.cast("string")


def eea(layer: DataFrame, size: str = "10km", *, name: str = "eea", geometry: str | None = None) -> DataFrame:
    """Points with the code of the EEA reference grid's cell that holds each, such as 10kmE432N321.

    The grid is on ETRS89-LAEA (EPSG:3035); east and north are those of the lower left corner in units of the cell,
    without leading zeros. A point on the line between two cells belongs to the one east or north of it. Codes know no
    negative numbers: what lies west or south of the origin gets null, as does what has no geometry, or no place in the
    grid's projection.

    Args:
        layer: Points in any CRS.
        size: 100m, 1km, 10km or 100km.
        name: Column to add.
        geometry: Column; None to find it.

    Raises:
        GridError: There is no such size.
        LayerCrsError: The layer has no CRS.
        VectorError: See `geometry_column`.
    """
    side = _side(size)
    place = geometry_column(layer, geometry, "features")
    there = layer.withColumn("__place", column(place))
    there = transform(there, f"EPSG:{EEA_SRID}", geometry="__place", lost="null")
    east, north = (F.floor(st(f"ST_{axis}", F.col("__place")) / side) for axis in "XY")
    code = F.when(
        (east >= 0) & (north >= 0), F.concat(F.lit(f"{size}E"), east.cast("string"), F.lit("N"), north.cast("string"))
    )
    return there.withColumn(name, code).drop("__place")


def eea_codes(east: NDArray[np.float64], north: NDArray[np.float64], size: str = "10km") -> list[str | None]:
    """Codes of the cells that hold places in EPSG:3035; None where there is no code.

    Raises:
        GridError: There is no such size.
    """
    side = _side(size)
    columns, rows = np.floor(east / side), np.floor(north / side)
    return [
        f"{size}E{int(column)}N{int(row)}" if column >= 0 and row >= 0 else None
        for column, row in zip(columns.tolist(), rows.tolist(), strict=True)
    ]


def eea_bounds(code: str) -> tuple[float, float, float, float]:
    """Least and greatest x and y (x0, y0, x1, y1) of a cell, metres in EPSG:3035; leading zeros are taken too.

    Raises:
        GridError: It is no code.
    """
    match = _CODE.fullmatch(code)
    if match is None:
        raise GridError(f"'{code}' is no cell of the EEA reference grid", remedy="Write it like 10kmE432N321.")
    side = _side(match[1])
    x, y = int(match[2]) * side, int(match[3]) * side
    return float(x), float(y), float(x + side), float(y + side)


def eea_cells(layer: DataFrame, code: str = "eea", *, name: str = "geometry") -> DataFrame:
    """Rows with the squares that their codes name, in EPSG:3035.

    Args:
        layer: With a column of codes.
        code: Its name.
        name: Column to add.

    Raises:
        ArgumentError: The layer has a column `name`, or none of codes.
        GridError: When it is computed: a text is no code.
    """
    if name in layer.columns:
        raise ArgumentError(f"there is a column '{name}' already", remedy="Give another `name`.")
    check_columns(layer, [code], "cells")
    squares = F.udf(_square, "binary")
    return from_wkb(layer.withColumn(name, squares(column(code))), [name], EEA_SRID)


def _square(code: str | None) -> bytes | None:
    return None if code is None else bytes(shapely.to_wkb(shapely.box(*eea_bounds(code))))


def _side(size: str) -> int:
    if size not in EEA_SIZES:
        raise GridError(f"the EEA reference grid has no cells of {size}", remedy=f"Known: {', '.join(EEA_SIZES)}.")
    return EEA_SIZES[size]


def _degrees(layer: DataFrame, geometry: str | None) -> str:
    place = geometry_column(layer, geometry, "features")
    srid = srid_of(layer, place, "features")
    if srid not in (0, DEGREES):
        remedy = "Transform it first: transform(layer, 'OGC:CRS84')."
        raise LayerCrsError(f"SRID {srid} is not longitude and latitude on WGS 84", where=place, remedy=remedy)
    return place


def _within(name: str, value: int, most: int, least: int = 0) -> None:
    if not least <= value <= most:
        raise ArgumentError(f"no {name} {value}", remedy=f"Give {least} to {most}.")
