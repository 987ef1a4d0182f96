"""Disks that are full."""

import subprocess
from dataclasses import replace
from pathlib import Path

from chaos_check import Row, differences, last_attempt, marks, told
from chaos_kills import undisturbed
from chaos_scene import Scene, disk, expect, need, said
from chaos_ways import ended

from jeospark.engine.job import load_job
from jeospark.engine.standing import latest

NO_SPACE = "No space left on device"
SKIPPED = "skipped: mounting a small file system needs root"


def output_full(scene: Scene) -> Row:
    """The output's disk is full half way: the error is named, what is published is whole, and resume does the rest."""
    output, broken = scene.output("disk-output"), list[str]()
    half = sum(map(len, scene.whole.contents.values())) // 2
    with disk(output, f"{half >> 10}k") as mounted:
        if not mounted:
            return scene.row("disk full: output", SKIPPED, broken, output, compared=False)
        code = scene.run(output)
        need(broken, f"exit code {code} tells of it", holds=code in {1, 2})
        # Where not even the ledger had room, the run itself ends with the error.
        broken += said(output, NO_SPACE) if code == 2 else _all_failed_of("DiskFullError", output)
        before = marks(output)
        broken += [text for text in differences(output, scene.whole.contents) if "missing" not in text]
        subprocess.run(["mount", "-o", "remount,size=1g", str(output)], check=True)
        expect(broken, scene.resume(output), 0, "the exit code of resume")
        what = f"exit {code} with {len(before)} units published; room made: {told(last_attempt(output))}"
        return scene.row("disk full: output", what, broken, output)


def scratch_full(scene: Scene) -> Row:
    """The scratch folder is full: each unit that needs it says so."""
    output, scratch, broken = scene.output("disk-scratch"), scene.folder / "scratch", list[str]()
    job = replace(scene.job, tile=scene.job.archive.size)
    whole = undisturbed(scene.way, job, scene.folder / "large")
    tight = {"JEOSPARK_SCRATCH": str(scratch), "JEOSPARK_WORKER_MEMORY_MB": "1"}
    with disk(scratch, "512k") as mounted:
        if not mounted:
            return scene.row("disk full: scratch", SKIPPED, broken, output, compared=False)
        code = scene.run(output, job=job, **tight)
        expect(broken, code, 1, "the exit code")
        broken += _all_failed_of("DiskFullError", output)
        failed = last_attempt(output)
        subprocess.run(["mount", "-o", "remount,size=1g", str(scratch)], check=True)
        expect(broken, scene.resume(output, **tight), 0, "the exit code of resume")
        expect(broken, [path.name for path in scratch.iterdir()], [], "what is left in the scratch folder")
    what = f"exit {code}: {told(failed)}; room made: {told(last_attempt(output))}"
    return replace(scene, whole=whole).row("disk full: scratch", what, broken, output)


def events_full(scene: Scene) -> Row:
    """Spark's event log has no room: the run goes on without it."""
    output, events, broken = scene.output("disk-events"), scene.folder / "events", list[str]()
    logged = ("--conf", "spark.eventLog.enabled=true", "--conf", f"spark.eventLog.dir=file://{events}")
    with disk(events, "12k") as mounted:
        if not mounted:
            return scene.row("disk full: event log", SKIPPED, broken, output, compared=False)
        way = replace(scene.way, options=(*scene.way.options, *logged))
        code = ended(way.submit(scene.job, output))
        left = [path.stat().st_size for path in Path(events).rglob("*") if path.is_file()]
    if code:
        expect(broken, scene.resume(output), 0, "the exit code of resume")
    broken += said(output, "Spark detects errors while flushing event logs")
    what = f"exit {code}, {sum(left) >> 10} KiB of events written; {told(last_attempt(output))}"
    return scene.row("disk full: event log", what, broken, output)


def _all_failed_of(error: str, output: Path) -> list[str]:
    found = {outcome.error for outcome in latest(load_job(str(output))) if outcome.status == "failed"}
    return [] if found == {error} else [f"units failed of {found}, not of {error}"]
