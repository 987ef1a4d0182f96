"""Static STAC, 1.0 or 1.1, on disk: items harmonised to STAC 1.1 with absolute hrefs."""

from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from pyproj import CRS
from pyproj.exceptions import CRSError

from jeospark.catalog.crs import crs_text
from jeospark.catalog.footprint import footprint_of_bbox, footprint_of_geojson, footprint_of_grid, footprint_within
from jeospark.catalog.profile import Profile
from jeospark.catalog.sources import UNINDEXED_ROLES
from jeospark.catalog.stac_bands import collection_bands, declared_bands, named_bands
from jeospark.catalog.stac_walk import Found, Reject, is_remote, local_path, reason_of, walk
from jeospark.catalog.times import format_time, parse_time
from jeospark.errors import RasterError, SourceError
from jeospark.model import RasterInfo
from jeospark.storage.tokens import has_credential

Describe = Callable[[str], RasterInfo]
"""Reads the header of a raster file; raises a RasterError where it cannot."""

_RASTER_TYPES = ("image/tiff", "image/vnd.stac.geotiff", "image/jp2", "application/x-netcdf", "application/netcdf")
_RASTER_SUFFIXES = frozenset({".tif", ".tiff", ".jp2", ".nc"})
_NETCDF_SUFFIX = ".nc"
_TIMES = ("datetime", "start_datetime", "end_datetime", "created", "updated", "expires", "published", "unpublished")
_TOP_LEVEL = frozenset({"type", "id", "geometry", "bbox", "links", "assets", "collection", "stac_version"})
_MOVED = ("proj:epsg", "proj:code", "proj:wkt2", "proj:projjson", "proj:shape", "proj:transform", "proj:bbox")
_PLAIN_FIELDS = ("type", "roles", "title")
_GRID_FIELDS = ("proj:code", "proj:transform", "proj:shape")


def stac_items(
    path: str, reject: Reject, *, profile: Profile | None = None, describe: Describe | None = None
) -> Iterator[dict[str, Any]]:
    """Make items of a static STAC catalogue, collection, item or ItemCollection, or a folder of them.

    Times without `datetime` are taken at their start. A band's name is that of its `bands` or `eo:bands` entry, else
    what the collection or the file says, else the asset's key. Nested properties are left out.

    Args:
        path: A JSON file or a folder.
        reject: Is told of every item that cannot be used, and why.
        profile: Completes bands that leave things out.
        describe: Reads headers of files on disk for bands and grids that the metadata leave out; where it is None or
            fails, these stay unknown until the file is read.

    Raises:
        SourceError: The file cannot be read as STAC.
    """
    for found in walk(Path(path), reject):
        try:
            yield _item(found, profile, describe)
        except SourceError as error:
            reject(f"{found.path}#{found.document['id']}", reason_of(error))


def _item(found: Found, profile: Profile | None, describe: Describe | None) -> dict[str, Any]:
    document = found.document
    properties = _properties(document["properties"], profile)
    shared = {name: document["properties"][name] for name in _MOVED if document["properties"].get(name) is not None}
    assets = {
        str(key): _asset(found, str(key), {**shared, **asset}, profile, describe)
        for key, asset in document["assets"].items()
        if isinstance(asset, Mapping) and asset.get("href")
    }
    if not any("bands" in asset for asset in assets.values()):
        raise SourceError("the item has no raster asset", remedy="Give its assets a raster's media type.")
    codes = {asset["proj:code"] for asset in assets.values() if asset.get("proj:code")}
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": str(document["id"]),
        **_footprint(document, assets),
        "properties": properties | ({"proj:code": codes.pop()} if len(codes) == 1 else {}),
        "links": [{"rel": "via", "href": str(found.path)}],
        "assets": assets,
    }


def _properties(given: Mapping[str, Any], profile: Profile | None) -> dict[str, Any]:
    kept = {
        name: value
        for name, value in given.items()
        if name not in _TOP_LEVEL and name not in _MOVED and name not in _TIMES and _is_flat(value)
    }
    if profile:
        kept.setdefault("platform", profile.platform)
    if "s2:mgrs_tile" in kept:
        kept.setdefault("grid:code", f"MGRS-{kept['s2:mgrs_tile']}")
    return kept | _times(given)


def _is_flat(value: Any) -> bool:
    if isinstance(value, float) and not isfinite(value):
        return False
    if isinstance(value, list):
        return bool(value) and len({type(one) for one in value}) == 1 and isinstance(value[0], str | int | float)
    return isinstance(value, str | int | float)


def _times(given: Mapping[str, Any]) -> dict[str, str]:
    times = {}
    for name in _TIMES:
        if isinstance(given.get(name), str):
            try:
                times[name] = format_time(parse_time(given[name]))
            except ValueError as error:
                raise SourceError(f"'{given[name]}' in {name} is no time", remedy="Mend it.") from error
    start = times.get("datetime") or times.get("start_datetime")
    if start is None:
        raise SourceError("the item has neither datetime nor start_datetime", remedy="Give it one.")
    return times | {"datetime": start}


