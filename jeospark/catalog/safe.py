"""Sentinel-2 SAFE products, Level-2A or Level-1C, folder or zip: each becomes an item."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from jeospark.catalog.footprint import footprint_of_ring
from jeospark.catalog.package import Package
from jeospark.catalog.profile import COMMON_NAMES, SCL_CLASSES
from jeospark.catalog.safe_metadata import ProductMetadata, TileMetadata, read_product, read_tile
from jeospark.errors import SourceError

_PRODUCT_XML = re.compile(r"(MTD_MSIL(1C|2A)|S2\w+_MTD_SAFL(1C|2A)\w+)\.xml")
_IMAGE = re.compile(r"_(B(?:0[1-9]|8A|1[0-2])|SCL|AOT|WVP|TCI)(?:_(10|20|60)m)?\.(jp2|tif)")
_PROBABILITY = re.compile(r"MSK_(CLD|SNW)PRB_(20|60)m\.(jp2|tif)")
_MEDIA_TYPES = {"jp2": "image/jp2", "tif": "image/tiff; application=geotiff"}

_NATIVE = {"B01": 60, "B09": 60, "B10": 60} | dict.fromkeys(("B05", "B06", "B07", "B8A", "B11", "B12", "SCL"), 20)
"""Pixel size in metres of the files of Level-1C, whose names do not tell it; 10 for the others."""

_SHARES = {
    "CLOUD_SHADOW_PERCENTAGE",
    "DARK_FEATURES_PERCENTAGE",
    "DEGRADED_MSI_DATA_PERCENTAGE",
    "HIGH_PROBA_CLOUDS_PERCENTAGE",
    "MEDIUM_PROBA_CLOUDS_PERCENTAGE",
    "NODATA_PIXEL_PERCENTAGE",
    "NOT_VEGETATED_PERCENTAGE",
    "SATURATED_DEFECTIVE_PIXEL_PERCENTAGE",
    "SNOW_ICE_PERCENTAGE",
    "THIN_CIRRUS_PERCENTAGE",
    "UNCLASSIFIED_PERCENTAGE",
    "VEGETATION_PERCENTAGE",
    "WATER_PERCENTAGE",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One image file of a product."""

    href: str
    band: str
    """B02, SCL, …; TCI for the true-colour picture, CLD and SNW for the probabilities of cloud and snow in percent."""
    resolution: int
    """Pixel size, metres."""
    media_type: str
    size: int | None
    """Bytes."""


def safe_item(path: str) -> dict[str, Any]:
    """Make the item of a Sentinel-2 SAFE product.

    A band's finest image is the asset of that name and the one that band look-up finds; coarser images of the same
    band are assets such as B02_60m with the role overview. Nodata is 0. Scale and offset carry the product's
    quantification value and, from baseline 04.00, its offset: reflectance = stored * scale + offset.

    Args:
        path: Folder (whatever its name) or zip archive with MTD_MSIL2A.xml or MTD_MSIL1C.xml in it.

    Raises:
        SourceError: A metadata file is missing, corrupt or incomplete, or no image is there.
    """
    package = Package.open(path)
    product_name = _only(package, _PRODUCT_XML, "MTD_MSIL2A.xml")
    root = PurePosixPath(product_name).parent
    tile_name = _only(package, re.compile(r"MTD_TL\.xml"), "MTD_TL.xml")
    product = read_product(package.read(product_name), package.href(product_name))
    tile = read_tile(package.read(tile_name), package.href(tile_name))
    inside = [name for name in package.sizes if PurePosixPath(name).is_relative_to(root)]
    images = [image for name in inside if (image := _image(package, name)) is not None]
    if not images:
        raise SourceError("the product holds no image", where=package.path, remedy="Fetch it with its IMG_DATA.")
    return build_item(product, tile, images)


def build_item(product: ProductMetadata, tile: TileMetadata, images: Sequence[Image]) -> dict[str, Any]:
    """Put an item together from what was read.

    Raises:
        SourceError: The footprint is empty.
    """
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": product.name.removesuffix(".SAFE"),
        **footprint_of_ring(product.longitudes, product.latitudes),
        "properties": item_properties(product, tile),
        "links": [],
        "assets": _assets(product, tile, images),
    }


