"""Run a plan: tasks of Spark over shares of its units."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter

from pyspark.sql import SparkSession

from jeospark.engine import ledger
from jeospark.engine.abort import resuming
from jeospark.engine.explain import check_fits
from jeospark.engine.job import Job, load_run
from jeospark.engine.plan import Plan, check_units, make_plan, plan_folders, written_plan
from jeospark.engine.progress import watching
from jeospark.engine.session import cores, slots
from jeospark.engine.tasks import carry_out
from jeospark.engine.worker import Shift, worker
from jeospark.planning.folder import PlanFolder, gone_if_refused
from jeospark.settings import Settings
from jeospark.storage.publish import check_writable
from jeospark.storage.sweep import sweep

TASKS_PER_CORE = 32
"""Few units a task keep progress and retries fine-grained; few tasks keep Spark's share of the time small."""
UNITS_PER_TASK = 50
"""At most; what a task did when it is cut off stands in the ledger after its second try only."""


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
    """Fix a plan, then do what of it is not published yet; a plan that is refused does not stay.

    Raises:
        EmptySelectionError: The plan has no unit.
        TooLargeError: A unit cannot fit in a worker's memory.
        OutputTakenError: The output folder holds the results of another recipe.
        OutputUnwritableError: The output folder cannot be written.
        RunFailedError: Spark gave it up.
    """
    check_writable(plan.job.output)
    with plan.job.claimed():
        folder = _folder(plan)
        with gone_if_refused(folder):
            _check(plan.job, folder, settings)
    return _run(plan.session, plan.job, folder, settings)


def resume(spark: SparkSession, output: str, settings: Settings) -> RunResult:
    """Do what is missing or failed of the plan that was fixed in an output folder.

    Raises:
        OutputTakenError: The folder holds no run, or statistics of zones.
        PlanError: The plan is damaged.
        RunFailedError: Spark gave it up.
        TooLargeError: See `run`.
    """
    job = load_run(output)
    folder = written_plan(job) or _folder(make_plan(spark, job))
    _check(job, folder, settings)
    return _run(spark, job, folder, settings)


def _folder(plan: Plan) -> PlanFolder:
    return plan.folder or plan.write()


def _check(job: Job, folder: PlanFolder, settings: Settings) -> None:
    """Refuse a plan that cannot be run.

    Raises:
        EmptySelectionError: It has no unit.
        TooLargeError: A unit cannot fit in a worker's memory.
    """
    check_units(folder.units, job)
    check_fits(folder.deepest, job.program, settings)


def _run(spark: SparkSession, job: Job, folder: PlanFolder, settings: Settings) -> RunResult:
    began, started = datetime.now(UTC), perf_counter()
    context = spark.sparkContext
    attempt, counter = ledger.attempt_name(job), context.accumulator(0)
    shift = Shift(
        job=job,
        bands=job.bands(),
        settings=settings,
        folder=folder,
        attempt=attempt,
        tasks=_tasks(folder.units, cores(context)),
    )
    with watching(folder.pixels, lambda: counter.value, job.title or job.graph.id[:12]):
        counts = carry_out(context, shift, worker(shift, counter), resuming(job.output))
    for left in (job.output, *plan_folders(job)):
        sweep(left)
    return RunResult(
        job=job,
        attempt=attempt,
        started=began.isoformat(),
        units=counts.total(),
        cores=slots(context),
        seconds=perf_counter() - started,
        **{status: counts[status] for status in ("done", "skipped", "empty", "failed")},
    )


def _tasks(units: int, cores: int) -> int:
    return min(units, max(cores * TASKS_PER_CORE, -(-units // UNITS_PER_TASK)))
