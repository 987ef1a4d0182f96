"""What is wrong with the geometries of a layer, or may be."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyproj import CRS

from jeospark.errors import VectorSourceError
from jeospark.vector import wkb
from jeospark.vector.crs import area_of_use
from jeospark.vector.ids import id_numbers
from jeospark.vector.record import Box, Layer
from jeospark.vector.repair import UNREADABLE
from jeospark.vector.sources.request import GEOMETRY

SHOWN = 20
"""Ids that a finding names at most."""
LARGE = 1_000_000
"""Vertices from which a geometry is large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that concerns some features."""

    kind: str
    """invalid, null, mixed, z, not_finite, latitude, outside, swapped, duplicate, large, antimeridian."""
    count: int
    """Features concerned."""
    ids: tuple[str, ...]
    """The first of them: of the layer's id column, or `row n` in the order of its files."""
    text: str
    fault: bool
    """True for what is wrong, False for what is worth knowing."""


@dataclass(slots=True)
class _Found:
    """Counts and first ids of one kind."""

    count: int = 0
    ids: list[str] = field(default_factory=list)

    def see(self, which: npt.NDArray[np.bool_], names: pa.Array, first: int) -> None:
        rows = np.flatnonzero(which)
        self.count += len(rows)
        for row in rows[: SHOWN - len(self.ids)].tolist():
            name = names[row].as_py() if names is not None else None
            self.ids.append(str(name) if name is not None else f"row {first + row + 1}")


def check(folder: Path, layer: Layer) -> list[Finding]:
    """Look at all features of a layer, a row group at a time.

    Args:
        folder: Of its files.
        layer: Its document.

    Returns:
        Faults first; nothing where nothing was found.

    Raises:
        VectorSourceError: A file is missing or damaged.
    """
    look = _Look(layer)
    row = 0
    for batch in _batches(folder, layer):
        look.take(batch, row)
        row += batch.num_rows
    findings = [*look.findings(), *_duplicates(folder, layer)]
    return sorted(findings, key=lambda finding: not finding.fault)


