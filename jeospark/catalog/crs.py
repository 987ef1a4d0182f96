"""Names of coordinate reference systems."""

from pyproj import CRS


def crs_text(crs: CRS) -> str:
    """Write a CRS as `EPSG:nnnn` where it states such a code or is surely one, else as WKT 2."""
    # TOWGS84 in a WKT binds a CRS to a datum shift and hides the code of what is bound.
    plain = crs.source_crs if crs.is_bound and crs.source_crs else crs
    stated = plain.to_json_dict().get("id", {})
    code = stated["code"] if stated.get("authority") == "EPSG" else plain.to_epsg()
    return str(plain.to_wkt()) if code is None else f"EPSG:{code}"
