"""openEO's aggregate_spatial: one value a zone, date and band, by the reducer that the recipe names."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jeospark.lab.recipe import Recipe
from jeospark.lab.zonal import zonal
from jeospark.recipe.spatial import aggregation
from jeospark.storage.tables import write_table

if TYPE_CHECKING:
    from jeospark.engine.zonal import ZonalResult

FILE = "aggregate.parquet"
"""The values, in the output folder."""
KEYS = ("zone", "period", "observation", "start", "band")
_COLUMNS = {"count": "count", "max": "max", "mean": "mean", "median": "p50", "min": "min", "sum": "sum"}
"""Statistics by reducer; those of a sample are computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregated:
    """What a run of aggregate_spatial made."""

    result: "ZonalResult"
    """The run, with all statistics of the zones."""
    table: pa.Table | None
    """See `values`; None where too many units failed."""

    @property
    def ok(self) -> bool:
        """True where there are values."""
        return self.table is not None

    @property
    def text(self) -> str:
        """What happened, and where the results lie."""
        lines = [f"values     {self.result.job.path(FILE)}"] if self.ok else []
        return "\n".join([self.result.text, *lines])


def aggregate_spatial(recipe: Recipe, output: str | Path, **asked: Any) -> Aggregated:
    """Run a recipe that ends with aggregate_spatial.

    As openEO has it, pixels count whose centre lies in the polygon; one on the line between two counts once. Geometries
    that are no polygons, or are empty, have no rows; `rejects.parquet` in the output folder names them. The median is
    the quantile of `zonal`, which weighs each distinct value: between two middle values, it may lie elsewhere than
    halfway.

    Args:
        recipe: Ends with aggregate_spatial, or with save_result after it.
        output: Folder of the results: those of `zonal`, and `aggregate.parquet` with the values.
        asked: See `zonal`: `grid`, `catalog`, `title`, `max_error_ratio`, `skip_bad_assets`, `min_pixels`, …

    Raises:
        RecipeError: The recipe does not end so; see `jeospark.recipe.spatial.aggregation`.
        JeosparkError: See `zonal`.
    """
    parts = aggregation(recipe.graph)
    result = zonal(Recipe.from_json(parts.cube), parts.zones, output, crs=parts.crs, **{"coverage": "centre", **asked})
    if not result.ok:
        return Aggregated(result=result, table=None)
    table = values(result.to_arrow(), parts.reducer)
    write_table(result.job.path(FILE), table.to_batches(), table.schema)
    return Aggregated(result=result, table=table)


def values(statistics: pa.Table, reducer: str) -> pa.Table:
    """The values of a reducer, sorted by zone, band and start.

    Args:
        statistics: Rows of `jeospark.task.zonal_table.RESULTS`.
        reducer: One of `jeospark.recipe.spatial.REDUCERS`.

    Returns:
        `zone` (id of the GeoJSON feature, else its number from 0), `period`, `observation`, `start`, `band`, `value`;
        a value is null where no pixel is usable.
    """
    keys = statistics.select(list(KEYS))
    column = statistics.column(_COLUMNS[reducer]) if reducer in _COLUMNS else _of_sample(statistics, reducer)
    order = [("zone", "ascending"), ("band", "ascending"), ("start", "ascending")]
    return keys.append_column("value", column).sort_by(order)


def _of_sample(statistics: pa.Table, reducer: str) -> pa.Array:
    """Variance or standard deviation of a sample: that of the population, times n / (n − 1); null of one pixel."""
    count, deviation = (statistics.column(name).to_numpy() for name in ("count", "sd"))
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.where(count > 1, deviation**2 * count / (count - 1), np.nan)
    found = np.sqrt(variance) if reducer == "sd" else variance
    return pc.if_else(pa.array(np.isnan(found)), pa.scalar(None, pa.float64()), pa.array(found))