def _batches(folder: Path, layer: Layer, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    wanted = columns or [GEOMETRY, *([layer.id] if layer.id else [])]
    for part in layer.parts:
        try:
            with pq.ParquetFile(folder / part) as file:
                yield from file.iter_batches(1 << 14, columns=wanted)
        except (OSError, pa.ArrowInvalid) as error:
            raise VectorSourceError(
                f"a file of layer '{layer.name}' cannot be read ({' '.join(str(error).split())[:200]})",
                where=str(folder / part),
                remedy="Add the layer again with --replace.",
            ) from error


class _Look:
    def __init__(self, layer: Layer) -> None:
        crs = CRS.from_json_dict(layer.crs)
        self._id = layer.id
        self._degrees = crs.is_geographic
        self._area: Box | None = area_of_use(crs)
        self._types = layer.geometry_types
        self._found: dict[str, _Found] = {}
        self._reasons: dict[str, _Found] = {}
        self._features = 0

    def take(self, batch: pa.RecordBatch, first: int) -> None:
        column = batch.column(GEOMETRY)
        names = batch.column(self._id) if self._id else None
        found = wkb.scan(column)
        known = found.vertices > 0
        self._features += int(known.sum())
        box = found.bounds
        with np.errstate(invalid="ignore"):
            which = {
                "null": ~known & ((found.flags & wkb.NOT_FINITE) == 0),
                "z": (found.flags & wkb.HAS_Z) > 0,
                "not_finite": (found.flags & wkb.NOT_FINITE) > 0,
                "large": found.vertices >= LARGE,
                "outside": known & ~self._inside(box, swap=False),
                "swapped": known & ~self._inside(box, swap=False) & self._inside(box, swap=True),
            }
            if self._degrees:
                beyond = (box[:, 0] < -180 - 1e-9) | (box[:, 2] > 180 + 1e-9)
                which["latitude"] = (box[:, 1] < -90 - 1e-9) | (box[:, 3] > 90 + 1e-9)
                which["antimeridian"] = (found.stride > 180) | beyond
        for kind, rows in which.items():
            if rows.any():
                self._found.setdefault(kind, _Found()).see(rows, names, first)
        self._invalid(column, known, names, first)

    def _inside(self, box: npt.NDArray[np.float64], *, swap: bool) -> npt.NDArray[np.bool_]:
        if self._area is None:
            return np.ones(len(box), bool)
        x, y = (box[:, 0] + box[:, 2]) / 2, (box[:, 1] + box[:, 3]) / 2
        x, y = (y, x) if swap else (x, y)
        xmin, ymin, xmax, ymax = self._area
        return (x >= xmin) & (x <= xmax) & (y >= ymin) & (y <= ymax)

    def _invalid(self, column: pa.Array, known: npt.NDArray[np.bool_], names: pa.Array, first: int) -> None:
        shapes = shapely.from_wkb(column.to_numpy(zero_copy_only=False), on_invalid="ignore")
        bad = ~shapely.is_valid(shapes) & known
        if not bad.any():
            return
        reasons = np.full(len(shapes), "", dtype=object)
        told = shapely.is_valid_reason(shapes[bad])
        reasons[bad] = [UNREADABLE if reason is None else reason.split("[")[0].strip() for reason in told]
        for reason in np.unique(reasons[bad].astype(str)):
            self._reasons.setdefault(str(reason), _Found()).see(reasons == reason, names, first)

    def findings(self) -> Iterator[Finding]:
        for reason, found in sorted(self._reasons.items()):
            yield _finding("invalid", found, f"invalid: {reason} (--repair when adding)", fault=True)
        texts = {
            "not_finite": ("coordinates that are not finite", True),
            "latitude": ("latitude beyond 90", True),
            "null": ("no geometry", False),
            "z": ("a Z coordinate", False),
            "large": (f"{LARGE:,} vertices and more", False),
            "antimeridian": ("across the antimeridian: a step of more than 180° or longitudes beyond 180", False),
            "outside": ("outside the area of use of the CRS", False),
        }
        for kind, (text, fault) in texts.items():
            if kind in self._found:
                yield _finding(kind, self._found[kind], text, fault=fault)
        swapped = self._found.get("swapped", _Found())
        if swapped.count > self._features / 2:
            yield _finding(
                "swapped", swapped, "x and y may be swapped: inside the area of use if they were", fault=True
            )
        families = {name.split(" ")[0].removeprefix("Multi") for name in self._types}
        if len(families) > 1:
            counts = ", ".join(f"{count} {name}" for name, count in self._types.items())
            yield Finding(kind="mixed", count=self._features, ids=(), text=f"mixed types: {counts}", fault=False)


def _finding(kind: str, found: _Found, text: str, *, fault: bool) -> Finding:
    return Finding(kind=kind, count=found.count, ids=tuple(found.ids), text=text, fault=fault)


def _duplicates(folder: Path, layer: Layer) -> Iterator[Finding]:
    if layer.id is None:
        return
    numbers = [id_numbers(column) for column in _ids(folder, layer, layer.id)]
    values, counts = np.unique(np.concatenate(numbers) if numbers else np.zeros(0, np.uint64), return_counts=True)
    repeated = values[counts > 1]
    if not len(repeated):
        return
    shown = dict.fromkeys(repeated.tolist())
    names: list[str] = []
    for column, some in zip(_ids(folder, layer, layer.id), numbers, strict=True):
        for row in np.flatnonzero(np.isin(some, repeated)).tolist():
            if len(names) < SHOWN and int(some[row]) in shown:
                del shown[int(some[row])]
                names.append(str(column[row].as_py()))
    count = int(counts[counts > 1].sum())
    yield Finding(
        kind="duplicate", count=count, ids=tuple(names), text=f"{layer.id} that another feature has too", fault=True
    )


def _ids(folder: Path, layer: Layer, name: str) -> Iterator[pa.Array]:
    """The ids of a layer; a feature without one shares none."""
    return (batch.column(0).drop_null() for batch in _batches(folder, layer, [name]))
