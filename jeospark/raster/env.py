"""What the GDAL that rasterio brings can do."""

import rasterio
from rasterio.env import Env

NEEDED = {"GTiff": "read", "COG": "write", "JP2OpenJPEG": "read", "netCDF": "read"}
"""Drivers that jeospark uses, and what for."""


def gdal_version() -> str:
    """Version of GDAL, such as 3.10.3."""
    return str(rasterio.__gdal_version__)


def missing_drivers() -> tuple[str, ...]:
    """Names of the `NEEDED` drivers that this GDAL lacks."""
    with Env() as env:
        present = env.drivers()
    return tuple(sorted(NEEDED.keys() - present.keys()))
