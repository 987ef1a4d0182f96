"""SRIDs of geometries and coordinate reference systems, each from the other."""

from functools import cache

from pyproj import CRS
from pyproj.exceptions import CRSError

from jeospark.errors import CrsUnknownError

CRS84 = 4326
"""What OGC:CRS84 is called in a geometry; x is longitude whatever the code says."""
UNKNOWN = 0
_AUTHORITIES = ("EPSG", "ESRI")
"""In this order; no number is a CRS of both."""


@cache
def srid_of(definition: str) -> int:
    """The SRID for a CRS: its EPSG or ESRI code, 4326 for OGC:CRS84, 0 where it has none.

    Args:
        definition: `EPSG:3035`, `ESRI:54009`, WKT or PROJJSON.

    Raises:
        CrsUnknownError: It is no CRS.
    """
    crs = parse_crs(definition)
    if crs.to_authority() == ("OGC", "CRS84"):
        return CRS84
    for authority in _AUTHORITIES:
        found = crs.to_authority(auth_name=authority, min_confidence=100)
        if found is not None:
            return int(found[1])
    return UNKNOWN


@cache
def crs_of(srid: int) -> CRS:
    """The CRS that an SRID stands for.

    Raises:
        CrsUnknownError: It stands for none.
    """
    if srid == CRS84:
        return CRS("OGC:CRS84")
    for authority in _AUTHORITIES:
        try:
            return CRS.from_authority(authority, srid)
        except CRSError:
            continue
    raise CrsUnknownError(
        f"SRID {srid} is no code of EPSG or ESRI", remedy="Set the right one with ST_SetSRID(geometry, code)."
    )


def parse_crs(definition: str) -> CRS:
    """The CRS that a text describes.

    Raises:
        CrsUnknownError: It describes none.
    """
    try:
        return CRS.from_user_input(definition)
    except CRSError as error:
        what = f"'{definition[:80]}' is no coordinate reference system"
        raise CrsUnknownError(what, remedy="Give a code such as EPSG:3035.") from error


def same_crs(one: CRS, other: CRS) -> bool:
    """True where coordinates mean the same, x being east in both."""
    return bool(one.equals(other, ignore_axis_order=True))
