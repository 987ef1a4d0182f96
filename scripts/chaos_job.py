"""The job that is disturbed: a small archive, its recipe, and how a run of it is started."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import bench_items
from bench_archive import Archive

from jeospark.engine.java import ensure_java
from jeospark.lab.recipe import load_collection

ROOT = Path(__file__).resolve().parents[1]
SIZES = {"full": (2048, 256, 18), "small": (1024, 256, 8)}
"""Rows and columns of the archive and of a tile; dates, five days apart: 64 tiles in three months, 16 in two."""
JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Runs are short: the JVM's best compiler would take longer than it spares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A recipe over an archive."""

    archive: Archive
    tile: int
    folder: Path
    """Archive, recipe and the folders of runs."""

    @property
    def recipe(self) -> Path:
        """File of the process graph."""
        return self.folder / "recipe.json"

    @property
    def catalog(self) -> Path:
        """Folder of the catalogue."""
        return self.archive.folder / "catalog"

    def arguments(self, output: Path, *more: str) -> list[str]:
        """What jobs/composite.py is given."""
        asked = {"--output": output, "--catalog": self.catalog, "--grid": bench_items.grid(self.tile)}
        return [str(self.recipe), *(str(part) for pair in asked.items() for part in pair), "--title", "Chaos", *more]


def make(folder: Path, size: tuple[int, int, int]) -> Job:
    """Make archive, catalogue and recipe where they are not there yet."""
    rows, tile, dates = size
    archive = Archive(folder=folder / "archive", size=rows, dates=dates, bands=("B04", "B08"))
    bench_items.catalog(archive)
    loaded = load_collection(bench_items.COLLECTION, bands=["B04", "B08", "SCL"])
    recipe = loaded.mask_classes([3, 9], dilation=30).ndvi().aggregate("month", "median")
    job = Job(archive=archive, tile=tile, folder=folder)
    job.recipe.write_text(recipe.save(dtype="int16", scale=0.0001, nodata=-32768).to_json(), encoding="utf-8")
    return job


def environment(**changes: str) -> dict[str, str]:
    """That of a driver."""
    ours = {
        "JAVA_HOME": ensure_java(),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "DO_NOT_TRACK": "true",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "SPARK_HOME"}}
    return {**kept, **ours, **changes}
