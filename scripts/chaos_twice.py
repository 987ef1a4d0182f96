"""Two runs at once; a driver that is started again elsewhere, by another clock."""

import os
import re
import shutil
import time
from datetime import UTC, datetime, timedelta

from chaos_check import Row, last_attempt, marks, standing, told
from chaos_kills import first_file
from chaos_scene import Scene, expect, need
from chaos_ways import ended

from jeospark.engine import ledger
from jeospark.engine.job import load_job

STAMP = "%Y%m%dT%H%M%S.%fZ"


def twins(scene: Scene) -> Row:
    """Two runs of one recipe at once into one folder."""
    output, broken = scene.output("twins"), list[str]()
    runs = [scene.way.submit(scene.job, output) for _ in range(2)]
    codes = [ended(run) for run in runs]
    expect(broken, codes, [0, 0], "the exit codes")
    units = scene.whole.units
    expect(broken, standing(output), {"done": units}, "how units stand")
    job = load_job(str(output))
    each = [sum(row.status == "done" for row in ledger.rows(job, name)) for name in ledger.attempts(job)]
    return scene.row("two runs at once", f"they made {' and '.join(map(str, each))} of {units} units", broken, output)


def elsewhere(scene: Scene) -> Row:
    """The driver is killed, and started again from another folder, on a host of another name with its clock behind."""
    output, broken = scene.output("elsewhere"), list[str]()
    run = scene.way.submit(scene.job, output)
    started = first_file(run, output)
    time.sleep(max(started + scene.whole.seconds / 2 - time.monotonic(), 0))
    for each in scene.way.victims(run, "driver"):
        each.kill()
    ended(run)
    before = marks(output)
    # To who resumes, a clock that was ahead when the run began and one that is behind now are the same.
    for folder in (*output.glob("ledger/attempt=*"), *output.glob("plan/*")):
        folder.rename(folder.with_name(re.sub(r"\d{8}T[\d.]+Z", _tomorrow, folder.name)))
    command = ["jeospark", "resume", os.path.relpath(output, "/")]
    if shutil.which("unshare") and os.geteuid() == 0:
        command = ["unshare", "--uts", "sh", "-c", f"hostname elsewhere && cd / && exec {' '.join(command)}"]
    else:
        command = ["sh", "-c", f"cd / && exec {' '.join(command)}"]
    expect(broken, ended(scene.way.started(command, output)), 0, "the exit code of resume")
    job = load_job(str(output))
    need(broken, "what is done is skipped", holds=last_attempt(output).get("skipped", 0) >= len(before))
    need(broken, f"units stand as done ({standing(output)})", holds=standing(output).keys() <= {"done", "skipped"})
    hosts = {row.host for row in ledger.rows(job, ledger.attempts(job)[-1])}
    what = f"killed with {len(before)} units published; on {', '.join(hosts)}: {told(last_attempt(output))}"
    return scene.row("another host and clock", what, broken, output)


def _tomorrow(match: "re.Match[str]") -> str:
    moment = datetime.strptime(match[0], STAMP).replace(tzinfo=UTC)
    return (moment + timedelta(days=1)).strftime(STAMP)
