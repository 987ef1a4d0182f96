"""What the header of a raster says, for the catalogue."""

from jeospark.model import RasterInfo, Transform
from jeospark.raster.datasets import Datasets, reading


def describe(href: str, variable: str | None = None) -> RasterInfo:
    """Read the header of a raster, no pixels.

    Raises:
        AssetMissingError: No such file.
        AssetUnreadableError: Not a raster that GDAL can open.
    """
    with Datasets(1) as datasets, reading(href):
        dataset = datasets.get(href, variable)
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
