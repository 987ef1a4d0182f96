"""What a report tells of a run beside its outcomes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TileArea:
    """Where a tile lies."""

    tile: str
    ring: tuple[tuple[float, float], ...]
    """Longitude and latitude in degrees along its outline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """One run of one plan."""

    title: str
    recipe_id: str
    recipe_json: str
    """The openEO process graph, as JSON text."""
    grid: str
    """Name of the output grid."""
    period: str
    """What one result covers in time, such as month."""
    started: datetime
    """UTC."""
    seconds: float
    """Wall time of the run."""
    cores: int
    """Tasks that ran at the same time."""
    command: str
    """What was typed."""
    resume_command: str
    """What to type to do what is missing or failed."""
    inputs: Mapping[str, str]
    """What went in, in words: collection, items, dates, by label."""
    versions: Mapping[str, str]
    """Version by name of software."""
    tiles: tuple[TileArea, ...]
