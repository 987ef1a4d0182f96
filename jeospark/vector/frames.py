"""Vector layers as PySpark frames."""

from pathlib import Path
from typing import TYPE_CHECKING

from jeospark.errors import LayerNotFoundError
from jeospark.settings import Settings
from jeospark.storage.href import hadoop_path, literal_path
from jeospark.vector.crs import authority_code, srid_of
from jeospark.vector.geoparquet import GREGORIAN
from jeospark.vector.layers import Layers
from jeospark.vector.sources.parquet import parquet_files, primary_column

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def frame(spark: "SparkSession", name_or_path: str, *, catalog: str | None = None) -> "DataFrame":
    """A layer, or GeoParquet of WKB anywhere, with Sedona geometries.

    The geometry column has the SRID of the layer's CRS where that has an EPSG code, 4326 for OGC:CRS84, else 0;
    coordinates are x, y. The column `bbox` of layers stays, for filters that prune files by comparison.

    Args:
        spark: A session with Sedona, as from `jeospark.sql.session`.
        name_or_path: Name of a layer of the catalogue, or path of a GeoParquet file or folder.
        catalog: Folder of the catalogue; that of the settings where None.

    Raises:
        LayerNotFoundError: It is neither a layer nor a path.
        VectorSourceError: The path holds no GeoParquet of WKB, or files in several CRS.
    """
    from pyspark.sql import functions as F  # noqa: PLC0415 (only who has a session has Spark)

    layers = Layers(catalog or Settings.load().catalog)
    if name_or_path in layers.names():
        column, srid, path = "geometry", layers.describe(name_or_path).srid, layers.path(name_or_path)
    elif Path(name_or_path).exists():
        column, srid = _geometry(name_or_path)
        path = str(Path(name_or_path).resolve())
    else:
        layers.describe(name_or_path)
        raise LayerNotFoundError(f"there is no layer and no file '{name_or_path}'")
    read = spark.read.format("geoparquet").options(**GREGORIAN).load(hadoop_path(literal_path(path)))
    quoted = "`" + column.replace("`", "``") + "`"
    return read.withColumn(column, F.expr(f"ST_SetSRID({quoted}, {srid})"))


def _geometry(path: str) -> tuple[str, int]:
    place = Path(path)
    name, crs = primary_column([str(file) for file in parquet_files(place)] or [path])
    return name, srid_of(authority_code(crs)) if crs else 0
