"""What must stay secret is in no file that a run leaves, and in nothing that it says; its papers are their owner's."""

import os
import stat
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import jeospark
from jeospark.engine.java import ensure_java
from jeospark.engine.job import load_job
from jeospark.engine.standing import latest
from jeospark.lab.recipe import load_collection

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {
    "CHAOS_TOKEN": "tok-5b1fPq0ZsecretT0ken",
    "AWS_SECRET_ACCESS_KEY": "aws-5b1fPq0ZsecretKey",
    "SIGNED": "sig5b1fPq0ZsecretSignature",
    "EOS": "zteos64:5b1fPq0ZsecretEos",
}


@pytest.fixture
def server():
    """A server that refuses everybody, and repeats what it was given; gives its address and the headers that it saw."""
    seen = []

    class Refusing(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            seen.append(self.headers.get("Authorization", ""))
            body = f"no: {self.path} {self.headers.get('Authorization')}".encode()
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}", seen
        served.shutdown()


def everything(folder):
    """Bytes of all files below a folder, Parquet also decoded."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes()
            if path.suffix == ".parquet":
                yield path, str(pq.read_table(path).to_pylist()).encode()


@pytest.mark.spark
def test_no_secret_in_logs_events_ledgers_plans_and_results(archive, scene, server, tmp_path):
    url, seen = server
    archive.write("good", "2020-05-01", scene(1))
    bad = archive.write("bad", "2020-06-01", scene(2))
    for band in ("B04", "B08", "SCL"):
        bad["assets"][band]["href"] = f"{url}/{band}.tif"
    archive.save()
    chain = load_collection("s2", bands=["B04", "B08", "SCL"]).mask_classes([9]).ndvi().aggregate("month", "median")
    recipe, out, events = tmp_path / "recipe.json", tmp_path / "out", tmp_path / "events"
    recipe.write_text(chain.save(dtype="float32").to_json())
    events.mkdir()
    command = [
        str(Path(sys.executable).with_name("spark-submit")), "--properties-file", str(ROOT / "conf" / "local.conf"),
        "--master", "local[1,16]", "--driver-memory", "768m", "--conf", "spark.eventLog.enabled=true",
        "--conf", f"spark.eventLog.dir={events}", "--conf", "spark.authenticate.secret=" + SECRETS["SIGNED"],
        str(ROOT / "jobs" / "composite.py"), str(recipe), "--output", str(out), "--catalog", archive.catalog,
    ]  # fmt: skip
    environment = os.environ | SECRETS | {
        "JAVA_HOME": ensure_java(), "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1",
        "PYTHONPATH": str(Path(jeospark.__file__).parents[1]), "JEOSPARK_TOKENS": "127.0.0.1*=env:CHAOS_TOKEN",
    }  # fmt: skip
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path
    )
    assert done.returncode == 1, done.stdout + done.stderr
    # The token was used, and the server told it back: it could have been shown.
    assert f"Bearer {SECRETS['CHAOS_TOKEN']}" in seen
    (failed,) = [row for row in latest(load_job(str(out))) if row.status == "failed"]
    assert f"{url}/" in failed.message
    found = [(Path("output"), (done.stdout + done.stderr).encode()), *everything(out), *everything(events)]
    assert any("eventlog" in path.parent.name or "app-" in path.name or "local-" in path.name for path, _ in found)
    for path, data in found:
        for name, secret in SECRETS.items():
            assert secret.encode() not in data, f"{name} is in {path}"
    papers = [out / "run.json", out / "attempt.json", *out.glob("plan/*/*"), *out.glob("ledger/*/*")]
    assert len(papers) >= 5
    assert {stat.S_IMODE(path.stat().st_mode) for path in papers} == {0o600}


def test_what_an_href_carries_is_in_no_message():
    from jeospark.storage.tokens import redact

    text = f"HTTP 403 [https://me:pw@h/a.tif?authz={SECRETS['EOS']}&X-Amz-Signature={SECRETS['SIGNED']}]"
    for secret in (SECRETS["EOS"], SECRETS["SIGNED"], "me:pw"):
        assert secret not in redact(text)
