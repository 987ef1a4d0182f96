"""Bands of STAC 1.0 (`eo:bands`, `raster:bands`) and 1.1 (`bands`), as those of 1.1."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

_COMMON = ("data_type", "nodata", "unit", "raster:scale", "raster:offset", "classification:classes")
_KEPT = ("name", "eo:common_name", *_COMMON)
_CLASS_FIELDS = ("value", "name", "description", "color_hint")
_RASTER_1_0 = {
    "data_type": "data_type",
    "nodata": "nodata",
    "unit": "unit",
    "scale": "raster:scale",
    "offset": "raster:offset",
    "classification:classes": "classification:classes",
}


def declared_bands(holder: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the bands that an asset, item or collection declares, in order; some may have no name."""
    lists = [_as_list(holder.get(name)) for name in ("raster:bands", "eo:bands", "bands")]
    inherited = {name: holder[name] for name in _COMMON if holder.get(name) is not None}
    return [
        {**inherited, **_of_raster(raster or {}), **_of_eo(eo or {}), **_of_1_1(band or {})}
        for raster, eo, band in zip_longest(*lists)
    ]


def named_bands(
    key: str, asset: Mapping[str, Any], others: Sequence[Sequence[Mapping[str, Any]]], count: int | None
) -> list[dict[str, Any]]:
    """List the bands of an asset, all with names.

    Args:
        key: The asset's key, which names the bands that nothing else names.
        asset: The asset as it stands.
        others: What item, collection and file say of its bands, in order of trust; used where the number fits.
        count: How many bands the file has, None where unknown.
    """
    own = declared_bands(asset)
    number = len(own) or count
    fits = (other for other in others if other and len(other) == (number or len(other)))
    given = next((other for other in fits if all("name" in band for band in other)), ())
    number = number or len(given) or 1
    fallback = [{"name": key if number == 1 else f"{key}_{position}"} for position in range(1, number + 1)]
    return [
        {**default, **hint, **band}
        for default, hint, band in zip(fallback, given or fallback, own or [{}] * number, strict=True)
    ]


def collection_bands(collection: Mapping[str, Any], key: str) -> list[list[dict[str, Any]]]:
    """List what a collection says of the bands of an asset: its item_assets, its bands, its summaries, its cube."""
    cube = [one for one in (collection.get("cube:dimensions") or {}).values() if one.get("type") == "bands"]
    names = [[{"name": name} for name in one.get("values", ())] for one in cube]
    holders = ((collection.get("item_assets") or {}).get(key, {}), collection, collection.get("summaries") or {})
    return [*(declared_bands(holder) for holder in holders), *names]


def _as_list(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _of_raster(band: Mapping[str, Any]) -> dict[str, Any]:
    return _clean({new: band.get(old) for old, new in _RASTER_1_0.items()} | {"name": band.get("name")})


def _of_eo(band: Mapping[str, Any]) -> dict[str, Any]:
    return _clean({"name": band.get("name"), "eo:common_name": band.get("common_name")})


def _of_1_1(band: Mapping[str, Any]) -> dict[str, Any]:
    return _clean({name: band.get(name) for name in _KEPT})


def _clean(band: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in band.items() if value is not None}
    for name in ("raster:scale", "raster:offset", "nodata"):
        if name in kept:
            kept[name] = float(kept[name])  # nan and inf come as strings, which no column of numbers holds
    if "classification:classes" in kept:
        kept["classification:classes"] = [
            {name: one[name] for name in _CLASS_FIELDS if name in one} for one in kept["classification:classes"]
        ]
    return kept
