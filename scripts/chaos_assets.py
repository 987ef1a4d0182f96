"""Some of the assets are damaged, cut short, or gone."""

import http.server
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import bench_items
import numpy as np
from bench_archive import Archive
from chaos_check import Row, last_attempt, told
from chaos_job import Job
from chaos_kills import undisturbed
from chaos_scene import Scene, expect

from jeospark.catalog.store import Catalog
from jeospark.engine.job import load_job
from jeospark.engine.standing import latest

SHARE = 0.05
WAYS = ("truncated", "corrupt", "missing", "404")


def assets(scene: Scene) -> Row:
    """All bad assets and only they are in the ledger, the rest is published; once they are mended, so is the result."""
    job = _copied(scene)
    output, broken = scene.output("assets"), list[str]()
    with _server(job.archive.folder) as url:
        bad = _spoil(job.archive, url)
        strict = scene.run(output, job=job)
        expect(broken, strict, 1, "the exit code where none may fail")
        failed = last_attempt(output)
        expect(broken, scene.run(output, "--max-error-ratio", "1", job=job), 0, "the exit code where all may fail")
        expect(broken, scene.run(output, "--skip-bad-assets", job=job), 0, "the exit code where items may be left out")
        skipping = last_attempt(output)
        found = {reject.asset for outcome in latest(load_job(str(output))) for reject in outcome.rejects}
        expect(broken, sorted(found), sorted(bad), "the set of assets in the ledger")
        _mend(scene.job.archive, job.archive)
        # What was 404 is served now.
        expect(broken, scene.resume(output), 0, "the exit code once all are mended")
        whole = undisturbed(scene.way, job, scene.folder / "mended")
    what = f"{len(bad)} of {_count(job.archive)} assets ({', '.join(WAYS[: len(bad)])}): {told(failed)}"
    what += f"; left out: {told(skipping)}; mended: {told(last_attempt(output))}"
    return replace(scene, whole=whole).row("bad assets", what, broken, output)


def _copied(scene: Scene) -> Job:
    """The job over an archive of its own, whose files are those of the other one until they are spoilt."""
    archive = replace(scene.job.archive, folder=scene.folder / "archive-bad")
    rmtree(archive.folder, ignore_errors=True)
    archive.folder.mkdir()
    for file in scene.job.archive.folder.glob("*.tif"):
        os.link(file, archive.folder / file.name)
    return replace(scene.job, archive=archive)


def _spoil(archive: Archive, url: str) -> list[str]:
    """Spoil some assets, each in its way, and catalogue all; gives the hrefs of the bad ones."""
    items = bench_items.items(archive)
    every = [(item, band) for item in items for band in ("B04", "B08")]
    random = np.random.default_rng(5)
    picked = random.choice(len(every), max(round(SHARE * _count(archive)), len(WAYS)), replace=False)
    chosen = [every[number] for number in picked]
    for number, (item, band) in enumerate(chosen):
        asset = item["assets"][band]
        way, path = WAYS[number % len(WAYS)], Path(asset["href"])
        data = path.read_bytes()
        path.unlink()
        if way == "truncated":
            path.write_bytes(data[: len(data) // 2])
        if way == "corrupt":
            middle = len(data) // 2
            path.write_bytes(data[:middle] + random.bytes(4096) + data[middle + 4096 :])
        if way == "404":
            asset["href"] = f"{url}/{path.name}"
    Catalog(archive.folder / "catalog").add({"id": bench_items.COLLECTION}, items)
    return [item["assets"][band]["href"] for item, band in chosen]


def _mend(good: Archive, bad: Archive) -> None:
    for file in good.folder.glob("*.tif"):
        (bad.folder / file.name).unlink(missing_ok=True)
        os.link(file, bad.folder / file.name)


def _count(archive: Archive) -> int:
    return archive.dates * (len(archive.bands) + 1)


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """A web server of the files of a folder, with ranges; what is not there is 404."""

    class Files(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer GET."""
            path = folder / self.path.rpartition("/")[2]
            if not path.exists():
                self.send_error(404)
                return
            data = path.read_bytes()
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            first, last = (int(asked[1]), min(int(asked[2]), len(data) - 1)) if asked else (0, len(data) - 1)
            self.send_response(206 if asked else 200)
            if asked:
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
            self.send_header("Content-Length", str(last + 1 - first))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data[first : last + 1])

        do_HEAD = do_GET  # noqa: N815 - the name that the class looks for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
