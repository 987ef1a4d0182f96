"""CF netCDF cubes: each time step becomes an item, each variable an asset."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import netCDF4
import numpy as np
from pyproj import CRS
from pyproj.exceptions import CRSError

from jeospark.catalog.crs import crs_text
from jeospark.catalog.footprint import footprint_of_grid
from jeospark.catalog.profile import Profile
from jeospark.catalog.times import format_time
from jeospark.errors import SourceError
from jeospark.model import Transform

_AXES = {
    "X": (("projection_x_coordinate", "longitude"), ("x", "lon", "longitude")),
    "Y": (("projection_y_coordinate", "latitude"), ("y", "lat", "latitude")),
    "T": (("time",), ("time", "t")),
}
"""CF `standard_name`s of each axis, then names that are used without CF attributes."""

Variable: TypeAlias = "netCDF4.Variable[Any]"

LONLAT = "EPSG:4326"
_DEGREES = {
    axis: re.compile(rf"degrees?_?({letter}|{word})", re.IGNORECASE)
    for axis, letter, word in (("X", "E", "east"), ("Y", "N", "north"))
}
"""Units of longitude and latitude (CF 1.11, sections 4.1 and 4.2)."""

_CALENDARS = ("standard", "gregorian", "proleptic_gregorian")
_GREGORIAN = (1582, 10, 15)
"""When the common calendar began."""

_IRREGULAR = 0.01
"""By how much of a pixel a coordinate may lie off its place, as float32 coordinates do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cube:
    """What all items of one file share."""

    path: str
    size: int
    times: tuple[datetime, ...]
    variables: tuple[Variable, ...]
    crs: str
    transform: Transform
    shape: tuple[int, int]


def netcdf_items(path: str, profile: Profile | None = None) -> Iterator[dict[str, Any]]:
    """Make one item of each time step of a CF netCDF cube.

    The item's id is `{file stem}_{date}`, with the time too where a step is not at midnight. Each variable over
    (time, y, x) is an asset, whose band number is the position of the time step. The transform follows the order of
    the rows in the file: south-up files have a positive e.

    Args:
        path: A netCDF file, version 3 or 4.
        profile: Gives names, scales and classes that the file leaves out.

    Raises:
        SourceError: The file is missing or no netCDF, or has no CRS, no time, no regular grid, or no cube.
    """
    absolute = str(Path(path).resolve())
    try:
        dataset = netCDF4.Dataset(absolute)
    except OSError as error:
        raise SourceError(f"the file cannot be opened as netCDF ({error})", where=path, remedy="Check it.") from error
    with dataset:
        dataset.set_auto_maskandscale(False)
        cube = _cube(dataset, absolute)
        footprint = footprint_of_grid(cube.crs, cube.transform, cube.shape)
        for position, moment in enumerate(cube.times, start=1):
            yield _item(cube, footprint, position, moment, profile)


def _cube(dataset: netCDF4.Dataset, path: str) -> _Cube:
    axes = {axis: _dimension(dataset, axis, path) for axis in "TYX"}
    dimensions = (axes["T"], axes["Y"], axes["X"])
    variables = tuple(one for one in dataset.variables.values() if one.dimensions == dimensions)
    if not variables:
        raise SourceError(f"no variable is over ({', '.join(dimensions)})", where=path, remedy="Transpose the cube.")
    x_origin, x_step = _regular(dataset[axes["X"]], path)
    y_origin, y_step = _regular(dataset[axes["Y"]], path)
    return _Cube(
        path=path,
        size=Path(path).stat().st_size,
        times=_times(dataset[axes["T"]], path),
        variables=variables,
        crs=_crs(dataset, variables, path, degrees=_in_degrees(dataset, axes)),
        transform=(x_step, 0.0, x_origin, 0.0, y_step, y_origin),
        shape=(len(dataset.dimensions[axes["Y"]]), len(dataset.dimensions[axes["X"]])),
    )


def _dimension(dataset: netCDF4.Dataset, axis: str, path: str) -> str:
    standard_names, names = _AXES[axis]
    coordinates = [one for name, one in dataset.variables.items() if one.dimensions == (name,)]
    for one in coordinates:
        if getattr(one, "axis", "") == axis or getattr(one, "standard_name", "") in standard_names:
            return str(one.name)
    for one in coordinates:
        if one.name.lower() in names:
            return str(one.name)
    raise SourceError(
        f"no coordinate variable is the {axis} axis",
        where=path,
        remedy=f"Give one the CF attribute axis='{axis}', or call it {' or '.join(names)}.",
    )


def _regular(coordinate: Variable, path: str) -> tuple[float, float]:
    """Give the outer edge before the first centre, and the step."""
    centres = np.asarray(coordinate[:], dtype=np.float64)
    if centres.size < 2 or not np.isfinite(centres).all() or centres[0] == centres[-1]:
        raise SourceError(
            f"the {centres.size} values of '{coordinate.name}' give no pixel size", where=path, remedy="Mend them."
        )
    step = float(f"{(centres[-1] - centres[0]) / (centres.size - 1):.12g}")
    off = float(np.abs(centres - (centres[0] + step * np.arange(centres.size))).max() / abs(step))
    if off > _IRREGULAR:
        raise SourceError(
            f"'{coordinate.name}' is not regular: a value lies {off:.2f} pixels off its place",
            where=path,
            remedy="Resample the cube to a regular grid.",
        )
    return float(centres[0]) - step / 2, step


