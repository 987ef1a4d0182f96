"""What runs on an executor: the number of a share of a plan's units in, and how many units ended in which way out."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from jeospark.catalog.publish import item_href, thumbnail_href
from jeospark.engine import ledger
from jeospark.engine.job import Job
from jeospark.engine.suspects import each_once
from jeospark.errors import OutputError
from jeospark.model import Outcome
from jeospark.output import OutputBand
from jeospark.planning.folder import PlanFolder
from jeospark.raster.env import gdal_environment
from jeospark.settings import Settings
from jeospark.storage.sweep import sweep
from jeospark.task.product import product
from jeospark.task.program import program
from jeospark.task.unit import Orders, run_unit

if TYPE_CHECKING:
    from pyspark.accumulators import Accumulator


@dataclass(frozen=True, slots=True)
class TaskEnding:
    """How a task ended."""

    units: Counter[str]
    """By status."""
    unrecorded: str | None
    """Why the ledger lacks them, where it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """What the tasks of an attempt have in common; travels to the workers."""

    job: Job
    bands: tuple[OutputBand, ...]
    """Those of the job's collection."""
    settings: Settings
    """Those of the driver, which hold on every worker."""
    folder: PlanFolder
    attempt: str
    tasks: int

    def share(self, task: int) -> tuple[int, int]:
        """First and last unit (exclusive) of a task: all get as many, but for one."""
        return task * self.folder.units // self.tasks, (task + 1) * self.folder.units // self.tasks


def worker(shift: Shift, pixels: "Accumulator[int]") -> Callable[[int], TaskEnding]:
    """The function that does the task of a number.

    Args:
        shift: What all tasks share.
        pixels: Gets the output pixels of each unit that ended, for the progress.
    """

    def work(task: int) -> TaskEnding:
        job, ready = shift.job, program(shift.job.recipe, shift.bands)
        orders = Orders(
            program=ready,
            product=product(ready, folder=job.output, title=job.title),
            settings=shift.settings,
            skip_bad_assets=job.skip_bad_assets,
        )
        outcomes = []
        with gdal_environment(shift.settings):
            units = shift.folder.read(*shift.share(task))
            for outcome in each_once(job, shift.attempt, units, partial(run_unit, orders=orders)):
                outcomes.append(outcome)
                pixels.add(outcome.pixels)
            return recorded(shift, task, outcomes)

    return work


def _sweep(outcomes: Iterable[Outcome]) -> None:
    """Remove what killed attempts have left of units that are published now."""
    folders: dict[str, set[str]] = {}
    for outcome in outcomes:
        if outcome.href is not None:
            files = [outcome.href, thumbnail_href(outcome.href), item_href(outcome.href)]
            folder = outcome.href.rpartition("/")[0]
            folders.setdefault(folder, set()).update(each.rpartition("/")[2] for each in files)
    for folder, finished in folders.items():
        sweep(folder, finished)


def recorded(shift: Shift, task: int, outcomes: Sequence[Outcome]) -> TaskEnding:
    """Write the rows of a task, and tidy up where it published."""
    _sweep(outcomes)
    unrecorded = None
    try:
        ledger.write_part(shift.job, shift.attempt, task, outcomes)
    except OutputError as error:
        unrecorded = str(error)
    return TaskEnding(Counter(outcome.status for outcome in outcomes), unrecorded)
