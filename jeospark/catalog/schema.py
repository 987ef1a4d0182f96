"""The columns that the catalogue adds to the stac-geoparquet layout, and their Arrow types."""

import pyarrow as pa

SOURCES = "jeospark:sources"
"""One entry a band name of the item; the fields are those of `jeospark.model.Source`."""

OBSERVATION = "jeospark:observation"
"""Key shared by the fragments of one observation."""

MGRS = "jeospark:mgrs"
"""MGRS tile such as 29UNU, from `grid:code`; null where the item has none."""

DIGEST = "jeospark:digest"
"""sha256 of the item as it came in; tells an updated item from an unchanged one."""

SOURCE_TYPE = pa.struct(
    [
        ("band", pa.string()),
        ("href", pa.string()),
        ("variable", pa.string()),
        ("index", pa.int32()),
        ("data_type", pa.string()),
        ("nodata", pa.float64()),
        ("scale", pa.float64()),
        ("offset", pa.float64()),
        ("crs", pa.string()),
        ("transform", pa.list_(pa.float64())),
        ("shape", pa.list_(pa.int32())),
        ("size", pa.int64()),
    ]
)

SOURCES_TYPE = pa.list_(SOURCE_TYPE)

INDEX_TYPES: dict[str, pa.DataType] = {
    SOURCES: SOURCES_TYPE,
    OBSERVATION: pa.string(),
    MGRS: pa.string(),
    DIGEST: pa.string(),
}
"""The added columns in their order in the file."""
