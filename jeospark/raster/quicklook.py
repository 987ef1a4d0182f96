"""Small PNG pictures of results, transparent where no pixel is usable."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.enums import Resampling
from rasterio.errors import RasterioError

from jeospark.errors import AssetUnreadableError, OutputError
from jeospark.output import OutputBand
from jeospark.raster.palette import NDVI, NDVI_RANGE, SEQUENTIAL, colored, rgb_of
from jeospark.storage.publish import check_writable, publishing

SIZE = 256
"""Longest side of a picture in pixels."""
PERCENTILES = (2.0, 98.0)
"""What becomes the darkest and the brightest."""
GAMMA = 1.4
"""Land is dark beside clouds and sand: above 1 brightens the middle."""
PNG_LEVEL = 1
"""A fifth of the time of the usual level 6, for 1.1 of its bytes."""
RGB = ("red", "green", "blue")


def quicklook(
    data: NDArray[np.generic], valid: NDArray[np.bool_], bands: Sequence[OutputBand], path: str, size: int = SIZE
) -> None:
    """Publish a picture of a result: true colour where it has red, green and blue, else its first band.

    Args:
        data: Physical values (or class codes), shape (bands, rows, columns), already decimated; every nth pixel is
            taken where it is larger than `size` still.
        valid: Same shape; True = usable.
        bands: What each band is, in order.
        path: The PNG to publish.
        size: Longest side in pixels.

    Raises:
        DiskFullError: See `publishing`.
        OutputUnwritableError: See `publishing`.
        OutputError: GDAL cannot write it otherwise.
    """
    with publishing(path) as tmp:
        _draw(data, valid, bands, tmp, size)


def _draw(
    data: NDArray[np.generic], valid: NDArray[np.bool_], bands: Sequence[OutputBand], path: str, size: int
) -> None:
    step = -(-max(data.shape[1:]) // size)
    data, valid = data[:, ::step, ::step], valid[:, ::step, ::step]
    names = [band.common_name for band in bands]
    if all(name in names for name in RGB):
        order = [names.index(name) for name in RGB]
        _write_png(path, _true_color(data[order], valid[order]), np.logical_and.reduce(valid[order]))
    else:
        _write_png(path, _single(data[0], valid[0], bands[0]), valid[0])


def quicklook_cog(href: str, bands: Sequence[OutputBand], path: str, size: int = SIZE) -> None:
    """Draw a picture of a COG, read from its overviews.

    Args:
        href: The COG.
        bands: What each band is, in order.
        path: The PNG to write; the caller publishes it.
        size: Longest side in pixels.

    Raises:
        AssetUnreadableError: The COG cannot be read.
        OutputError: The picture cannot be written.
    """
    try:
        with rasterio.open(href) as dataset:
            step = max(1.0, max(dataset.shape) / size)
            shape = (dataset.count, *(max(1, round(side / step)) for side in dataset.shape))
            stored = dataset.read(out_shape=shape, resampling=Resampling.nearest)
    except RasterioError as error:
        raise AssetUnreadableError(f"no picture can be made: {error}", where=href) from error
    data = np.stack([values * band.scale + band.offset for values, band in zip(stored, bands, strict=True)])
    valid = np.stack([_usable(values, band) for values, band in zip(stored, bands, strict=True)])
    _draw(data, valid, bands, path, size)


def _usable(stored: NDArray[np.generic], band: OutputBand) -> NDArray[np.bool_]:
    finite = np.isfinite(stored.astype(np.float64))
    return finite if band.nodata is None else np.logical_and(finite, stored != band.nodata)


def _true_color(data: NDArray[np.generic], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """One stretch for the three bands, so that grey stays grey."""
    low, high = _limits(data, valid)
    place = np.clip((np.nan_to_num(data.astype(np.float64)) - low) / (high - low), 0.0, 1.0)
    return np.rint(255 * place ** (1 / GAMMA)).astype(np.uint8)


def _single(data: NDArray[np.generic], valid: NDArray[np.bool_], band: OutputBand) -> NDArray[np.uint8]:
    if band.classes:
        table = np.zeros((256, 3), dtype=np.uint8)
        for item in band.classes:
            table[item.value] = rgb_of(item.color)
        codes = np.clip(np.nan_to_num(data), 0, 255).astype(np.uint8)
        return np.moveaxis(table[codes], -1, 0)
    values = data.astype(np.float64)
    if "ndvi" in band.name.lower():
        return colored(values, NDVI, *NDVI_RANGE)
    return colored(values, SEQUENTIAL, *_limits(data, valid))


def _limits(data: NDArray[np.generic], valid: NDArray[np.bool_]) -> tuple[float, float]:
    usable = data[valid].astype(np.float64)
    if usable.size == 0:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(usable, PERCENTILES))
    if low == high:
        # Most pixels have one value, as where a density is 0: the others are what there is to see.
        low, high = float(usable.min()), float(usable.max())
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _write_png(path: str, rgb: NDArray[np.uint8], valid: NDArray[np.bool_]) -> None:
    picture = np.concatenate([rgb * valid, np.where(valid, 255, 0)[np.newaxis]]).astype(np.uint8)
    try:
        _encode(path, picture)
    except (RasterioError, CPLE_BaseError) as error:
        check_writable(str(Path(path).parent), picture.nbytes)
        raise OutputError(f"GDAL cannot write the picture: {error}", where=path, remedy="Check the storage.") from error
    if not Path(path).is_file():
        raise OutputError("GDAL wrote no picture", where=path, remedy="Check the storage.")


def _encode(path: str, picture: NDArray[np.uint8]) -> None:
    _, rows, cols = picture.shape
    # Any place will do, PNG keeps none; without one rasterio warns.
    place = rasterio.Affine(1, 0, 0, 0, -1, rows)
    profile = {"driver": "PNG", "count": 4, "height": rows, "width": cols, "dtype": "uint8", "transform": place}
    with rasterio.Env(GDAL_PAM_ENABLED="NO"), rasterio.open(path, "w", zlevel=PNG_LEVEL, **profile) as dataset:
        dataset.write(picture)
        dataset.colorinterp = [rasterio.enums.ColorInterp[name] for name in (*RGB, "alpha")]
