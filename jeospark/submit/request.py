"""What a user asked to submit, and the spark-submit line that does it."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from jeospark.engine.jars import EXTENSIONS, JARS, spark_home
from jeospark.engine.main import FOLDER_VARIABLE
from jeospark.engine.session import LOGGING
from jeospark.settings import PREFIX, Settings
from jeospark.submit.archive import NAME, PYTHON

MASTER = "spark.master"
QUEUE = "spark.yarn.queue"
ON_NODE = "spark.yarn.appMasterEnv."
"""Begin of properties that become variables of a driver on a node."""
TAGS = "spark.yarn.tags"
"""Property with the names by which an application is found, apart by commas."""
JOINED = (TAGS, JARS, EXTENSIONS)
"""Properties that are lists, apart by commas: what is needed here is added to what was given."""
DRIVER_OPTIONS = "spark.driver.extraJavaOptions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A job and where to run it."""

    script: Path
    arguments: tuple[str, ...]
    """The job's own."""
    on: str
    """yarn, standalone or local."""
    mode: str
    """client: the driver runs here; cluster: on a node."""
    properties: Path
    """File of Spark properties."""
    queue: str | None
    executors: int | None
    """None to leave it to the properties, which may let it change."""
    cores: int
    """Tasks that an executor runs at once."""
    conf: Mapping[str, str] = field(default_factory=dict)
    """More Spark properties; they come before all others."""


def command(request: Request, conf: Mapping[str, str], archive: str | None) -> list[str]:
    """The spark-submit line.

    Args:
        request: What the user asked for.
        conf: Properties that follow from it; the user's own come before them, but for `JOINED`.
        archive: URI of the environment archive; None where all processes run in the environment that is here.
    """
    parts = [str(spark_home() / "bin" / "spark-submit"), "--properties-file", str(request.properties)]
    parts += ["--load-spark-defaults", "--name", f"jeospark {request.script.stem}"]
    if request.on != "local":
        parts += ["--deploy-mode", request.mode, "--executor-cores", str(request.cores)]
    if request.queue:
        parts += ["--queue", request.queue]
    if request.executors:
        parts += _fixed(request)
    if archive:
        parts += ["--archives", f"{archive}#{NAME}"]
    for name, value in {**conf, **request.conf, **_joined(conf, request.conf)}.items():
        parts += ["--conf", f"{name}={value}"]
    return [*parts, str(request.script), *request.arguments]


def environment_conf(request: Request, archive: str | None, environ: Mapping[str, str], cache: str) -> dict[str, str]:
    """Properties that give a job's processes their Python and jeospark's settings.

    Args:
        request: What the user asked for.
        archive: See `command`.
        environ: The user's environment, of which jeospark's settings hold for the driver: none of them is a secret.
        cache: Folder of compiled kernels.
    """
    python = PYTHON if archive else sys.executable
    if request.mode == "client":
        return {"spark.pyspark.driver.python": sys.executable, "spark.pyspark.python": python}
    names = (f"{PREFIX}{each.name.upper()}" for each in fields(Settings))
    settings = {name: environ[name] for name in names if name in environ}
    # A driver on a node starts in a folder of its own, and with another home.
    own = {**settings, f"{PREFIX}CACHE": cache, FOLDER_VARIABLE: str(Path.cwd()), "PYSPARK_PYTHON": python}
    return {f"{ON_NODE}{name}": value for name, value in sorted(own.items())}


def logging_conf(request: Request, set_already: Mapping[str, str]) -> dict[str, str]:
    """Errors only, where the driver is here, unless the driver's options say otherwise.

    Args:
        request: What the user asked for.
        set_already: Properties of the site, of the profile and of the user.
    """
    options = set_already.get(DRIVER_OPTIONS, "")
    if request.mode != "client" or "log4j" in options:
        return {}
    return {DRIVER_OPTIONS: f"{options} -Dlog4j2.configurationFile={LOGGING}".strip()}


def line(parts: Sequence[str]) -> str:
    """The line as a shell takes it, an option a row."""
    rows = [shlex.quote(parts[0])]
    # Properties and files of them may end so, too, but come behind the name of an option.
    script = next(at for at, part in enumerate(parts) if part.endswith(".py") and not _is_value(parts, at))
    for at, part in enumerate(parts[1:], 1):
        follows = at > script or _is_value(parts, at)
        rows.append((" " if follows else " \\\n  ") + shlex.quote(part))
    return "".join(rows)


def _is_value(parts: Sequence[str], at: int) -> bool:
    """True for what belongs to the option before it."""
    before = parts[at - 1]
    return before.startswith("--") and before != "--load-spark-defaults" and not parts[at].startswith("--")


def submit_environment(environ: Mapping[str, str], java: str) -> dict[str, str]:
    """For spark-submit: what a shell's own Python would add to a driver is taken out."""
    kept = {name: value for name, value in environ.items() if name not in {"PYTHONPATH", "PYSPARK_PYTHON"}}
    return {**kept, "JAVA_HOME": java}


def _joined(*given: Mapping[str, str]) -> dict[str, str]:
    """The lists of all of them; without ours, a job could not be followed, nor join vectors."""
    lists = {name: ",".join(filter(None, (each.get(name) for each in given))) for name in JOINED}
    return {name: value for name, value in lists.items() if value}


def _fixed(request: Request) -> list[str]:
    """As many executors as were asked for, from first to last."""
    if request.on == "standalone":
        total = (request.executors or 0) * request.cores
        return ["--total-executor-cores", str(total), "--conf", "spark.dynamicAllocation.enabled=false"]
    return ["--num-executors", str(request.executors), "--conf", "spark.dynamicAllocation.enabled=false"]
