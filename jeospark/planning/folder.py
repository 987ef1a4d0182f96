"""A plan on disk: Parquet files of units, and beside them what they amount to, which marks them complete."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jeospark.errors import EmptySelectionError, PlanError, TooLargeError
from jeospark.model import Unit
from jeospark.schema import COUNTS, UNITS, unit_of
from jeospark.storage.href import join
from jeospark.storage.publish import exists, read_text, remove_folder, write_text_atomic
from jeospark.storage.tables import open_table, write_table
from jeospark.tiling.extent import PixelExtent

INDEX = "_plan.json"
"""Readers of Parquet folders leave names out that begin so."""
AT_ONCE = 256
"""Units read together: a fourth of them take a third longer to write."""
MANY = 16_384
"""Units read together without their items."""
OUTLINE = tuple(name for name in UNITS.names if name not in ("items", *COUNTS))
"""Columns of a unit beside its items, which are nearly all of a plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of units."""

    name: str
    units: int
    pixels: int
    """Of the output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """What a plan uses."""

    count: int
    """Of different items."""
    first: datetime | None
    """Instant of the earliest; None where there is none."""
    last: datetime | None
    """Of the latest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFolder:
    """A written plan."""

    path: str
    parts: tuple[Part, ...]

    @property
    def units(self) -> int:
        """How many there are."""
        return sum(part.units for part in self.parts)

    @property
    def pixels(self) -> int:
        """Output pixels of them all."""
        return sum(part.pixels for part in self.parts)

    @property
    def deepest(self) -> int:
        """Observations of the unit that has most."""
        column = "observation_count"
        return max((max(batch.column(column).to_pylist(), default=0) for batch in self.batches([column])), default=0)

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Some columns of all units (`UNITS`) other than their items, in the plan's order."""
        for part in self.parts:
            with _opened(_href(self.path, part.name)) as file:
                yield from file.iter_batches(MANY, columns=list(columns))

    def outlines(self) -> Iterator[Unit]:
        """All units, without their items, in the plan's order."""
        for batch in self.batches(OUTLINE):
            yield from (unit_of({**row, "items": ()}) for row in batch.to_pylist())

    def extents(self) -> dict[str, PixelExtent]:
        """The tiles, and what of them units make."""
        found: dict[str, PixelExtent] = {}
        for batch in self.batches(["tile", "crs", "transform", "shape"]):
            new = {name: at for at, name in enumerate(batch.column("tile").to_pylist()) if name not in found}
            for row in batch.take(pa.array(new.values(), pa.int32())).to_pylist():
                a, b, c, d, e, f = row["transform"]
                rows, cols = row["shape"]
                found[row["tile"]] = PixelExtent(crs=row["crs"], transform=(a, b, c, d, e, f), shape=(rows, cols))
        return found

    def items(self) -> Items:
        """Every item that units use, counted once."""
        ids, instants = [], []
        for part in self.parts:
            with _opened(_href(self.path, part.name)) as file:
                held = file.read(columns=["items.list.element.item_id", "items.list.element.datetime"])
            flat = pc.list_flatten(held.column("items"))
            # An item may be in units of several tiles, and so in several files.
            ids.append(pc.unique(pc.struct_field(flat, "item_id")))
            instants += pc.min_max(pc.struct_field(flat, "datetime")).as_py().values()
        known = [instant for instant in instants if instant is not None]
        count = pc.count_distinct(pa.chunked_array(ids, pa.string())).as_py()
        return Items(count=count, first=min(known, default=None), last=max(known, default=None))

    def read(self, first: int = 0, end: int | None = None) -> Iterator[Unit]:
        """The units from number `first` to before number `end`, counted in the plan's order."""
        end = self.units if end is None else end
        before = 0
        for part in self.parts:
            if before < end and first < before + part.units:
                yield from _rows(_href(self.path, part.name), max(first - before, 0), min(end - before, part.units))
            before += part.units


def write_part(path: str, name: str, units: pa.RecordBatch) -> Part:
    """Write one file of units.

    Args:
        path: Folder of the plan.
        name: Of the file; a second task that makes the same replaces it with its like.
        units: Rows of `UNITS`.

    Raises:
        OutputError: The storage cannot take it.
    """
    write_table(_href(path, name), [units], UNITS, row_group=AT_ONCE, private=True)
    shapes = units.column("shape").flatten().to_numpy().astype(np.int64).reshape(-1, 2)
    return Part(name=name, units=units.num_rows, pixels=int(shapes.prod(axis=1).sum()))


def complete(path: str, parts: Iterable[Part]) -> PlanFolder:
    """Mark a plan as complete, now that all its parts are written.

    Raises:
        OutputError: The storage cannot take it.
    """
    ordered = tuple(sorted((part for part in parts if part.units), key=lambda part: part.name))
    write_text_atomic(_href(path, INDEX), json.dumps([asdict(part) for part in ordered]), private=True)
    return PlanFolder(path=path, parts=ordered)


@contextmanager
def gone_if_refused(plan: PlanFolder) -> Iterator[None]:
    """Remove a plan that turns out to be one that cannot be run.

    Raises:
        OutputError: The storage does not do it.
    """
    try:
        yield
    except (EmptySelectionError, TooLargeError):
        remove_folder(plan.path)
        raise


def is_complete(path: str) -> bool:
    """True where a plan was written to its end."""
    return exists(_href(path, INDEX))


def open_folder(path: str) -> PlanFolder:
    """The plan in a folder.

    Raises:
        FileNotFoundError: There is none, or it is not complete.
        PlanError: It is damaged.
    """
    index = _href(path, INDEX)
    try:
        parts = tuple(Part(**part) for part in json.loads(read_text(index)))
    except (ValueError, TypeError) as error:
        raise _damaged(index, error) from error
    return PlanFolder(path=path, parts=parts)


def _href(path: str, name: str) -> str:
    return join(path, name)


@contextmanager
def _opened(href: str) -> Iterator[pq.ParquetFile]:
    """Yield a file of units.

    Raises:
        PlanError: It is damaged, or gone.
    """
    try:
        with open_table(href) as file:
            yield file
    except (OSError, pa.ArrowInvalid) as error:
        raise _damaged(href, error) from error


def _damaged(href: str, error: Exception) -> PlanError:
    remedy = f"Remove {href.rpartition('/')[0]} and resume: the plan is made anew, and what is done stays."
    return PlanError(f"the plan cannot be read ({error})", where=href, remedy=remedy)


def _rows(href: str, first: int, end: int) -> Iterator[Unit]:
    """Units of one file; row groups outside are not read."""
    with _opened(href) as file:
        groups = range(first // AT_ONCE, -(-end // AT_ONCE))
        at = groups.start * AT_ONCE
        for batch in file.iter_batches(AT_ONCE, row_groups=list(groups)):
            inside = batch.slice(max(first - at, 0), min(end - at, batch.num_rows) - max(first - at, 0))
            at += batch.num_rows
            yield from map(unit_of, inside.to_pylist())
