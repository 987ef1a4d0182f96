import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from jeospark.cli import main
from jeospark.engine.jars import SEDONA, sedona_jars
from jeospark.errors import ClusterDownError, JobFileError, ProfileError
from jeospark.submit.hadoop import Hadoop
from jeospark.submit.memory import memory_conf
from jeospark.submit.profile import read_properties, site_defaults
from jeospark.submit.request import TAGS, Request, command, environment_conf, line, logging_conf
from jeospark.submit.script import Script, check_words, read_script

ROOT = Path(__file__).resolve().parents[2]


def request(**changes):
    asked = {
        "script": Path("jobs/composite.py"), "arguments": ("my recipe.json", "--output", "out"), "on": "yarn",
        "mode": "cluster", "properties": Path("conf/yarn.conf"), "queue": "archive", "executors": 3, "cores": 2,
    }  # fmt: skip
    return Request(**(asked | changes))


def test_the_line_can_be_copied():
    parts = command(request(conf={"a.b": "c d"}), {"a.b": "replaced", "x": "1"}, "hdfs:///env.tar.gz")
    assert shlex.split(line(parts).replace("\\\n", "")) == parts
    assert line(parts).splitlines()[-1] == "  jobs/composite.py 'my recipe.json' --output out"
    assert parts[parts.index("--archives") :][:2] == ["--archives", "hdfs:///env.tar.gz#environment"]
    assert "a.b=c d" in parts
    assert "a.b=replaced" not in parts
    assert parts[parts.index("--num-executors") + 1] == "3"


@pytest.mark.parametrize("name", [TAGS, "spark.jars", "spark.sql.extensions"])
def test_lists_are_joined(name):
    parts = command(request(conf={name: "mine"}), {name: "ours"}, None)
    assert [part for part in parts if name in part] == [f"{name}=ours,mine"]


@pytest.mark.parametrize(
    ("mode", "given", "wanted"),
    [
        ("client", {}, "-Dlog4j2.configurationFile="),
        ("client", {"spark.driver.extraJavaOptions": "-Xint"}, "-Xint -Dlog4j2.configurationFile="),
        ("client", {"spark.driver.extraJavaOptions": "-Dlog4j2.configurationFile=/site.xml"}, None),
        ("cluster", {}, None),
    ],
)
def test_a_driver_that_is_here_says_errors_only(mode, given, wanted):
    made = logging_conf(request(mode=mode), given).get("spark.driver.extraJavaOptions")
    assert made is None if wanted is None else made.startswith(wanted)


def test_sparks_own_cluster_counts_cores():
    parts = command(request(on="standalone", mode="client", queue=None), {}, None)
    assert parts[parts.index("--total-executor-cores") + 1] == "6"
    assert not {"--num-executors", "--queue", "--archives"} & set(parts)


def test_settings_reach_a_driver_on_a_node_and_secrets_do_not():
    environ = {"JEOSPARK_CATALOG": "/c", "JEOSPARK_TOKENS": "eos=file:/t", "JEOSPARK_EOS": "zteos64:x", "HOME": "/h"}
    conf = environment_conf(request(), "a", environ, "/cache")
    assert conf["spark.yarn.appMasterEnv.JEOSPARK_CATALOG"] == "/c"
    assert conf["spark.yarn.appMasterEnv.JEOSPARK_TOKENS"] == "eos=file:/t"
    assert conf["spark.yarn.appMasterEnv.JEOSPARK_FOLDER"] == str(Path.cwd())
    assert "zteos64" not in str(conf)
    assert "/h" not in conf.values()


@pytest.mark.parametrize(("cores", "overhead"), [(1, "1152m"), (2, "1664m"), (4, "2432m")])
def test_memory_is_what_the_plan_needs(cores, overhead):
    # 429 MB a worker, 320 for their daemon, 384 for the JVM, in steps of 128.
    assert memory_conf(429, cores, {})["spark.executor.memoryOverhead"] == overhead
    assert memory_conf(429, cores, {"spark.executor.memory": "2g"}) == {"spark.executor.memoryOverhead": overhead}


@pytest.mark.parametrize(("said", "sedona"), [("", False), ("SEDONA = True\n", True), ("SEDONA = 'no'\n", False)])
def test_a_job_that_cannot_tell_what_it_does_is_no_failure(tmp_path, said, sedona):
    script = tmp_path / "job.py"
    script.write_text(f"{said}if __name__ == '__main__':\n    raise SystemExit(3)\n")
    assert read_script(script) == Script(job=None, sedona=sedona)


@pytest.mark.parametrize(
    "text",
    ["def job(:", "SEDONA = True\nimport nowhere", "def job(_): ...\n1 / 0", "SEDONA = False\nraise SystemExit(0)"],
)
def test_a_file_that_cannot_be_loaded_is_named(tmp_path, text):
    (tmp_path / "job.py").write_text(text)
    with pytest.raises(JobFileError, match=r"cannot be loaded.*job\.py"):
        read_script(tmp_path / "job.py")


@pytest.mark.parametrize("name", ["job", "job.txt", "a#b.py"])
def test_a_file_that_spark_takes_for_none_of_python_is_refused(tmp_path, name):
    (tmp_path / name).write_text("")
    with pytest.raises(JobFileError, match="Rename"):
        read_script(tmp_path / name)


