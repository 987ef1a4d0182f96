"""The static STAC 1.1 catalogue of a run: a collection in the output folder, an item beside each COG.

Nothing in it tells when it was written: the same plan gives the same bytes.
"""

import json
import os.path
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

from jeospark.catalog.footprint import footprint_of_grid
from jeospark.model import Outcome, Transform, Unit
from jeospark.output import OutputBand
from jeospark.storage.href import join, with_suffix
from jeospark.storage.publish import write_text_atomic

COLLECTION_FILE = "collection.json"
_CODE = re.compile(r"\w+:\w+")
"""What names a CRS by its code, such as EPSG:3035."""
RECIPE_FILE = "recipe.json"
COG_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"
_EXTENSIONS = {
    "proj:": "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "raster:": "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
    "eo:": "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "classification:": "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
    "processing:": "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
    "file:": "https://stac-extensions.github.io/file/v2.1.0/schema.json",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputCollection:
    """What all results of a run share."""

    collection_id: str
    title: str
    description: str
    folder: str
    """Output folder: collection, recipe and all COGs lie under it."""
    bands: tuple[OutputBand, ...]
    data_type: str
    """numpy name of the stored type."""
    recipe_id: str
    versions: Mapping[str, str]
    """Version by name of software."""
    license: str = "other"
    """SPDX name, or `other`."""


def item_href(output_href: str) -> str:
    """Where the item of a COG is published: beside it."""
    return with_suffix(output_href, ".json")


def thumbnail_href(output_href: str) -> str:
    """Where the quicklook of a COG is published: beside it."""
    return with_suffix(output_href, ".png")


def item_id(unit: Unit) -> str:
    """`{tile}_{period}`: STAC advises against slashes."""
    return unit.unit_id.replace("/", "_")


def output_item(unit: Unit, outcome: Outcome, collection: OutputCollection) -> dict[str, Any]:
    """STAC item of one published COG, with its lineage.

    `jeospark:inputs` are the ids of the items it was made from; `jeospark:digest` is the unit's.

    Raises:
        SourceError: The unit's grid lies outside what its CRS can map.
    """
    footprint = footprint_of_grid(unit.crs, unit.transform, unit.shape)
    properties = {
        "title": f"{collection.title}, {unit.tile}, {unit.period}",
        "datetime": None,
        "start_datetime": _instant(unit.start),
        "end_datetime": _instant(_last(unit.end)),
        **_projection(unit),
        "processing:software": dict(sorted(collection.versions.items())),
        "jeospark:recipe": collection.recipe_id,
        "jeospark:digest": unit.digest,
        "jeospark:inputs": [item.item_id for item in unit.items],
    }
    item = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": item_id(unit),
        "collection": collection.collection_id,
        "geometry": footprint["geometry"],
        "bbox": footprint["bbox"],
        "properties": properties,
        "links": _item_links(unit, collection),
        "assets": _assets(unit, outcome, collection),
    }
    return item | {"stac_extensions": _extensions(item)}


def valid_share(asset: Mapping[str, Any]) -> float:
    """Share of usable pixels, 0 to 1, in the first band of the asset `data` of an item; 0 where it does not tell."""
    bands = asset.get("bands") or [{}]
    return float(bands[0].get("statistics", {}).get("valid_percent", 0.0)) / 100


def write_item(unit: Unit, outcome: Outcome, collection: OutputCollection) -> str:
    """Publish the item of a unit beside its COG; returns its href.

    Raises:
        DiskFullError: No space is left.
        OutputUnwritableError: The folder cannot be written.
        SourceError: See `output_item`.
    """
    href = item_href(unit.output_href)
    write_text_atomic(href, _json(output_item(unit, outcome, collection)))
    return href


def write_collection(collection: OutputCollection, units: Iterable[Unit], recipe: Mapping[str, Any]) -> str:
    """Publish the recipe and the collection with a link to each unit's item; returns the collection's href.

    Args:
        collection: What the results share.
        units: Those whose COG and item are published.
        recipe: The process graph as JSON.

    Raises:
        DiskFullError: No space is left.
        OutputUnwritableError: The folder cannot be written.
    """
    spans, links = _Spans(), dict[str, str]()
    for unit in units:
        spans.add(unit)
        links[unit.unit_id] = _item_link(unit, collection)
    body: dict[str, Any] = {
        "type": "Collection",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": collection.collection_id,
        "title": collection.title,
        "description": collection.description,
        "license": collection.license,
        "extent": spans.extent(),
        "item_assets": {"data": _data_asset(collection), "thumbnail": _thumbnail_asset()},
        "processing:software": dict(sorted(collection.versions.items())),
        "jeospark:recipe": collection.recipe_id,
        "links": _collection_links(collection),
    }
    write_text_atomic(join(collection.folder, RECIPE_FILE), _json(recipe))
    href = join(collection.folder, COLLECTION_FILE)
    text = _json(body | {"stac_extensions": _extensions(body)})
    write_text_atomic(href, _with_links(text, (links[unit_id] for unit_id in sorted(links))))
    return href


