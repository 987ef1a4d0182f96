"""Colours of pictures: values to red, green, blue by linear interpolation between named colours."""

import numpy as np
from numpy.typing import NDArray

NDVI: tuple[str, ...] = (
    "#784519", "#ffb24a", "#ffeda6", "#ade85e", "#87b540", "#039c00", "#016400", "#015000",
)  # fmt: skip
"""JEODPP's palette of vegetation indices, over 0..0.75."""
NDVI_RANGE = (0.0, 0.75)
SEQUENTIAL: tuple[str, ...] = (
    "#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725",
)  # fmt: skip
"""Nine colours of viridis (CC0): perceptually even, readable without colour vision."""


def rgb_of(color: str) -> tuple[int, int, int]:
    """Red, green and blue, 0..255, of a colour such as #039c00."""
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red, green, blue


def colored(values: NDArray[np.floating], colors: tuple[str, ...], low: float, high: float) -> NDArray[np.uint8]:
    """Colours of values from `low` (first colour) to `high` (last), clipped there.

    Returns:
        Shape (3, rows, columns): red, green, blue.
    """
    place = np.nan_to_num(np.clip((values - low) / (high - low), 0.0, 1.0))
    knots = np.linspace(0.0, 1.0, len(colors))
    table = np.array([rgb_of(color) for color in colors], dtype=np.float64)
    return np.stack([np.rint(np.interp(place, knots, channel)) for channel in table.T]).astype(np.uint8)
