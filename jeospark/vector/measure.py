"""How large a DataFrame is, as far as it can be told without computing all of it."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jeospark.vector.helpers_geometry import column, geometry_columns, st
from jeospark.words import numbered

SMALL_ROWS = 500_000
"""Rows up to which a side is small."""
SMALL_BYTES = 64 << 20
"""Bytes up to which a side is small: each executor holds it, with an index over it, several times larger in the JVM."""

_NARROW = frozenset({"Project", "Filter", "SubqueryAlias", "GlobalLimit", "LocalLimit", "Sample"})
"""Plans that have no more rows than what they read."""


@dataclass(frozen=True, slots=True)
class Size:
    """Rows and bytes of a DataFrame."""

    rows: int
    bytes: int
    how: str
    """`footers`: at most this, as the Parquet files say; `counted`: exactly this; `counting stopped`: more."""

    @property
    def small(self) -> bool:
        """True where it is surely small enough to be sent to every executor."""
        return self.how != "counting stopped" and self.rows <= SMALL_ROWS and self.bytes <= SMALL_BYTES

    def __str__(self) -> str:
        """Such as `at most 177 rows, 0.2 MiB (Parquet footers)`."""
        lead = {"footers": "at most ", "counted": "", "counting stopped": "more than "}[self.how]
        source = {"footers": "Parquet footers", "counted": "counted", "counting stopped": "counting stopped"}[self.how]
        return f"{lead}{numbered(self.rows, 'row')}, {self.bytes / 2**20:,.1f} MiB ({source})"


def measure(frame: DataFrame) -> Size:
    """Size of a DataFrame: read from its Parquet files' footers, or else counted, up to what is small.

    Footers give no more than a bound where rows are filtered, so that a large one is made sure of by counting.
    """
    told = by_footers(frame)
    return told if told is not None and told.small else counted(frame, told)


def by_footers(frame: DataFrame, through: frozenset[str] = _NARROW) -> Size | None:
    """What footers of Parquet files say; None for what is not made of such files alone.

    Args:
        frame: What to measure.
        through: Kinds of plans that may lie over the files.
    """
    if not _reads_only(frame, through):
        return None
    rows = size = 0
    for href in frame.inputFiles():
        try:
            footer = pq.read_metadata(unquote(urlsplit(href).path))
        except (OSError, pa.ArrowInvalid):
            return None
        rows += footer.num_rows
        size += sum(footer.row_group(group).total_byte_size for group in range(footer.num_row_groups))
    return Size(rows, size, "footers")


def counted(frame: DataFrame, bound: Size | None = None) -> Size:
    """Count, up to what is small.

    Args:
        frame: What to count.
        bound: What footers say, whose bytes a row then count.
    """
    found = geometry_columns(frame)
    sizes = [F.coalesce(F.octet_length(st("ST_AsBinary", column(name))), F.lit(0)) for name in found]
    width = 8 * (len(frame.columns) - len(found))
    each = sum(sizes, start=F.lit(width))
    wanted = frame.select(each.alias("bytes")).limit(SMALL_ROWS + 1)
    row = wanted.agg(F.count("*").alias("rows"), F.coalesce(F.sum("bytes"), F.lit(0)).alias("bytes")).collect()[0]
    if row["rows"] <= SMALL_ROWS:
        return Size(row["rows"], row["bytes"], "counted")
    return Size(SMALL_ROWS, bound.bytes if bound else row["bytes"], "counting stopped")


def _reads_only(frame: DataFrame, through: frozenset[str]) -> bool:
    """True where the plan is one relation of files, narrowed at most."""
    java: Any = getattr(frame, "_jdf", None)
    if java is None:
        # A DataFrame of Spark Connect does not show its plan.
        return False
    plan = java.queryExecution().optimizedPlan()
    while plan.nodeName() in through:
        plan = plan.children().apply(0)
    return bool(plan.nodeName().startswith("LogicalRelation")) and bool(frame.inputFiles())
