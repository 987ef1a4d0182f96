"""What a run leaves beside its COGs, and can be made again from plan and ledger: the collection and the report."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from jeospark.catalog.footprint import footprint_of_grid
from jeospark.catalog.publish import write_collection
from jeospark.engine import ledger
from jeospark.engine.job import Job
from jeospark.engine.plan import written_plan
from jeospark.errors import OutputError
from jeospark.model import Unit
from jeospark.planning.folder import PlanFolder
from jeospark.recipe.analysis import period
from jeospark.report.page import write_report
from jeospark.report.record import RunInfo, TileArea
from jeospark.storage.publish import exists, read_text, write_text_atomic
from jeospark.task.product import product

FILE = "attempt.json"
PUBLISHED = frozenset({"done", "empty", "skipped"})


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
    """
    attempt = _last_attempt(job)
    outcomes = ledger.latest(job)
    published = {outcome.unit_id for outcome in outcomes if outcome.status in PUBLISHED}
    folder = written_plan(job)
    units, inputs = _read(folder, job) if folder else ([], {})
    ready = job.program
    made = product(ready, folder=job.output, title=job.title)
    collection = write_collection(
        made, [unit for unit in units if unit.unit_id in published], json.loads(ready.graph.to_json())
    )
    report = write_report(job.output, _info(job, attempt, units, inputs, made.versions), outcomes)
    return Places(collection=collection, report=report)


def _last_attempt(job: Job) -> Attempt:
    if not exists(job.path(FILE)):
        remedy = f"Bring it there with `jeospark resume {shlex.quote(job.output)}`."
        raise OutputError("the run in the folder has not come to its end", where=job.output, remedy=remedy)
    return Attempt(**json.loads(read_text(job.path(FILE))))


def _read(folder: PlanFolder, job: Job) -> tuple[list[Unit], dict[str, str]]:
    """The units without their items, of which large plans have too many to hold, and what the items are in words."""
    units: list[Unit] = []
    names: set[str] = set()
    times: list[datetime] = []
    for unit in folder.read():
        units.append(replace(unit, items=()))
        names.update(item.item_id for item in unit.items)
        times += [unit.items[0].datetime, unit.items[-1].datetime]
    return units, {
        "Collection": job.program.load.collection,
        "Items": f"{len(names):,}",
        "Dates": f"{min(times):%Y-%m-%d} to {max(times):%Y-%m-%d}",
        "Catalogue": job.catalog,
    }


def _info(
    job: Job, attempt: Attempt, units: Sequence[Unit], inputs: Mapping[str, str], versions: Mapping[str, str]
) -> RunInfo:
    ready = job.program
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
        inputs=inputs,
        versions=versions,
        tiles=_tiles(units),
    )


def _tiles(units: Sequence[Unit]) -> tuple[TileArea, ...]:
    extents = {unit.tile: (unit.crs, unit.transform, unit.shape) for unit in units}
    return tuple(
        TileArea(tile=tile, ring=ring)
        for tile, extent in sorted(extents.items())
        for ring in _rings(footprint_of_grid(*extent)["geometry"])
    )


def _rings(geometry: dict[str, object]) -> Iterator[tuple[tuple[float, float], ...]]:
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    for polygon in polygons:  # type: ignore[attr-defined]
        yield tuple((float(x), float(y)) for x, y in polygon[0])
