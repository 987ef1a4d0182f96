"""The catalogue of a generated archive: one item a date."""

from pathlib import Path
from typing import Any

from bench_archive import CRS, ORIGIN, Archive

from jeospark.catalog.footprint import footprint_of_grid
from jeospark.catalog.store import Catalog

COLLECTION = "bench"
MEDIA = {
    "COG": "image/tiff; application=geotiff; profile=cloud-optimized",
    "JP2OpenJPEG": "image/jp2",
}


def tiles(size: int, tile: int) -> list[tuple[int, int]]:
    """First row and column of the tiles of an archive, by rows."""
    return [(row, col) for row in range(0, size, tile) for col in range(0, size, tile)]


def grid(tile: int) -> str:
    """The grid of output tiles of `tile` rows and columns that begins at the archive's corner."""
    return f"{CRS}:10:{tile}x{tile}:{ORIGIN[0]:.0f},{ORIGIN[1]:.0f}"


def catalog(archive: Archive) -> Path:
    """Make the archive and its catalogue where they are not there yet; returns the catalogue's folder."""
    archive.make()
    root = archive.folder / "catalog"
    Catalog(root).add({"id": COLLECTION, "title": "Generated Sentinel-2"}, items(archive))
    return root


def items(archive: Archive) -> list[dict[str, Any]]:
    """STAC items, by date."""
    transform = (10.0, 0.0, ORIGIN[0], 0.0, -10.0, ORIGIN[1])
    place = footprint_of_grid(CRS, transform, (archive.size, archive.size))
    return [
        {
            "type": "Feature",
            "stac_version": "1.1.0",
            "stac_extensions": [],
            "id": f"S2A_29UNU_{archive.when(date):%Y%m%d}",
            **place,
            "properties": {
                "datetime": f"{archive.when(date):%Y-%m-%dT%H:%M:%SZ}",
                "platform": "sentinel-2a",
                "sat:relative_orbit": 37,
                "eo:cloud_cover": 30.0,
                "proj:code": CRS,
            },
            "links": [],
            "assets": {band: _asset(archive, date, band) for band in (*archive.bands, "SCL")},
        }
        for date in range(archive.dates)
    ]


def _asset(archive: Archive, date: int, band: str) -> dict[str, Any]:
    path, classes = archive.path(date, band), band == "SCL"
    pixel, size = (20, archive.size // 2) if classes else (10, archive.size)
    described = {"name": band, "data_type": "uint8" if classes else "uint16", "nodata": 0}
    common = {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir"}
    scaled = {} if classes else {"eo:common_name": common[band], "raster:scale": 0.0001, "raster:offset": -0.1}
    return {
        "href": str(path),
        "type": MEDIA[archive.driver],
        "roles": ["data"],
        "proj:code": CRS,
        "proj:transform": [pixel, 0, ORIGIN[0], 0, -pixel, ORIGIN[1]],
        "proj:shape": [size, size],
        "file:size": path.stat().st_size,
        "bands": [described | scaled],
    }
