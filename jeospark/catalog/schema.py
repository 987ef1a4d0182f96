"""The columns that the catalogue adds to the stac-geoparquet layout, and their Arrow types."""

import pyarrow as pa

from jeospark.schema import SOURCE

SOURCES = "jeospark:sources"
"""One entry a band name of the item; the fields are those of `jeospark.model.Source`."""

OBSERVATION = "jeospark:observation"
"""Key shared by the fragments of one observation."""

MGRS = "jeospark:mgrs"
"""MGRS tile such as 29UNU, from `grid:code`; null where the item has none."""

DIGEST = "jeospark:digest"
"""sha256 of the item as it came in; tells an updated item from an unchanged one."""

SOURCES_TYPE = pa.list_(SOURCE)

INDEX_TYPES: dict[str, pa.DataType] = {
    SOURCES: SOURCES_TYPE,
    OBSERVATION: pa.string(),
    MGRS: pa.string(),
    DIGEST: pa.string(),
}
"""The added columns in their order in the file."""