def item_properties(product: ProductMetadata, tile: TileMetadata) -> dict[str, Any]:
    """Give the properties of the item of a product."""
    properties: dict[str, Any] = {
        "datetime": product.start,
        "created": product.generated,
        "platform": product.platform,
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "sat:relative_orbit": product.relative_orbit,
        "sat:orbit_state": product.orbit_state,
        "s2:processing_baseline": product.baseline,
        "s2:product_type": product.product_type,
        "s2:product_uri": product.name,
        "s2:datatake_id": product.datatake,
    }
    return properties | tile_properties(tile)


def tile_properties(tile: TileMetadata) -> dict[str, Any]:
    """Give the properties that the tile's own metadata file decides."""
    shares = {f"s2:{name.lower()}": value for name, value in tile.shares.items() if name in _SHARES}
    properties = {
        "eo:cloud_cover": tile.shares.get("CLOUDY_PIXEL_PERCENTAGE"),
        "eo:snow_cover": tile.shares.get("SNOW_ICE_PERCENTAGE"),
        "grid:code": f"MGRS-{tile.mgrs}",
        "proj:code": tile.crs,
        "view:sun_azimuth": tile.sun_azimuth,
        "view:sun_elevation": tile.sun_elevation,
        "s2:tile_id": tile.tile_id,
        **shares,
    }
    return {name: value for name, value in properties.items() if value is not None}


def _only(package: Package, pattern: re.Pattern[str], usual: str) -> str:
    found = [name for name in package.sizes if pattern.fullmatch(PurePosixPath(name).name)]
    if len(found) != 1:
        what = f"the product holds {len(found)} files {usual}" if found else f"the product lacks {usual}"
        raise SourceError(what, where=package.path, remedy="Give a Sentinel-2 product of one tile.")
    return found[0]


def _image(package: Package, name: str) -> Image | None:
    path = PurePosixPath(name)
    found = _IMAGE.search(path.name) if "IMG_DATA" in path.parts else _PROBABILITY.fullmatch(path.name)
    if found is None:
        return None
    band, resolution, suffix = found.groups()
    return Image(
        href=package.href(name),
        band=band,
        resolution=int(resolution or _NATIVE.get(band, 10)),
        media_type=_MEDIA_TYPES[suffix],
        size=package.sizes[name],
    )


def _assets(product: ProductMetadata, tile: TileMetadata, images: Sequence[Image]) -> dict[str, dict[str, Any]]:
    assets: dict[str, dict[str, Any]] = {}
    for image in sorted(images, key=lambda one: (one.band, one.resolution)):
        finest = image.band not in assets
        key = image.band if finest else f"{image.band}_{image.resolution}m"
        assets[key] = _asset(product, tile, image, finest=finest)
    return assets


def _asset(product: ProductMetadata, tile: TileMetadata, image: Image, *, finest: bool) -> dict[str, Any]:
    if image.resolution not in tile.grids:
        what = f"MTD_TL.xml has no grid of {image.resolution} m"
        raise SourceError(what, where=image.href, remedy="Fetch the product again.")
    transform, shape = tile.grids[image.resolution]
    fields: dict[str, Any] = {
        "href": image.href,
        "type": image.media_type,
        "roles": ["visual"] if image.band == "TCI" else ["data"] if finest else ["overview"],
        "gsd": image.resolution,
        "proj:code": tile.crs,
        "proj:transform": list(transform),
        "proj:shape": list(shape),
        "file:size": image.size,
    }
    return fields if image.band == "TCI" else fields | {"bands": [_band(product, image.band)]}


def _band(product: ProductMetadata, name: str) -> dict[str, Any]:
    if name in ("CLD", "SNW"):
        return {"name": name, "data_type": "uint8", "unit": "%"}
    if name == "SCL":
        return {"name": name, "data_type": "uint8", "nodata": 0, "classification:classes": list(SCL_CLASSES)}
    divisor = product.quantification.get(name, 1.0) if name in ("AOT", "WVP") else product.quantification[""]
    common = {"eo:common_name": COMMON_NAMES[name]} if name in COMMON_NAMES else {}
    scaling = {"raster:scale": 1.0 / divisor, "raster:offset": product.offsets.get(name, 0.0) / divisor}
    return {"name": name, **common, "data_type": "uint16", "nodata": 0, **scaling}
