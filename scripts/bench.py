"""How fast jeospark is beside the best that the same machine can do; see docs/benchmarks.md.

Such as `python scripts/bench.py composite cloudy --json`, or
`python scripts/bench.py all --markdown docs/benchmarks.md`.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

import bench_bare as bare
import numpy as np
import rasterio
from bench_archive import BLOCK
from bench_items import items
from bench_jeospark import Engine, Reply
from bench_peer import missing
from bench_plan import MILLION, TEN_MILLION, Archive, make_catalog
from bench_result import Result, compared, put_into, table
from bench_work import Work, check_equal, composite, sentinel_tile, tifs

CORES = 2
SCRIPTS = Path(__file__).resolve().parent


def bench_composite(folder: Path, repeat: int) -> Iterator[Result]:
    """Against the bare script, with one output file too, and against odc-stac with dask."""
    work = composite(folder, "composite")
    request = work.request(tile=work.tile)
    with Engine(CORES) as engine:
        cold = engine.run(request)
        seconds, replies = alternate(work, engine, repeat)
        yield against_bare("composite", work, seconds, replies, target=1.10, also=start(engine, cold))
        yield one_file(work, engine, repeat)
        engine.run(request)
        yield from against_odc(work, [reply.seconds for reply in replies], repeat)


def bench_cloudy(folder: Path, repeat: int) -> Iterator[Result]:
    """With half of the blocks wholly clouded: what need not be decoded is not."""
    work = composite(folder, "cloudy", clouded=0.5)
    with Engine(CORES) as engine:
        engine.run(work.request(tile=work.tile))
        seconds, replies = alternate(work, engine, repeat)
    took = [reply.seconds for reply in replies]
    yield Result(
        name="cloudy", what="bare script / jeospark", ratio=compared(seconds, took), target=1.4, sense="at least",
        seconds={"bare": seconds, "jeospark": took}, also=parts(replies),
    )  # fmt: skip


def bench_tile(folder: Path, repeat: int) -> Iterator[Result]:
    """A whole Sentinel-2 tile: time and memory."""
    work = sentinel_tile(folder)
    with Engine(CORES) as engine:
        engine.run(work.request(tile=work.tile, dates=1))
        seconds, replies = alternate(work, engine, repeat)
    yield against_bare("tile", work, seconds, replies, target=1.10, also={})
    peak = max(reply.peak_mb for reply in replies)
    yield Result(
        name="tile-memory", what="peak of the largest Python worker / 1 GiB", ratio=peak / 1024, target=1.5,
        also={"peak MiB": peak},
    )  # fmt: skip


def bench_jp2(folder: Path, repeat: int) -> Iterator[Result]:
    """The composite from JPEG 2000, against decoding every block once and doing nothing with it."""
    work = composite(folder, "jp2", driver="JP2OpenJPEG")
    archive, request = work.archive, work.request(tile=work.tile)
    files = [path for band in (*archive.bands, "SCL") for path in archive.paths(band)]
    decoding, replies = [], []
    with Engine(CORES) as engine:
        engine.run(work.request(tile=work.tile, dates=1))
        for _ in range(repeat):
            decoding.append(bare.decode(files, BLOCK[archive.driver], CORES))
            replies.append(engine.run(request))
    work.run_bare()
    check_equal(tifs(work.folder / "bare"), tifs(work.folder / "jeospark"))
    took = [reply.seconds for reply in replies]
    yield Result(
        name="jp2", what="jeospark / decoding every block once", ratio=compared(took, decoding),
        seconds={"decoding": decoding, "jeospark": took}, also=parts(replies),
    )  # fmt: skip
    blocks = child("bench_blocks.py", request.output)
    needed = sum(_blocks(path) for path in files)
    yield Result(
        name="jp2-blocks",
        what="JPEG 2000 tiles decoded / tiles of the files",
        ratio=blocks / needed,
        target=1.0,
        also={"decoded": blocks, "in the files": needed},
    )


def _blocks(path: Path) -> int:
    with rasterio.open(path) as dataset:
        (rows, cols), shape = dataset.block_shapes[0], dataset.shape
    return int(np.ceil(shape[0] / rows) * np.ceil(shape[1] / cols))


def bench_cores(folder: Path, repeat: int) -> Iterator[Result]:
    """The composite on one core and on two, each in a session of its own, in turn."""
    work = composite(folder, "composite")
    request = work.request(tile=work.tile)
    with Engine(1) as one, Engine(2) as two:
        for engine in (one, two):
            engine.run(request)
        pairs = [(one.run(request), two.run(request)) for _ in range(repeat)]
    single, double = ([pair[place].seconds for pair in pairs] for place in (0, 1))
    yield Result(
        name="cores", what="one core / two cores", ratio=compared(single, double), target=1.8, sense="at least",
        seconds={"one core": single, "two cores": double},
        also={
            "units alone": compared([pair[0].units for pair in pairs], [pair[1].units for pair in pairs]),
            "work lost": compared([pair[1].busy for pair in pairs], [pair[0].busy for pair in pairs]) - 1,
        },
    )  # fmt: skip


def bench_plan(folder: Path, repeat: int) -> Iterator[Result]:
    """A million items to units on disk, with a driver of 2 GB."""
    yield from planned("plan", MILLION, 60, folder, repeat)


def bench_plan10m(folder: Path, repeat: int) -> Iterator[Result]:
    """Ten million items to units on disk, with a driver of 2 GB, and what `explain` takes then."""
    yield from planned("plan10m", TEN_MILLION, 120, folder, repeat)


def planned(name: str, archive: Archive, target: float, folder: Path, repeat: int) -> Iterator[Result]:
    """Plans of a made-up archive, against so many seconds; explaining them, against five."""
    catalog = make_catalog(folder / name, archive)
    output = folder / name / "planned"
    runs = []
    for _ in range(repeat):
        shutil.rmtree(output, ignore_errors=True)
        runs.append(child("bench_plan.py", str(catalog), str(output)))
    took, explained = ([run[part] for run in runs] for part in ("seconds", "explain"))
    last = runs[-1]
    yield Result(
        name=name, what=f"{archive.items:,} items to units on disk / {target:g} s", ratio=median(took) / target,
        target=1.0, seconds={"jeospark": took},
        also={
            "session": last["session"], "units": last["units"], "items": last["items"],
            "JVM peak MiB": last["driver_jvm_mb"], "driver's Python peak MiB": last["driver_python_mb"],
            "Python worker peak MiB": last["worker_python_mb"],
        },
    )  # fmt: skip
    yield Result(
        name=f"{name}-explain", what="explaining that plan / 5 s", ratio=median(explained) / 5, target=1.0,
        seconds={"jeospark": explained},
    )  # fmt: skip


def bench_finish(folder: Path, repeat: int) -> Iterator[Result]:
    """What the driver does after the units of the plan of a million items: ledger, collection, report."""
    return finishing("finish", "plan", 60, folder, repeat)


def bench_finish10m(folder: Path, repeat: int) -> Iterator[Result]:
    """The same of ten million."""
    return finishing("finish10m", "plan10m", 600, folder, repeat)


def finishing(name: str, plan: str, target: float, folder: Path, repeat: int) -> Iterator[Result]:
    """After the units of a plan that another benchmark wrote, against so many seconds."""
    output = folder / plan / "planned"
    if not (output / "plan").exists():
        list(BENCHMARKS[plan][0](folder, 1))
    runs = [child("bench_finish.py", str(output)) for _ in range(repeat)]
    finished = [run["finish"] for run in runs]
    last = runs[-1]
    yield Result(
        name=name, what=f"collection and report of {last['units']:,} units / {target:g} s",
        ratio=median(finished) / target, target=1.0,
        seconds={"finish": finished, "ledger closed": [run["close"] for run in runs],
                 "explained again": [run["explain"] for run in runs]},
        also={"report kB": last["report_kb"], "collection kB": last["collection_kb"],
              "driver's Python peak MiB": last["python_mb"]},
    )  # fmt: skip


def others(script: str) -> Callable[[Path, int], Iterator[Result]]:
    """A benchmark of a script of its own, whose peers are asked for when it runs only.

    Args:
        script: `bench_NAME`, with a function of that name.
    """

    def bench(folder: Path, repeat: int) -> Iterator[Result]:
        try:
            module = import_module(script)
        except ModuleNotFoundError as error:
            raise missing(str(error.name)) from error
        yield from getattr(module, script)(folder, repeat)

    return bench


def bench_storage(folder: Path, repeat: int) -> Iterator[Result]:
    """The composite read from XRootD, against local files."""
    from bench_storage import bench_storage as bench  # noqa: PLC0415

    yield from bench(folder, repeat, CORES)


def alternate(work: Work, engine: Engine, repeat: int) -> tuple[list[float], list[Reply]]:
    """Bare, jeospark, bare, jeospark, …; the last results of both must be equal."""
    seconds, replies = [], []
    request = work.request(tile=work.tile)
    work.run_bare()
    for _ in range(repeat):
        seconds.append(work.run_bare())
        replies.append(engine.run(request))
    check_equal(tifs(work.folder / "bare"), tifs(work.folder / "jeospark"))
    return seconds, replies


def against_bare(
    name: str, work: Work, seconds: list[float], replies: list[Reply], *, target: float, also: dict[str, float]
) -> Result:
    """Whole jobs of jeospark against those of the bare script."""
    took = [reply.seconds for reply in replies]
    shape = f"{work.archive.dates} dates of {work.archive.size}²"
    return Result(
        name=name, what=f"jeospark / bare script, {shape}", ratio=compared(took, seconds), target=target,
        seconds={"bare": seconds, "jeospark": took}, also={**parts(replies), **also},
    )  # fmt: skip


def one_file(work: Work, engine: Engine, repeat: int) -> Result:
    """One output file is one unit, and so one core's; the bare script shares it among the processes."""
    path, request = work.folder / "bare-one" / "all.tif", work.request(tile=work.archive.size)
    pairs = [
        (bare.run_one_file(work.task(), work.tiles(work.tile), path, CORES), engine.run(request).seconds)
        for _ in range(repeat)
    ]
    check_equal([path], tifs(work.folder / "jeospark"))
    seconds, took = ([pair[place] for pair in pairs] for place in (0, 1))
    return Result(
        name="composite-one-file", what="jeospark / bare script, all in one output file", ratio=compared(took, seconds),
        seconds={"bare": seconds, "jeospark": took},
    )  # fmt: skip


