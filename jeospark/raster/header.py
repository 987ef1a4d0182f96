"""What the header of a raster says, for the catalogue."""

import rasterio

from jeospark.model import RasterInfo, Transform
from jeospark.raster.datasets import reading
from jeospark.storage.href import gdal_path


def describe(href: str, variable: str | None = None) -> RasterInfo:
    """Read the header of a raster, no pixels.

    Raises:
        AssetMissingError: No such file.
        AssetUnreadableError: Not a raster that GDAL can open.
    """
    with reading(href), rasterio.open(gdal_path(href, variable)) as dataset:
        code = dataset.crs.to_epsg() if dataset.crs else None
        wkt = dataset.crs.to_wkt() if dataset.crs else None
        placed: Transform | None = None if dataset.transform.is_identity else tuple(dataset.transform)[:6]
        return RasterInfo(
            crs=f"EPSG:{code}" if code else wkt,
            transform=placed,
            shape=dataset.shape,
            dtypes=dataset.dtypes,
            nodata=dataset.nodatavals,
            scales=dataset.scales,
            offsets=dataset.offsets,
            block=dataset.block_shapes[0],
            descriptions=dataset.descriptions,
        )
