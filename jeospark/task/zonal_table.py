"""Rows of zonal statistics: of whole zones, and of parts of zones that are merged later."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jeospark.errors import SettingError
from jeospark.schema import INSTANT
from udfs.rings import FULL
from udfs.spectrum import COUNT, STATISTICS, Spectrum, merged, statistics, values_of

HISTOGRAM = pa.list_(pa.struct([pa.field("value", pa.float32()), pa.field("pixels", pa.float64())]))
MOST_CLASSES = 256
"""Distinct values beyond which a zone has no histogram."""

RESULTS = pa.schema(
    [
        pa.field("zone", pa.string()),
        # As in `model.Unit`.
        pa.field("period", pa.string()),
        # The orbit pass, where the recipe keeps the dates; else null.
        pa.field("observation", pa.string()),
        # First instant of the period, or of the observation.
        pa.field("start", INSTANT),
        pa.field("band", pa.string()),
        # That the zone covers on the grid, usable or not; parts of a pixel count as such.
        pa.field("pixels", pa.float64()),
        # Usable pixels / pixels.
        pa.field("valid_share", pa.float64()),
        *(pa.field(name, pa.float64()) for name in STATISTICS),
        # Pixels of each value, for bands of classes; null where not asked for, or of more than 256 values.
        pa.field("histogram", HISTOGRAM),
    ]
)
"""One row a zone, period (or observation) and band; `count` is the number of usable pixels, null is unknown."""
SPECTRUM = pa.struct(
    [
        pa.field("words", pa.binary()),
        pa.field("weights", pa.binary()),
        pa.field("dropped", pa.int32()),
        pa.field("total", pa.binary()),
        pa.field("squares", pa.binary()),
        pa.field("least", pa.int64()),
        pa.field("greatest", pa.int64()),
    ]
)
"""One `udfs.spectrum.Spectrum`; numbers little-endian."""
PARTS = pa.schema([*RESULTS, pa.field("spectrum", SPECTRUM)])
"""Rows of a unit: `RESULTS` where `spectrum` is null, else a part of a zone that other units have the rest of."""
KEYS = ("zone", "period", "observation", "band")
"""What the parts of one row of results share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Which zones have statistics at all."""

    min_pixels: float = 0.0
    """Usable pixels below which statistics are null."""
    min_valid_share: float = 0.0
    """Share of usable pixels below which they are."""
    histogram: frozenset[str] = frozenset()
    """Bands whose values are counted."""

    def __post_init__(self) -> None:
        """Refuse what would make every statistic null, or none."""
        for name, most in (("min_pixels", inf), ("min_valid_share", 1.0)):
            number = getattr(self, name)
            if not 0 <= number <= most:
                raise SettingError(
                    f"{number:g} is no number from 0 to {most:g}", where=name, remedy="Give such a number."
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """What many rows have in common."""

    period: str
    observation: str | None
    start: datetime


def results(
    slot: Slot,
    zones: pa.Array,
    bands: pa.Array,
    pixels: NDArray[np.float64],
    found: NDArray[np.float64],
    limits: Limits,
    spectra: Sequence[Spectrum] | None = None,
) -> pa.RecordBatch:
    """Rows of `RESULTS`.

    Args:
        slot: Their period.
        zones: Ids, one a row.
        bands: Names, one a row.
        pixels: That each zone covers.
        found: (rows, statistics) as `udfs.spectrum` gives them.
        limits: Which of them stay.
        spectra: Of the zones, where they are known.
    """
    share = np.divide(found[:, COUNT], pixels, out=np.full(len(found), np.nan), where=pixels > 0)
    count = found[:, COUNT]
    null = ~((count > 0) & (count >= limits.min_pixels) & (np.nan_to_num(share) >= limits.min_valid_share))
    columns: dict[str, Any] = {
        "zone": zones,
        "period": pa.repeat(slot.period, len(found)),
        "observation": pa.repeat(pa.scalar(slot.observation, pa.string()), len(found)),
        "start": pa.repeat(pa.scalar(slot.start, INSTANT), len(found)),
        "band": bands,
        "pixels": pa.array(pixels),
        "valid_share": pa.array(np.minimum(share, 1.0), mask=np.isnan(share)),
        **{name: pa.array(found[:, at].copy(), mask=null) for at, name in enumerate(STATISTICS)},
        "count": pa.array(count.copy()),
        "histogram": _histograms(bands, spectra, null, limits),
    }
    arrays = [columns[each.name].cast(each.type) for each in RESULTS]
    return pa.RecordBatch.from_arrays(arrays, schema=RESULTS)


def parts(
    slot: Slot, zones: pa.Array, bands: pa.Array, pixels: NDArray[np.float64], spectra: Sequence[Spectrum]
) -> pa.RecordBatch:
    """Rows of `PARTS` whose zones other units have parts of."""
    empty = np.full((len(zones), len(STATISTICS)), np.nan)
    rows = results(slot, zones, bands, pixels, empty, Limits())
    return with_spectra(rows, pa.array([_written(spectrum) for spectrum in spectra], SPECTRUM))


def with_spectra(rows: pa.RecordBatch, spectra: pa.Array | None = None) -> pa.RecordBatch:
    """Rows of `PARTS`, of `RESULTS` and what parts of zones hold; null for whole zones."""
    column = pa.nulls(rows.num_rows, SPECTRUM) if spectra is None else spectra
    return pa.RecordBatch.from_arrays([*rows.columns, column], schema=PARTS)


def merge(table: pa.Table, limits: Limits) -> pa.Table:
    """Rows of `RESULTS` of the parts of zones, each from all its parts.

    Args:
        table: Rows of `PARTS` with a spectrum, in any order, and all those of a zone.
        limits: Which statistics stay.
    """
    groups: dict[tuple[str | None, ...], list[dict[str, Any]]] = {}
    for row in table.to_pylist():
        groups.setdefault(tuple(row[key] for key in KEYS), []).append(row)
    return pa.Table.from_batches((_merged(rows, limits) for _, rows in sorted(groups.items(), key=_order)), RESULTS)


def _order(group: tuple[tuple[str | None, ...], object]) -> tuple[str, ...]:
    return tuple(key or "" for key in group[0])


def _merged(rows: Sequence[dict[str, Any]], limits: Limits) -> pa.RecordBatch:
    first = rows[0]
    spectrum = merged(_read(row["spectrum"]) for row in rows)
    slot = Slot(period=first["period"], observation=first["observation"], start=min(row["start"] for row in rows))
    found = statistics(spectrum)[np.newaxis]
    zone, band = (pa.array([first[name]], pa.string()) for name in ("zone", "band"))
    return results(slot, zone, band, np.array([first["pixels"]]), found, limits, [spectrum])


def _histograms(
    bands: pa.Array, spectra: Sequence[Spectrum] | None, null: NDArray[np.bool_], limits: Limits
) -> pa.Array:
    if spectra is None or not limits.histogram:
        return pa.nulls(len(bands), HISTOGRAM)
    return pa.array(
        [
            _histogram(spectrum) if band in limits.histogram and not nothing else None
            for band, spectrum, nothing in zip(bands.to_pylist(), spectra, null.tolist(), strict=True)
        ],
        HISTOGRAM,
    )


def _histogram(spectrum: Spectrum) -> list[dict[str, float]] | None:
    if spectrum.dropped or len(spectrum.words) > MOST_CLASSES:
        return None
    pairs: Iterable[tuple[float, int]] = zip(values_of(spectrum.words).tolist(), spectrum.weights.tolist(), strict=True)
    return [{"value": value, "pixels": weight / FULL} for value, weight in pairs]


def _written(spectrum: Spectrum) -> dict[str, object]:
    return {
        "words": spectrum.words.astype("<u4").tobytes(),
        "weights": spectrum.weights.astype("<i8").tobytes(),
        "dropped": spectrum.dropped,
        "total": _bytes(spectrum.total),
        "squares": _bytes(spectrum.squares),
        "least": spectrum.least,
        "greatest": spectrum.greatest,
    }


def _read(row: dict[str, Any]) -> Spectrum:
    return Spectrum(
        np.frombuffer(row["words"], "<u4"),
        np.frombuffer(row["weights"], "<i8"),
        row["dropped"],
        int.from_bytes(row["total"], "little", signed=True),
        int.from_bytes(row["squares"], "little", signed=True),
        row["least"],
        row["greatest"],
    )


def _bytes(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
