"""From a path to items in the catalogue: tells by looking what kind of source it is."""

import dataclasses
import glob
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jeospark.catalog.netcdf import netcdf_items
from jeospark.catalog.profile import Profile
from jeospark.catalog.safe import safe_item
from jeospark.catalog.stac import Describe, stac_items
from jeospark.catalog.stac_walk import reason_of
from jeospark.catalog.store import Catalog
from jeospark.catalog.writer import Added
from jeospark.errors import SourceError

_PRODUCT_FILES = re.compile(r"manifest\.safe|MTD_MSIL(1C|2A)\.xml")
_NETCDF_SUFFIXES = frozenset({".nc", ".nc4", ".cdf"})
_JSON_SUFFIXES = frozenset({".json", ".geojson"})


def ingest(
    catalog: Catalog,
    source_path: str,
    collection_id: str,
    *,
    profile: Profile | None = None,
    describe: Describe | None = None,
    nodata: float | None = None,
) -> Added:
    """Read the items of a source and add them to a collection.

    Args:
        catalog: Where the items go.
        source_path: A SAFE folder or zip, a netCDF cube, a STAC file, a folder of any of these, or a glob pattern.
        collection_id: The collection, which is made where it does not exist.
        profile: What is known of the sensor beforehand, for netCDF and STAC that leave it out.
        describe: Reads raster headers, for STAC that leaves out grids and bands.
        nodata: The value of unusable pixels in bands that declare none; NaN says that every pixel is usable.

    Returns:
        Counts, and in `rejected` the sources that gave nothing; one bad source does not stop the others.

    Raises:
        SourceError: Nothing gave an item; the text holds the first reason.
        CatalogError: The items cannot be stored together.
        OutputError: The catalogue's folder cannot be written, or is full.
    """
    try:
        paths = _sources(source_path)
    except OSError as error:
        what = f"the source cannot be read ({error.strerror})"
        raise SourceError(what, where=error.filename or source_path, remedy="Check it.") from error
    reading = _Reading(profile, describe)
    items = (_filled(item, nodata) for item in reading.items(paths))
    first = next(items, None)
    if first is None:
        raise _nothing(source_path, reading.rejected)
    added = catalog.add({"id": collection_id}, itertools.chain([first], items))
    return dataclasses.replace(added, rejected=tuple(reading.rejected))


def _nothing(source_path: str, rejected: list[tuple[str, str]]) -> SourceError:
    if not rejected:
        remedy = "Give the folder of its items, or a catalogue with links of the kind 'item' or 'child'."
        return SourceError("the source holds no item", where=source_path, remedy=remedy)
    path, reason = rejected[0]
    what, _, remedy = reason.partition(". ")
    others = f" (the first of {len(rejected)} reasons)" if len(rejected) > 1 else ""
    return SourceError(what.rstrip(".") + others, where=path, remedy=remedy)


class _Reading:
    def __init__(self, profile: Profile | None, describe: Describe | None) -> None:
        self._profile = profile
        self._describe = describe
        self._seen: dict[str, tuple[str, Path]] = {}
        self.rejected: list[tuple[str, str]] = []

    def items(self, paths: list[Path]) -> Iterator[dict[str, Any]]:
        for path in paths:
            try:
                yield from self._new(path)
            except SourceError as error:
                self._reject(error.where or str(path), reason_of(error))
            except OSError as error:
                self._reject(error.filename or str(path), f"it cannot be read ({error.strerror}).")

    def _new(self, path: Path) -> Iterator[dict[str, Any]]:
        for item in self._items(path):
            origin = _origin(item, path)
            if item["id"] not in self._seen:
                self._seen[item["id"]] = origin, path
                yield item
            elif not self._is_same(item["id"], origin, path):
                self._reject(origin, f"another source gave an item '{item['id']}' already.")

    def _is_same(self, item_id: str, origin: str, path: Path) -> bool:
        """True where a catalogue led to the item's file, which is a source of its own, too."""
        first, way = self._seen[item_id]
        return origin == first and path != way

    def _items(self, path: Path) -> Iterator[dict[str, Any]]:
        if path.suffix.lower() in _NETCDF_SUFFIXES:
            yield from netcdf_items(str(path), self._profile)
        elif path.suffix.lower() in _JSON_SUFFIXES or (path.is_dir() and not _is_product(path)):
            yield from stac_items(str(path), self._reject, profile=self._profile, describe=self._describe)
        elif path.is_dir() or path.suffix.lower() == ".zip":
            yield safe_item(str(path))
        else:
            what = "neither a SAFE product, a zip, a netCDF nor a STAC file"
            raise SourceError(what, where=str(path), remedy="Give one of these.")

    def _reject(self, path: str, reason: str) -> None:
        self.rejected.append((path, reason))


def _origin(item: dict[str, Any], path: Path) -> str:
    """The file that an item came from, where it tells."""
    return next((link["href"] for link in item["links"] if link["rel"] == "via"), str(path))


def _filled(item: dict[str, Any], nodata: float | None) -> dict[str, Any]:
    """Declare the nodata of bands that lack it."""
    if nodata is not None:
        for asset in item["assets"].values():
            for band in asset.get("bands", ()):
                band.setdefault("nodata", nodata)
    return item


def _is_product(folder: Path) -> bool:
    return any(_PRODUCT_FILES.fullmatch(file.name) for file in folder.iterdir())


def _sources(source_path: str) -> list[Path]:
    """List the sources at a path: itself, what its pattern matches, or what lies in the folder."""
    path = Path(source_path)
    if path.exists():
        return _in_folder(path) if path.is_dir() and not _is_product(path) else [path]
    matches = sorted(glob.glob(source_path, recursive=True))  # noqa: PTH207 (the pattern may be absolute)
    if not matches:
        raise SourceError(f"there is no file or folder '{source_path}'", remedy="Check the path.")
    return [Path(match) for match in matches]


def _in_folder(folder: Path) -> list[Path]:
    inside = sorted(folder.iterdir())
    products = [one for one in inside if one.is_dir() and (one.suffix == ".SAFE" or _is_product(one))]
    files = [one for one in inside if one.suffix.lower() in {".zip", *_NETCDF_SUFFIXES}]
    documents = [one for one in inside if one.suffix.lower() in _JSON_SUFFIXES]
    return products + files + documents if products or files else [folder]
