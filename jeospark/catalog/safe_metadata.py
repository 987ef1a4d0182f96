"""What the XML files of a Sentinel-2 product say.

Their elements: ESA, Sentinel-2 Products Specification Document, S2-PDGS-TAS-DI-PSD.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, nan
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from jeospark.catalog.times import format_time, parse_time
from jeospark.errors import SourceError
from jeospark.model import Transform

BAND_IDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
"""Band names in the order of the XML's `band_id`."""

_FIRST_BASELINE_WITH_OFFSET = (4, 0)
_USUAL_OFFSET = -1000.0
"""Digital numbers of baseline 04.00 and later are shifted by this, so that dark pixels are not cut off at zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TileMetadata:
    """What MTD_TL.xml says."""

    tile_id: str
    mgrs: str
    """Such as 29UNU."""
    sensing_time: str
    """RFC 3339."""
    crs: str
    """`EPSG:nnnn`."""
    grids: Mapping[int, tuple[Transform, tuple[int, int]]]
    """Transform and (rows, columns) by pixel size in metres."""
    shares: Mapping[str, float]
    """Percentages by their names in the XML, such as CLOUDY_PIXEL_PERCENTAGE."""
    sun_azimuth: float | None
    """Degrees from north, clockwise."""
    sun_elevation: float | None
    """Degrees above the horizon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductMetadata:
    """What MTD_MSIL2A.xml or MTD_MSIL1C.xml says."""

    name: str
    """Product name with `.SAFE`."""
    start: str
    """RFC 3339."""
    generated: str
    """RFC 3339."""
    platform: str
    """Such as sentinel-2a."""
    level: str
    """L1C or L2A."""
    product_type: str
    baseline: str
    """Such as 04.00."""
    datatake: str
    relative_orbit: int
    orbit_state: str
    """`ascending` or `descending`."""
    quantification: Mapping[str, float]
    """Divisors of the stored values by band name; those of reflectance under the empty name."""
    offsets: Mapping[str, float]
    """What is added to the stored values of a band before the division."""
    longitudes: NDArray[np.float64]
    """Outline of the data, degrees."""
    latitudes: NDArray[np.float64]
    """Outline of the data, degrees."""


