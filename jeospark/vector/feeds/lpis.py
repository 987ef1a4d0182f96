"""Declared parcels (LPIS, IACS) of seven countries in their native formats and CRS, as one schema.

The country is told by the columns that a source has. Computed hectares are those of an equal-area projection on the
source's own datum, so that they stand beside the declared ones whatever the layer's CRS.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely
from pyproj import CRS, Proj, Transformer

from jeospark.errors import FeedError, LayerCrsError
from jeospark.vector import wkb
from jeospark.vector.crs import parse_crs
from jeospark.vector.feeds.feed import Feed, Rejects
from jeospark.vector.record import Layer
from jeospark.vector.sources.open import open_path
from jeospark.vector.sources.request import GEOMETRY, Opened, Request

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("country", pa.string()),
        pa.field("parcel", pa.string()),
        pa.field("year", pa.int32()),
        pa.field("crop_code", pa.string()),
        pa.field("crop_name", pa.string()),
        pa.field("declared_ha", pa.float64()),
        pa.field("computed_ha", pa.float64()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Where a country's columns are."""

    country: str
    """ISO 3166 code, with a region where the data are of one."""
    parcel: tuple[str, ...]
    """Columns that name a parcel together; `fid` where it has no name of its own."""
    crop_code: str | None
    crop_name: str | None
    hectares: str | None
    """Declared; None where the country publishes none."""
    year: str | int | None
    """Column, or the year of the edition."""


PROFILES = (
    Profile(
        country="AT", parcel=("INSPIRE_ID",), crop_code="SNAR_CODE", crop_name="SNAR_BEZEICHNUNG",
        hectares="SL_FLAECHE_BRUTTO_HA", year=None,
    ),
    Profile(
        country="BE-VLG", parcel=("REF_ID",), crop_code="GWSCOD_H", crop_name="GWSNAM_H", hectares="GRAF_OPP", year=None
    ),
    Profile(
        country="DK", parcel=("Journalnr", "Marknr"), crop_code="Afgkode", crop_name="Afgroede", hectares="IMK_areal",
        year=None,
    ),
    Profile(country="ES-CT", parcel=("fid",), crop_code=None, crop_name="cultiu", hectares="ha", year="campanya"),
    Profile(
        country="FI", parcel=("PERUSLOHKOTUNNUS", "LOHKONUMERO"), crop_code="KASVIKOODI",
        crop_name="KASVIKOODI_SELITE_FI", hectares="PINTA_ALA", year="VUOSI",
    ),
    Profile(
        country="IT-52", parcel=("cropfield", "off_id"), crop_code="original_code", crop_name=None, hectares="area_ha",
        year=None,
    ),
    Profile(country="NL", parcel=("fid",), crop_code="gewascode", crop_name="gewas", hectares=None, year="jaar"),
)  # fmt: skip


def _open(request: Request, path: str, _: Rejects) -> Opened:
    opened = open_path(request, path)
    piece = opened.pieces[0]
    names = set(next(iter(opened.read(piece))).schema.names)
    profile = _profile(names, request)
    crs = parse_crs(request.crs, request.href) if request.crs else opened.crs
    if crs is None:
        raise LayerCrsError("the source states no CRS", where=request.href, remedy="Say which with --crs.")

    def read(which: object) -> Iterator[pa.RecordBatch]:
        for batch in opened.read(which):
            yield _parcels(batch, profile, crs)

    return Opened(
        driver=opened.driver,
        layer=opened.layer,
        crs=opened.crs,
        crs_from=opened.crs_from,
        read=read,
        pieces=opened.pieces,
        features=opened.features,
        extent=opened.extent,
        notes=opened.notes,
    )


def _profile(names: set[str], request: Request) -> Profile:
    for profile in PROFILES:
        wanted = {*profile.parcel, profile.crop_code, profile.crop_name, profile.hectares} - {None}
        if isinstance(profile.year, str):
            wanted.add(profile.year)
        if wanted <= names:
            return profile
    countries = ", ".join(profile.country for profile in PROFILES)
    raise FeedError(
        f"its columns are of none of the countries {countries}",
        where=request.href,
        remedy="Add it as a layer of its own, without --as.",
    )


