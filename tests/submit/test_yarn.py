"""YARN's REST interface, as a server on this machine gives it."""

import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pyarrow as pa
import pytest

from jeospark.engine import ledger
from jeospark.engine.job import Job
from jeospark.errors import ClusterDownError, QueueError, StorageUnreachableError
from jeospark.schema import OUTCOMES
from jeospark.storage.tables import write_table
from jeospark.submit import follow
from jeospark.submit.hadoop import Hadoop


@pytest.fixture
def yarn(tmp_path, monkeypatch):
    """A list of answers, given in turn, the last one for ever; None stands for an error."""
    answers = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(503 if answer is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_):
            """Be quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = Thread(target=httpd.serve_forever, args=(0.05,))
        thread.start()
        address = f"127.0.0.1:{httpd.server_address[1]}"
        rows = {"yarn.resourcemanager.webapp.address": address, "yarn.scheduler.fair.allow-undeclared-pools": "false"}
        text = "".join(f"<property><name>{name}</name><value>{it}</value></property>" for name, it in rows.items())
        (tmp_path / "yarn-site.xml").write_text(f"<configuration>{text}</configuration>")
        monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))
        yield answers
        httpd.shutdown()
        thread.join()


CAPACITY = {"queueName": "root", "queues": {"queue": [{"queueName": "default"}, {"queueName": "archive"}]}}
FAIR = {"rootQueue": {"queueName": "root", "childQueues": {"queue": [
    {"queueName": "root.default"}, {"queueName": "root.archive", "childQueues": []},
]}}}  # fmt: skip


@pytest.mark.parametrize("info", [CAPACITY, FAIR])
def test_queues_of_both_schedulers_are_known(yarn, info):
    yarn.append({"scheduler": {"schedulerInfo": info}})
    for name in ("default", "archive", "root.archive"):
        Hadoop().check_queue(name)
    with pytest.raises(QueueError, match="archive"):
        Hadoop().check_queue("other")


def test_a_scheduler_without_queues_takes_any(yarn):
    yarn.append({"scheduler": {"schedulerInfo": {"type": "fifoScheduler", "capacity": 1.0}}})
    Hadoop().check_queue("other")


@pytest.fixture
def submitted():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_a_resource_manager_that_is_away_for_a_while_is_waited_for(yarn, submitted, monkeypatch, capsys):
    monkeypatch.setattr(follow, "LOOK_S", 0.01)
    told = {"id": "application_1", "finalStatus": "SUCCEEDED"}
    running, ended = ({"apps": {"app": [{**told, "state": state}]}} for state in ("RUNNING", "FINISHED"))
    yarn += [running, None, None, ended]
    assert follow._wait(submitted, Hadoop(), "tag").ended
    assert capsys.readouterr().err.count("it is asked again") == 1


def test_a_resource_manager_that_stays_away_is_named(yarn, submitted, monkeypatch):
    monkeypatch.setattr(follow, "LOOK_S", 0.01)
    monkeypatch.setattr(follow, "PATIENCE_S", 0.1)
    yarn.append(None)
    with pytest.raises(ClusterDownError, match="YARN does not answer"):
        follow._wait(submitted, Hadoop(), "tag")


def test_progress_goes_on_where_the_ledger_is_out_of_reach_for_a_while(tmp_path, monkeypatch):
    job = Job(recipe="{}", catalog="", grid="", output=str(tmp_path))
    pixels = follow.Pixels(job)
    rows = pa.table({"pixels": [7, 5]}, pa.schema([OUTCOMES.field("pixels")]))
    write_table(f"{ledger.path(job, 'a')}/part-000000.parquet", rows.to_batches(), rows.schema)
    assert pixels.done() == 12

    def away(_):
        raise StorageUnreachableError("away")

    monkeypatch.setattr(follow, "LOOK_S", 0.0)
    monkeypatch.setattr(follow, "attempts", away)
    assert pixels.done() == 12
