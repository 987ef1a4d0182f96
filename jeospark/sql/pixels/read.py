"""Pixels of shares: the batch's own evaluator, in a worker of Spark."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from jeospark.errors import JeosparkError, RasterError
from jeospark.raster.datasets import Datasets
from jeospark.raster.env import gdal_environment
from jeospark.raster.placement import Target
from jeospark.sql.pixels.ask import Ask
from jeospark.sql.pixels.plan import Share, program_of
from jeospark.sql.pixels.rows import Chip, batches, cut
from jeospark.task.evaluate import Evaluation
from jeospark.task.observation import BadAssetError
from jeospark.task.program import Program


def read_shares(
    shares: Iterable[Share], ask: Ask, planes: tuple[int, ...], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """The rows of shares.

    Args:
        shares: In the order in which their rows are wanted.
        ask: The question.
        planes: Which of the result's bands are wanted.
        schema: Of the rows, see `rows.schema_of`.

    Raises:
        RasterError: An asset cannot be used; says of which item and band.
    """
    ready = program_of(ask)
    with gdal_environment(ask.settings), Datasets(ask.settings.open_datasets) as datasets:
        for share in shares:
            try:
                whole = _evaluated(share, ready, ask, planes, datasets)
            except BadAssetError as error:
                raise named(error) from error
            yield from batches(cut(whole, ask.chip, ask.area), ask.rows, schema)


def _evaluated(share: Share, ready: Program, ask: Ask, planes: tuple[int, ...], datasets: Datasets) -> Chip:
    extent = share.extent
    shape = (len(planes), *extent.shape)
    values, valid = np.zeros(shape, np.float32), np.zeros(shape, np.bool_)
    target = Target(extent.crs, extent.transform)
    for pixels in Evaluation(ready, share.items, target, extent.shape, datasets, ask.settings):
        where = (slice(None), *pixels.window.slices)
        values[where], valid[where] = pixels.data[list(planes)], pixels.valid[list(planes)]
    return Chip(
        tile=share.tile, period=share.period, datetime=share.datetime, row=share.row, col=share.col, extent=extent,
        values=values, valid=valid, inside=None,
    )  # fmt: skip


def named(error: BadAssetError) -> JeosparkError:
    """The error of the asset itself, with its item and band."""
    reject, cause = error.reject, error.__cause__
    what = f"item '{reject.item_id}', band {reject.band}: "
    if not isinstance(cause, JeosparkError):
        return RasterError(what + reject.message, where=reject.asset)
    return type(cause)(what + cause.what, where=cause.where, remedy=cause.remedy)
