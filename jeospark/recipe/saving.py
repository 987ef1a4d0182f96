"""What a recipe says about the files it makes: the options of save_result."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from jeospark.errors import ArgumentError, NodataError
from jeospark.recipe.nodes import Steps
from jeospark.recipe.registry import did_you_mean

FORMATS = ("COG", "GTiff")
DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
_OPTIONS = ("dtype", "scale", "offset", "nodata", "bands")
_BAND_OPTIONS = ("scale", "offset")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """physical = stored · scale + offset."""

    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveOptions:
    """How values are stored."""

    format: str = "COG"
    """One of FORMATS; both are written as COG."""
    dtype: str = "float32"
    """One of DTYPES."""
    nodata: float = float("nan")
    """Stored value of null pixels; one a file."""
    default: Scaling = field(default_factory=Scaling)
    bands: Mapping[str, Scaling] = field(default_factory=dict)
    """Of the bands that differ, by name."""

    @property
    def scale(self) -> float:
        """Scale of the bands that do not differ."""
        return self.default.scale

    @property
    def offset(self) -> float:
        """Offset of the bands that do not differ."""
        return self.default.offset

    def band(self, name: str) -> Scaling:
        """Give scale and offset of one band."""
        return self.bands.get(name, self.default)


def save_options(graph: Steps) -> SaveOptions:
    """Read the options of the save_result that makes the result; the defaults when there is none.

    Raises:
        ArgumentError: An option or value is unknown.
        NodataError: An integer type without nodata, or a nodata that the type cannot hold.
    """
    node = graph.nodes[graph.result]
    if node.process_id != "save_result":
        return SaveOptions()
    options = node.arguments.get("options", {})
    where = f"node '{node.node_id}'"
    if not isinstance(options, Mapping):
        raise ArgumentError("options are an object", where=where)
    _check_names(options, _OPTIONS, where)
    dtype = _one_of(options.get("dtype", "float32"), DTYPES, where)
    default = _scaling(options, Scaling(), where)
    return SaveOptions(
        format=_one_of(node.arguments["format"], FORMATS, where),
        dtype=dtype,
        nodata=_nodata(options.get("nodata"), dtype, where),
        default=default,
        bands=_bands(options.get("bands", {}), default, where),
    )


def _check_names(options: Mapping[str, object], known: tuple[str, ...], where: str) -> None:
    for name in options:
        if name not in known:
            raise ArgumentError(f"there is no option '{name}'", where=where, remedy=did_you_mean(name, known))


def _one_of(value: object, known: tuple[str, ...], where: str) -> str:
    for name in known:
        if str(value).lower() == name.lower():
            return name
    raise ArgumentError(f"'{value}' cannot be saved", where=where, remedy=did_you_mean(str(value), known))


def _bands(bands: object, default: Scaling, where: str) -> dict[str, Scaling]:
    if not isinstance(bands, Mapping) or not all(isinstance(options, Mapping) for options in bands.values()):
        raise ArgumentError("the option bands is an object of objects", where=where)
    for name, options in bands.items():
        _check_names(options, _BAND_OPTIONS, f"{where}, band '{name}'")
    return {str(name): _scaling(options, default, f"{where}, band '{name}'") for name, options in bands.items()}


def _scaling(options: Mapping[str, object], default: Scaling, where: str) -> Scaling:
    scale = _number(options.get("scale", default.scale), "scale", where)
    if scale == 0:
        raise ArgumentError("scale is 0", where=where, remedy="Give the step between two stored values.")
    return Scaling(scale=scale, offset=_number(options.get("offset", default.offset), "offset", where))


def _number(value: object, name: str, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(value):
        raise ArgumentError(f"{name} is {value!r}, which is no finite number", where=where)
    return float(value)


def _nodata(value: object, dtype: str, where: str) -> float:
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return float("nan") if value in (None, "nan", "NaN") else _held(value, dtype, where)
    limits = np.iinfo(kind)
    if value is None:
        remedy = f"Give one, such as {limits.min if limits.min < 0 else limits.max}."
        raise NodataError(f"{dtype} has no nodata", where=where, remedy=remedy)
    number = _held(value, dtype, where)
    if not number.is_integer() or not limits.min <= number <= limits.max:
        remedy = f"Give a whole number from {limits.min} to {limits.max}."
        raise NodataError(f"{dtype} cannot hold the nodata {value}", where=where, remedy=remedy)
    return number


def _held(value: object, dtype: str, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise NodataError(f"the nodata {value!r} is no number", where=where, remedy="Give a number.")
    number = float(value)
    with np.errstate(over="ignore"):
        back = float(np.float32(number)) if dtype == "float32" else number
    if not (np.isnan(number) or back == number):
        raise NodataError(f"{dtype} cannot hold the nodata {value}", where=where, remedy="Give another number.")
    return number
