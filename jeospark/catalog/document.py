"""The STAC collection document: what its items have in common, and how far they reach."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jeospark.catalog.sources import UNINDEXED_ROLES

_ASSET_FIELDS = ("type", "roles", "title")
_BAND_FIELDS = ("name", "eo:common_name", "data_type", "nodata", "unit", "classification:classes")
"""Not scale and offset, which differ between the processing baselines of one collection."""

_SUMMARIZED = ("platform", "constellation", "instruments", "gsd", "proj:code")


@dataclass(slots=True)
class Digest:
    """What has been seen of the items so far."""

    bands: dict[str, dict[str, Any]] = field(default_factory=dict)
    assets: dict[str, dict[str, Any]] | None = None
    values: dict[str, list[Any]] = field(default_factory=dict)

    @classmethod
    def of_document(cls, document: Mapping[str, Any] | None) -> "Digest":
        """Start from the collection document as it stands, or from nothing."""
        if document is None:
            return cls()
        summaries = document.get("summaries", {})
        bands = {band["name"]: band for band in summaries.get("bands", ())}
        values = {name: list(summaries[name]) for name in _SUMMARIZED if name in summaries}
        return cls(bands=bands, assets=dict(document.get("item_assets", {})), values=values)

    def see(self, item: Mapping[str, Any]) -> None:
        """Take an item into account."""
        for name in _SUMMARIZED:
            self._see_value(name, item["properties"].get(name))
        assets = {key: _asset(asset) for key, asset in item["assets"].items() if asset.get("bands")}
        shared = assets if self.assets is None else {key: self.assets[key] for key in self.assets if key in assets}
        self.assets = shared
        for asset in assets.values():
            if UNINDEXED_ROLES.isdisjoint(asset.get("roles") or ()):
                for band in asset.get("bands", ()):
                    self.bands.setdefault(band["name"], band)

    def _see_value(self, name: str, value: Any) -> None:
        known = self.values.setdefault(name, [])
        known.extend(
            one for one in (value if isinstance(value, list) else [value]) if one is not None and one not in known
        )


def collection_document(
    template: Mapping[str, Any], digest: Digest, bbox: list[float], interval: tuple[str, str]
) -> dict[str, Any]:
    """Complete a collection document.

    Args:
        template: Must hold `id`; what else it holds stays as it is, except for what is computed here.
        digest: What the items have in common; `item_assets` lists the rasters that every item has.
        bbox: West, south, east, north of all items; west > east where they cross the antimeridian.
        interval: Times of the first and the last item.
    """
    bands = [digest.bands[name] for name in sorted(digest.bands)]
    summaries = {name: sorted(values) for name, values in digest.values.items() if values}
    computed = {
        "type": "Collection",
        "stac_version": "1.1.0",
        "links": [],
        "extent": {"spatial": {"bbox": [bbox]}, "temporal": {"interval": [list(interval)]}},
        "summaries": {**template.get("summaries", {}), **summaries} | ({"bands": bands} if bands else {}),
        "item_assets": digest.assets or {},
    }
    defaults = {"description": f"Items of {template['id']}.", "license": "other"}
    return {**defaults, **template, **computed}


def _asset(asset: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: asset[name] for name in _ASSET_FIELDS if name in asset}
    # The schema asks for two fields.
    return {"roles": ["data"]} | kept | {"bands": [_band(band) for band in asset["bands"]]}


def _band(band: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: band[name] for name in _BAND_FIELDS if name in band}
    if isinstance(kept.get("nodata"), float) and not math.isfinite(kept["nodata"]):
        kept["nodata"] = str(kept["nodata"])  # STAC's way round what JSON lacks: nan, inf, -inf.
    return kept
