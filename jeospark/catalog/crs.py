"""Names of coordinate reference systems."""

from pyproj import CRS

_AUTHORITIES = ("EPSG", "ESRI")
"""Whose codes PROJ and GDAL know alike."""


def crs_text(crs: CRS) -> str:
    """Write a CRS by its code, such as `EPSG:3035` or `ESRI:54009`, where it has one, else as WKT 2."""
    # TOWGS84 in a WKT binds a CRS to a datum shift and hides the code of what is bound.
    plain = crs.source_crs if crs.is_bound and crs.source_crs else crs
    stated = plain.to_json_dict().get("id", {})
    if stated.get("authority") in _AUTHORITIES:
        return f"{stated['authority']}:{stated['code']}"
    code = plain.to_epsg()
    return str(plain.to_wkt()) if code is None else f"EPSG:{code}"
