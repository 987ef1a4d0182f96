"""What a run would take on a cluster, simulated from the ledger of a run that was measured; see docs/scale.md.

`python scripts/scale.py simulate OUTPUT --markdown docs/scale.md` takes the output folder of any run.
`python scripts/scale.py measure` makes runs on one core and on two, and checks the simulation; with `--on yarn`, on one
executor and two of a small cluster of its own.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from bench_jeospark import Engine, session_config
from bench_result import machine, put_between
from bench_work import Work, composite
from bench_yarn import archived, cluster, properties
from scale_contention import contention
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


def measure(folder: Path, where: str) -> tuple[list[Run], dict[str, float]]:
    """Run the composite benchmark warm on one core, then on two; returns both, and what is known of a cluster then."""
    work = composite(folder, "composite")
    one, two = (
        replace(work.request(tile=TILE, dates=DATES), output=str(work.folder / f"scale-{cores}")) for cores in (1, 2)
    )
    with _engines(where, work) as (alone, both):
        rounds = []
        for _ in range(ROUNDS + 1):
            alone.run(one)
            both.run(two)
            rounds.append([run_of(request.output) for request in (one, two)])
    # The first one starts the workers.
    runs = [_middle([each[place] for each in rounds[1:]]) for place in (0, 1)]
    return runs, {"contention": contention(one), "dispatch": dispatch()}


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


def checks(runs: Sequence[Run], slower: float) -> Iterator[str]:
    """Table: each run replayed on the cores of the others, and how far off that would be if cores shared nothing."""
    yield "| units measured on | replayed on | simulated | measured | apart | apart without contention |"
    yield "|---|---|---|---|---|---|"
    for known in runs:
        for other in runs:
            seconds = replayed(known, other.cores, slower)
            apart, without = (each / other.seconds - 1 for each in (seconds, replayed(known, other.cores, 1.0)))
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


def page(runs: Sequence[Run], run: Run, cluster: Cluster, volume: float) -> str:
    """The results in words; `run` is what is simulated, the first of `runs` with units of the size asked for."""
    first = runs[0]
    units = (
        f"Measured: {len(first.busy)} units of {first.busy.mean():.3f} s of a core each (the longest "
        f"{first.busy.max():.3f} s), {100 * first.read.sum() / first.busy.sum():.0f} % of it reading, "
        f"{first.bytes.mean() / 1e6:.1f} MB read, and {first.overhead * 1000:.1f} ms beside: "
        f"{first.bytes.sum() / first.busy.sum() / 1e6:.0f} MB/s a core. Simulated: units of "
        f"{run.bytes.mean() / 1e6:,.1f} MB."
    )
    assumed = ", ".join(f"{name} {getattr(cluster, name):g}" for name in assumptions())
    checked = [*checks(runs, cluster.contention), ""] if len(runs) > 1 else []
    return "\n".join([units, "", f"Cluster: {assumed}.", "", *checked, *predictions(run, cluster, volume)])


def _cores(count: int) -> str:
    return f"{count} core{'s' if count > 1 else ''}"


def parse_arguments() -> argparse.Namespace:
    """What to do, on what; every number that is assumed can be given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["simulate", "measure"])
    parser.add_argument("outputs", nargs="*", metavar="OUTPUT", help="output folders of runs; the first is simulated")
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
    if arguments.what == "measure":
        runs, known = measure(arguments.folder.resolve(), arguments.on)
        given = known | given
    else:
        runs = [run_of(folder) for folder in arguments.outputs]
    if not runs:
        raise SystemExit("Give the output folder of a run.")
    cluster, volume = Cluster(cores=1, **given), arguments.terabytes * 1e12
    run = runs[0].sized(arguments.unit_megabytes * 1e6) if arguments.unit_megabytes else runs[0]
    text = page(runs, run, cluster, volume)
    print(text)
    if arguments.markdown:
        put_between(arguments.markdown, f"{machine()}\n\n{text}", BEGIN, END)
        picture = arguments.markdown.parent / "images" / "scale.svg"
        picture.write_text(plot(run, cluster, volume), encoding="utf-8")


if __name__ == "__main__":
    main()