def _assets(unit: Unit, outcome: Outcome, collection: OutputCollection) -> dict[str, Any]:
    data = {"href": f"./{PurePosixPath(unit.output_href).name}", **_data_asset(collection)}
    if outcome.bytes_written:
        data["file:size"] = outcome.bytes_written
    share = round(100 * outcome.pixels_valid / outcome.pixels, 10) if outcome.pixels else 0.0
    data["bands"][0]["statistics"] = {"valid_percent": share}
    thumbnail = {"href": f"./{PurePosixPath(thumbnail_href(unit.output_href)).name}", **_thumbnail_asset()}
    return {"data": data, "thumbnail": thumbnail}


def _data_asset(collection: OutputCollection) -> dict[str, Any]:
    bands = [_band(band, collection.data_type) for band in collection.bands]
    return {"type": COG_TYPE, "title": collection.title, "roles": ["data"], "bands": bands}


def _thumbnail_asset() -> dict[str, Any]:
    return {"type": "image/png", "title": "Quicklook", "roles": ["thumbnail"]}


def _band(band: OutputBand, data_type: str) -> dict[str, Any]:
    """A band as STAC writes it; JSON has no NaN, so that nodata becomes the text that STAC gives for it."""
    fields: dict[str, Any] = {"name": band.name, "data_type": data_type}
    if band.nodata is not None:
        whole = float(band.nodata).is_integer()
        fields["nodata"] = "nan" if band.nodata != band.nodata else int(band.nodata) if whole else band.nodata
    if band.unit:
        fields["unit"] = band.unit
    if not band.classes:
        fields |= {"raster:scale": band.scale, "raster:offset": band.offset}
    if band.common_name:
        fields["eo:common_name"] = band.common_name
    if band.classes:
        fields["classification:classes"] = [
            {"value": item.value, "name": item.name, "color_hint": item.color.removeprefix("#").upper()}
            for item in band.classes
        ]
    return fields


def _projection(unit: Unit) -> dict[str, Any]:
    coded = _CODE.fullmatch(unit.crs)
    crs = {"proj:code": unit.crs.upper()} if coded else {"proj:code": None, "proj:wkt2": unit.crs}
    return {**crs, "proj:shape": list(unit.shape), "proj:transform": list(unit.transform)}


def _item_links(unit: Unit, collection: OutputCollection) -> list[dict[str, str]]:
    up = os.path.relpath(collection.folder, PurePosixPath(unit.output_href).parent)
    above = {"href": f"{up}/{COLLECTION_FILE}", "type": "application/json", "title": collection.title}
    recipe = {"href": f"{up}/{RECIPE_FILE}", "type": "application/json", "title": "Recipe (openEO process graph)"}
    return [
        *({"rel": rel, **above} for rel in ("root", "parent", "collection")),
        {"rel": "processing-expression", **recipe},
    ]


def _collection_links(collection: OutputCollection) -> list[dict[str, str]]:
    own = {"rel": "root", "href": f"./{COLLECTION_FILE}", "type": "application/json", "title": collection.title}
    recipe = {"rel": "processing-expression", "href": f"./{RECIPE_FILE}", "type": "application/json"}
    return [own, recipe]


def _item_link(unit: Unit, collection: OutputCollection) -> str:
    """As JSON."""
    link = {
        "rel": "item",
        "href": f"./{os.path.relpath(item_href(unit.output_href), collection.folder)}",
        "type": "application/geo+json",
        "title": unit.unit_id,
    }
    return json.dumps(link, ensure_ascii=False)


def _with_links(text: str, links: Iterable[str]) -> str:
    """A collection with more links after its last, a line each: as objects, a million would take gigabytes."""
    end = "\n  ]\n}\n"
    return "".join((text.removesuffix(end), *(f",\n    {link}" for link in links), end))


class _Spans:
    """Where and when units lie."""

    def __init__(self) -> None:
        self._grids: set[tuple[str, Transform, tuple[int, int]]] = set()
        self._first: datetime | None = None
        self._last: datetime | None = None

    def add(self, unit: Unit) -> None:
        """Count a unit in."""
        self._grids.add((unit.crs, unit.transform, unit.shape))
        last = _last(unit.end)
        self._first = min(self._first or unit.start, unit.start)
        self._last = max(self._last or last, last)

    def extent(self) -> dict[str, Any]:
        """As STAC has it."""
        boxes = [footprint_of_grid(*grid)["bbox"] for grid in sorted(self._grids)]
        interval = [_instant(moment) if moment else None for moment in (self._first, self._last)]
        return {"spatial": {"bbox": [_union(boxes)]}, "temporal": {"interval": [interval]}}


def _union(boxes: list[list[float]]) -> list[float]:
    """Box around boxes; all longitudes where there is none, or where one crosses the antimeridian."""
    if not boxes:
        return [-180.0, -90.0, 180.0, 90.0]
    west, south, east, north = zip(*boxes, strict=True)
    if any(left > right for left, right in zip(west, east, strict=True)):
        return [-180.0, min(south), 180.0, max(north)]
    return [min(west), min(south), max(east), max(north)]


def _extensions(body: Mapping[str, Any]) -> list[str]:
    text = json.dumps(body)
    return [url for prefix, url in _EXTENSIONS.items() if f'"{prefix}' in text]


def _last(end: datetime) -> datetime:
    """Last whole second before `end`: STAC's intervals include their end."""
    return end - timedelta(seconds=1)


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(body: Mapping[str, Any]) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