def against_odc(work: Work, took: list[float], repeat: int) -> Iterator[Result]:
    """odc-stac with dask's cluster of this machine, and with its threads, which are faster here."""
    folder, listed = work.folder / "odc", work.folder / "items.json"
    listed.write_text(json.dumps(items(work.archive)), encoding="utf-8")
    arguments = (str(work.archive.size), str(work.tile), str(repeat))
    for name, kind, target in (("composite-odc", "client", 5.0), ("composite-odc-threads", "threads", None)):
        seconds = child("bench_odc.py", str(listed), str(folder), *arguments, kind)
        # Rounding may differ in the last digit: the median of float32 values is a mean in float32 there.
        check_equal(tifs(folder), tifs(work.folder / "jeospark"), tolerance=1)
        yield Result(
            name=name, what=f"odc-stac + dask ({kind}) / jeospark", ratio=compared(seconds, took), target=target,
            sense="at least", seconds={"odc-stac": seconds, "jeospark": took},
        )  # fmt: skip


def parts(replies: list[Reply]) -> dict[str, float]:
    """Where jeospark's seconds went: medians."""
    named = {"plan": "plan", "units": "units", "finish": "finish", "busy in units": "busy", "of it reading": "read",
             "computing": "compute", "writing": "write", "worker MiB": "peak_mb"}  # fmt: skip
    found: dict[str, float] = {
        text: median(float(getattr(reply, name)) for reply in replies) for text, name in named.items()
    }
    return {**found, "Mpx read": replies[0].pixels_read / 1e6, "Mpx skipped": replies[0].pixels_skipped / 1e6}


