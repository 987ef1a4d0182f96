"""The figures of a run, and how a reader likes them written."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

PHASES = ("read", "warp", "compute", "write")
STATUSES = ("done", "skipped", "empty", "failed")
TELLING = pa.array(["done", "empty"])
"""Statuses of units that tell how many of their pixels are usable; others do where it is any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over the outcomes of a run."""

    statuses: dict[str, int]
    pixels: int
    """Of the results of this run."""
    pixels_read: int
    pixels_skipped: int
    bytes_written: int
    phases: dict[str, float]
    """Worker seconds by phase, with `other` for the rest."""
    peak_mb: float
    hosts: int

    @property
    def units(self) -> int:
        """All units, whatever became of them."""
        return sum(self.statuses.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What is told of the units of a tile, or of a tile and period."""

    units: int = 0
    failed: int = 0
    pixels: int = 0
    """Of the units that tell how many of theirs are usable."""
    valid: int = 0
    """Of these, usable."""

    @property
    def share(self) -> float | None:
        """Usable pixels of all pixels, 0..1; None where no unit tells."""
        return self.valid / self.pixels if self.pixels else None


NOTHING = Tally()


def totals(outcomes: pa.Table) -> Totals:
    """Sum up outcomes (`jeospark.schema.OUTCOMES`)."""
    counted = {each["values"]: each["counts"] for each in pc.value_counts(outcomes.column("status")).to_pylist()}
    phases = {phase: float(_sum(outcomes, f"seconds_{phase}")) for phase in PHASES}
    hosts = pc.unique(outcomes.column("host")).to_pylist()
    return Totals(
        statuses={status: counted.get(status, 0) for status in STATUSES},
        pixels=int(_sum(outcomes.filter(pc.equal(outcomes.column("status"), "done")), "pixels")),
        pixels_read=int(_sum(outcomes, "pixels_read")),
        pixels_skipped=int(_sum(outcomes, "pixels_skipped")),
        bytes_written=int(_sum(outcomes, "bytes_written")),
        phases={**phases, "other": max(_sum(outcomes, "seconds") - sum(phases.values()), 0.0)},
        peak_mb=pc.max(outcomes.column("peak_mb")).as_py() or 0.0,
        hosts=sum(bool(host) for host in hosts),
    )


def _sum(outcomes: pa.Table, column: str) -> float:
    return pc.sum(outcomes.column(column)).as_py() or 0


def tallies(outcomes: pa.Table, keys: Sequence[str]) -> dict[tuple[str, ...], Tally]:
    """What is told of outcomes that have the same values in columns.

    Args:
        outcomes: Rows of `jeospark.schema.OUTCOMES`.
        keys: The columns, whose values are the keys of what is returned.
    """
    usable, telling = outcomes.column("pixels_valid"), pc.is_in(outcomes.column("status"), value_set=TELLING)
    known = pc.or_(telling, pc.greater(usable, 0))
    columns = {
        "failed": pc.equal(outcomes.column("status"), "failed").cast(pa.int64()),
        "pixels": pc.if_else(known, outcomes.column("pixels"), 0),
        "valid": pc.if_else(known, usable, 0),
    }
    table = pa.table({**{key: outcomes.column(key) for key in keys}, **columns})
    sums = table.group_by(list(keys)).aggregate([(name, "sum") for name in columns] + [([], "count_all")])
    return {
        tuple(row[key] for key in keys): Tally(
            units=row["count_all"], failed=row["failed_sum"], pixels=row["pixels_sum"], valid=row["valid_sum"]
        )
        for row in sums.to_pylist()
    }


def grouped(value: float) -> str:
    """A whole number with thin spaces between thousands (ISO 80000-1)."""
    return f"{round(value):,}".replace(",", "\u2009")


def short(value: float) -> str:
    """Three digits and a prefix of the unit that follows: 1.23 M."""
    for limit, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g} {suffix}"
    return f"{value:.3g} "


def size(value: float) -> str:
    """Bytes with a decimal unit."""
    return f"{short(value)}B" if value >= 1000 else f"{value:.0f} B"


def duration(seconds: float) -> str:
    """Seconds as a person says them: 4.2 s, 3 min 20 s, 2 h 05 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def percent(share: float) -> str:
    """A share 0..1 in per cent; what is not all is never written 100 %."""
    value = 100 * share
    if 99.5 <= value < 100:
        return f"{min(value, 99.9):.1f} %"
    return f"{value:.0f} %"
