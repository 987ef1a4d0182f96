"""Items as Arrow: stac-geoparquet columns plus the catalogue's own, and back."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import shapely

from jeospark.catalog.observation import observation_key
from jeospark.catalog.schema import DIGEST, INDEX_TYPES, MGRS, OBSERVATION, SOURCES
from jeospark.catalog.sources import source_rows
from jeospark.catalog.times import format_time
from jeospark.errors import CatalogError

_TOP_LEVEL = ("type", "stac_version", "stac_extensions", "id", "collection", "geometry", "bbox", "links", "assets")
_MGRS_PREFIX = "MGRS-"


def tidy(value: Any) -> Any:
    """Leave out nulls and empty objects at any depth: Parquet has no struct without fields, and no absent field."""
    if isinstance(value, dict):
        inner = {key: tidy(part) for key, part in value.items()}
        return {key: part for key, part in inner.items() if part is not None and part != {}}
    if isinstance(value, list | tuple):
        return [tidy(part) for part in value]
    return value


def digest_of(item: Mapping[str, Any]) -> str:
    """Hash the canonical JSON of an item: sha256, hexadecimal."""
    return hashlib.sha256(json.dumps(item, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def batch_of(items: Sequence[dict[str, Any]], digests: Sequence[str]) -> pa.RecordBatch:
    """Convert tidied items to one record batch in the file's layout.

    Raises:
        CatalogError: Two items give a property values of types that no column can hold.
    """
    # Imported here because it brings pandas, which readers of the catalogue do not need.
    from stac_geoparquet.arrow import parse_stac_items_to_arrow  # noqa: PLC0415

    try:
        table = parse_stac_items_to_arrow(items).read_all().combine_chunks()
    except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError) as error:
        raise CatalogError(
            f"the items from '{items[0]['id']}' to '{items[-1]['id']}' disagree about the type of a field ({error})",
            remedy="Ingest them into different collections.",
        ) from error
    columns: dict[str, list[Any]] = {
        SOURCES: [source_rows(item) for item in items],
        OBSERVATION: [observation_key(item) for item in items],
        MGRS: [_mgrs(item) for item in items],
        DIGEST: list(digests),
    }
    for name, kind in INDEX_TYPES.items():
        table = table.append_column(name, pa.array(columns[name], kind))
    return table.to_batches()[0]


def items_of(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Convert a record batch of the file back to STAC items."""
    geometries = shapely.from_wkb(batch.column("geometry").to_pylist())
    plain = batch.drop_columns([*INDEX_TYPES, "geometry"])
    for row, geometry in zip(plain.to_pylist(), geometries, strict=True):
        yield _item(tidy(row), json.loads(shapely.to_geojson(geometry)))


def _item(row: dict[str, Any], geometry: dict[str, Any]) -> dict[str, Any]:
    box = row["bbox"]
    top = {**row, "geometry": geometry, "bbox": [box["xmin"], box["ymin"], box["xmax"], box["ymax"]]}
    top = {"links": [], "assets": {}, "stac_extensions": []} | top
    properties = {name: _json_value(value) for name, value in row.items() if name not in _TOP_LEVEL}
    return {name: top[name] for name in _TOP_LEVEL if name in top} | {"properties": properties}


def _json_value(value: Any) -> Any:
    return format_time(value) if hasattr(value, "isoformat") else value


def _mgrs(item: Mapping[str, Any]) -> str | None:
    code = item["properties"].get("grid:code") or ""
    return code.removeprefix(_MGRS_PREFIX) if code.startswith(_MGRS_PREFIX) else None
