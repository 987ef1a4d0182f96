"""Sedona's jars: which ones the installed versions need, and how they come into the user's cache, once.

The wheel of apache-sedona holds no jar. `mvn` brings them where it is installed, as it knows a site's mirrors; Spark's
own resolver (Ivy) is the other way. From then on they are plain files: no network, no resolution.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from jeospark.engine.java import ensure_java
from jeospark.errors import SedonaError
from jeospark.settings import Settings

SPARKS = {"1.8": ("4.0",), "1.9": ("4.0", "4.1")}
"""Sedona's releases, and the Sparks that each has a jar for."""

GEOTOOLS = {"1.8": "33.1"}
"""GeoTools that a release of Sedona needs for ST_Transform; later ones bring their own."""

EXTENSIONS = "spark.sql.extensions"
"""Property with what is added to Spark SQL, apart by commas."""

SEDONA = {
    EXTENSIONS: "org.apache.sedona.sql.SedonaSqlExtensions",
    "spark.serializer": "org.apache.spark.serializer.KryoSerializer",
    "spark.kryo.registrator": "org.apache.sedona.core.serde.SedonaKryoRegistrator",
}
"""Properties that a session with Sedona needs from its start, beside its jars."""

JARS = "spark.jars"
"""Property with the jars of a session, apart by commas."""

PATIENCE_S = 900
"""A download of 100 MB may be slow; a resolver that asks an unreachable repository may hang."""

_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
 <modelVersion>4.0.0</modelVersion><groupId>eu.jeospark</groupId><artifactId>jars</artifactId><version>1</version>
 <dependencies>{dependencies}</dependencies>
</project>"""
_DEPENDENCY = """<dependency>
  <groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>
  <exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>
 </dependency>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A jar by its Maven coordinates."""

    group: str
    artifact: str
    version: str

    def __str__(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def file(self) -> str:
        """Its name in a folder."""
        return f"{self.artifact}-{self.version}.jar"


def sedona_jars() -> tuple[str, ...]:
    """Paths of the jars that Sedona needs, fetched into the cache where they are not there yet.

    Raises:
        SedonaError: apache-sedona is not installed, has no jar for this Spark, or its jars cannot be had.
    """
    wanted, folder = needed(), Path(Settings.load().cache) / "jars"
    tried: list[str] = []
    for way in _WAYS.values():
        missing = tuple(each for each in wanted if not usable(folder / each.file))
        if missing:
            tried.append(_attempt(way, missing, folder))
    if any(not usable(folder / each.file) for each in wanted):
        raise SedonaError(
            f"Sedona's jars are not here and cannot be fetched: {'; '.join(filter(None, tried))}",
            where=str(folder),
            remedy=f"Put {' and '.join(each.file for each in wanted)} there, or install Maven (`mvn`) and try again.",
        )
    return tuple(str(folder / each.file) for each in wanted)


def needed(sedona: str | None = None, spark: str | None = None, scala: str | None = None) -> tuple[Artifact, ...]:
    """The jars for versions of Sedona, Spark and Scala; None for what is installed.

    Raises:
        SedonaError: See `sedona_jars`.
    """
    sedona = sedona or _sedona_version()
    if spark is None or scala is None:
        spark, scala = spark_versions()
    release, minor = _minor(sedona), _minor(spark)
    if minor not in SPARKS.get(release, ()):
        known = "; ".join(f"{name} with Spark {' or '.join(sparks)}" for name, sparks in SPARKS.items())
        raise SedonaError(
            f"no jar is known for Sedona {sedona} on Spark {spark}",
            remedy=f"Install a pair that belongs together: Sedona {known}.",
        )
    shaded = Artifact(group="org.apache.sedona", artifact=f"sedona-spark-shaded-{minor}_{scala}", version=sedona)
    if release not in GEOTOOLS:
        return (shaded,)
    wrapper = Artifact(group="org.datasyslab", artifact="geotools-wrapper", version=f"{sedona}-{GEOTOOLS[release]}")
    return shaded, wrapper


def spark_versions() -> tuple[str, str]:
    """Versions of the Spark that sessions start, and of its Scala.

    Raises:
        SedonaError: SPARK_HOME names a folder without Spark.
    """
    folder = spark_home() / "jars"
    for jar in folder.glob("spark-core_*.jar"):
        scala, spark = jar.stem.removeprefix("spark-core_").split("-", 1)
        return spark, scala
    raise SedonaError("there is no Spark", where=str(folder), remedy="Unset SPARK_HOME, or set it to Spark's folder.")


def spark_home() -> Path:
    """Folder of Spark: SPARK_HOME, or that of the package pyspark."""
    import pyspark  # noqa: PLC0415 - half a second that a look at the cache does not need

    return Path(os.environ.get("SPARK_HOME") or pyspark.__path__[0])


def class_path() -> str:
    """What a JVM needs on its class path from the start to know Sedona.

    Spark's own interface of loggers comes first: GeoTools holds an older one, which would silence Spark.

    Raises:
        SedonaError: See `sedona_jars`.
    """
    loggers = sorted((spark_home() / "jars").glob("slf4j-api-*.jar"))
    return ":".join([*map(str, loggers), *sedona_jars()])


def usable(jar: Path) -> bool:
    """True where a jar is there, whole: the directory of an archive is its last part."""
    return jar.is_file() and zipfile.is_zipfile(jar)


def _sedona_version() -> str:
    try:
        return version("apache-sedona")
    except PackageNotFoundError as error:
        remedy = "Run `pip install apache-sedona==1.8.0`."
        raise SedonaError("the package apache-sedona is not installed", remedy=remedy) from error


def _minor(text: str) -> str:
    return ".".join(text.split(".")[:2])


Way = Callable[[tuple[Artifact, ...], Path], str]
"""Brings artifacts into a folder, under any name that ends with theirs; says what went wrong, or nothing."""


def _attempt(way: Way, missing: tuple[Artifact, ...], folder: Path) -> str:
    """Fetch beside the cache, and move what came whole into it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=folder) as part:
            told = way(missing, Path(part))
            for each in missing:
                for jar in filter(usable, Path(part).rglob(f"*{each.file}")):
                    jar.replace(folder / each.file)
    except OSError as error:
        return f"{error.filename or folder}: {error.strerror}"
    return told


