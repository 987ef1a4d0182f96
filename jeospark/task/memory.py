"""Memory of a unit: what its windows take, and what a worker process reaches in all."""

import numpy as np

from jeospark.settings import Settings
from jeospark.task.layout import LARGEST, SMALLEST
from jeospark.task.program import Program

PLAIN_BYTES = 16
"""A value in the plain evaluator: float32 and validity, and the intermediate results of a few nodes."""
PROCESS_MB = 300
"""A worker before its first unit: Python, Arrow, GDAL and numba."""
MIB = 1 << 20


def bytes_per_pixel(program: Program, observations: int) -> int:
    """Memory that one pixel of a window takes, all observations and bands."""
    return observations * len(program.names) * PLAIN_BYTES


def window_budget(settings: Settings) -> int:
    """Bytes that the arrays of one window may take: half the worker's memory, the result has the other half."""
    return settings.worker_memory_mb * MIB // 2


def window_floor_mb(program: Program, observations: int) -> float:
    """MiB of the smallest window that a unit can be cut into."""
    return bytes_per_pixel(program, observations) * SMALLEST**2 / MIB


def peak_mb(program: Program, observations: int, pixels: int, settings: Settings) -> float:
    """Predicted peak of a worker process, MiB.

    Args:
        program: The recipe.
        observations: Of the largest unit.
        pixels: Output pixels of the largest unit.
        settings: Memory of windows and of GDAL's cache.
    """
    window = min(bytes_per_pixel(program, observations) * min(pixels, LARGEST), window_budget(settings))
    itemsize = np.dtype(program.options.dtype).itemsize
    # The result waits with its overviews, and lies in a scratch file where it is larger than its share.
    result = min(pixels * len(program.outputs) * itemsize * 4 / 3, window_budget(settings))
    return PROCESS_MB + settings.gdal_cache_mb + (window + result) / MIB
