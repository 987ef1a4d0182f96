"""YARN's REST interface, as a server on this machine gives it."""

import json
import os
import re
import subprocess
import sys
from http.client import IncompleteRead
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pyarrow as pa
import pytest
from click.testing import CliRunner

from jeospark.cli import main
from jeospark.engine import ledger
from jeospark.engine.job import Job
from jeospark.errors import ClusterDownError, QueueError, StorageUnreachableError
from jeospark.schema import OUTCOMES
from jeospark.storage.tables import write_table
from jeospark.submit import follow, hadoop
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


def test_a_configuration_names_other_properties_and_several_managers(yarn, tmp_path):
    """As yarn-default.xml and sites with a second ResourceManager have it."""
    yarn.append({"scheduler": {"schedulerInfo": CAPACITY}})
    text = (tmp_path / "yarn-site.xml").read_text()
    port = re.search(r"127\.0\.0\.1:(\d+)", text)[1]
    named = "<property><name>yarn.resourcemanager.hostname.b</name><value>127.0.0.1</value></property>"
    away = "<property><name>yarn.resourcemanager.webapp.address.a</name><value>127.0.0.1:1</value></property>"
    there = "${yarn.resourcemanager.hostname.b}:" + port
    (tmp_path / "yarn-site.xml").write_text(
        text.replace("webapp.address<", "webapp.address.b<")
        .replace(f"127.0.0.1:{port}", there)
        .replace("<configuration>", f"<configuration>{named}{away}")
    )
    Hadoop().check_queue("archive")
    (tmp_path / "yarn-site.xml").write_text(f"<configuration>{named}</configuration>")
    assert Hadoop()._managers() == ["http://127.0.0.1:8088"]


def test_a_queue_of_the_sites_properties_is_the_one_that_is_looked_up(yarn, tmp_path, monkeypatch):
    yarn.append(
        {"scheduler": {"schedulerInfo": {"queueName": "root", "queues": {"queue": [{"queueName": "archive"}]}}}}
    )
    (tmp_path / "spark-defaults.conf").write_text("spark.yarn.queue archive\n")
    (tmp_path / "job.py").write_text("")
    (tmp_path / "yarn.conf").write_text("")
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    asked = ["submit", str(tmp_path / "job.py"), "--on", "yarn", "--properties", str(tmp_path / "yarn.conf")]
    done = CliRunner().invoke(main, [*asked, "--archive", "hdfs:///a.tar.gz", "--dry-run"])
    assert done.exit_code == 0, done.output
    refused = CliRunner().invoke(main, [*asked, "--queue", "default"])
    assert "QueueError" in refused.output


def test_an_answer_that_breaks_off_is_one_that_yarn_did_not_give(monkeypatch, tmp_path, yarn):
    def broken(*_, **__):
        raise IncompleteRead(b"")

    monkeypatch.setattr(hadoop, "urlopen", broken)
    with pytest.raises(ClusterDownError, match="does not answer"):
        Hadoop().check_queue("default")


def test_a_driver_that_is_killed_ends_with_the_code_that_shells_give():
    assert follow.run_here([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], os.environ) == 137
    assert follow.run_here([sys.executable, "-c", "raise SystemExit(7)"], os.environ) == 7


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
