"""The bands of a collection, as its document tells them."""

import re
from collections.abc import Mapping
from typing import Any

from jeospark.output import BandClass, OutputBand

_VALUES = range(256)
"""Of classes that files of classes can hold."""
_COLOR = re.compile("[0-9a-f]{6}")
_GREY = "#808080"


def collection_bands(document: Mapping[str, Any]) -> tuple[OutputBand, ...]:
    """Name, common name and classes of each band in a STAC collection's summaries."""
    return tuple(_band(band) for band in document.get("summaries", {}).get("bands", ()))


def _band(band: Mapping[str, Any]) -> OutputBand:
    classes = tuple(_class(each) for each in band.get("classification:classes", ()) if each.get("value") in _VALUES)
    return OutputBand(name=band["name"], common_name=band.get("eo:common_name"), classes=classes)


def _class(given: Mapping[str, Any]) -> BandClass:
    value = int(given["value"])
    hint = str(given.get("color_hint", "")).lower()
    color = f"#{hint}" if _COLOR.fullmatch(hint) else _GREY
    return BandClass(value=value, name=str(given.get("name") or given.get("description") or value), color=color)
