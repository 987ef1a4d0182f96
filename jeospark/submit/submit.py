"""A submission from first to last."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from jeospark.engine.jars import EXTENSIONS, JARS, SEDONA, sedona_jars
from jeospark.engine.java import ensure_java
from jeospark.errors import ArchiveError, ClusterDownError
from jeospark.settings import Settings
from jeospark.storage.href import href_scheme
from jeospark.storage.tokens import Tokens
from jeospark.submit.archive import check_archive, environment_archive
from jeospark.submit.follow import run_here, run_there
from jeospark.submit.hadoop import Hadoop
from jeospark.submit.memory import HEAP_MB, JOINS_HEAP_MB, Forecast, forecast, memory_conf, most_mb
from jeospark.submit.profile import read_properties, site_defaults
from jeospark.submit.request import (
    MASTER,
    ON_NODE,
    QUEUE,
    TAGS,
    Request,
    command,
    environment_conf,
    line,
    logging_conf,
    submit_environment,
)
from jeospark.submit.script import Script, check_words, read_script


def submit(request: Request, archive: str | None, *, dry_run: bool) -> int:
    """Hand a job over and follow it to its end.

    Args:
        request: The job, and where to run it.
        archive: Environment archive that is there already; None to make one of what is installed here.
        dry_run: Only tell what would be run.

    Returns:
        The job's exit code.

    Raises:
        CredentialError: JEOSPARK_TOKENS is malformed.
        SubmitError: The job cannot be handed over.
        JeosparkError: The job's plan says that it cannot run.
    """
    # Somebody may have written a token itself into the setting: it must not reach a command line.
    Tokens(Settings.load().tokens)
    profile = {**site_defaults(os.environ.get("SPARK_CONF_DIR")), **read_properties(request.properties)}
    set_already = {**profile, **request.conf}
    hadoop = Hadoop() if request.on == "yarn" else None
    if hadoop is not None:
        hadoop.check_queue(request.queue or set_already.get(QUEUE, "default"))
    if request.on == "standalone":
        _check_master(set_already)
    script = read_script(request.script)
    known = forecast(script.job, request.arguments) if script.job else None
    place = None if request.on == "local" else _archive(hadoop, archive)
    tag = f"jeospark-{uuid4().hex[:12]}"
    conf = {
        **_memory(request, script, known, set_already),
        **(_sedona(hadoop, profile) if script.sedona else {}),
        **logging_conf(request, set_already),
        **environment_conf(request, place, os.environ, Settings.load().cache),
        **({TAGS: ",".join(filter(None, (tag, profile.get(TAGS))))} if hadoop is not None else {}),
    }
    if request.mode == "cluster":
        on_node = {name: value for name, value in conf.items() if name.startswith(ON_NODE)}
        check_words(request.script, request.arguments, on_node)
    parts = command(request, conf, place)
    sys.stdout.write(f"{line(parts)}\n")
    sys.stdout.flush()
    if dry_run:
        return 0
    environment = submit_environment(os.environ, ensure_java())
    if hadoop is not None and request.mode == "cluster":
        return run_there(parts, environment, hadoop, tag, known)
    return run_here(parts, environment)


def _check_master(properties: Mapping[str, str]) -> None:
    """Refuse to look for Spark's own cluster where nothing says where it is: Spark would take this machine instead.

    Raises:
        ClusterDownError: Nothing does.
    """
    if MASTER not in properties:
        remedy = "Give --conf spark.master=spark://HOST:7077, or write it into spark-defaults.conf of SPARK_CONF_DIR."
        raise ClusterDownError("nothing says where the master is", where=MASTER, remedy=remedy)


def _memory(request: Request, script: Script, known: Forecast | None, set_already: dict[str, str]) -> dict[str, str]:
    if request.on == "local":
        return {}
    heap = JOINS_HEAP_MB if script.sedona else HEAP_MB
    peak = known.explanation.peak_mb if known else most_mb(Settings.load())
    conf = memory_conf(peak, request.cores, set_already, heap)
    told = ", ".join(f"{name.rpartition('.')[2]} {value}" for name, value in conf.items()) or "memory as it was set"
    workers = f"{request.cores} workers of {peak:,.0f} MB an executor: {told}\n"
    if known:
        sums = known.explanation.sums
        workers = f"{sums.units:,} units ({sums.done:,} done already), {sums.pixels / 1e6:,.1f} Mpx; {workers}"
    sys.stderr.write(workers)
    return conf


def _sedona(hadoop: Hadoop | None, profile: dict[str, str]) -> dict[str, str]:
    """Properties that bring Sedona into the JVMs as they start, from where nodes can read its jars."""
    jars = [each if hadoop is None else hadoop.put(Path(each)) for each in sedona_jars()]
    own = {**SEDONA, JARS: ",".join(jars)}
    return own | {name: ",".join(filter(None, (own[name], profile.get(name)))) for name in (JARS, EXTENSIONS)}


def _archive(hadoop: Hadoop | None, given: str | None) -> str:
    """URI of the environment archive, where nodes can read it."""
    if given is None:
        made = environment_archive(Settings.load().cache)
        return str(made) if hadoop is None else hadoop.put(made)
    if href_scheme(given) in {"", "file"}:
        path = Path(unquote(urlsplit(given).path) if href_scheme(given) else given)
        if not path.is_file():
            remedy = "Leave --archive out, so that one is made, or name one that is there."
            raise ArchiveError("there is no such archive", where=str(path), remedy=remedy)
        check_archive(path)
    return given
