"""What the bands of a result are; the writer, the quicklook and the catalogue read the same record."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BandClass:
    """One class of a band of classes (STAC classification:classes)."""

    value: int
    """Stored value, 0 to 255."""
    name: str
    color: str
    """Six hexadecimal digits after a hash, such as #039c00."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputBand:
    """One band of a result: physical = stored · scale + offset."""

    name: str
    scale: float = 1.0
    offset: float = 0.0
    nodata: float | None = None
    """Stored value of an unusable pixel; the same in all bands of a file."""
    common_name: str | None = None
    """STAC eo:common_name, such as red or nir."""
    unit: str | None = None
    """UDUNITS or UCUM symbol of the physical value."""
    classes: tuple[BandClass, ...] = ()
    """Not empty: the stored values are classes, not quantities."""
