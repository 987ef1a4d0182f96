"""Outlines of zones on a lattice of 2⁻²⁴ pixel, counted from the origin of the CRS and not from that of a tile.

Whole numbers, so that an outline is the same in whichever tile or window it is looked at.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udfs.jit import compiled

BITS = 24
FULL = 1 << BITS
"""Steps of the lattice to a pixel."""

Longs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rings:
    """The outlines of zones on the lattice."""

    x: Longs
    """Columns from the origin of the CRS, in 2⁻²⁴ pixel; all vertices of all rings."""
    y: Longs
    """Rows, likewise."""
    rings: Longs
    """Where each ring begins, and the number of vertices; a ring ends with its first vertex."""
    holes: NDArray[np.bool_]
    """True for rings that are cut out, one a ring."""
    zones: Longs
    """The first ring of each zone, and the number of rings."""

    def __len__(self) -> int:
        return len(self.zones) - 1

    def take(self, zones: Longs) -> "Rings":
        """The outlines of some zones, in the order given."""
        ring, counts = _stretches(self.zones, zones)
        vertex, sizes = _stretches(self.rings, ring)
        starts = np.append(0, np.cumsum(sizes)), np.append(0, np.cumsum(counts))
        return Rings(self.x[vertex], self.y[vertex], starts[0], self.holes[ring], starts[1])


def _stretches(starts: Longs, chosen: Longs) -> tuple[Longs, Longs]:
    """Positions of all that some stretches hold, and how many each does."""
    sizes = starts[chosen + 1] - starts[chosen]
    before = np.repeat(starts[chosen] - (np.cumsum(sizes) - sizes), sizes)
    return before + np.arange(len(before)), sizes


def lattice(coordinates: NDArray[np.float64], pixel: float, origin: float) -> Longs:
    """Put coordinates of one axis on the lattice.

    Args:
        coordinates: In units of the CRS.
        pixel: Size of a pixel along the axis, negative where the axis runs against rows or columns.
        origin: Where a pixel of the grid begins; of all pixels that do, the answer is the same.
    """
    phase = np.rint((origin / pixel - np.rint(origin / pixel)) * FULL)
    return np.asarray(np.rint(coordinates / pixel * FULL) - phase, np.int64)


def first_pixel(pixel: float, origin: float) -> int:
    """Number of the pixel that begins at `origin`, on the axis of `lattice`."""
    return round(origin / pixel)


def boxes(rings: Rings) -> Longs:
    """Pixels that each zone reaches into, (n, 4): first row, first column, last row + 1, last column + 1."""
    out = np.zeros((len(rings), 4), np.int64)
    if len(rings.x):
        for axis, values in ((0, rings.y), (1, rings.x)):
            starts = rings.rings[rings.zones[:-1]]
            out[:, axis] = np.minimum.reduceat(values, starts) >> BITS
            out[:, axis + 2] = -(-np.maximum.reduceat(values, starts) >> BITS)
    return out


@compiled(nogil=True)
def signed_area(x, y, start, stop):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Area of a ring in pixels, positive where edges that lead to greater y have the inside at greater x."""
    area = 0.0
    for at in range(start, stop - 1):
        middle = float(x[at] - x[start] + x[at + 1] - x[start])
        area -= middle * float(y[at + 1] - y[at])
    return area / 2 / FULL / FULL
