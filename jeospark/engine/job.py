"""What a run was asked to do: enough to do it again."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache

from jeospark.catalog.bands import collection_bands
from jeospark.catalog.store import Catalog
from jeospark.errors import EmptySelectionError, OutputTakenError, SettingError, TooLargeError
from jeospark.output import OutputBand
from jeospark.recipe.graph import ProcessGraph
from jeospark.storage.href import join
from jeospark.storage.kinds import is_remote
from jeospark.storage.publish import exists, output_path, read_text, remove, write_text_atomic
from jeospark.task.program import Program, only_load, program

FILE = "run.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A recipe, where its items are, and where its results go."""

    recipe: str
    """The process graph as JSON."""
    catalog: str
    """Root of the catalogue."""
    grid: str
    """Text form of the grid."""
    output: str
    """Absolute folder or href of the results; it holds those of one recipe on one grid."""
    title: str = ""
    skip_bad_assets: bool = False
    """True to leave items with a bad asset out of a unit (and say so in the ledger); False to fail the unit."""
    max_error_ratio: float = 0.0
    """The share of units that may fail before the run counts as failed."""
    statistics: bool = False
    """True where the results are statistics of zones, which are not kept here."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if not 0 <= self.max_error_ratio <= 1:
            raise SettingError(
                f"{self.max_error_ratio:g} is no share of units",
                where="max_error_ratio",
                remedy="Give a number from 0 (none may fail) to 1 (all may).",
            )

    @property
    def graph(self) -> ProcessGraph:
        """The recipe, parsed."""
        return _parsed(self.recipe)

    @property
    def program(self) -> Program:
        """The recipe, ready to run.

        Raises:
            CollectionNotFoundError: The catalogue has no such collection.
            BandMissingError: The collection lacks a band of the recipe.
        """
        return program(self.recipe, self.bands())

    def bands(self) -> tuple[OutputBand, ...]:
        """The bands of the collection that the recipe loads.

        Raises:
            CollectionNotFoundError: The catalogue has no such collection.
        """
        return collection_bands(Catalog(self.catalog).collection(only_load(self.graph).collection))

    def path(self, *parts: str) -> str:
        """What is below the output folder."""
        return join(self.output, *parts)

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Take the output folder while the run is prepared, and keep it, unless the run is refused.

        From the first moment on `resume` finds what was asked for; a run that is refused does not stand in the way of
        the next one.

        Raises:
            OutputTakenError: See `save`.
            OutputUnwritableError: See `save`.
        """
        fresh = not exists(self.path(FILE))
        self.save()
        try:
            yield
        except (EmptySelectionError, TooLargeError):
            if fresh:
                remove(self.path(FILE))
            raise

    def save(self) -> None:
        """Write the job into its output folder, for `resume`.

        Raises:
            OutputTakenError: The folder holds the results of another recipe or grid.
            OutputUnwritableError: The folder cannot be written.
        """
        if exists(self.path(FILE)):
            held = _read(self.output)
            if (held.graph.id, held.grid, held.statistics) != (self.graph.id, self.grid, self.statistics):
                what = "statistics of zones" if held.statistics else "the results"
                raise OutputTakenError(
                    f"the folder holds {what} of recipe {held.graph.id[:12]} on grid {held.grid}",
                    where=self.output,
                    remedy="Give another folder, or remove this one.",
                )
        write_text_atomic(self.path(FILE), json.dumps(asdict(self), indent=1, sort_keys=True), private=True)


@lru_cache(maxsize=8)
def _parsed(recipe: str) -> ProcessGraph:
    return ProcessGraph.from_json(recipe)


def load_job(output: str) -> Job:
    """The job whose results are in a folder.

    Raises:
        OutputTakenError: The folder holds no run, or one that was made elsewhere.
    """
    path = join(output, FILE)
    if not exists(path):
        raise OutputTakenError(
            "the folder holds no run to resume", where=output, remedy="Give the output folder of an earlier run."
        )
    job = _read(output)
    if not _is_file(path, join(job.output, FILE)):
        raise OutputTakenError(
            f"the folder was moved or copied: its run is that of {job.output}",
            where=output,
            remedy="Run the recipe once more, into this folder: what is done stays.",
        )
    return job


def _is_file(path: str, other: str) -> bool:
    """True where two names are those of one file; of what is on no mounted file system, that is taken for granted."""
    if is_remote(path) or is_remote(other):
        return True
    return exists(other) and output_path(path).samefile(output_path(other))


def _read(output: str) -> Job:
    """What the file of a job says.

    Raises:
        OutputTakenError: It is damaged, or of another version of jeospark.
    """
    try:
        return Job(**json.loads(read_text(join(output, FILE))))
    except (ValueError, TypeError) as error:
        remedy = "It is damaged, or of another version of jeospark: give another folder, or remove this one."
        what = f"what the folder's run was cannot be read ({error})"
        raise OutputTakenError(what, where=join(output, FILE), remedy=remedy) from error


def load_run(output: str) -> Job:
    """The job whose results, rasters, are in a folder.

    Raises:
        OutputTakenError: The folder holds no run, or statistics of zones.
    """
    job = load_job(output)
    if job.statistics:
        raise OutputTakenError(
            "the folder holds statistics of zones, and not the zones",
            where=output,
            remedy="Make the same statistics once more: what is done stays.",
        )
    return job