def start(engine: Engine, cold: Reply) -> dict[str, float]:
    """What the first job of a session costs."""
    return {"session start": engine.session_seconds, "first job": cold.seconds}


def child(script: str, *arguments: str) -> Any:
    """What another of these scripts printed last, as JSON."""
    command = [sys.executable, str(SCRIPTS / script), *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


BENCHMARKS: dict[str, tuple[Callable[[Path, int], Iterator[Result]], int]] = {
    "composite": (bench_composite, 7),
    "cloudy": (bench_cloudy, 7),
    "tile": (bench_tile, 3),
    "jp2": (bench_jp2, 3),
    "cores": (bench_cores, 7),
    "storage": (bench_storage, 3),
    "plan": (bench_plan, 3),
    "plan10m": (bench_plan10m, 1),
    "finish": (bench_finish, 3),
    "finish10m": (bench_finish10m, 1),
    "zonal": (others("bench_zonal"), 3),
    "points": (others("bench_points"), 3),
    "ais": (others("bench_ais"), 1),
    "read": (others("bench_read"), 3),
    "spatialbench": (others("bench_spatialbench"), 1),
    "yarn": (others("bench_yarn"), 5),
}
"""Name: what to run, and how often by default."""


def parse_arguments() -> argparse.Namespace:
    """Names, and where and how often."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=[*BENCHMARKS, "all"], metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "jeospark-bench",
                        help="where the archives are made, once (tile needs 10 GB); default %(default)s")  # fmt: skip
    parser.add_argument("--repeat", type=int, help="repetitions; default 7, or 3 for the long ones")
    parser.add_argument("--markdown", type=Path, help="page whose results are replaced")
    return parser.parse_args()


def main() -> int:
    """Run what was asked for; exit code 1 where a target was missed."""
    arguments = parse_arguments()
    names = list(BENCHMARKS) if "all" in arguments.names else arguments.names
    results = []
    for name in names:
        run, repeat = BENCHMARKS[name]
        for result in run(arguments.folder.resolve(), arguments.repeat or repeat):
            print(result.json() if arguments.json else table([result]), flush=True)
            results.append(result)
            if arguments.markdown:
                put_into(arguments.markdown, results)
    return int(any(result.met is False for result in results))


if __name__ == "__main__":
    sys.exit(main())
