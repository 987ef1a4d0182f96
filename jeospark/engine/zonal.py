"""Zonal statistics on Spark: zones placed on the tiles of a plan, units of it summed up, parts of zones merged."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jeospark.engine import ledger
from jeospark.engine.abort import named_abort
from jeospark.engine.job import Job
from jeospark.engine.plan import Plan, check_units, make_plan
from jeospark.engine.session import cores, spark_session
from jeospark.engine.tasks import carry_out
from jeospark.engine.zonal_worker import ZonalShift, placed_path, worker
from jeospark.errors import EmptySelectionError, RunFailedError
from jeospark.grid import BBox, Grid
from jeospark.planning.folder import gone_if_refused
from jeospark.recipe.analysis import period
from jeospark.recipe.partition import DATE
from jeospark.settings import Settings
from jeospark.storage.href import hadoop_path, join, literal_path
from jeospark.storage.posix import output_path
from jeospark.storage.publish import check_writable, publishing_folder
from jeospark.storage.tables import write_table
from jeospark.task.zonal_place import PLACED, Ground, lonlat_bounds, place_zones
from jeospark.task.zonal_table import KEYS, PARTS, RESULTS, Limits, merge
from jeospark.task.zonal_zones import REJECTS, repeated, usable
from jeospark.words import numbered
from udfs.coverage import METHODS

TABLE = "statistics"
"""Folder of the results in the output folder: Parquet, sorted by zone, band and time."""
REJECTED = "rejects.parquet"
"""Zones that could not be used."""
TASKS_PER_CORE = 4
"""Consecutive units of a tile share what its zones cover: fewer tasks find it anew less often."""
UNITS_PER_TASK = 100
"""At most."""
AGAIN = "the same statistics once more"
"""How to go on: `jeospark resume` does not know the zones."""
AT_ONCE = 10_000
"""Zones placed together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Zones:
    """What statistics are wanted of."""

    table: pa.Table
    """Rows of `jeospark.task.zonal_zones.ZONES`."""
    crs: str
    """Theirs; x comes before y."""
    coverage: str = "fractional"
    """A key of `udfs.coverage.METHODS`."""
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZonalResult:
    """What one attempt did."""

    job: Job = field(repr=False)
    attempt: str
    units: int
    done: int = 0
    skipped: int = 0
    empty: int = 0
    failed: int = 0
    zones: int
    """That were given."""
    rejected: int
    """Of these, that could not be used, see `rejects`."""
    seconds: float

    @property
    def ok(self) -> bool:
        """True where no more units failed than the job allows; only then there are statistics."""
        return self.failed <= self.units * self.job.max_error_ratio

    @property
    def path(self) -> str:
        """Folder of the statistics."""
        return self.job.path(TABLE)

    @property
    def _none(self) -> str:
        stale = f"; those of an earlier run are still in {self.path}" if output_path(self.path).is_dir() else ""
        return f"none, as too many units failed{stale}"

    @property
    def rejects(self) -> pa.Table:
        """Zones that could not be used, and why (`jeospark.task.zonal_zones.REJECTS`)."""
        return ds.dataset(self.job.path(REJECTED), schema=REJECTS).to_table()

    @property
    def text(self) -> str:
        """What happened, and where the results lie."""
        counts = {name: getattr(self, name) for name in ("done", "skipped", "empty", "failed")}
        told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        units, zones = numbered(self.units, "unit"), numbered(self.zones, "zone")
        lines = [f"{units}: {told}; {zones}, {self.rejected:,} rejected; {self.seconds:.1f} s"]
        lines.append(f"statistics {self.path if self.ok else self._none}")
        return "\n".join(
            [*lines, f"rejects    {self.job.path(REJECTED)}", f"ledger     {self.job.path(ledger.FOLDER)}"]
        )

    def to_arrow(self) -> pa.Table:
        """The statistics (`jeospark.task.zonal_table.RESULTS`).

        Raises:
            RunFailedError: There are none, as too many units failed.
        """
        if not self.ok:
            remedy = f"See the ledger; then {AGAIN}."
            raise RunFailedError(f"statistics: {self._none}", where=self.job.output, remedy=remedy)
        return ds.dataset(self.path, schema=RESULTS, format="parquet").to_table()