def _footprint(document: Mapping[str, Any], assets: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    rasters = [asset for asset in assets.values() if "bands" in asset]
    distinct = {str([asset.get(name) for name in _GRID_FIELDS]): asset for asset in rasters}.values()
    grids = [grid for grid in map(_grid_footprint, distinct) if grid is not None]
    declared = _declared_footprint(document)
    if declared is None and not grids:
        raise SourceError("the item has no geometry, bbox or grid", remedy="Give it a geometry.")
    # Only where all grids are known can what is declared be cut to them.
    return footprint_within(declared, grids) if declared is None or len(grids) == len(distinct) else declared


def _grid_footprint(asset: Mapping[str, Any]) -> dict[str, Any] | None:
    crs, transform, shape = (asset.get(name) for name in _GRID_FIELDS)
    if not (crs and transform and shape):
        return None
    try:
        return footprint_of_grid(crs, tuple(transform), tuple(shape))
    except SourceError:
        # Where such a raster lies, its item may declare; a run says what is wrong with it.
        return None


def _declared_footprint(document: Mapping[str, Any]) -> dict[str, Any] | None:
    if document.get("geometry"):
        return footprint_of_geojson(document["geometry"])
    return footprint_of_bbox(document["bbox"]) if document.get("bbox") else None


def _asset(
    found: Found, key: str, asset: Mapping[str, Any], profile: Profile | None, describe: Describe | None
) -> dict[str, Any]:
    href = str(asset["href"]) if is_remote(asset["href"]) else str(local_path(asset["href"], found.path))
    if has_credential(href):
        remedy = "Leave it out, and name its file or variable in JEOSPARK_TOKENS."
        raise SourceError(f"the href of asset '{key}' carries a token or a password", remedy=remedy)
    kept = {"href": href, **{name: asset[name] for name in _PLAIN_FIELDS if asset.get(name)}}
    if not _is_raster(asset):
        return kept
    grid = _grid(asset)
    others = [declared_bands(found.document["properties"]), *collection_bands(found.collection, key)]
    unsure = len(grid) < 3 or not (declared_bands(asset) or any(others))
    info = _described(href, describe) if unsure else None
    if info is not None:
        grid = _grid_of_header(info) | grid
        others.append([{"name": text} if text else {} for text in info.descriptions])
    bands = named_bands(key, asset, others, None if info is None else len(info.dtypes))
    return kept | grid | _size(asset) | {"bands": _finish(bands, href, found.document["properties"], profile)}


def _is_raster(asset: Mapping[str, Any]) -> bool:
    if not UNINDEXED_ROLES.isdisjoint(asset.get("roles") or ()):
        return False
    media_type = asset.get("type")
    if media_type:
        return str(media_type).lower().startswith(_RASTER_TYPES)
    return _suffix(asset["href"]) in _RASTER_SUFFIXES or "data" in (asset.get("roles") or ())


def _suffix(href: str) -> str:
    return PurePosixPath(urlsplit(href).path).suffix.lower()


def _grid(asset: Mapping[str, Any]) -> dict[str, Any]:
    code, transform, shape = _code(asset), asset.get("proj:transform"), asset.get("proj:shape")
    box = asset.get("proj:bbox")
    if shape and box and not transform and len(box) == 4:
        (rows, columns), (west, south, east, north) = shape, box
        transform = [(east - west) / columns, 0, west, 0, (south - north) / rows, north]
    fields = {
        "proj:code": code,
        "proj:transform": [float(one) for one in transform[:6]] if transform else None,
        "proj:shape": [int(one) for one in shape] if shape else None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _code(asset: Mapping[str, Any]) -> str | None:
    for name, prefix in (("proj:code", ""), ("proj:epsg", "EPSG:"), ("proj:wkt2", ""), ("proj:projjson", "")):
        value = asset.get(name)
        if value:
            try:
                return crs_text(CRS.from_user_input(value if isinstance(value, dict) else f"{prefix}{value}"))
            except CRSError as error:
                raise SourceError(f"{name} is no CRS ({error})", remedy="Mend it.") from error
    return None


def _described(href: str, describe: Describe | None) -> RasterInfo | None:
    if describe is None or is_remote(href):
        return None
    try:
        return describe(href)
    except RasterError:
        # A file that cannot be read yet may come later; the run reports it if it does not.
        return None


def _grid_of_header(info: RasterInfo) -> dict[str, Any]:
    fields = {
        "proj:code": info.crs,
        "proj:transform": None if info.transform is None else list(info.transform),
        "proj:shape": list(info.shape),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _size(asset: Mapping[str, Any]) -> dict[str, Any]:
    return {"file:size": int(asset["file:size"])} if asset.get("file:size") else {}


def _finish(
    bands: list[dict[str, Any]], href: str, properties: Mapping[str, Any], profile: Profile | None
) -> list[dict[str, Any]]:
    if _suffix(href) == _NETCDF_SUFFIX:
        # Each band of such an asset is a variable of its own.
        bands = [{**band, "jeospark:variable": band["name"], "jeospark:index": 1} for band in bands]
    if profile is None:
        return bands
    return [profile.complete(band, properties.get("s2:processing_baseline")) for band in bands]
