"""The figures of a run, and how a reader likes them written."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jeospark.model import Outcome

PHASES = ("read", "warp", "compute", "write")
STATUSES = ("done", "skipped", "empty", "failed")


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


def totals(outcomes: Sequence[Outcome]) -> Totals:
    """Sum up outcomes."""
    counted = Counter(outcome.status for outcome in outcomes)
    phases = {phase: sum(getattr(outcome, f"seconds_{phase}") for outcome in outcomes) for phase in PHASES}
    rest = sum(outcome.seconds for outcome in outcomes) - sum(phases.values())
    return Totals(
        statuses={status: counted[status] for status in STATUSES},
        pixels=sum(outcome.pixels for outcome in outcomes if outcome.status == "done"),
        pixels_read=sum(outcome.pixels_read for outcome in outcomes),
        pixels_skipped=sum(outcome.pixels_skipped for outcome in outcomes),
        bytes_written=sum(outcome.bytes_written for outcome in outcomes),
        phases={**phases, "other": max(rest, 0.0)},
        peak_mb=max((outcome.peak_mb for outcome in outcomes), default=0.0),
        hosts=len({outcome.host for outcome in outcomes if outcome.host}),
    )


def valid_share(outcomes: Iterable[Outcome]) -> float | None:
    """Usable pixels of all pixels, 0..1, over the outcomes that tell; None where none does."""
    known = [outcome for outcome in outcomes if outcome.status in ("done", "empty") or outcome.pixels_valid]
    pixels = sum(outcome.pixels for outcome in known)
    return sum(outcome.pixels_valid for outcome in known) / pixels if pixels else None


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
