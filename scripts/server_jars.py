"""Real servers for tests and trials: their jars with all that these need, from Maven, once into the user's cache.

`python scripts/server_jars.py` fetches those of all, so that tests need no network.
"""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from jeospark.settings import Settings

_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
 <modelVersion>4.0.0</modelVersion><groupId>eu.jeospark</groupId><artifactId>servers</artifactId><version>1</version>
 <dependencies>{dependencies}</dependencies>
</project>"""
_DEPENDENCY = """<dependency>
  <groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>
 </dependency>"""


class JarsError(Exception):
    """The jars are not here and cannot be fetched; says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Jars:
    """What a server is made of."""

    name: str
    group: str
    artifacts: tuple[str, ...]
    version: str
    megabytes: int

    @property
    def folder(self) -> Path:
        """Where they are, once they have been fetched."""
        return Path(Settings.load().cache) / f"{self.name}-{self.version}"

    def fetched(self) -> Path:
        """The folder, filled by Maven where it is not there yet.

        Raises:
            JarsError: There is no Maven, or it cannot get them.
        """
        if self.folder.is_dir():
            return self.folder
        maven = shutil.which("mvn")
        if maven is None:
            raise JarsError(f"{self.name} comes from Maven, which is not here; install it (Debian: apt install maven)")
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{self.name}-", dir=self.folder.parent) as part:
            made = self._fetch(maven, Path(part))
            # Another process may have been faster; both got the same.
            if not self.folder.is_dir():
                made.rename(self.folder)
        return self.folder

    def _fetch(self, maven: str, part: Path) -> Path:
        pom, made = part / "pom.xml", part / "jars"
        wanted = (_DEPENDENCY.format(group=self.group, artifact=name, version=self.version) for name in self.artifacts)
        pom.write_text(_POM.format(dependencies="".join(wanted)), encoding="utf-8")
        print(f"Fetching {self.name} {self.version} with Maven, once ({self.megabytes} MB) …", flush=True)
        goal = ("dependency:copy-dependencies", f"-DoutputDirectory={made}")
        done = subprocess.run(
            [maven, "--quiet", "--batch-mode", "--file", str(pom), *goal], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise JarsError(f"Maven cannot get {self.name} {self.version}:\n{(done.stdout + done.stderr)[-1500:]}")
        return made


HADOOP = Jars(
    name="hadoop", group="org.apache.hadoop", version="3.5.0", megabytes=100,
    # The ResourceManager does not start without the classes of the timeline service.
    artifacts=("hadoop-common", "hadoop-hdfs", "hadoop-hdfs-client", "hadoop-yarn-server-resourcemanager",
               "hadoop-yarn-server-nodemanager", "hadoop-yarn-server-timelineservice", "hadoop-yarn-client"),
)  # fmt: skip
S3PROXY = Jars(name="s3proxy", group="org.gaul", version="2.6.0", megabytes=43, artifacts=("s3proxy",))


def main() -> int:
    """Fetch all; returns the exit code."""
    try:
        for jars in (HADOOP, S3PROXY):
            jars.fetched()
    except JarsError as error:
        print(f"server_jars.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
