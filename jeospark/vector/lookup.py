"""Rows of a small side that leave their geometry behind, where a join finds it by a number.

Sedona's broadcast join copies the whole row of the small side for each pair that it finds, outline and all, though most
queries want no more than its name: of 10 million points in countries of a thousand vertices each, three quarters of the
time were copies. Rows with a number in place of the geometry are short, whatever its size.
"""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jeospark.vector.measure import Size, by_footers

PLACE = "__place"
"""Column that numbers the rows."""
FEW_ROWS = 20_000
"""Rows up to which a side is sorted and held as one value."""
FEW_BYTES = 12 << 20
"""Bytes of them up to which they are: each task's closure takes them along, and a driver of 1 GB failed at 29 MB."""
LONG_ROW = 256
"""Bytes, the mean of a side's rows, from which they are worth it; a point takes 30."""

_SAME = frozenset({"Project", "Filter", "SubqueryAlias"})
"""Plans that give the same rows whenever they read the same; a limit may take others."""


@dataclass(frozen=True, slots=True)
class LookedUp:
    """A side of a join whose geometry is looked up."""

    rows: DataFrame
    """`PLACE`, then the side's columns but the geometry."""
    geometry: Column
    """The geometry of a row that has `PLACE`; null where that is null."""


def long_rows(size: Size) -> bool:
    """True for few rows, long ones."""
    few = 0 < size.rows <= FEW_ROWS and size.bytes <= FEW_BYTES
    return few and size.bytes >= LONG_ROW * size.rows


def worth_it(side: DataFrame) -> Size | None:
    """The size of few rows, long ones, of files alone, so that they are the same however often they are read.

    Args:
        side: The side that is broadcast.

    Returns:
        None for any other side.
    """
    size = by_footers(side, _SAME)
    return size if size is not None and long_rows(size) and _steady(side) else None


def _steady(side: DataFrame) -> bool:
    """True where no row depends on chance."""
    return bool(side._jdf.queryExecution().analyzed().deterministic())  # noqa: SLF001


def looked_up(side: DataFrame, at: int) -> LookedUp:
    """Split a side in rows and geometries.

    Both are made of one array, sorted by geometry: should Spark compute it twice, its files may come in another order,
    and rows of equal geometry may change places with each other only.

    Args:
        side: A side of long rows.
        at: Which of its columns is the geometry, from 0.
    """
    fields = [f"c{number}" for number in range(len(side.columns))]
    place = fields.pop(at)
    flat = side.toDF(*fields[:at], place, *fields[at:])
    array = F.collect_list(F.struct(place, *fields))
    held = flat.agg(F.array_sort(array, lambda one, other: _order(one[place], other[place])))
    one_row = side.sparkSession.range(0, 1, 1, 1)
    numbered = one_row.select(F.posexplode(held.scalar()).alias(PLACE, "row"))
    names = [name for number, name in enumerate(side.columns) if number != at]
    others = [F.col("row")[field].alias(name) for field, name in zip(fields, names, strict=True)]
    # With `[]`, Spark would take the place for never null, which it is in an outer join.
    geometry = F.get(held.scalar(), F.col(PLACE))[place]
    return LookedUp(rows=numbered.select(PLACE, *others), geometry=geometry)


def _order(one: Column, other: Column) -> Column:
    """Negative, zero or positive, as a comparator gives it; null is last."""
    nulls = one.isNull().cast("int") - other.isNull().cast("int")
    return F.when(one < other, -1).when(one > other, 1).otherwise(nulls)
