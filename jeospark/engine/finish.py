"""What a run leaves beside its COGs, and can be made again from plan and ledger: the collection and the report."""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow.compute as pc

from jeospark.catalog.footprint import footprint_of_grid
from jeospark.catalog.publish import write_collection
from jeospark.engine.job import Job
from jeospark.engine.plan import written_plan
from jeospark.engine.standing import standing
from jeospark.errors import OutputError
from jeospark.planning.folder import PlanFolder
from jeospark.recipe.analysis import period
from jeospark.report.page import write_report
from jeospark.report.record import RunInfo, TileArea
from jeospark.storage.publish import exists, read_text, write_text_atomic
from jeospark.task.product import product
from jeospark.task.program import Program

FILE = "attempt.json"
MAX_TILES = 1_000
"""On the map of the report."""
PUBLISHED = ("done", "empty", "skipped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What is told of the last attempt beside its outcomes."""

    name: str
    started: str
    """RFC 3339, UTC."""
    seconds: float
    cores: int
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where a user finds what a run made."""

    collection: str
    """The STAC collection."""
    report: str
    """The HTML report."""


def remember(job: Job, attempt: Attempt) -> None:
    """Keep what `finish` tells of the last attempt."""
    write_text_atomic(job.path(FILE), json.dumps(asdict(attempt), indent=1), private=True)


def finish(job: Job) -> Places:
    """Publish the STAC collection and the report of a job, from its plan and its ledger.

    Raises:
        DiskFullError: No space is left.
        OutputUnwritableError: The folder cannot be written.
        OutputError: No attempt has come to its end.
        PlanError: The plan is damaged.
    """
    attempt = _last_attempt(job)
    folder = written_plan(job)
    if folder is None:
        raise _unfinished(job)
    outcomes, ready = standing(job), job.program
    published = set(outcomes.filter(pc.field("status").isin(PUBLISHED)).column("unit_id").to_pylist())
    made = product(ready, folder=job.output, title=job.title)
    units = (unit for unit in folder.outlines() if unit.unit_id in published)
    collection = write_collection(made, units, json.loads(ready.graph.to_json()))
    report = write_report(job.output, _info(job, ready, attempt, folder, made.versions), outcomes)
    return Places(collection=collection, report=report)


def _unfinished(job: Job) -> OutputError:
    remedy = f"Bring it there with `jeospark resume {shlex.quote(job.output)}`."
    return OutputError("the run in the folder has not come to its end", where=job.output, remedy=remedy)


def _last_attempt(job: Job) -> Attempt:
    if not exists(job.path(FILE)):
        raise _unfinished(job)
    return Attempt(**json.loads(read_text(job.path(FILE))))


def _info(job: Job, ready: Program, attempt: Attempt, folder: PlanFolder, versions: Mapping[str, str]) -> RunInfo:
    return RunInfo(
        title=job.title,
        recipe_id=ready.graph.id,
        recipe_json=ready.graph.to_json(),
        grid=job.grid,
        period=period(ready.graph),
        started=datetime.fromisoformat(attempt.started).astimezone(UTC),
        seconds=attempt.seconds,
        cores=attempt.cores,
        command=attempt.command,
        resume_command=f"jeospark resume {shlex.quote(job.output)}",
        inputs=_inputs(ready, job.catalog, folder),
        versions=versions,
        tiles=_tiles(folder),
    )


def _inputs(ready: Program, catalog: str, folder: PlanFolder) -> dict[str, str]:
    items = folder.items()
    dates = f"{items.first:%Y-%m-%d} to {items.last:%Y-%m-%d}" if items.first and items.last else "none"
    return {
        "Collection": ready.load.collection,
        "Items": f"{items.count:,}",
        "Dates": dates,
        "Catalogue": catalog,
    }


def _tiles(folder: PlanFolder) -> tuple[TileArea, ...]:
    """Those of all units; of very many, as many as a map can show, evenly taken."""
    extents = sorted((tile, (at.crs, at.transform, at.shape)) for tile, at in folder.extents().items())
    chosen = np.linspace(0, len(extents), min(len(extents), MAX_TILES), endpoint=False).astype(int)
    return tuple(
        TileArea(tile=tile, ring=ring)
        for tile, extent in (extents[place] for place in chosen.tolist())
        for ring in _rings(footprint_of_grid(*extent)["geometry"])
    )


def _rings(geometry: dict[str, object]) -> Iterator[tuple[tuple[float, float], ...]]:
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    for polygon in polygons:  # type: ignore[attr-defined]
        yield tuple((float(x), float(y)) for x, y in polygon[0])
