"""Tasks of a run, done by Spark: one for each share of a plan's units.

Numbers of tasks are all that goes out and counts all that comes back; units and outcomes are files on both ways. So the
tasks are an RDD: a query for them would nearly double what empty ones take.
"""

from collections import Counter
from collections.abc import Callable

from pyspark import SparkContext

from jeospark.engine import ledger
from jeospark.engine.abort import named_abort
from jeospark.engine.worker import Shift, TaskEnding
from jeospark.errors import LedgerError


def carry_out(context: SparkContext, shift: Shift, work: Callable[[int], TaskEnding], again: str) -> Counter[str]:
    """Do the tasks of an attempt, and close its ledger; gives its units by status.

    Args:
        context: Spark's.
        shift: The attempt.
        work: Does the task of a number, on a worker.
        again: How to go on after a failure.

    Raises:
        RunFailedError: Spark gave it up, or was told to.
        LedgerError: Rows of some units could not be written.
    """
    job = shift.job
    with named_abort(context, job.output, again):
        endings = context.range(shift.tasks, numSlices=shift.tasks).map(work).collect()
    unrecorded = next((ending.unrecorded for ending in endings if ending.unrecorded), None)
    if unrecorded:
        what = f"the ledger lacks rows of units that ended: {unrecorded}"
        raise LedgerError(what, where=job.output, remedy=f"Mend that, then {again}.")
    ledger.close(job, shift.attempt)
    ledger.tidy(job)
    return sum((ending.units for ending in endings), Counter())
