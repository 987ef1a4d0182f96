"""What units amount to: sums that batches have of their own, and that add up."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

PIXELS_PER_SECOND = 120e6
"""Source pixels that a core reads and computes in a second, from COGs on their own grid: 110 to 155 million in the
benchmarks `tile` and `composite` (docs/benchmarks.md)."""
JPEG2000_PIXELS_PER_SECOND = 10e6
"""The same for JPEG 2000, whose decoding is what costs."""
WARPED_PIXELS_PER_SECOND = 23e6
"""The same for COGs in another CRS than the grid, of 107 million pixels read."""
WRITTEN_PER_SECOND = 25e6
"""Pixels of the results, of all bands, that a core writes in a second, in the same benchmarks."""
FILE_SECONDS = 0.003
"""To open a file: of 700 netCDF variables in the demonstration, per year."""
UNIT_SECONDS = 0.1
"""To write and publish a result, however small it is: what the demonstration per month takes longer than per year."""
LARGEST = 5
READ = (
    "unit_id",
    "output_href",
    "digest",
    "shape",
    "item_count",
    "observation_count",
    "bytes",
    "jpeg2000",
    "warped",
    "density",
)
"""Columns of `UNITS` that sums are made of."""

_UNIT = {"decoded": pa.int64(), "unit_id": pa.string(), "items": pa.int64(), "pixels": pa.int64()}
SUMS = pa.schema(
    {
        **dict.fromkeys(("units", "items", "observations", "bytes", "pixels", "decoded", "done"), pa.int64()),
        "seconds": pa.float64(),
        "deepest": pa.int64(),
        "widest": pa.int64(),
        "largest": pa.list_(pa.struct(_UNIT)),
    }
)
"""One row a batch of units."""
TOTALS = ("units", "items", "observations", "bytes", "pixels", "decoded", "done")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitSize:
    """A unit, and how much it is."""

    unit_id: str
    items: int
    pixels: int
    """Of the output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What units amount to."""

    units: int
    items: int
    """Uses of items: an item in two units counts twice."""
    observations: int
    bytes: int
    """Of the files, where the catalogue knows."""
    pixels: int
    """Of the output."""
    decoded: int
    """Source pixels at most."""
    seconds: float
    """Of one core, predicted."""
    done: int
    """Units that are published already."""
    deepest: int
    """Observations of the unit that has most."""
    widest: int
    """Pixels of the largest output."""
    largest: tuple[UnitSize, ...]


def sums_of(units: pa.RecordBatch, bands: int, outputs: int, done: int) -> pa.RecordBatch:
    """One row of `SUMS`.

    Args:
        units: `READ` of some units, one or more.
        bands: How many a unit reads.
        outputs: How many it writes.
        done: How many of them are published already.
    """
    shapes = units.column("shape").flatten().to_numpy().astype(np.int64).reshape(-1, 2)
    pixels, observations = shapes.prod(axis=1), units.column("observation_count").to_numpy().astype(np.int64)
    decoded = np.rint(pixels * observations * bands * units.column("density").to_numpy()).astype(np.int64)
    items = units.column("item_count").to_numpy().astype(np.int64)
    seconds = (
        decoded / _rate(units) + pixels * outputs / WRITTEN_PER_SECOND + items * bands * FILE_SECONDS + UNIT_SECONDS
    )
    order = pc.sort_indices(
        pa.table({"decoded": decoded, "unit_id": units.column("unit_id")}),
        [("decoded", "descending"), ("unit_id", "ascending")],
    )[:LARGEST]
    largest = [
        {
            "decoded": decoded[at],
            "unit_id": units.column("unit_id")[at].as_py(),
            "items": items[at],
            "pixels": pixels[at],
        }
        for at in order.to_pylist()
    ]
    row = {
        "units": units.num_rows,
        "items": items.sum(),
        "observations": observations.sum(),
        "bytes": pc.sum(units.column("bytes")).as_py(),
        "pixels": pixels.sum(),
        "decoded": decoded.sum(),
        "seconds": seconds.sum(),
        "done": done,
        "deepest": observations.max(),
        "widest": pixels.max(),
        "largest": largest,
    }
    return pa.RecordBatch.from_pylist([row], schema=SUMS)


def _rate(units: pa.RecordBatch) -> NDArray[np.float64]:
    """Source pixels a second, by unit."""
    slow, warped = (units.column(name).to_numpy(zero_copy_only=False) for name in ("jpeg2000", "warped"))
    return np.where(slow, JPEG2000_PIXELS_PER_SECOND, np.where(warped, WARPED_PIXELS_PER_SECOND, PIXELS_PER_SECOND))


def add(parts: Iterable[pa.RecordBatch]) -> Sums:
    """The sums of all batches together."""
    rows = [row for part in parts for row in part.to_pylist()]
    largest = sorted(
        (each for row in rows for each in row["largest"]), key=lambda each: (-each["decoded"], each["unit_id"])
    )
    return Sums(
        **{name: sum(row[name] for row in rows) for name in TOTALS},
        seconds=sum(row["seconds"] for row in rows),
        deepest=max((row["deepest"] for row in rows), default=0),
        widest=max((row["widest"] for row in rows), default=0),
        largest=tuple(
            UnitSize(unit_id=each["unit_id"], items=each["items"], pixels=each["pixels"]) for each in largest[:LARGEST]
        ),
    )