def _parcels(batch: pa.RecordBatch, profile: Profile, crs: CRS) -> pa.RecordBatch:
    rows = batch.num_rows
    parcel = pc.binary_join_element_wise(*(_text(batch.column(name)) for name in profile.parcel), "/")
    country = pa.repeat(pa.scalar(profile.country), rows)
    nothing = pa.nulls(rows, pa.string())
    year = batch.column(profile.year) if isinstance(profile.year, str) else pa.nulls(rows, pa.int32())
    declared = batch.column(profile.hectares) if profile.hectares else pa.nulls(rows, pa.float64())
    values = {
        "id": _ids(country, parcel, year),
        "country": country,
        "parcel": parcel,
        "year": year,
        "crop_code": _text(batch.column(profile.crop_code)) if profile.crop_code else nothing,
        "crop_name": batch.column(profile.crop_name) if profile.crop_name else nothing,
        "declared_ha": declared,
        "computed_ha": pa.array(hectares(batch.column(GEOMETRY), crs), from_pandas=True),
    }
    columns = [values[field.name].cast(field.type, safe=False) for field in SCHEMA]
    return pa.RecordBatch.from_arrays([*columns, batch.column(GEOMETRY)], names=[*SCHEMA.names, GEOMETRY])


def _ids(country: pa.Array, parcel: pa.Array, year: pa.Array) -> pa.Array:
    """Ids of parcels; null without a parcel. Editions that say their year have their own: some number parcels anew."""
    dated = pc.binary_join_element_wise(country, year.cast(pa.string()), parcel, ":")
    return pc.coalesce(dated, pc.binary_join_element_wise(country, parcel, ":"))


def _text(column: pa.Array) -> pa.Array:
    """Codes as texts; 593.0 is 593."""
    if pa.types.is_floating(column.type):
        whole = column.to_numpy(zero_copy_only=False)
        if np.all(np.isnan(whole) | (whole == np.floor(whole))):
            return column.cast(pa.int64(), safe=False).cast(pa.string())
    return column.cast(pa.string())


def hectares(column: pa.BinaryArray, crs: CRS) -> npt.NDArray[np.float64]:
    """Areas of polygons on the ellipsoid of their CRS, ha; NaN without geometry.

    A Lambert azimuthal equal-area projection about the middle of the batch; sides are straight in it, which for
    parcels of kilometres changes less than a millionth.
    """
    bounds = wkb.scan(column).bounds
    known = np.isfinite(bounds[:, 0])
    areas = np.full(len(column), np.nan)
    if not known.any():
        return areas
    base, ellipsoid = crs.geodetic_crs, crs.ellipsoid
    if base is None or ellipsoid is None:
        raise LayerCrsError(f"{crs.name} has no ellipsoid to compute areas on", remedy="Give the right CRS with --crs.")
    to_degrees = Transformer.from_crs(crs, base, always_xy=True)
    low, high = bounds[known, :2].min(axis=0), bounds[known, 2:].max(axis=0)
    east, north = to_degrees.transform(*((low + high) / 2))
    # Proj knows no datum, so that none is shifted.
    plane = Proj(proj="laea", lat_0=north, lon_0=east, a=ellipsoid.semi_major_metre, b=ellipsoid.semi_minor_metre)
    shapes = shapely.force_2d(shapely.from_wkb(column.to_numpy(zero_copy_only=False)))
    moved = shapely.transform(shapes, lambda points: np.column_stack(plane(*to_degrees.transform(*points.T))))
    areas[known] = shapely.area(moved)[known] / 1e4
    return areas


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Declared and computed areas of a country's parcels."""

    country: str
    parcels: int
    compared: int
    """Those with both areas."""
    ratio: float | None
    """Computed to declared, in sum."""
    deviating: int
    """Those that differ by more than 5 % and more than 0.01 ha."""


def compare(folder: Path, layer: Layer) -> list[Comparison]:
    """Compare declared with computed hectares, country by country.

    Args:
        folder: Of the layer's files.
        layer: Of the feed `lpis`.
    """
    columns = ["country", "declared_ha", "computed_ha"]
    table = pa.concat_tables([pq.read_table(folder / part, columns=columns) for part in layer.parts])
    result = []
    for country in sorted(pc.unique(table["country"]).to_pylist()):
        here = table.filter(pc.equal(table["country"], country))
        both = here.filter(pc.and_(pc.is_valid(here["declared_ha"]), pc.is_valid(here["computed_ha"])))
        declared, computed = both["declared_ha"].to_numpy(), both["computed_ha"].to_numpy()
        off = np.abs(declared - computed)
        result.append(
            Comparison(
                country=country,
                parcels=here.num_rows,
                compared=both.num_rows,
                ratio=float(computed.sum() / declared.sum()) if declared.sum() > 0 else None,
                deviating=int(((off > 0.05 * declared) & (off > 0.01)).sum()),
            )
        )
    return result


LPIS = Feed(
    name="lpis",
    title="Declared parcels of AT, BE-VLG, DK, ES-CT, FI, IT-52 and NL; needs --to-crs",
    schema=SCHEMA,
    open=_open,
    needs_target=True,
)