def _times(coordinate: Variable, path: str) -> tuple[datetime, ...]:
    try:
        moments = netCDF4.num2date(
            coordinate[:],
            coordinate.units,
            getattr(coordinate, "calendar", "standard"),
            only_use_cftime_datetimes=False,
            only_use_python_datetimes=False,
        )
        return tuple(_common(moment) for moment in np.asarray(moments, dtype=object).ravel().tolist())
    except (AttributeError, ValueError) as error:
        raise SourceError(
            f"'{coordinate.name}' holds no dates of the common calendar ({error})", where=path, remedy="Mend its units."
        ) from error


def _common(moment: Any) -> datetime:
    """A date of cftime, which it gives where time is counted from before 1582, as one of the common calendar.

    Raises:
        ValueError: It is of another calendar, or from before that one began.
    """
    if isinstance(moment, datetime):
        return moment
    parts = moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, moment.microsecond
    if moment.calendar not in _CALENDARS or parts < _GREGORIAN:
        raise ValueError(f"{moment} of the calendar {moment.calendar}")
    return datetime(*parts)  # noqa: DTZ001 - as netCDF4 gives those of UTC


def _in_degrees(dataset: netCDF4.Dataset, axes: Mapping[str, str]) -> bool:
    """True where the axes are true longitude and latitude, as CF knows them by their units."""
    units = (str(getattr(dataset[axes[axis]], "units", "")) for axis in "XY")
    return all(_DEGREES[axis].fullmatch(unit) for axis, unit in zip("XY", units, strict=True))


def _crs(dataset: netCDF4.Dataset, variables: Sequence[Variable], path: str, *, degrees: bool) -> str:
    """The CRS of the grid mapping; of longitudes and latitudes, which need none, WGS 84."""
    names = [getattr(one, "grid_mapping", None) for one in variables]
    mapping = next((dataset.variables[name] for name in names if name in dataset.variables), None)
    if mapping is None and degrees:
        return LONLAT
    if mapping is None:
        raise SourceError("no variable names a grid mapping", where=path, remedy="Add one with crs_wkt, as CF says.")
    attributes = {name: mapping.getncattr(name) for name in mapping.ncattrs()}
    wkt = attributes.get("crs_wkt") or attributes.get("spatial_ref")
    try:
        crs = CRS.from_user_input(wkt) if wkt else CRS.from_cf(attributes)
    except (CRSError, KeyError) as error:
        raise SourceError(
            f"grid mapping '{mapping.name}' is no CRS ({error})", where=path, remedy="Mend it."
        ) from error
    return crs_text(crs)


def _item(
    cube: _Cube, footprint: Mapping[str, Any], position: int, moment: datetime, profile: Profile | None
) -> dict[str, Any]:
    dated = all(one == one.replace(hour=0, minute=0, second=0, microsecond=0) for one in cube.times)
    label = moment.strftime("%Y-%m-%d" if dated else "%Y-%m-%dT%H%M%S")
    properties = {"datetime": format_time(moment), "proj:code": cube.crs}
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": f"{Path(cube.path).stem}_{label}",
        **footprint,
        "properties": properties | ({"platform": profile.platform} if profile else {}),
        "links": [],
        "assets": dict(_asset(cube, variable, position, profile) for variable in cube.variables),
    }


def _asset(cube: _Cube, variable: Variable, position: int, profile: Profile | None) -> tuple[str, dict[str, Any]]:
    declared = {"name": str(variable.name), **_declared_band(variable, cube.path), "jeospark:index": position}
    band = profile.complete(declared, None) if profile else declared
    return band["name"], {
        "href": cube.path,
        "type": "application/x-netcdf",
        "roles": ["data"],
        "proj:code": cube.crs,
        "proj:transform": list(cube.transform),
        "proj:shape": list(cube.shape),
        "file:size": cube.size,
        # Of the file, what one variable at one time takes.
        "jeospark:share": 1 / (len(cube.variables) * len(cube.times)),
        "jeospark:variable": str(variable.name),
        "bands": [band],
    }


def _declared_band(variable: Variable, path: str) -> dict[str, Any]:
    attributes = {name: variable.getncattr(name) for name in variable.ncattrs()}
    dtype = _stored_type(variable)
    declared: dict[str, Any] = {"data_type": str(dtype)}
    given = [attributes[name] for name in ("_FillValue", "missing_value") if name in attributes]
    missing = {str(number): float(number) for each in given for number in _as_stored(each, variable, dtype)}
    if len(missing) > 1:
        raise SourceError(
            f"variable '{variable.name}' marks what is missing by {' and '.join(missing)}",
            where=path,
            remedy="Write it with one of them, as _FillValue.",
        )
    if missing:
        declared["nodata"] = next(iter(missing.values()))
    for field, name in (("raster:scale", "scale_factor"), ("raster:offset", "add_offset")):
        if name in attributes:
            declared[field] = float(attributes[name])
    return declared


def _stored_type(variable: Variable) -> np.dtype[Any]:
    """The type of the numbers; netCDF 3 has no unsigned ones, so that an attribute tells of them."""
    dtype = np.dtype(variable.dtype)
    unsigned = str(getattr(variable, "_Unsigned", "false")).lower() == "true" and dtype.kind == "i"
    return np.dtype(f"u{dtype.itemsize}") if unsigned else dtype


def _as_stored(values: Any, variable: Variable, dtype: np.dtype[Any]) -> list[Any]:
    """Numbers of an attribute in the variable's type, without those that it cannot have."""
    numbers = np.atleast_1d(np.asarray(values))
    if np.dtype(variable.dtype).kind in "iu" and numbers.dtype.kind == "f":
        numbers = numbers[np.isfinite(numbers)]
    return list(numbers.astype(variable.dtype).view(dtype).tolist())