def run_zonal(spark: SparkSession | None, job: Job, zones: Zones, settings: Settings) -> ZonalResult:
    """Make the statistics of zones; units whose rows are published already are not made again.

    Args:
        spark: A session; None to start one.
        job: The recipe, and where the statistics go.
        zones: What they are of.
        settings: Memory and caches of the workers.

    Raises:
        EmptySelectionError: No zone can be used, or no item of the catalogue lies where they are.
        GridError: The CRS of the zones is unknown.
        LedgerError: The ledger could not be written.
        OutputTakenError: The output folder holds the results of another recipe.
        OutputUnwritableError: The output folder cannot be written, or is not on a mounted file system.
    """
    started = perf_counter()
    output_path(job.output)  # What takes no table is told at once, not when all units are made.
    check_writable(job.output)
    job = replace(job, statistics=True)
    with job.claimed():
        repeats = repeated(zones.table.column("zone"))
        plan = _around(make_plan(spark, job), zones, repeats)
        folder = plan.write()
        with gone_if_refused(folder):
            check_units(folder.units, job)
    attempt = ledger.attempt_name(job)
    ground = Ground(Grid.parse(job.grid), folder.extents(), METHODS[zones.coverage])
    rejected = _place(zones, ground, repeats, job, attempt)
    session = spark or spark_session(f"jeospark zonal {job.title}")
    shift = ZonalShift(
        job=job,
        bands=job.bands(),
        settings=settings,
        folder=folder,
        attempt=attempt,
        tasks=min(folder.units, max(cores(session.sparkContext) * TASKS_PER_CORE, -(-folder.units // UNITS_PER_TASK))),
        method=ground.method,
        limits=zones.limits,
        by_observation=period(job.program.graph) == DATE,
    )
    counts = carry_out(session.sparkContext, shift, worker(shift), AGAIN)
    result = ZonalResult(
        job=job,
        attempt=attempt,
        units=counts.total(),
        zones=zones.table.num_rows,
        rejected=rejected,
        seconds=perf_counter() - started,
        **{status: counts[status] for status in ("done", "skipped", "empty", "failed")},
    )
    if not result.ok:
        return result
    _finish(session, result, zones.limits)
    return replace(result, seconds=perf_counter() - started)


def _around(plan: Plan, zones: Zones, repeats: frozenset[str]) -> Plan:
    """Of a plan, what lies where zones are.

    Raises:
        EmptySelectionError: No zone can be used.
    """
    boxes = [lonlat_bounds(batch, zones.crs, repeats) for batch in zones.table.to_batches(AT_ONCE)]
    bounds = np.array([box for box in boxes if np.isfinite(box).all()]).reshape(-1, 4)
    if not len(bounds):
        remedy = "Give valid polygons, each with an id of its own."
        what = f"no zone of {zones.table.num_rows:,} can be used{_first_reason(zones, repeats)}"
        raise EmptySelectionError(what, remedy=remedy)
    west, south = bounds[:, :2].min(axis=0).tolist()
    east, north = bounds[:, 2:].max(axis=0).tolist()
    placing = plan.gathering.placing
    area = _common(placing.area, BBox(west=west, south=south, east=east, north=north))
    return replace(plan, gathering=replace(plan.gathering, placing=replace(placing, area=area)))


def _first_reason(zones: Zones, repeats: frozenset[str]) -> str:
    """Why the first zone cannot be used, where its shape or id tells."""
    for row in usable(zones.table.slice(0, 1), repeats).rejects.to_pylist():
        return f"; the first, '{row['zone']}': {row['message']}"
    return ""


def _common(area: BBox | None, around: BBox) -> BBox:
    """What two areas share; the recipe's own where they share nothing, or it crosses the antimeridian."""
    if area is None:
        return around
    west, south = max(area.west, around.west), max(area.south, around.south)
    east, north = min(area.east, around.east), min(area.north, around.north)
    if area.west > area.east or west >= east or south >= north:
        return area
    return BBox(west=west, south=south, east=east, north=north)


def _place(zones: Zones, ground: Ground, repeats: frozenset[str], job: Job, attempt: str) -> int:
    """Write the zones of each tile, and those that cannot be used; returns how many the latter are."""
    made = [place_zones(batch, zones.crs, ground, repeats) for batch in zones.table.to_batches(AT_ONCE)]
    table = pa.Table.from_batches((rows for rows, _ in made), PLACED)
    for tile in pc.unique(table.column("tile")).to_pylist():
        of_tile = table.filter(pc.equal(table.column("tile"), tile))
        write_table(placed_path(job, attempt, tile), of_tile.to_batches(), PLACED)
    rejects = [rows for _, rows in made]
    write_table(job.path(REJECTED), rejects, REJECTS)
    return sum(rows.num_rows for rows in rejects)


def _finish(spark: SparkSession, result: ZonalResult, limits: Limits) -> None:
    """Merge the parts of zones, and publish all statistics in the place of those of other zones.

    Raises:
        OutputError: They cannot be written.
        RunFailedError: Spark gave it up.
    """
    hrefs = sorted(outcome.href for outcome in ledger.rows(result.job, result.attempt) if outcome.href)
    with publishing_folder(result.path) as folder, named_abort(spark.sparkContext, result.job.output, AGAIN):
        if hrefs:
            _merge(spark, hrefs, limits, folder)
        else:
            write_table(join(folder, "part-00000.parquet"), [], RESULTS)


def _merge(spark: SparkSession, hrefs: list[str], limits: Limits, folder: str) -> None:
    rows = spark.read.schema(from_arrow_schema(PARTS)).parquet(*(hadoop_path(literal_path(href)) for href in hrefs))
    schema = from_arrow_schema(RESULTS)

    def mapper(table: pa.Table) -> pa.Table:
        return merge(table, limits)

    cut = rows.filter(F.col("spectrum").isNotNull()).groupBy(*KEYS).applyInArrow(mapper, schema)
    whole = rows.filter(F.col("spectrum").isNull()).select(*RESULTS.names)
    together = whole.unionByName(cut)
    files = max(sum(Path(href).stat().st_size for href in hrefs) >> 27, 1)
    ordered = together.repartitionByRange(files, "zone").sortWithinPartitions("zone", "band", "start")
    ordered.write.parquet(hadoop_path(folder))
