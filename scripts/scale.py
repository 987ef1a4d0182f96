"""What a run would take on a cluster, simulated from the ledger of a run that was measured; see docs/scale.md.

`python scripts/scale.py simulate OUTPUT --markdown docs/scale.md` takes the output folder of any run.
`python scripts/scale.py measure` makes runs on one core and on two, and checks the simulation; with `--on yarn`, on one
executor and two of a small cluster of its own.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter

from bench_jeospark import Engine, session_config
from bench_result import machine, put_between
from bench_work import Work, composite
from bench_yarn import archived, cluster, properties
from scale_contention import contention, machine_seconds
from scale_model import Cluster, Run, assumptions, bottleneck, replayed, run_of, simulated
from scale_plot import chart

from jeospark.submit.archive import PYTHON

BEGIN, END = "<!-- results of scripts/scale.py -->", "<!-- end of results -->"
SIZES = (100, 200, 500, 1000, 2000)
"""Cores."""
DAY = 86_400.0
TILE = 2048
"""Rows and columns of a measured unit: four of them, as in the benchmark `composite`."""
DATES = 8
ROUNDS = 5
"""Runs on each number of cores, in turn; the middle one counts."""
TASKS = 2_000
"""Empty tasks by which the driver's dispatch is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The composite benchmark, warm."""

    runs: tuple[Run, Run]
    """On one core, and on two."""
    known: Mapping[str, float]
    """Fields of a `Cluster`."""
    crowding: float
    """Core-seconds that JVMs and daemons take beside one of a unit: from the units, where those have all cores."""

    def slower(self, cores: int) -> float:
        """How many times as long units take on this machine where they have so many of its cores, as on one of them."""
        crowded = cores >= (os.cpu_count() or 1) > 1
        return (self.known["contention"] if cores > 1 else 1.0) * (1.0 + self.crowding if crowded else 1.0)


def measure(folder: Path, where: str) -> Measured:
    """Run the composite benchmark on one core and on two."""
    work = composite(folder, "composite")
    one, two = (
        replace(work.request(tile=TILE, dates=DATES), output=str(work.folder / f"scale-{cores}")) for cores in (1, 2)
    )
    with _engines(where, work) as (alone, both):
        rounds, spent = [], []
        for _ in range(ROUNDS + 1):
            before = machine_seconds()
            alone.run(one)
            spent.append(machine_seconds() - before)
            both.run(two)
            rounds.append((run_of(one.output), run_of(two.output)))
    # The first one starts the workers.
    first, second = (_middle([each[place] for each in rounds[1:]]) for place in (0, 1))
    # While the core waits for its next unit, others work for the run: that is no unit's loss.
    beside = zip(rounds, spent, strict=True)
    crowding = median((seconds - alone.seconds) / alone.busy.sum() for (alone, _), seconds in beside)
    return Measured(
        runs=(first, second), known={"contention": contention(one), "dispatch": dispatch()}, crowding=max(crowding, 0.0)
    )


@contextmanager
def _engines(where: str, work: Work) -> Iterator[tuple[Engine, Engine]]:
    """Sessions of one core, and of two: in local mode, or executors on YARN."""
    if where == "local":
        with Engine(1) as alone, Engine(2) as both:
            yield alone, both
        return
    with cluster():
        archive = archived()
        one, two = (properties(work, archive, executors) for executors in (1, 2))
        with Engine(1, one, PYTHON) as alone, Engine(2, two, PYTHON) as both:
            yield alone, both


