"""Identifiers as numbers of 64 bits, so that a set of millions is an array."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jeospark.vector.wkb import binary_buffers
from udfs.jit import compiled


def id_numbers(column: pa.Array) -> npt.NDArray[np.uint64]:
    """A number for each identifier: whole numbers are their own, texts give a hash; null gives that of no text.

    Two of ten million texts share a hash with a probability of 3 · 10⁻⁶.
    """
    if pa.types.is_integer(column.type):
        # Numbers of 64 bits wrap around: they stay as different as they are.
        numbers: npt.NDArray[np.uint64] = column.fill_null(0).cast(pa.int64(), safe=False).to_numpy().view(np.uint64)
        return numbers
    texts = column if pa.types.is_binary(column.type) else id_texts(column).cast(pa.binary())
    places, data = binary_buffers(texts.fill_null(b""))
    hashes = np.empty(len(texts), np.uint64)
    _hash(data, places, hashes)
    return hashes


@compiled(nogil=True, error_model="numpy")
def _hash(data: Any, places: Any, hashes: Any) -> None:
    # FNV-1a, and the finaliser of MurmurHash3, which spreads short texts over all bits.
    for row in range(hashes.shape[0]):
        value = np.uint64(0xCBF29CE484222325)
        for at in range(places[row], places[row + 1]):
            value = (value ^ np.uint64(data[at])) * np.uint64(0x100000001B3)
        value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
        value = (value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
        hashes[row] = value ^ (value >> np.uint64(33))


def id_texts(column: pa.Array) -> pa.Array:
    """Identifiers as texts, null where they are; what is neither a text nor a number is written as Python does."""
    if pa.types.is_binary(column.type) or pa.types.is_nested(column.type):
        return pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())
    return column.cast(pa.string())


class Known:
    """Identifiers that were seen: sorted arrays, of which those of like size are merged, so that growing is cheap."""

    def __init__(self, numbers: npt.NDArray[np.uint64] | None = None) -> None:
        """Start with some."""
        self._levels = [] if numbers is None or not len(numbers) else [np.unique(numbers)]

    def __len__(self) -> int:
        return sum(map(len, self._levels))

    def among(self, numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """True for each number that was seen."""
        found = np.zeros(len(numbers), bool)
        for level in self._levels:
            found |= level[np.minimum(np.searchsorted(level, numbers), len(level) - 1)] == numbers
        return found

    def news(self, numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """True for the first of each number that was not seen; all count as seen from now on."""
        values, first = np.unique(numbers, return_index=True)
        new = ~self.among(values)
        if new.any():
            self._levels.append(values[new])
        while len(self._levels) > 1 and len(self._levels[-2]) <= 2 * len(self._levels[-1]):
            # A stable sort merges what is sorted already.
            self._levels[-2:] = [np.sort(np.concatenate(self._levels[-2:]), kind="stable")]
        fresh = np.zeros(len(numbers), bool)
        fresh[first[new]] = True
        return fresh
