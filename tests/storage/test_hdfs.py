"""HDFS through WebHDFS: a real NameNode and DataNode, those of scripts/cluster.sh."""

import json
import os
import shutil
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError

import pytest

from jeospark.engine.java import ensure_java
from jeospark.errors import OutputUnwritableError
from jeospark.settings import Settings
from jeospark.storage.publish import check_writable, exists, names, read_text, remove, write_text_atomic
from jeospark.storage.remote import RemoteFile
from jeospark.submit.hadoop import Hadoop

# The daemons outlive the objects that started them, and are ended by their process ids.
pytestmark = pytest.mark.filterwarnings(
    "ignore:subprocess .* is still running:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def free_row(length):
    """The first of a row of ports that nobody listens on."""
    for first in range(19300, 19900, length):
        probes = [socket.socket() for _ in range(length)]
        free = all(probe.connect_ex(("127.0.0.1", first + at)) for at, probe in enumerate(probes))
        for probe in probes:
            probe.close()
        if free:
            return first
    raise AssertionError("no ports are free")


@pytest.fixture(scope="module")
def hdfs(tmp_path_factory):
    """href of an HDFS, and the address of its NameNode's page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(SCRIPTS), *sys.path])
        patch.setitem(os.environ, "JAVA_HOME", ensure_java())
        import cluster_hadoop
        import cluster_processes

        if shutil.which("mvn") is None and not (Path(Settings.load().cache) / "hadoop-3.5.0").is_dir():
            pytest.skip("Hadoop's servers come by Maven, which is not here")
        port = free_row(12)
        whole = cluster_hadoop.yarn(tmp_path_factory.mktemp("hdfs"), port)

        def active():
            query = f"http://127.0.0.1:{port + 1}/jmx?qry=Hadoop:service=NameNode,name=NameNodeInfo"
            try:
                (state,) = cluster_hadoop._ask(query)["beans"]
            except (URLError, OSError, ValueError):
                return 0
            return cluster_processes.NODES if not state["Safemode"] and json.loads(state["LiveNodes"]) else 0

        cluster = replace(whole, roles=whole.roles[:2], active=active)
        try:
            cluster_processes.start(cluster)
            yield f"hdfs://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"
        finally:
            cluster_processes.stop(cluster)


def test_files_are_published_read_listed_and_removed(hdfs, using):
    base, page = hdfs
    using(http_gates=f"{base}={page}", storage_timeout_s="20", storage_patience_s="40")
    href = f"{base}/x/q/a b.txt"
    assert (exists(href), names(f"{base}/x")) == (False, [])
    write_text_atomic(href, "first")
    write_text_atomic(href, "0123456789" * 50_000)
    assert read_text(href) == "0123456789" * 50_000
    with RemoteFile(href) as file:
        assert (file.size, file.part(4, 499_998)) == (500_000, b"89")
        file.expect([(3, 2), (100_000, 40_000)])
        assert bytes(file.taken(3, 2)) == b"34"
        assert len(file.taken(100_000, 40_000)) == 40_000
    check_writable(f"{base}/x/q")
    assert names(f"{base}/x/q") == ["a b.txt"]
    remove(href)
    remove(href)
    assert not exists(href)
    with pytest.raises(FileNotFoundError):
        read_text(href)


def test_another_data_node_is_asked_for_where_one_does_not_answer(hdfs, using, open_door):
    base, page = hdfs
    with open_door(page) as door:
        using(http_gates=f"{base}={door.url}", storage_timeout_s="20", storage_patience_s="40")
        door.astray = 2
        write_text_atomic(f"{base}/dead/a.txt", "there")
        assert read_text(f"{base}/dead/a.txt") == "there"


def test_a_file_is_no_folder_and_a_user_who_may_not_write_is_told(hdfs, using, monkeypatch):
    base, page = hdfs
    using(http_gates=f"{base}={page}", storage_timeout_s="20", storage_patience_s="40")
    write_text_atomic(f"{base}/z/a.txt", "x")
    assert names(f"{base}/z/a.txt") == []
    monkeypatch.setenv("HADOOP_USER_NAME", "somebody")
    using(http_gates=f"{base}={page}", storage_timeout_s="21", storage_patience_s="40")
    with pytest.raises(OutputUnwritableError, match=r"Permission denied: user=somebody.*HADOOP_USER_NAME"):
        check_writable(f"{base}/z")


def test_a_rename_whose_answer_was_lost_is_done(hdfs, using, open_door):
    base, page = hdfs
    with open_door(page) as door:
        using(http_gates=f"{base}={door.url}", storage_timeout_s="20", storage_patience_s="40")
        door.lose = 1
        write_text_atomic(f"{base}/y/a.txt", "once")
        assert len([path for _, path, _ in door.seen if "op=RENAME" in path]) == 2
        assert read_text(f"{base}/y/a.txt") == "once"


def test_submissions_that_send_the_same_file_at_once_all_have_it(hdfs, using, monkeypatch, tmp_path):
    base, page = hdfs
    using(http_gates=f"{base}={page}", storage_timeout_s="20", storage_patience_s="40")
    row = f"<property><name>fs.defaultFS</name><value>{base}</value></property>"
    (tmp_path / "core-site.xml").write_text(f"<configuration>{row}</configuration>")
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))
    # Spark's own scripts would take this for a Java.
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    (tmp_path / "large.jar").write_bytes(b"x" * 1000)
    with ThreadPoolExecutor(2) as pool:
        sent = [pool.submit(Hadoop().put, tmp_path / "large.jar") for _ in range(2)]
        (target,) = {each.result() for each in sent}
    assert names(target.rpartition("/")[0]) == ["large.jar"]
    assert read_text(target) == "x" * 1000