def test_a_file_that_works_at_once_does_it_on_the_cluster_only(tmp_path):
    script = tmp_path / "job.py"
    script.write_text(f"open({str(tmp_path / 'made')!r}, 'w')\n")
    assert read_script(script) == Script(job=None, sedona=False)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("name", "arguments", "variable"),
    [
        ("my job.py", [], ""), ("50%.py", [], ""), ("a.py", ["x`id`"], ""), ("a.py", ["{{x}}"], ""),
        ("a.py", ["<LOG_DIR>/a"], ""), ("a.py", [], 'a"b'), ("a.py", [], "$HOME"), ("a.py", [], "back\\slash"),
    ],
)  # fmt: skip
def test_what_yarn_would_change_on_its_way_to_a_node_is_refused(name, arguments, variable):
    with pytest.raises(JobFileError):
        check_words(Path(name), arguments, {"JEOSPARK_FOLDER": variable})


def test_what_comes_to_a_node_as_it_is_is_let_through():
    words = ["a b", 'c"d', "e'f", "", "é日", "%20", "$HOME", "x\\y", "a!b", "*", "new\nline", "{x}"]
    check_words(Path("my dir/jöb-1.py"), words, {"JEOSPARK_FOLDER": "/odd é %20 dir"})


def test_the_masters_address_has_to_be_said(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("SPARK_CONF_DIR", raising=False)
    asked = ["submit", "jobs/zonal.py", "--on", "standalone", "--archive", "hdfs:///a.tar.gz", "--dry-run"]
    refused = CliRunner().invoke(main, asked)
    assert refused.exit_code == 2
    assert "ClusterDownError: nothing says where the master is" in refused.output


def test_the_line_is_that_of_the_job_also_where_properties_end_as_it():
    parts = command(request(properties=Path("site.py"), conf={"spark.submit.pyFiles": "a.py"}), {}, None)
    assert line(parts).splitlines()[-1] == "  jobs/composite.py 'my recipe.json' --output out"


@pytest.mark.parametrize(("job", "sedona"), [("composite", False), ("zonal", False), ("join", True), ("density", True)])
def test_jobs_that_join_by_place_say_that_they_need_sedona(job, sedona):
    assert read_script(ROOT / "jobs" / f"{job}.py").sedona is sedona


@pytest.mark.spark
def test_sedona_comes_along_where_a_job_needs_it(monkeypatch):
    monkeypatch.chdir(ROOT)
    asked = ["submit", "jobs/join.py", "--on", "local", "--conf", "spark.jars=/my.jar", "--dry-run", "--", "a", "b"]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 0, done.output
    said = dict(
        part.split("=", 1) for part in shlex.split(done.output.replace("\\\n", "")) if part.startswith("spark.")
    )
    assert said["spark.jars"].split(",") == [*sedona_jars(), "/my.jar"]
    assert SEDONA.items() <= said.items()


@pytest.mark.parametrize("path", sorted((ROOT / "conf").glob("*.conf")), ids=lambda path: path.name)
def test_every_profile_can_be_read(path):
    properties = read_properties(path)
    assert all(name.startswith("spark.") for name in properties)
    assert not [name for name in properties if "authenticate.secret" in name]


def test_properties_are_read_as_spark_reads_them(tmp_path):
    path = tmp_path / "spark-defaults.conf"
    path.write_text("# remark\n\nspark.a   b c\nspark.d=e\n")
    assert site_defaults(str(tmp_path)) == {"spark.a": "b c", "spark.d": "e"}
    assert site_defaults(None) == {}
    path.write_text("! remark\nspark.a\t-Dx=y\nspark.b: c\nspark.d =\n")
    assert read_properties(path) == {"spark.a": "-Dx=y", "spark.b": "c", "spark.d": ""}
    path.write_bytes(b"spark.a \xe9\n")
    with pytest.raises(ProfileError, match="cannot be read"):
        read_properties(path)
    path.write_text("spark.alone\n")
    with pytest.raises(ProfileError, match="has no value"):
        read_properties(path)
    with pytest.raises(ProfileError, match="cannot be read"):
        read_properties(tmp_path / "none.conf")


def test_where_the_cluster_is_has_to_be_said(tmp_path, monkeypatch):
    monkeypatch.delenv("YARN_CONF_DIR", raising=False)
    monkeypatch.delenv("HADOOP_CONF_DIR", raising=False)
    with pytest.raises(ClusterDownError, match="HADOOP_CONF_DIR"):
        Hadoop()
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))
    with pytest.raises(ClusterDownError, match=r"no core-site\.xml"):
        Hadoop()


def test_a_cluster_that_is_down_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))
    row = "<property><name>yarn.resourcemanager.webapp.address</name><value>127.0.0.1:1</value></property>"
    (tmp_path / "yarn-site.xml").write_text(f"<configuration>{row}</configuration>")
    with pytest.raises(ClusterDownError, match="YARN does not answer"):
        Hadoop().check_queue("default")


def test_a_configuration_that_is_no_xml_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))
    (tmp_path / "yarn-site.xml").write_text("<configuration><property>")
    with pytest.raises(ClusterDownError, match=r"cannot be read.*yarn-site\.xml"):
        Hadoop()
