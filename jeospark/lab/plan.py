"""A planned run, as a notebook holds it."""

import shlex
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jeospark.engine.explain import Explanation, explain
from jeospark.engine.finish import Places
from jeospark.engine.main import conclude, make_job
from jeospark.engine.plan import Plan, make_plan
from jeospark.engine.run import RunResult, run
from jeospark.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True, slots=True, repr=False)
class PlannedRun:
    """What `Recipe.plan` gives: look at `units`, `explain()` it, then `run()` it."""

    plan: Plan

    def __repr__(self) -> str:
        """What a notebook shows: recipe, grid, and where the results go."""
        job = self.plan.job
        return f"plan of '{job.title}' (recipe {job.graph.id[:12]}) on {job.grid}, into {job.output}"

    @property
    def units(self) -> "DataFrame":
        """One row a unit (`jeospark.schema.UNITS`), lazy."""
        return self.plan.units

    def explain(self) -> Explanation:
        """Tell units, items, bytes, pixels, predicted time and memory, and what is done already.

        Raises:
            EmptySelectionError: There is no unit.
            TooLargeError: A unit cannot fit in a worker's memory.
        """
        return explain(self.plan, Settings.load())

    def run(self) -> tuple[RunResult, Places]:
        """Make what is not published yet; returns what happened, and where the catalogue and the report lie.

        Raises:
            EmptySelectionError: There is no unit.
            OutputError: The output folder cannot be written, or holds another recipe's results.
        """
        result = run(self.plan, Settings.load())
        return result, conclude(result, command=shlex.join(sys.argv))


def planned(recipe: str, **asked: Any) -> PlannedRun:
    """Plan a recipe (process graph as JSON) with the arguments of `jeospark.engine.main.make_job`."""
    return PlannedRun(make_plan(None, make_job(recipe, **asked)))
