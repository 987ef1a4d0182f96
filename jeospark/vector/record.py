"""What is known of a layer, as it stands in its `layer.json`."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from jeospark.vector.crs import srid_of

FORMAT = 1
"""Version of the document."""

Box = tuple[float, float, float, float]
"""xmin, ymin, xmax, ymax."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A vector layer. Coordinates are in the order x, y (longitude, latitude), whatever its CRS says."""

    name: str
    source: dict[str, Any]
    """Where the features came from: `href`, `driver`, `layer`, `size`, `modified`, and the options given."""
    crs: dict[str, Any]
    """PROJJSON."""
    crs_code: str | None
    """`AUTHORITY:code`; None where there is none."""
    crs_from: str
    """Why this is the CRS, in words."""
    geometry_types: dict[str, int]
    """GeoParquet's names (`Polygon`, `MultiPolygon Z`, …) and the number of features of each."""
    features: int
    null_geometries: int
    """Features without geometry, those with an empty one included."""
    bbox: Box | None
    """Of all geometries, in the layer's CRS; None where there is none."""
    schema: dict[str, str]
    """Columns other than geometry and bbox: name to Arrow type."""
    id: str | None
    """Column that identifies a feature; None where no column does."""
    created: str
    """RFC 3339."""
    updated: str
    """RFC 3339; of the last append."""
    data: str
    """Folder of the GeoParquet files, within the layer's."""
    parts: tuple[str, ...]
    """Names of the files in it."""
    transform: dict[str, Any] | None = None
    """What `--to-crs` did: `from`, `to`, `description`, `accuracy` in metres."""
    repairs: dict[str, Any] | None = None
    """What `--repair` did: `count`, `by_reason`, and `file`, a Parquet table in the data folder's `_repairs`."""
    rejects: dict[str, Any] | None = None
    """Rows that are not features: `count`, `by_reason`, and `file`, a Parquet table of row, reason and text."""
    feed: str | None = None
    """The feed whose schema the layer has."""
    notes: tuple[str, ...] = field(default=())
    """What a user should know: what was assumed, what was found."""
    format: int = FORMAT

    @property
    def srid(self) -> int:
        """The number by which Sedona knows the CRS; 0 where it has none."""
        return srid_of(self.crs_code)

    def to_json(self) -> str:
        """The document."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Layer":
        """Read the document."""
        row = json.loads(text)
        box = row["bbox"]
        return cls(
            **{
                **row,
                "bbox": tuple(box) if box else None,
                "parts": tuple(row["parts"]),
                "notes": tuple(row["notes"]),
            }
        )