class _Document:
    """An XML document whose elements are asked for by their local names."""

    def __init__(self, xml: bytes, where: str) -> None:
        self._where = where
        try:
            self._root = ET.fromstring(xml)  # noqa: S314 (the parser resolves no external entity)
        except ET.ParseError as error:
            raise SourceError(f"the XML is not well formed ({error})", where=where, remedy="Fetch it again.") from error

    def find(self, *names: str) -> str | None:
        """Give the text of the first element of any of the names, None where there is none or it is empty."""
        found = (self._root.find(f".//{name}") for name in names)
        return next((element.text.strip() for element in found if element is not None and element.text), None)

    def text(self, *names: str) -> str:
        value = self.find(*names)
        if value is None:
            raise SourceError(f"the XML lacks {names[0]}", where=self._where, remedy="Fetch the product again.")
        return value

    def number(self, *names: str) -> float:
        return self._float(self.text(*names), names[0])

    def time(self, name: str) -> str:
        text = self.text(name)
        try:
            return format_time(parse_time(text))
        except ValueError as error:
            what = f"'{text[:40]}' in {name} is no time"
            raise SourceError(what, where=self._where, remedy="Fetch the product again.") from error

    def all(self, name: str) -> list[ET.Element]:
        return self._root.findall(f".//{name}")

    def children(self, name: str) -> dict[str, str]:
        parent = self._root.find(f".//{name}")
        return {} if parent is None else {child.tag: (child.text or "").strip() for child in parent}

    def numbers(self, name: str) -> list[float]:
        return [self._float(part, name) for part in self.text(name).split()]

    def of(self, element: ET.Element) -> float:
        return self._float(element.text or "", element.tag)

    def part(self, element: ET.Element, name: str) -> float:
        return self._float(element.findtext(name) or "", name)

    def _float(self, text: str, name: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = nan
        if not isfinite(number):
            raise self.bad(text, name, "no number")
        return number

    def bad(self, text: object, name: str, what: str) -> SourceError:
        """Make the error of an element that cannot be meant."""
        return SourceError(f"'{text!s:.40}' in {name} is {what}", where=self._where, remedy="Fetch the product again.")


def read_tile(xml: bytes, where: str) -> TileMetadata:
    """Read MTD_TL.xml.

    Args:
        xml: Its content.
        where: Its path, for errors.

    Raises:
        SourceError: It is not well formed, or lacks what an item needs.
    """
    document = _Document(xml, where)
    tile_id = document.text("TILE_ID", "TILE_ID_2A")
    zenith, azimuth = document.find("Mean_Sun_Angle/ZENITH_ANGLE"), document.find("Mean_Sun_Angle/AZIMUTH_ANGLE")
    return TileMetadata(
        tile_id=tile_id,
        mgrs=tile_id.split("_T")[-1][:5],
        sensing_time=document.time("SENSING_TIME"),
        crs=_crs(document),
        grids=_grids(document, where),
        shares=_shares(document),
        sun_azimuth=None if azimuth is None else document.number("Mean_Sun_Angle/AZIMUTH_ANGLE"),
        sun_elevation=None if zenith is None else 90.0 - document.number("Mean_Sun_Angle/ZENITH_ANGLE"),
    )


def _grids(document: _Document, where: str) -> dict[int, tuple[Transform, tuple[int, int]]]:
    sizes = {element.get("resolution"): element for element in document.all("Tile_Geocoding/Size")}
    grids = {}
    for place in document.all("Tile_Geocoding/Geoposition"):
        resolution = place.get("resolution")
        if resolution is None or resolution not in sizes:
            raise SourceError("the XML lacks Size or Geoposition", where=where, remedy="Fetch the product again.")
        x, y, width, height = (document.part(place, name) for name in ("ULX", "ULY", "XDIM", "YDIM"))
        rows, columns = (int(document.part(sizes[resolution], name)) for name in ("NROWS", "NCOLS"))
        if min(rows, columns) < 1 or not width * height:
            raise document.bad((rows, columns, width, height), "NROWS, NCOLS, XDIM and YDIM", "no grid")
        grids[int(resolution)] = ((width, 0.0, x, 0.0, height, y), (rows, columns))
    if not grids:
        raise SourceError("the XML lacks Tile_Geocoding", where=where, remedy="Fetch the product again.")
    return grids


def _crs(document: _Document) -> str:
    name = "HORIZONTAL_CS_CODE"
    code = document.text(name)
    try:
        known = CRS.from_user_input(code)
    except CRSError as error:
        raise document.bad(code, name, "no CRS") from error
    if not known.is_projected:
        raise document.bad(code, name, "no CRS of a tile")
    return code


def _shares(document: _Document) -> dict[str, float]:
    texts = {**document.children("Image_Content_QI"), **document.children("L2A_Image_Content_QI")}
    names = [name for name in texts if name.endswith("_PERCENTAGE")]
    return {name: document.number(f"Image_Content_QI/{name}", name) for name in names}


def read_product(xml: bytes, where: str) -> ProductMetadata:
    """Read MTD_MSIL2A.xml or MTD_MSIL1C.xml.

    Args:
        xml: Its content.
        where: Its path, for errors.

    Raises:
        SourceError: It is not well formed, or lacks what an item needs.
    """
    document = _Document(xml, where)
    baseline = document.text("PROCESSING_BASELINE")
    corners = document.numbers("EXT_POS_LIST")
    datatake = document.all("Datatake")
    return ProductMetadata(
        name=document.text("PRODUCT_URI", "PRODUCT_URI_2A", "PRODUCT_URI_1C"),
        start=document.time("PRODUCT_START_TIME"),
        generated=document.time("GENERATION_TIME"),
        platform=document.text("SPACECRAFT_NAME").lower(),
        level=document.text("PROCESSING_LEVEL").replace("Level-", "L")[:3],
        product_type=document.text("PRODUCT_TYPE"),
        baseline=baseline,
        datatake=(datatake[0].get("datatakeIdentifier") or "") if datatake else "",
        relative_orbit=int(document.number("SENSING_ORBIT_NUMBER")),
        orbit_state=document.text("SENSING_ORBIT_DIRECTION").lower(),
        quantification=_quantification(document),
        offsets=_offsets(document, baseline),
        longitudes=np.asarray(corners[1::2]),
        latitudes=np.asarray(corners[: len(corners) // 2 * 2 : 2]),
    )


def _quantification(document: _Document) -> dict[str, float]:
    names = ("BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE", "QUANTIFICATION_VALUE")
    divisors = {"": _divisor(document, names)}
    for band in ("AOT", "WVP"):
        tags = (f"{band}_QUANTIFICATION_VALUE", f"L2A_{band}_QUANTIFICATION_VALUE")
        if document.find(*tags) is not None:
            divisors[band] = _divisor(document, tags)
    return divisors


def _divisor(document: _Document, names: tuple[str, ...]) -> float:
    number = document.number(*names)
    if number <= 0:
        raise document.bad(number, names[0], "not above 0")
    return number


def _offsets(document: _Document, baseline: str) -> dict[str, float]:
    elements = document.all("BOA_ADD_OFFSET") or document.all("RADIO_ADD_OFFSET")
    if elements:
        by_id = {element.get("band_id"): document.of(element) for element in elements}
        return {name: by_id[str(position)] for position, name in enumerate(BAND_IDS) if str(position) in by_id}
    version = tuple(int(part) for part in baseline.split(".") if part.isdigit())
    if not version:
        raise document.bad(baseline, "PROCESSING_BASELINE", "no version, on which the offset depends")
    return dict.fromkeys(BAND_IDS, _USUAL_OFFSET if version >= _FIRST_BASELINE_WITH_OFFSET else 0.0)
