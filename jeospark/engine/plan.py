"""Recipe × items × grid → a table of units: a DataFrame from first to last, whatever the number of items."""

import operator
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jeospark import periods
from jeospark.catalog.query import Question
from jeospark.catalog.schema import DIGEST, MGRS, OBSERVATION, SOURCES
from jeospark.catalog.store import Catalog
from jeospark.engine.job import Job
from jeospark.engine.ledger import attempt_name
from jeospark.errors import EmptySelectionError
from jeospark.grid import BBox, Grid
from jeospark.recipe.analysis import Load, period
from jeospark.schema import ITEM, UNITS, conform

FOLDER = "plan"
COLUMNS = ("id", "datetime", "geometry", OBSERVATION, MGRS, DIGEST, SOURCES)
"""Of the catalogue, whatever the recipe."""

ASSIGNED = pa.schema(
    [
        *(UNITS.field(name) for name in ("tile", "period", "start", "end", "crs", "transform", "shape")),
        # False where the item only lies in the margin around the tile.
        pa.field("touches", pa.bool_()),
        pa.field("item", ITEM),
        pa.field("item_digest", pa.string()),
    ]
)
"""One row an item and tile that it matters to."""

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    name: getattr(operator, python)
    for name, python in {"eq": "eq", "neq": "ne", "lt": "lt", "lte": "le", "gt": "gt", "gte": "ge"}.items()
}
"""openEO's comparisons, for Spark columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """What places items on tiles and periods; travels to the workers."""

    grid: str
    """Text form of the grid."""
    period: str
    area: BBox | None
    """Only tiles that meet it, and of these only what lies inside; None for whole tiles."""
    margin: float
    """Metres around a tile in which pixels still matter to it."""


def select_items(spark: SparkSession, path: str, load: Load) -> DataFrame:
    """The items that a load_collection asks for, with the sources of its bands only.

    Args:
        spark: The session.
        path: Items of the collection (GeoParquet).
        load: Bands, interval and properties wanted; the area is left to `place`.

    Returns:
        Columns `item` (`schema.ITEM`), `digest` (of the whole STAC item) and `mgrs`.

    Raises:
        CatalogError: No item has one of the properties.
    """
    # Spark would start a job to learn the schema, and would learn that of columns that nobody asks for.
    schema = pq.read_schema(path)
    names = Question(properties=dict.fromkeys(load.properties, ("==", None))).columns(schema)
    wanted = [schema.field(name) for name in dict.fromkeys([*COLUMNS, *names])]
    items = spark.read.schema(from_arrow_schema(pa.schema(wanted))).parquet(path)
    bands = F.col(f"`{SOURCES}`")
    if load.bands is not None:
        bands = F.filter(bands, lambda source: source["band"].isin(list(load.bands or ())))
    item = F.struct(
        F.col("datetime").cast("timestamp").alias("datetime"),
        F.col("id").alias("item_id"),
        F.col(f"`{OBSERVATION}`").alias("observation"),
        F.col("geometry").alias("footprint"),
        bands.alias("sources"),
    )
    beside = {"digest": DIGEST, "mgrs": MGRS}
    return items.filter(_condition(load)).select(
        item.alias("item"), *(F.col(f"`{column}`").alias(name) for name, column in beside.items())
    )


def _condition(load: Load) -> Column:
    wanted = F.lit(col=True)
    if load.temporal_extent is not None:
        start, end = load.temporal_extent
        if start is not None:
            wanted &= F.col("datetime") >= F.lit(start)
        if end is not None:
            wanted &= F.col("datetime") < F.lit(end)
    for name, conditions in load.properties.items():
        for comparison, value in conditions:
            wanted &= OPERATORS[comparison](F.col(f"`{name}`"), value)
    return wanted


def place(items: DataFrame, placing: Placing) -> DataFrame:
    """One row (`ASSIGNED`) for each item and tile that it meets."""

    def mapper(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        grid = Grid.parse(placing.grid)
        for batch in batches:
            if batch.num_rows:
                yield _place_batch(batch, grid, placing)

    return items.mapInArrow(mapper, from_arrow_schema(ASSIGNED))


def _place_batch(batch: pa.RecordBatch, grid: Grid, placing: Placing) -> pa.RecordBatch:
    item, mgrs = batch.column("item"), batch.column("mgrs").to_pylist()
    footprints = item.field("footprint").to_numpy(zero_copy_only=False)
    at, names = grid.assign(footprints, mgrs, margin=placing.margin, area=placing.area)
    touching = at, names
    if placing.margin:
        touching = grid.assign(footprints, mgrs, area=placing.area)
    pairs = set(zip(touching[0].tolist(), touching[1].tolist(), strict=True))
    tiles = names.tolist()
    when = item.field("datetime").to_numpy(zero_copy_only=False)[at]
    labels = periods.labels(placing.period, when).tolist()
    extents = {tile: grid.window(tile, placing.area) for tile in set(tiles)}
    bounds = {label: periods.bounds(placing.period, label) for label in set(labels)}
    columns = {
        "tile": tiles,
        "period": labels,
        "touches": [pair in pairs for pair in zip(at.tolist(), tiles, strict=True)],
        "start": [bounds[label][0] for label in labels],
        "end": [bounds[label][1] for label in labels],
        "crs": [extents[tile].crs for tile in tiles],
        "transform": [extents[tile].transform for tile in tiles],
        "shape": [extents[tile].shape for tile in tiles],
    }
    arrays = [pa.array(values, ASSIGNED.field(name).type) for name, values in columns.items()]
    rows = pa.array(at)
    taken = [item.take(rows), batch.column("digest").take(rows)]
    return conform(pa.RecordBatch.from_arrays([*arrays, *taken], names=[*columns, "item", "item_digest"]), ASSIGNED)


def gather(placed: DataFrame, recipe_id: str, output: str) -> DataFrame:
    """Group placed items into units (`UNITS`): one a tile and period.

    Args:
        placed: Rows of `ASSIGNED`.
        recipe_id: Goes into the digest.
        output: Folder of the results.
    """
    grouped = placed.groupBy("tile", "period").agg(
        *(F.first(name).alias(name) for name in ("start", "end", "crs", "transform", "shape")),
        F.max("touches").alias("touched"),
        F.sort_array(F.collect_list("item")).alias("items"),
        F.array_join(F.sort_array(F.collect_list("item_digest")), ",").alias("item_digests"),
    )
    unit_id = F.concat_ws("/", "tile", "period")
    href = F.concat(F.lit(f"{output}/"), "tile", F.lit("/"), "tile", F.lit("_"), "period", F.lit(".tif"))
    extent = F.to_json(F.struct("crs", "transform", "shape"))
    pixels = F.concat_ws("\n", F.lit(recipe_id), extent, "item_digests")
    return (
        grouped.filter("touched")
        .withColumns({"unit_id": unit_id, "output_href": href, "digest": F.sha2(pixels, 256)})
        .select(*UNITS.names)
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """The units of a job."""

    job: Job
    units: DataFrame
    """`UNITS`, lazy until it is written, explained or run."""

    def write(self) -> "Plan":
        """Fix the plan in the job's output folder, where `resume` finds it.

        Each has a folder of its own: a run that goes on at the same time keeps what it reads.
        """
        folder = self.job.path(FOLDER, attempt_name())
        self.units.write.parquet(folder)
        return _opened(self.units.sparkSession, self.job, folder)


def make_plan(spark: SparkSession, job: Job) -> Plan:
    """Plan a job; nothing is read yet.

    Raises:
        CatalogError: No item has one of the properties that the recipe asks for.
        CollectionNotFoundError: The catalogue has no such collection.
        ExtentError: The recipe's area is inverted or outside the grid.
        GridError: The grid is unknown.
        RecipeError: The recipe cannot be planned.
    """
    ready = job.program
    grid, area = Grid.parse(job.grid), area_of(ready.load)
    if area is not None:
        grid.check(area)
    path = Catalog(job.catalog).items_path(ready.load.collection)
    placing = Placing(grid=job.grid, period=period(ready.graph), area=area, margin=ready.halo)
    placed = place(select_items(spark, path, ready.load), placing)
    return Plan(job, gather(placed, ready.graph.id, job.output))


def area_of(load: Load) -> BBox | None:
    """The area that a load_collection asks for, None for everywhere.

    Raises:
        ExtentError: The area is inverted, empty, or not on the Earth.
    """
    if load.spatial_extent is None:
        return None
    west, south, east, north = load.spatial_extent
    return BBox(west=west, south=south, east=east, north=north)


def open_plan(spark: SparkSession, job: Job) -> Plan:
    """The plan that was written for a job last."""
    return _opened(spark, job, plan_folder(job))


def _opened(spark: SparkSession, job: Job, folder: str) -> Plan:
    return Plan(job, spark.read.schema(from_arrow_schema(UNITS)).parquet(folder))


def has_plan(job: Job) -> bool:
    """True where a plan was written for a job."""
    return bool(_written(job))


def plan_folder(job: Job) -> str:
    """Where the plan lies that was written for a job last."""
    return _written(job)[-1]


def _written(job: Job) -> list[str]:
    """Folders of the plans that are complete, first to last."""
    return sorted(str(marker.parent) for marker in Path(job.path(FOLDER)).glob("*/_SUCCESS"))


def plan_size(job: Job) -> tuple[int, int]:
    """Units and output pixels of the plan that was written for a job last.

    Raises:
        EmptySelectionError: It has none.
    """
    units = pixels = 0
    for batch in ds.dataset(plan_folder(job), schema=UNITS, format="parquet").to_batches(columns=["shape"]):
        shapes = batch.column("shape").flatten().to_numpy().astype(np.int64).reshape(-1, 2)
        units, pixels = units + len(shapes), pixels + int(shapes.prod(axis=1).sum())
    if not units:
        raise EmptySelectionError(
            "no item of the catalogue meets the recipe's extent and filters",
            where=job.catalog,
            remedy="See what there is with `jeospark items`, and widen the filters.",
        )
    return units, pixels
