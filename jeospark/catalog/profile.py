"""What is known of a sensor beforehand, for sources whose metadata leave it out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class BandProfile:
    """What is known of one band."""

    name: str
    """The sensor's own name, such as B02."""
    common_name: str | None = None
    """`eo:common_name` of STAC."""
    nodata: float | None = None
    scale: float | None = None
    """physical = stored * scale + offset, where the source says neither."""
    offset: float | None = None
    """See `scale`; only for items of the profile's `offset_baseline` or later."""
    classes: tuple[Mapping[str, Any], ...] = ()
    """`classification:classes` of STAC."""

    def fields(self) -> dict[str, Any]:
        """Write all but the offset as a STAC band."""
        fields = {
            "name": self.name,
            "eo:common_name": self.common_name,
            "nodata": self.nodata,
            "raster:scale": self.scale,
            "classification:classes": [dict(one) for one in self.classes] or None,
        }
        return {key: value for key, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of a sensor's product."""

    platform: str
    """`platform` of items that do not say theirs."""
    bands: Mapping[str, BandProfile] = field(default_factory=dict)
    """By name, and by the other names that sources use for it."""
    offset_baseline: str = ""
    """First `s2:processing_baseline` whose stored values are shifted by an offset."""

    def complete(self, band: Mapping[str, Any], baseline: str | None) -> dict[str, Any]:
        """Add to a STAC band what it leaves out, and give it the sensor's own name.

        Args:
            band: What the source says of it; unknown names stay as they are.
            baseline: Processing baseline of the item, where the source says it.
        """
        known = self.bands.get(band["name"])
        if known is None:
            return dict(band)
        fields = known.fields()
        if {"raster:scale", "raster:offset"}.isdisjoint(band) and known.offset is not None:
            shifted = baseline is not None and baseline >= self.offset_baseline
            fields["raster:offset"] = known.offset if shifted else 0.0
        return {**fields, **band, "name": known.name}


def _classes(table: str) -> tuple[Mapping[str, Any], ...]:
    rows = (line.split() for line in table.strip().splitlines())
    return tuple({"value": int(value), "name": name, "color_hint": color} for value, name, color in rows)


SCL_CLASSES = _classes("""
0 no_data 000000
1 saturated_or_defective FF0000
2 dark_area_pixels 2F2F2F
3 cloud_shadows 643200
4 vegetation 00A000
5 not_vegetated FFE65A
6 water 0000FF
7 unclassified 808080
8 cloud_medium_probability C0C0C0
9 cloud_high_probability FFFFFF
10 thin_cirrus 64C8FF
11 snow 00FFFF
""")
"""Scene classification of Sentinel-2 Level-2A (ESA, Level-2A Algorithm Theoretical Basis, S2-PDGS-MPC-ATBD-L2A)."""

COMMON_NAMES: dict[str, str] = {
    "B01": "coastal",
    "B02": "blue",
    "B03": "green",
    "B04": "red",
    "B05": "rededge071",
    "B06": "rededge075",
    "B07": "rededge078",
    "B08": "nir",
    "B8A": "nir08",
    "B09": "nir09",
    "B10": "cirrus",
    "B11": "swir16",
    "B12": "swir22",
}
"""Bands of Sentinel-2's MSI and their names in the STAC EO extension."""


def _sentinel_2_bands() -> dict[str, BandProfile]:
    bands = {
        name: BandProfile(name=name, common_name=common, nodata=0, scale=0.0001, offset=-0.1)
        for name, common in COMMON_NAMES.items()
    }
    bands["SCL"] = BandProfile(name="SCL", nodata=0, classes=SCL_CLASSES)
    return bands | {name.replace("B0", "B"): band for name, band in bands.items()}


SENTINEL_2_L2A = Profile(platform="sentinel-2", bands=_sentinel_2_bands(), offset_baseline="04.00")
"""Surface reflectance stored as 10,000 times its value, and the scene classification."""

PROFILES: dict[str, Profile] = {"sentinel-2-l2a": SENTINEL_2_L2A}
"""By the name that the command line takes."""
