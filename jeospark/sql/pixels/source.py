"""`jeospark.pixels`: a data source of Spark, read in parallel. What it costs stands in docs/pixels.md."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from jeospark.sql.pixels.ask import Ask, Defaults, ask_of
from jeospark.sql.pixels.plan import Plan, Share, tasks
from jeospark.sql.pixels.read import read_shares

NAME = "jeospark.pixels"


@dataclass(frozen=True)
class Task(InputPartition):
    """What one task reads."""

    shares: tuple[Share, ...]


class PixelReader(DataSourceReader):
    """Reads pixels; made where Spark plans, and sent to the workers.

    Args:
        ask: The question.
        planes: Which of the result's bands are wanted.
        columns: Of the rows.
    """

    def __init__(self, ask: Ask, planes: tuple[int, ...], columns: pa.Schema) -> None:
        self._ask = ask
        self._planes = planes
        self._columns = columns

    def partitions(self) -> list[InputPartition]:
        """Shares of the work."""
        plan = Plan(self._ask)
        return [Task(shares) for shares in tasks(plan.shares(), len(plan.program.names))]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """The rows of a share, in batches of some MB."""
        # Where there is no share, Spark asks for the rows of None.
        if isinstance(partition, Task):
            yield from read_shares(partition.shares, self._ask, self._planes, self._columns)


class PixelSource(DataSource):
    """Chips or pixels of a recipe or collection; `register` binds it to the driver's settings.

    Raises:
        JeosparkError: An option is bad, or the answer would be too large: when it is loaded, before anything is read.
    """

    defaults: Defaults

    @classmethod
    def name(cls) -> str:
        """What follows USING, and `format` takes."""
        return NAME

    def schema(self) -> StructType:
        """The columns, which depend on the bands."""
        plan = Plan(self._ask)
        plan.check()
        kind: StructType = from_arrow_schema(plan.columns)
        return kind

    def reader(self, schema: StructType) -> DataSourceReader:  # noqa: ARG002 - Spark's signature
        """What reads it."""
        plan = Plan(self._ask)
        return PixelReader(plan.ask, plan.planes, plan.columns)

    @property
    def _ask(self) -> Ask:
        return ask_of(self.options, self.defaults)
