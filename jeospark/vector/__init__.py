"""Vector layers: read from what the world uses, kept as GeoParquet with their CRS."""

from jeospark.vector.frames import frame

__all__ = ["frame"]
