"""Plans of jobs: made here where they are small, by Spark where they are not, by the same functions."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from jeospark.catalog.store import Catalog
from jeospark.engine import shuffle
from jeospark.engine.job import Job
from jeospark.engine.order import name_after
from jeospark.engine.session import spark_session
from jeospark.errors import EmptySelectionError
from jeospark.grid import BBox, Grid
from jeospark.planning.deal import dealing
from jeospark.planning.folder import PlanFolder, complete, is_complete, open_folder, write_part
from jeospark.planning.gather import Gathering, gather
from jeospark.planning.grids import check_grid
from jeospark.planning.place import Placing, place
from jeospark.planning.select import question, select
from jeospark.recipe.analysis import Load, period
from jeospark.schema import UNITS
from jeospark.storage.href import hadoop_path, literal_path
from jeospark.storage.kinds import is_remote
from jeospark.storage.publish import names

FOLDER = "plan"
ITEMS_HERE = 20_000
"""Items in the collection up to which the driver makes the plan itself."""
PAIRS_HERE = 50_000
"""Uses of items by units up to which it does so; on a fine grid an item has many."""
UNITS_HERE = 1_000_000
"""Units of a written plan up to which the driver sums them up itself, which takes seconds."""
FILES_HERE = 10_000
"""Units up to which the driver looks for their results itself."""
AT_ONCE = 5_000
"""Items placed together."""
SAMPLE = 200
"""Items that tell how many tiles an item of the collection meets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The units of a job."""

    job: Job
    spark: SparkSession | None
    """None to start one where Spark is needed, which takes seconds; small plans are made without."""
    gathering: Gathering
    load: Load
    folder: PlanFolder | None = None
    """Where the plan was fixed; None before that."""

    @property
    def session(self) -> SparkSession:
        """A Spark session."""
        return self.spark or spark_session(f"jeospark {self.job.title}")

    @property
    def units(self) -> DataFrame:
        """One row a unit (`UNITS`), lazy."""
        if self.folder is not None:
            return self.session.read.schema(from_arrow_schema(UNITS)).parquet(
                hadoop_path(literal_path(self.folder.path))
            )
        return self._spread().mapInArrow(shuffle.gatherer(self.gathering), from_arrow_schema(UNITS))

    def write(self) -> PlanFolder:
        """Fix the plan in the job's output folder, where `resume` finds it.

        Each has a folder of its own: a run that goes on at the same time keeps what it reads.

        Raises:
            OutputError: The storage cannot take it.
        """
        path = self.job.path(FOLDER, name_after(names(self.job.path(FOLDER))))
        units = self._here()
        if units is not None:
            parts = [write_part(path, "part-00000.parquet", units)]
        else:
            parts = shuffle.written(self._spread(), self.gathering, path)
        return complete(path, parts)

    def over(
        self,
        function: Callable[[pa.RecordBatch], pa.RecordBatch],
        columns: Sequence[str],
        schema: pa.Schema,
        *,
        files: bool,
    ) -> list[pa.RecordBatch]:
        """What a function makes of each batch of units, here or in Spark's workers.

        Args:
            function: From `columns` of some units, one or more, to a batch of `schema`.
            columns: Those of `UNITS` that it needs.
            schema: Of what it returns; few rows, as all come here.
            files: True where it looks at files of each unit, which may be slow.
        """
        most = FILES_HERE if files else UNITS_HERE
        # Spark reads plans of mounted file systems only.
        if self.folder is not None and (self.folder.units <= most or is_remote(self.folder.path)):
            return [function(batch) for batch in self.folder.batches(columns)]
        units = self._here() if self.folder is None else None
        if units is not None:
            return [function(units.select(list(columns)))] if units.num_rows else []

        def mapper(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            return (function(batch) for batch in batches if batch.num_rows)

        made = self.units.select(*columns).mapInArrow(mapper, from_arrow_schema(schema))
        table: pa.Table = made.toArrow()
        batches: list[pa.RecordBatch] = table.to_batches()
        return batches

    def _here(self) -> pa.RecordBatch | None:
        """The units, where they can be had without Spark."""
        if pq.read_metadata(self._items).num_rows > ITEMS_HERE:
            return None
        placed, pairs = [], 0
        for batch in self._placed():
            placed.append(batch)
            pairs += batch.num_rows
            if pairs > PAIRS_HERE:
                return None
        return gather(placed, self.gathering)

    def _placed(self) -> Iterator[pa.RecordBatch]:
        return placed_items(self.job.catalog, self.load, None, self.gathering.placing)

    def _spread(self) -> DataFrame:
        groups = max(pq.read_metadata(self._items).num_row_groups, 1)
        catalog, load, placing = self.job.catalog, self.load, self.gathering.placing

        def placer(numbers: Iterable[int]) -> Iterator[pa.RecordBatch]:
            return placed_items(catalog, load, numbers, placing)

        spans = Catalog(catalog).spans(load.collection)
        dealt = dealing(spans, placing.period, self._uses(), shuffle.PAIRS)
        return shuffle.spread(self.session, groups, placer, dealt)

    def _uses(self) -> float:
        """By how many units an item is used, by the first ones."""
        first = next(iter(select(self.job.catalog, self.load)), None)
        if first is None:
            return 1.0
        some = first.slice(0, SAMPLE)
        uses: float = place(some, self.gathering.placing).num_rows / some.num_rows
        return max(uses, 1.0)

    @property
    def _items(self) -> str:
        return Catalog(self.job.catalog).items_path(self.load.collection)


def placed_items(catalog: str, load: Load, groups: Iterable[int] | None, placing: Placing) -> Iterator[pa.RecordBatch]:
    """Batches of `place.PLACED`; see `select.select`."""
    for batch in select(catalog, load, groups):
        for start in range(0, batch.num_rows, AT_ONCE):
            yield place(batch.slice(start, AT_ONCE), placing)


def make_plan(spark: SparkSession | None, job: Job) -> Plan:
    """Plan a job; nothing is read yet but the catalogue's schema.

    Args:
        spark: A session; None to start one where it is needed.
        job: What to plan.

    Raises:
        CatalogError: No item has one of the properties that the recipe asks for.
        CollectionNotFoundError: The catalogue has no such collection.
        ExtentError: The recipe's area is inverted or outside the grid.
        GridError: The grid is unknown, or not the one that the recipe resamples to.
        RecipeError: The recipe cannot be planned.
    """
    ready = job.program
    grid, area = Grid.parse(job.grid), area_of(ready.load)
    check_grid(grid, ready.resampling, ready.halo)
    if area is not None:
        grid.check(area)
    question(ready.load).columns(Catalog(job.catalog).schema(ready.load.collection))
    placing = Placing(grid=job.grid, period=period(ready.graph), area=area, margin=ready.halo)
    gathering = Gathering(placing=placing, recipe_id=ready.graph.id, output=job.output)
    return Plan(job=job, spark=spark, gathering=gathering, load=ready.load)


def area_of(load: Load) -> BBox | None:
    """The area that a load_collection asks for, None for everywhere.

    Raises:
        ExtentError: The area is inverted, empty, or not on the Earth.
    """
    if load.spatial_extent is None:
        return None
    west, south, east, north = load.spatial_extent
    return BBox(west=west, south=south, east=east, north=north)


def plan_folders(job: Job) -> list[str]:
    """The folders of a job's plans, first to last, those that were not written to their end included."""
    return [job.path(FOLDER, name) for name in names(job.path(FOLDER))]


def written_plan(job: Job) -> PlanFolder | None:
    """The plan that was fixed for a job last; None where none was, to its end."""
    latest = next(filter(is_complete, reversed(plan_folders(job))), None)
    return None if latest is None else open_folder(latest)


def check_units(units: int, job: Job) -> None:
    """Refuse a plan without units.

    Raises:
        EmptySelectionError: There are none.
    """
    if not units:
        raise EmptySelectionError(
            "no item of the catalogue meets the recipe's extent and filters",
            where=job.catalog,
            remedy="See what there is with `jeospark items`, and widen the filters.",
        )
