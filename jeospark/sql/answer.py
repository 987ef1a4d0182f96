"""The answer to a query: an Arrow table whose geometries are WKB, and what is known of their CRS."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from pyproj import CRS

from jeospark.errors import CrsUnknownError
from jeospark.sql.crs import UNKNOWN, crs_of, parse_crs, same_crs
from jeospark.sql.display import as_html, as_text

EXTENSION = b"ARROW:extension:name"
WKB = b"geoarrow.wkb"


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows in memory; other libraries take it as it is, by Arrow's PyCapsule interface."""

    table: pa.Table
    """Geometries are WKB (ISO), marked as `geoarrow.wkb` with their CRS where it is one and known."""
    srids: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Geometry columns, and the different SRIDs in each, 0 for unknown."""
    more: bool = False
    """True where the query has more rows than were asked for."""

    def crs(self, column: str, declared: str | None = None) -> CRS | None:
        """The CRS of a geometry column; None where nothing tells it.

        Args:
            column: Its name.
            declared: CRS of geometries that have none.

        Raises:
            CrsUnknownError: Its geometries have several, or another than is declared.
        """
        found = [crs_of(srid) for srid in self.srids[column] if srid != UNKNOWN]
        if len(self.srids[column]) > 1 and not (len(found) == 1 and declared):
            names = ", ".join(str(srid) if srid else "none" for srid in self.srids[column])
            remedy = "Transform them to one with ST_Transform, or declare what they lack with ST_SetSRID."
            raise CrsUnknownError(f"the geometries have several SRIDs: {names}", where=column, remedy=remedy)
        if declared is None:
            return found[0] if found else None
        crs = parse_crs(declared)
        if found and not same_crs(found[0], crs):
            remedy = "ST_Transform changes coordinates; a declared CRS is for geometries without."
            raise CrsUnknownError(f"{found[0].to_string()} was declared as {declared}", where=column, remedy=remedy)
        return crs

    def to_pandas(self) -> Any:
        """The rows as a pandas DataFrame, geometries as WKB."""
        return self.table.to_pandas()

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return as_text(self.table, tuple(self.srids), more=self.more)

    def _repr_html_(self) -> str:
        return as_html(self.table, tuple(self.srids), more=self.more)


def answer_of(
    table: pa.Table, geometries: tuple[str, ...], stated: Mapping[str, int] | None = None, *, more: bool = False
) -> Answer:
    """Make an answer.

    Args:
        table: Geometries are EWKB, which carries SRIDs.
        geometries: Names of the geometry columns.
        stated: SRIDs by column, as the query tells them, for columns in which no row does; 0 for unknown.
        more: See `Answer`.
    """
    srids: dict[str, tuple[int, ...]] = {}
    for name in geometries:
        at = table.schema.get_field_index(name)
        shapes = shapely.from_wkb(table.column(at).to_numpy())
        srids[name] = _found(shapes) or tuple(srid for srid in [(stated or {}).get(name, UNKNOWN)] if srid != UNKNOWN)
        wkb = pa.array(shapely.to_wkb(shapes, include_srid=False, flavor="iso"), pa.binary())
        table = table.set_column(at, pa.field(name, pa.binary(), metadata=_mark(srids[name])), wkb)
    return Answer(table, srids, more)


def _found(shapes: Any) -> tuple[int, ...]:
    """SRIDs of geometries; EWKB has none of empty ones, which are in any CRS."""
    srids = shapely.get_srid(shapes[~shapely.is_missing(shapes)])
    placed = shapely.get_srid(shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))])
    return tuple(np.unique(placed if len(placed) else srids[srids != UNKNOWN]).tolist())


def _mark(srids: tuple[int, ...]) -> dict[bytes, bytes]:
    """What GeoArrow says of a column of WKB."""
    known = len(srids) == 1 and srids[0] != UNKNOWN
    about: dict[str, Any] = {"crs": crs_of(srids[0]).to_json_dict(), "crs_type": "projjson"} if known else {}
    return {EXTENSION: WKB, b"ARROW:extension:metadata": json.dumps(about).encode()}


def unique(names: Sequence[str]) -> list[str]:
    """Names that differ in more than case, for files and tables: of `id, id` the second is `id_2`."""
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        chosen, number = name, 1
        while chosen.lower() in taken:
            number += 1
            chosen = f"{name}_{number}"
        taken.add(chosen.lower())
        found.append(chosen)
    return found
