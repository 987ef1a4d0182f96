"""Which items are fragments of one observation."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from jeospark.catalog.times import parse_time

_ORBIT_PROPERTIES = ("sat:relative_orbit", "sat:absolute_orbit", "s2:datatake_id", "landsat:wrs_path")
_NAME_PROPERTIES = ("s2:product_uri", "sentinel:product_id")
_ORBIT_IN_NAME = re.compile(r"_R(\d{3})_")


def observation_key(item: Mapping[str, Any]) -> str:
    """Name the observation that an item is a fragment of.

    - Platform and orbit known: `platform/orbit/solar day`. The solar day is the date of the UTC time moved by the
      longitude of the item's centre divided by 15 degrees an hour, so that a pass across midnight UTC stays one.
      The orbit is the relative orbit, or what stands for it: the absolute orbit, the datatake, the WRS path.
    - Platform only: `platform/time`, with the exact time. A day may hold two passes, whose pixels must both count,
      so that only simultaneous items are taken for fragments.
    - Neither: the item's own id.
    """
    properties = item["properties"]
    platform = properties.get("platform")
    if not platform:
        return str(item["id"])
    orbit = _orbit(item)
    if orbit is None:
        return f"{platform}/{properties['datetime']}"
    solar = parse_time(properties["datetime"]) + timedelta(hours=_centre_longitude(item["bbox"]) / 15.0)
    return f"{platform}/{orbit}/{solar.date().isoformat()}"


def _orbit(item: Mapping[str, Any]) -> str | None:
    properties = item["properties"]
    for name in _ORBIT_PROPERTIES:
        if properties.get(name) is not None:
            return str(properties[name])
    for text in (item["id"], *(properties.get(name) for name in _NAME_PROPERTIES)):
        found = _ORBIT_IN_NAME.search(text or "")
        if found:
            return str(int(found.group(1)))
    return None


def _centre_longitude(bbox: list[float]) -> float:
    west, east = bbox[0], bbox[2]
    return (west + east) / 2 if west <= east else ((west + east + 360) / 2 + 180) % 360 - 180
