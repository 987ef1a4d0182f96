"""Evaluate a recipe on any grid at once, in this process: what the map and `jeospark preview` show.

The windows, the reader and the evaluator are those of the batch: on the batch's grid the pixels are the batch's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jeospark.grid import GeoBox
from jeospark.model import ItemRef, Transform
from jeospark.raster.datasets import Datasets
from jeospark.raster.env import gdal_environment
from jeospark.raster.placement import Target
from jeospark.settings import Settings
from jeospark.task.evaluate import Evaluation
from jeospark.task.program import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A recipe's result on one grid, in memory."""

    data: NDArray[np.floating]
    """(bands, rows, cols), physical."""
    valid: NDArray[np.bool_]
    """Same shape, True = usable."""
    geobox: GeoBox
    pixels_read: int
    """Source pixels that were decoded."""


def evaluate_view(program: Program, items: Sequence[ItemRef], geobox: GeoBox, settings: Settings) -> View:
    """Evaluate a recipe on a grid, from overviews where the grid is much coarser than the files.

    Args:
        program: The recipe.
        items: The items of one period; none give a view without a usable pixel.
        geobox: The grid.
        settings: Memory and GDAL's cache.

    Raises:
        BadAssetError: An asset cannot be used.
    """
    rows, cols = geobox.shape
    shape = (len(program.outputs), rows, cols)
    data, valid = np.zeros(shape, np.float32), np.zeros(shape, np.bool_)
    if not items:
        return View(data=data, valid=valid, geobox=geobox, pixels_read=0)
    a, b, c, d, e, f = tuple(geobox.affine)[:6]
    transform: Transform = (a, b, c, d, e, f)
    with gdal_environment(settings), Datasets(settings.open_datasets) as datasets:
        evaluation = Evaluation(
            program,
            items,
            Target(str(geobox.crs), transform),
            (rows, cols),
            datasets,
            settings,
            overviews=True,
        )
        for pixels in evaluation:
            where = (slice(None), *pixels.window.slices)
            data[where], valid[where] = pixels.data, pixels.valid
    return View(data=data, valid=valid, geobox=geobox, pixels_read=evaluation.tally.pixels_read)
