"""The pixels of one band over the observations of a unit, in one window, as stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from jeospark.raster.window import Window, split
from jeospark.task.observation import Observation

LEAST_PART = 1 << 16
"""Pixels worth a call of their own: blocks that are smaller are read together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Numbers as stored, and what they mean."""

    data: NDArray[np.generic]
    """(t, rows, cols)."""
    nodata: float
    """Marks what is not usable; NaN for floats."""
    scales: NDArray[np.float32]
    """(t,); physical = stored · scale + offset."""
    offsets: NDArray[np.float32]
    """(t,), see `scales`."""

    def valid(self) -> NDArray[np.bool_]:
        """(t, rows, cols), True = usable."""
        usable: NDArray[np.bool_] = ~np.isnan(self.data) if np.isnan(self.nodata) else self.data != self.nodata
        return usable

    @property
    def wide(self) -> bool:
        """True for whole numbers, such as bits, that float32 may not hold."""
        kind = self.data.dtype
        whole = (kind.kind in "iu" and kind.itemsize > np.dtype(np.int16).itemsize) or kind == np.float64
        return whole and bool((self.scales == 1).all()) and not self.offsets.any()

    def physical(self, out: NDArray[np.floating]) -> None:
        """Fill `out` (t, rows, cols) with physical values; what is not usable gets a meaningless number."""
        for layer, into, scale, offset in zip(self.data, out, self.scales, self.offsets, strict=True):
            if layer.dtype.kind in "iu" and (scale, offset) == (1, 0):
                into[...] = layer
                continue
            np.multiply(layer, scale, out=into, casting="unsafe", dtype=out.dtype)
            np.add(into, offset, out=into)


@dataclass(slots=True)
class Tally:
    """What reading cost so far."""

    pixels_read: int = 0
    pixels_skipped: int = 0
    seconds_read: float = 0.0
    seconds_warp: float = 0.0
    """Part of `seconds_read`."""
    seconds_compute: float = 0.0
    seconds_write: float = 0.0


def read_stack(
    observations: Sequence[Observation],
    band: str,
    window: Window,
    tally: Tally,
    usable: NDArray[np.bool_] | None = None,
) -> Stack:
    """Read one band of all observations in a window.

    Args:
        observations: In time order.
        band: Which band.
        window: Where, on the target grid.
        tally: Gets the pixels read and skipped, and the seconds.
        usable: (t, rows, cols) of the window, True where a pixel can still matter; blocks without one are not
            decoded and stay nodata. None where all can.

    Raises:
        BadAssetError: An asset cannot be used.
    """
    started = perf_counter()
    wanted = [each.meets(window) and (usable is None or bool(usable[at].any())) for at, each in enumerate(observations)]
    stack = _allocate(observations, wanted, band, window)
    for at, observation in enumerate(observations):
        left = None if usable is None else usable[at]
        parts, others = _parts(observation, band, window, left) if wanted[at] else ([], [window])
        for other in others:
            stack.data[at][other.within(window)] = stack.nodata
        _read_layer(observation, band, window, parts, stack.data[at], tally)
    tally.seconds_read += perf_counter() - started
    return stack


def _allocate(observations: Sequence[Observation], wanted: Sequence[bool], band: str, window: Window) -> Stack:
    encodings = [each.encoding(band) if want else None for each, want in zip(observations, wanted, strict=True)]
    known = [encoding for encoding in encodings if encoding is not None]
    stored = {(encoding.dtype, str(encoding.nodata)) for encoding in known}
    dtype, nodata = (known[0].dtype, known[0].nodata) if len(stored) == 1 else (np.dtype(np.float32), np.nan)
    shape = (len(observations), window.rows, window.cols)
    return Stack(
        data=np.empty(shape, dtype),
        nodata=nodata,
        scales=np.array([1.0 if each is None else each.scale for each in encodings], np.float32),
        offsets=np.array([0.0 if each is None else each.offset for each in encodings], np.float32),
    )


def _read_layer(
    observation: Observation,
    band: str,
    window: Window,
    parts: Sequence[Window],
    out: NDArray[np.generic],
    tally: Tally,
) -> None:
    for part in parts:
        into = out[part.within(window)]
        tally.pixels_read += observation.read(band, part, into)
        tally.pixels_skipped -= part.pixels
    tally.pixels_skipped += window.pixels


def _parts(
    observation: Observation, band: str, window: Window, usable: NDArray[np.bool_] | None
) -> tuple[list[Window], list[Window]]:
    """The file's blocks in a window that hold a usable pixel, and the others; the window itself where all do."""
    if usable is None or usable.all():
        return [window], []
    reader = observation.fragments[0].reader(band)
    (rows, cols), (row, col) = reader.block, reader.phase
    rows *= max(LEAST_PART // (rows * cols), 1)
    shifted = Window(window.row - row, window.col - col, window.rows, window.cols)
    blocks = [Window(each.row + row, each.col + col, each.rows, each.cols) for each in split(shifted, rows, cols)]
    needed = [each for each in blocks if usable[each.within(window)].any()]
    others = [each for each in blocks if each not in needed]
    return (needed, others) if others else ([window], [])
