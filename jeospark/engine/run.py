"""Run a plan: one `mapInArrow` over its units."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter

from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from jeospark.engine import ledger
from jeospark.engine.job import Job, load_job
from jeospark.engine.plan import Plan, has_plan, make_plan, open_plan, plan_size
from jeospark.engine.progress import watching
from jeospark.engine.session import cores
from jeospark.engine.worker import mapper
from jeospark.schema import OUTCOMES
from jeospark.settings import Settings
from jeospark.storage.publish import check_writable

DEALT_AT_ONCE = 10_000
"""Units up to which one task reads the whole plan, to give every other task its fair share."""
PARTITIONS_PER_CORE = 32
"""Few units a task keep progress and retries fine-grained; few tasks keep Spark's share of the time small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What one attempt did."""

    job: Job = field(repr=False)
    attempt: str
    started: str
    """RFC 3339, UTC."""
    units: int
    done: int = 0
    skipped: int = 0
    empty: int = 0
    failed: int = 0
    cores: int
    seconds: float

    @property
    def ok(self) -> bool:
        """True where no more units failed than the job allows."""
        return self.failed <= self.units * self.job.max_error_ratio


def run(plan: Plan, settings: Settings) -> RunResult:
    """Fix a plan, then do what of it is not published yet.

    Raises:
        EmptySelectionError: The plan has no unit.
        OutputTakenError: The output folder holds the results of another recipe.
        OutputUnwritableError: The output folder cannot be written.
    """
    check_writable(plan.job.output)
    plan.job.save()
    return _run(plan.write(), settings)


def resume(spark: SparkSession, output: str, settings: Settings) -> RunResult:
    """Do what is missing or failed of the plan that was fixed in an output folder.

    Raises:
        OutputTakenError: The folder holds no run.
    """
    job = load_job(output)
    return _run(open_plan(spark, job) if has_plan(job) else make_plan(spark, job).write(), settings)


def _run(plan: Plan, settings: Settings) -> RunResult:
    began, started = datetime.now(UTC), perf_counter()
    units, pixels = plan_size(plan.job)
    context = plan.units.sparkSession.sparkContext
    attempt, counter = ledger.attempt_name(), context.accumulator(0)
    tasks = min(units, cores(context) * PARTITIONS_PER_CORE)
    # Spark deals the rows of one partition out evenly, those of several by chance.
    dealt = plan.units.coalesce(1) if units <= DEALT_AT_ONCE else plan.units
    outcomes = dealt.repartition(tasks).mapInArrow(
        mapper(plan.job, plan.job.bands(), settings, counter), from_arrow_schema(OUTCOMES)
    )
    with watching(pixels, lambda: counter.value, plan.job.title or plan.job.graph.id[:12]):
        ledger.append(outcomes, plan.job, attempt)
    statuses = [row.status for row in ledger.rows(plan.job, attempt)]
    return RunResult(
        job=plan.job,
        attempt=attempt,
        started=began.isoformat(),
        units=len(statuses),
        cores=cores(context),
        seconds=perf_counter() - started,
        **{status: statuses.count(status) for status in ("done", "skipped", "empty", "failed")},
    )