def _middle(runs: Sequence[Run]) -> Run:
    return sorted(runs, key=lambda run: run.seconds)[len(runs) // 2]


def dispatch() -> float:
    """Seconds that a driver takes for a task that does nothing."""
    from jeospark.engine.session import spark_session  # noqa: PLC0415 - after the runs, whose sessions are of their own

    spark = spark_session("jeospark dispatch", session_config(2))
    for _ in range(2):
        started = perf_counter()
        spark.range(0, TASKS, 1, TASKS).selectExpr("sum(id)").collect()
        seconds = perf_counter() - started
    spark.stop()
    return seconds / TASKS


def checks(measured: Measured) -> Iterator[str]:
    """Table: each run replayed on the cores of the others, and how far off that would be if cores shared nothing."""
    yield "| units measured on | replayed on | simulated | measured | apart | apart if cores shared nothing |"
    yield "|---|---|---|---|---|---|"
    for known in measured.runs:
        for other in measured.runs:
            slower = measured.slower(other.cores) / measured.slower(known.cores)
            seconds = replayed(known, other.cores, slower)
            apart, without = (each / other.seconds - 1 for each in (seconds, replayed(known, other.cores)))
            yield (
                f"| {_cores(known.cores)} | {_cores(other.cores)} | {seconds:.2f} s | {other.seconds:.2f} s | "
                f"{100 * apart:+.1f} % | {100 * without:+.1f} % |"
            )


def predictions(run: Run, cluster: Cluster, volume: float) -> Iterator[str]:
    """Table: time, rate, efficiency and bottleneck by cores."""
    alone = run.busy.sum() / run.bytes.sum() * volume
    yield f"| cores | {volume / 1e12:g} TB take | TB a day | GB/s read | of the cores' time in units | held up by |"
    yield "|---|---|---|---|---|---|"
    for cores in SIZES:
        placed = replace(cluster, cores=cores)
        seconds = simulated(run, placed, volume)
        what, part = bottleneck(run, placed, volume)
        told = what if what == "cores" else f"{what} ({100 * part:.0f} % of the time)"
        yield (
            f"| {cores:,} | {seconds / 60:.1f} min | {volume / 1e12 * DAY / seconds:,.0f} | "
            f"{volume / seconds / 1e9:.1f} | {100 * alone / cores / seconds:.0f} % | {told} |"
        )


def plot(run: Run, cluster: Cluster, volume: float) -> str:
    """TB a day by cores, as SVG."""
    day = volume / 1e12 * DAY
    alone = run.busy.sum() / run.bytes.sum() * volume
    limit = cluster.storage_servers * cluster.server_rate * DAY / 1e12
    lines = {
        "simulated": [(n, day / simulated(run, replace(cluster, cores=n), volume)) for n in range(100, 2001, 100)],
        "cores alone": [(n, day * n / alone) for n in SIZES],
        f"{cluster.storage_servers} disk servers": [(n, limit) for n in SIZES],
        "10 TB arriving a day": [(n, 10.0) for n in SIZES],
    }
    return chart("Terabytes a day by cores", "cores", "TB a day", lines, SIZES)


def page(first: Run, run: Run, cluster: Cluster, volume: float, measured: Measured | None) -> str:
    """The results in words; `run` is what is simulated: `first`, with units of the size asked for."""
    units = (
        f"Measured: {len(first.busy)} units of {first.busy.mean():.3f} s of a core each (the longest "
        f"{first.busy.max():.3f} s), {100 * first.read.sum() / first.busy.sum():.0f} % of it reading, "
        f"{first.bytes.mean() / 1e6:.1f} MB read, and {first.overhead * 1000:.1f} ms beside: "
        f"{first.bytes.sum() / first.busy.sum() / 1e6:.0f} MB/s a core. Simulated: units of "
        f"{run.bytes.mean() / 1e6:,.1f} MB."
    )
    assumed = ", ".join(f"{name} {getattr(cluster, name):.4g}" for name in assumptions())
    checked = []
    if measured is not None:
        shared = (
            f"On this machine units take {100 * (cluster.contention - 1):.1f} % longer beside each other; beside them "
            f"JVMs and daemons take {100 * measured.crowding:.1f} % of what they take."
        )
        checked = [shared, "", *checks(measured), ""]
    return "\n".join([units, "", f"Cluster: {assumed}.", "", *checked, *predictions(run, cluster, volume)])


def _cores(count: int) -> str:
    return f"{count} core{'s' if count > 1 else ''}"


def parse_arguments() -> argparse.Namespace:
    """What to do, on what; every number that is assumed can be given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["simulate", "measure"])
    parser.add_argument("output", nargs="?", metavar="OUTPUT", help="output folder of the run that is simulated")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "jeospark-bench",
                        help="where `measure` makes its archive; default %(default)s")  # fmt: skip
    parser.add_argument("--on", choices=["local", "yarn"], default="local", help="where `measure` runs")
    parser.add_argument("--terabytes", type=float, default=10.0, help="to be read; default %(default)s")
    parser.add_argument("--unit-megabytes", type=float, help="that a unit reads; default: as measured")
    parser.add_argument("--markdown", type=Path, help="page whose results are replaced; the plot goes beside it")
    for name in assumptions():
        default = getattr(Cluster(cores=1), name)
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=type(default), help=f"see Cluster in scale_model.py; default {default}"
        )
    return parser.parse_args()


def main() -> None:
    """Print the results, or put them into a page."""
    arguments = parse_arguments()
    given = {name: value for name in assumptions() if (value := getattr(arguments, name)) is not None}
    measured = None
    if arguments.what == "measure":
        measured = measure(arguments.folder.resolve(), arguments.on)
        first, given = measured.runs[0], {**measured.known, **given}
    elif arguments.output:
        first = run_of(arguments.output)
    else:
        raise SystemExit("Give the output folder of a run.")
    cluster, volume = Cluster(cores=1, **given), arguments.terabytes * 1e12
    run = first.sized(arguments.unit_megabytes * 1e6) if arguments.unit_megabytes else first
    text = page(first, run, cluster, volume, measured)
    print(text)
    if arguments.markdown:
        put_between(arguments.markdown, f"{machine()}\n\n{text}", BEGIN, END)
        picture = arguments.markdown.parent / "images" / "scale.svg"
        picture.write_text(plot(run, cluster, volume), encoding="utf-8")


if __name__ == "__main__":
    main()
