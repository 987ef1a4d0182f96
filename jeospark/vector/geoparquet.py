"""GeoParquet 1.1 files of a layer: WKB, a covering column of boxes, PROJJSON, row groups that a box can prune."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyproj import CRS

from jeospark.storage.publish import output_error
from jeospark.vector import wkb
from jeospark.vector.sources.columns import COVERING
from jeospark.vector.sources.request import GEOMETRY
from jeospark.vector.spool import Spool, cores, merged, quantiles

GROUP_ROWS = 1 << 16
"""Features of a row group at most, more or less."""
GROUP_BYTES = 48 << 20
"""Bytes of a row group in memory, more or less."""
PART_GROUPS = 16
"""Row groups of a file."""
GREGORIAN = {"datetimeRebaseMode": "CORRECTED"}
"""Options of Sedona's reader, which otherwise refuses dates before 1582 and instants before 1900: files that are not of
Spark might be in the calendar of Spark 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dress:
    """What the footer of every file says."""

    crs: CRS
    edges: str = "planar"

    def geo(self, types: list[str], box: list[float] | None) -> bytes:
        """The value of the footer's key `geo`."""
        column: dict[str, Any] = {
            "encoding": "WKB",
            "geometry_types": sorted(types),
            "crs": self.crs.to_json_dict(),
            "edges": self.edges,
            "covering": {"bbox": {side: [COVERING, side] for side in ("xmin", "ymin", "xmax", "ymax")}},
        }
        if box is not None:
            column["bbox"] = box
        document = {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}
        return json.dumps(document).encode()


def write_parts(spooled: Spool, folder: Path, dress: Dress, *, first: int = 0) -> tuple[str, ...]:
    """Write the features of a spool as files `part-00000.parquet` and on, several at a time.

    Args:
        spooled: The features.
        folder: Where; it is there.
        dress: What all files say.
        first: Number of the first file.

    Returns:
        Names of the files; one without rows where there is no feature.

    Raises:
        OutputError: The folder cannot be written, or is full.
    """
    mean = max(spooled.bytes / max(spooled.rows, 1), 1.0)
    rows = int(np.clip(GROUP_BYTES / mean, 1, GROUP_ROWS))
    edges = quantiles(spooled, max(-(-spooled.rows // rows), 1))
    starts = range(0, len(edges) - 1, PART_GROUPS)
    names = [f"part-{first + number:05}.parquet" for number in range(len(starts))]

    def write(name: str, start: int) -> None:
        groups = merged(spooled, edges[start : start + PART_GROUPS + 1])
        write_part(groups, spooled.schema, folder / name, dress)

    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(write, names, starts))
    return tuple(names)


def write_part(tables: Iterator[pa.Table], schema: pa.Schema, path: Path, dress: Dress) -> None:
    """Write one file, a row group a table.

    Raises:
        OutputError: See `write_parts`.
    """
    types: set[str] = set()
    boxes: list[list[float]] = []
    ordered = layer_schema(schema)
    try:
        # A stored Arrow schema would hide the footer's other keys from pyarrow's readers.
        with pq.ParquetWriter(
            path, ordered, compression="zstd", use_dictionary=_repeating(ordered), store_schema=False
        ) as writer:
            for table in tables:
                writer.write_table(table.select(ordered.names), row_group_size=max(table.num_rows, 1))
                for chunk in table.column(GEOMETRY).chunks:
                    found = wkb.scan(chunk)
                    types |= set(found.type_names()[found.vertices > 0].tolist())
                boxes += [box for box in [_box(table.column(COVERING))] if box]
            geo = dress.geo(list(types), _joined(boxes))
            writer.add_key_value_metadata({"geo": geo.decode()})
    except OSError as error:
        raise output_error(error, str(path)) from error


def layer_schema(schema: pa.Schema) -> pa.Schema:
    """The columns of a layer: attributes, then geometry, then bbox."""
    attributes = [field for field in schema if field.name not in {GEOMETRY, COVERING}]
    return pa.schema([*attributes, schema.field(GEOMETRY), schema.field(COVERING)])


def _repeating(schema: pa.Schema) -> list[str]:
    # Dictionaries of geometries and boxes are built for nothing.
    return [
        field.name for field in schema if field.name not in {GEOMETRY, COVERING} and not pa.types.is_nested(field.type)
    ]


def _box(column: pa.ChunkedArray) -> list[float] | None:
    known = column.drop_null()
    if not len(known):
        return None
    side = {name: pc.struct_field(known, name) for name in ("xmin", "ymin", "xmax", "ymax")}
    return [
        pc.min(side["xmin"]).as_py(),
        pc.min(side["ymin"]).as_py(),
        pc.max(side["xmax"]).as_py(),
        pc.max(side["ymax"]).as_py(),
    ]


def _joined(boxes: list[list[float]]) -> list[float] | None:
    if not boxes:
        return None
    west, south, east, north = zip(*boxes, strict=True)
    return [min(west), min(south), max(east), max(north)]
