"""What units lose where all cores of a machine work at once: to each other, and to what else runs there."""

import multiprocessing
import os
import shutil
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from statistics import mean, median
from typing import Any

from bench_jeospark import Request

ROUNDS = 7
"""One unit at a time and two, in turn; the middle one counts."""


def machine_seconds() -> float:
    """Core-seconds that all processes of this machine have taken since it started (`/proc/stat`)."""
    user, nice, system, _idle, _waiting, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def contention(request: Request) -> float:
    """How many times as long a unit takes while another process makes one, too: memory bus and caches are shared.

    Args:
        request: A run; its output folder gets neighbours.
    """
    one, other = (replace(request, output=f"{request.output}-contention-{place}") for place in (1, 2))
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn) as first, ProcessPoolExecutor(1, spawn) as second:
        pools = ((first, one), (second, other))
        rounds = [(_made(pools[:1]), _made(pools)) for _ in range(ROUNDS + 1)]
    # The first one compiles and opens.
    return median(both / alone for alone, both in rounds[1:])


def _made(pools: Iterable[tuple[ProcessPoolExecutor, Request]]) -> float:
    """Seconds a unit where each of the processes makes the units of its run."""
    waiting = [pool.submit(_unit_seconds, request) for pool, request in pools]
    return mean(each.result() for each in waiting)


class _Uncounted:
    """In place of Spark's accumulator, for a run that shows no progress."""

    def add(self, _pixels: int) -> None:
        pass


def _unit_seconds(request: Request) -> float:
    """Make the units of a run as one task of Spark's would; returns the seconds a unit."""
    from jeospark.engine import ledger  # noqa: PLC0415 - the processes import it, their parent has no need
    from jeospark.engine.main import make_job  # noqa: PLC0415
    from jeospark.engine.plan import make_plan  # noqa: PLC0415
    from jeospark.engine.worker import Shift, worker  # noqa: PLC0415
    from jeospark.settings import Settings  # noqa: PLC0415

    shutil.rmtree(request.output, ignore_errors=True)
    Path(request.output).mkdir(parents=True)
    job = make_job(request.recipe, output=request.output, grid=request.grid, catalog=request.catalog)
    attempt, folder = ledger.attempt_name(job), make_plan(None, job).write()
    shift = Shift(job=job, bands=job.bands(), settings=Settings.load(), folder=folder, attempt=attempt, tasks=1)
    counter: Any = _Uncounted()
    worker(shift, counter)(0)
    return mean(row.seconds for row in ledger.rows(job, attempt))