def by_maven(missing: tuple[Artifact, ...], part: Path) -> str:
    """Ask Maven."""
    maven = shutil.which("mvn")
    if maven is None:
        return "there is no `mvn` on PATH"
    dependencies = (_DEPENDENCY.format(group=e.group, artifact=e.artifact, version=e.version) for e in missing)
    (part / "pom.xml").write_text(_POM.format(dependencies="".join(dependencies)), encoding="utf-8")
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={part}"]
    return _run("mvn", [maven, "--quiet", "--batch-mode", "--file", str(part / "pom.xml"), *goal], os.environ)


def by_ivy(missing: tuple[Artifact, ...], part: Path) -> str:
    """Ask Spark's own resolver, which runs before a script that does nothing."""
    script = part / "nothing.py"
    script.write_text("", encoding="utf-8")
    packages = ["--packages", ",".join(map(str, missing)), "--conf", f"spark.jars.ivy={part}"]
    submit = str(spark_home() / "bin" / "spark-submit")
    environment = {**os.environ, "JAVA_HOME": ensure_java(), "PYSPARK_PYTHON": sys.executable}
    return _run("Spark's resolver", [submit, "--master", "local[1]", *packages, str(script)], environment)


def _run(name: str, command: list[str], environment: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_S, check=False, env=dict(environment)
        )
    except subprocess.TimeoutExpired:
        return f"{name} took longer than {PATIENCE_S} s"
    if done.returncode == 0:
        return ""
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
    told = [line for line in lines if "ERROR" in line or "Exception" in line or "UNRESOLVED" in line]
    return f"{name}: {(told or lines or ['it failed'])[0][:300]}"


_WAYS: dict[str, Way] = {"mvn": by_maven, "ivy": by_ivy}


if __name__ == "__main__":
    try:
        sys.stdout.write("\n".join(sedona_jars()) + "\n")
    except SedonaError as failed:
        sys.exit(f"SedonaError: {failed}")
