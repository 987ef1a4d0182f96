"""What the GDAL that rasterio brings can do."""

from collections.abc import Iterator
from contextlib import contextmanager

import rasterio
from rasterio.env import Env

from jeospark.settings import Settings
from jeospark.storage.href import gdal_options
from jeospark.storage.kinds import storage_settings

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


@contextmanager
def gdal_environment(settings: Settings) -> Iterator[None]:
    """GDAL and storages as jeospark needs them: cache, threads, retries; entered once in each worker process."""
    with storage_settings(settings), Env(**gdal_options(settings)):
        yield
