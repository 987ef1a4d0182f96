"""Memory of a unit: what its windows take, and what a worker process reaches in all."""

from math import ceil

import numpy as np

from jeospark.settings import Settings
from jeospark.task.layout import LARGEST, SMALLEST
from jeospark.task.program import Program, kernel_of

PLAIN_BYTES = 16
"""A value in the plain evaluator: float32 and validity, and the intermediate results of a few nodes."""
COMPILED_BYTES = 4
"""A value in a compiled recipe: as stored, and a share of the mask."""
SOURCE_BYTES = 12
"""A source pixel on its way to a coarser grid: as stored, in float32, and in the window that is averaged."""
PROCESS_MB = 300
"""A worker before its first unit: Python, Arrow, GDAL and numba."""
MIB = 1 << 20


def bytes_per_pixel(program: Program, observations: int, density: float = 1.0, *, compiled: bool) -> int:
    """Memory that one pixel of a window takes, all observations and bands.

    Args:
        program: The recipe.
        observations: Read together.
        density: Source pixels that one of the window spans, of which one layer at a time is held.
        compiled: True where a compiled kernel does the work.
    """
    coarsened = density * SOURCE_BYTES if density > 1 else 0
    value = COMPILED_BYTES if compiled else PLAIN_BYTES
    return observations * len(program.names) * value + ceil(coarsened)


def window_budget(settings: Settings) -> int:
    """Bytes that the arrays of one window may take: half the worker's memory, the result has the other half."""
    return settings.worker_memory_mb * MIB // 2


def window_floor_mb(program: Program, observations: int, settings: Settings) -> float:
    """MiB of the smallest window that a unit can be cut into."""
    return _bytes(program, observations, settings) * SMALLEST**2 / MIB


def peak_mb(program: Program, observations: int, pixels: int, settings: Settings) -> float:
    """Predicted peak of a worker process, MiB.

    Args:
        program: The recipe.
        observations: Of the largest unit.
        pixels: Output pixels of the largest unit.
        settings: Memory of windows and of GDAL's cache.
    """
    window = min(_bytes(program, observations, settings) * min(pixels, LARGEST), window_budget(settings))
    itemsize = np.dtype(program.options.dtype).itemsize
    # The result waits with its overviews, and lies in a scratch file where it is larger than its share.
    result = min(pixels * len(program.outputs) * itemsize * 4 / 3, window_budget(settings))
    return PROCESS_MB + settings.gdal_cache_mb + (window + result) / MIB


def _bytes(program: Program, observations: int, settings: Settings) -> int:
    compiled = settings.compile and kernel_of(program, settings.cache) is not None
    return bytes_per_pixel(program, observations, compiled=compiled)
