"""What the header of a raster says, for the catalogue."""

from rasterio.crs import CRS

from jeospark.model import RasterInfo, Transform
from jeospark.raster.datasets import Datasets, reading

_AUTHORITIES = ("EPSG", "ESRI")
"""Whose codes PROJ and GDAL know alike."""


def describe(href: str, variable: str | None = None) -> RasterInfo:
    """Read the header of a raster, no pixels.

    Raises:
        AssetMissingError: No such file.
        AssetUnreadableError: Not a raster that GDAL can open.
    """
    with Datasets(1) as datasets, reading(href):
        dataset = datasets.get(href, variable)
        transform = dataset.transform
        nowhere = transform.is_identity or transform.is_degenerate
        placed: Transform | None = None if nowhere else tuple(transform)[:6]
        return RasterInfo(
            crs=_text(dataset.crs) if dataset.crs else None,
            transform=placed,
            shape=dataset.shape,
            dtypes=dataset.dtypes,
            nodata=dataset.nodatavals,
            scales=dataset.scales,
            offsets=dataset.offsets,
            block=dataset.block_shapes[0],
            descriptions=dataset.descriptions,
        )


def _text(crs: CRS) -> str:
    """Its code, such as `EPSG:3035` or `ESRI:54009`, else WKT 2."""
    code = crs.to_epsg()
    authority = ("EPSG", str(code)) if code else crs.to_authority()
    return ":".join(authority) if authority and authority[0] in _AUTHORITIES else str(crs.to_wkt(version="WKT2_2019"))
