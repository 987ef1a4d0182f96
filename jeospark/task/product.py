"""What a recipe's results are: bands, type, lineage; and pixels as they are stored."""

from functools import lru_cache
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from jeospark import __version__
from jeospark.catalog.publish import OutputCollection
from jeospark.output import OutputBand
from jeospark.raster.env import gdal_version
from jeospark.task.evaluate import Pixels
from jeospark.task.program import Program
from udfs.pack import pack


def product(program: Program, *, folder: str, title: str) -> OutputCollection:
    """Describe the results of a recipe.

    Args:
        program: The recipe.
        folder: Output folder.
        title: Name of the product.
    """
    return OutputCollection(
        collection_id=f"{program.load.collection}-{program.graph.id[:12]}",
        title=title,
        description=f"Made by jeospark from {program.load.collection}.",
        folder=folder,
        bands=tuple(_band(program, name) for name in program.outputs),
        data_type=program.options.dtype,
        recipe_id=program.graph.id,
        versions=versions(),
    )


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Versions of the software that decides pixels."""
    libraries = {name: version(name) for name in ("numpy", "numba", "rasterio")}
    return {"jeospark": __version__, "GDAL": gdal_version(), **libraries}


def _band(program: Program, name: str) -> OutputBand:
    scaling = program.options.band(name)
    source = {band.name: band for band in program.bands}.get(name, OutputBand(name=name))
    plain = scaling.scale == 1 and scaling.offset == 0 and np.dtype(program.options.dtype).kind in "iu"
    return OutputBand(
        name=name,
        scale=scaling.scale,
        offset=scaling.offset,
        nodata=program.options.nodata,
        common_name=source.common_name,
        classes=source.classes if plain and len(program.outputs) == 1 else (),
    )


def stored(pixels: Pixels, collection: OutputCollection) -> NDArray[np.generic]:
    """Pixels (bands, rows, cols) as the file stores them."""
    dtype = np.dtype(collection.data_type)
    out = np.empty(pixels.data.shape, dtype)
    for plane, band in enumerate(collection.bands):
        nodata = np.nan if band.nodata is None else band.nodata
        values, valid = pixels.data[plane], pixels.valid[plane]
        pack(values, valid, scale=band.scale, offset=band.offset, nodata=nodata, out=out[plane])
    return out
