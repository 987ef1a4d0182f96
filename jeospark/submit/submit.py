"""A submission from first to last."""

import os
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from jeospark.engine.java import ensure_java
from jeospark.errors import ArchiveError
from jeospark.settings import Settings
from jeospark.storage.href import href_scheme
from jeospark.storage.tokens import Tokens
from jeospark.submit.archive import check_archive, environment_archive
from jeospark.submit.follow import run_here, run_there
from jeospark.submit.hadoop import Hadoop
from jeospark.submit.memory import Forecast, forecast, memory_conf
from jeospark.submit.profile import read_properties, site_defaults
from jeospark.submit.request import TAGS, Request, command, environment_conf, line, logging_conf, submit_environment


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
    hadoop = Hadoop() if request.on == "yarn" else None
    if hadoop is not None:
        hadoop.check_queue(request.queue or "default")
    profile = {**site_defaults(os.environ.get("SPARK_CONF_DIR")), **read_properties(request.properties)}
    set_already = {**profile, **request.conf}
    known = forecast(request.script, request.arguments)
    place = None if request.on == "local" else _archive(hadoop, archive)
    tag = f"jeospark-{uuid4().hex[:12]}"
    conf = {
        **_memory(request, known, set_already),
        **logging_conf(request, set_already),
        **environment_conf(request, place, os.environ, Settings.load().cache),
        **({TAGS: ",".join(filter(None, (tag, profile.get(TAGS))))} if hadoop is not None else {}),
    }
    parts = command(request, conf, place)
    sys.stdout.write(f"{line(parts)}\n")
    sys.stdout.flush()
    if dry_run:
        return 0
    environment = submit_environment(os.environ, ensure_java())
    if hadoop is not None and request.mode == "cluster":
        return run_there(parts, environment, hadoop, tag, known)
    return run_here(parts, environment)


def _memory(request: Request, known: Forecast | None, set_already: dict[str, str]) -> dict[str, str]:
    if known is None or request.on == "local":
        return {}
    sums, peak = known.explanation.sums, known.explanation.peak_mb
    conf = memory_conf(peak, request.cores, set_already)
    told = ", ".join(f"{name.rpartition('.')[2]} {value}" for name, value in conf.items())
    sys.stderr.write(
        f"{sums.units:,} units ({sums.done:,} done already), {sums.pixels / 1e6:,.1f} Mpx; "
        f"{request.cores} workers of {peak:,.0f} MB an executor: {told or 'memory as it was set'}\n"
    )
    return conf


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
