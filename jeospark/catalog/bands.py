"""The bands of a collection, as its document tells them."""

from collections.abc import Mapping
from typing import Any

from jeospark.output import BandClass, OutputBand


def collection_bands(document: Mapping[str, Any]) -> tuple[OutputBand, ...]:
    """Name, common name and classes of each band in a STAC collection's summaries."""
    return tuple(_band(band) for band in document.get("summaries", {}).get("bands", ()))


def _band(band: Mapping[str, Any]) -> OutputBand:
    classes = tuple(
        BandClass(value=each["value"], name=each["name"], color=f"#{each.get('color_hint', '808080').lower()}")
        for each in band.get("classification:classes", ())
    )
    return OutputBand(name=band["name"], common_name=band.get("eo:common_name"), classes=classes)
