"""`zonal_stats(TABLE(…), recipe)`: each task sums up the pixels of the zones that it is given."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import Row
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StringType, StructField, StructType
from pyspark.sql.udtf import AnalyzeArgument, AnalyzeResult

from jeospark.errors import ArgumentError, OptionError
from jeospark.sql.pixels.arguments import options_of
from jeospark.sql.pixels.ask import OPTIONS as PIXELS
from jeospark.sql.pixels.ask import Ask, Defaults, ask_of, near
from jeospark.sql.pixels.plan import Plan
from jeospark.sql.zonal.sums import Wanted, zone_statistics
from jeospark.task.zonal_table import RESULTS, Limits
from udfs.coverage import METHODS

NAME = "zonal_stats"
OPTIONS = {
    **{name: PIXELS[name] for name in ("recipe", "collection", "bands", "interval", "grid", "resolution", "catalog")},
    "zone": "column of the zones' ids; by default the first that is no geometry",
    "coverage": f"which pixels count: {', '.join(METHODS)}",
    "min_pixels": "usable pixels below which statistics are null",
    "min_valid_share": "share of usable pixels below which they are",
    "histogram": "bands whose values are counted",
}
"""Options and what they mean; names in any case."""
ERROR = "error"
"""Column that says why a zone has no statistics."""


@dataclass
class Analysed(AnalyzeResult):
    """What was found out of a call; handed on to the tasks."""

    wanted: Wanted | None = None
    columns: tuple[int, int] = field(default=(0, 0))
    """Places of the zones' ids and of their geometries."""


class ZonalFunction:
    """Statistics of the pixels of zones.

    The first argument is `TABLE(…)`, rows of zones with one column of geometries; the others are `OPTIONS` by name, of
    which a recipe or collection may stand without.

    Args:
        analysed: From `analyze`.
    """

    def __init__(self, analysed: Analysed) -> None:
        self._wanted = analysed.wanted
        self._columns = analysed.columns
        self._zones: list[Any] = []
        self._shapes: list[Any] = []

    @classmethod
    def ask(cls, zones: AnalyzeArgument, what: tuple[AnalyzeArgument, ...], options: Mapping[str, AnalyzeArgument],
            defaults: Defaults) -> Analysed:  # fmt: skip
        """Check a call, before anything is read.

        Raises:
            OptionError: An argument is unknown or malformed, or there is no such column.
            JeosparkError: See `jeospark.sql.pixels.plan.Plan`.
        """
        given = options_of(NAME, what, options, OPTIONS)
        for name in given:
            if name not in OPTIONS:
                raise OptionError(f"{NAME} has no option '{name}'", remedy=near(name, OPTIONS))
        columns = _columns(zones, given.get("zone"))
        ask = ask_of({name: text for name, text in given.items() if name in PIXELS}, defaults)
        wanted = _wanted(ask, Plan(ask).names, given)
        zone = zones.dataType.fields[columns[0]].dataType  # type: ignore[attr-defined]
        _, *others = from_arrow_schema(RESULTS).fields
        made = [StructField("zone", zone), *others, StructField(ERROR, StringType())]
        return Analysed(schema=StructType(made), wanted=wanted, columns=columns)

    def eval(self, zones: Row, *_what: object, **_options: object) -> None:
        """Take a zone."""
        zone, shape = self._columns
        self._zones.append(zones[zone])
        self._shapes.append(zones[shape])

    def terminate(self) -> Iterator[tuple[object, ...]]:
        """The rows of all zones, then those that cannot be used."""
        if self._wanted is None or not self._zones:
            return
        found, rejects = zone_statistics(self._shapes, self._wanted)
        for batch in found.to_batches(max_chunksize=1 << 12):
            for row in batch.to_pylist():
                _, *others = row.values()
                yield (self._zones[int(row["zone"])], *others, None)
        nothing = [None] * (len(RESULTS) - 1)
        for row in rejects.to_pylist():
            yield (self._zones[int(row["zone"])], *nothing, row["message"])


def function_of(defaults: Defaults) -> type[ZonalFunction]:
    """The function with what holds where an argument is not given."""

    class Zonal(ZonalFunction):
        @staticmethod
        def analyze(zones: AnalyzeArgument, *what: AnalyzeArgument, **options: AnalyzeArgument) -> Analysed:
            return ZonalFunction.ask(zones, what, options, defaults)

    return Zonal


def _columns(zones: AnalyzeArgument, zone: str | None) -> tuple[int, int]:
    """Places of ids and geometries among the columns of a table."""
    if not zones.isTable or not isinstance(zones.dataType, StructType):
        example = f"{NAME}(TABLE(SELECT id, geometry FROM parcels), 'recipe.json')"
        raise OptionError("the first argument is no table", where=NAME, remedy=f"Write {example}.")
    names = zones.dataType.names
    shapes = [at for at, each in enumerate(zones.dataType) if type(each.dataType).__name__ == "GeometryType"]
    if len(shapes) != 1:
        remedy = "Select exactly one; ST_GeomFromWKB and ST_SetSRID make one of WKB."
        raise OptionError(f"the zones have {len(shapes)} geometry columns", where=NAME, remedy=remedy)
    if zone is None:
        found = [at for at in range(len(names)) if at not in shapes]
        if not found:
            raise OptionError("the zones have no id", where=NAME, remedy="Select one beside the geometry.")
        return found[0], shapes[0]
    if zone not in names:
        remedy = near(zone, tuple(names))
        raise OptionError(f"the zones have no column '{zone}'", where=NAME, remedy=remedy)
    return names.index(zone), shapes[0]


def _wanted(ask: Ask, bands: tuple[str, ...], given: Mapping[str, str]) -> Wanted:
    coverage = given.get("coverage", "fractional").lower()
    if coverage not in METHODS:
        remedy = near(coverage, tuple(METHODS))
        raise OptionError(f"'{coverage}' is no way to count pixels", where="coverage", remedy=remedy)
    counted = frozenset(filter(None, (part.strip() for part in given.get("histogram", "").split(","))))
    for name in counted.difference(bands):
        raise ArgumentError(f"there is no band '{name}'", where="histogram", remedy=near(name, bands))
    limits = Limits(
        min_pixels=_number("min_pixels", given, float("inf")),
        min_valid_share=_number("min_valid_share", given, 1.0),
        histogram=counted,
    )
    return Wanted(ask=ask, coverage=coverage, limits=limits)


def _number(name: str, given: Mapping[str, str], most: float) -> float:
    text = given.get(name, "0")
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= most:
        raise OptionError(f"'{text}' is no number from 0 to {most:g}", where=name, remedy=f"{name}: {OPTIONS[name]}.")
    return number
