"""Layers from the registry or from GeoParquet files, and results as GeoParquet, published whole."""

import json
import shutil
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyproj import CRS
from pyspark.sql import DataFrame, SparkSession

from jeospark.errors import LayerNotFoundError, OutputTakenError, VectorSourceError
from jeospark.settings import Settings
from jeospark.storage.href import hadoop_path, literal_path
from jeospark.storage.publish import attempt_path, check_writable, output_error, output_path
from jeospark.storage.roots import Roots
from jeospark.vector.crs import authority_code, parse_crs
from jeospark.vector.geoparquet import GREGORIAN
from jeospark.vector.helpers_geometry import code_of, column, geometry_columns, srid_of, srid_of_code, st
from jeospark.vector.layers import Layers
from jeospark.vector.sources.parquet import parquet_files

_ADD = "Make a layer of it with `jeospark vectors add`."
WKB = "WKB"


def source_path(source: str, catalog: str) -> Path:
    """Where the files of a layer lie.

    Args:
        source: Name of a layer of the catalogue, or path of a GeoParquet file or folder.
        catalog: Folder of the catalogue.

    Raises:
        ForbiddenError: It lies outside the allowed roots.
        LayerNotFoundError: It is neither.
    """
    found = Path(source) if Path(source).exists() else _layer_path(source, catalog)
    Roots.load(Settings.load()).check(str(found.absolute()))
    return found.absolute()


def result_folder(output: str) -> Path:
    """Where a job may write its result.

    Args:
        output: Folder that is not there yet.

    Raises:
        ForbiddenError: It lies outside the allowed roots.
        OutputTakenError: There is something already.
        OutputUnwritableError: The folder above cannot be written.
    """
    folder = output_path(output).absolute()
    Roots.load(Settings.load()).check(str(folder))
    if folder.exists():
        raise OutputTakenError("there is something already", where=str(folder), remedy="Name another folder.")
    check_writable(str(folder.parent))
    return folder


def _layer_path(source: str, catalog: str) -> Path:
    try:
        return Path(Layers(catalog).path(source))
    except LayerNotFoundError as error:
        remedy = f"{error.remedy} Or give the path of a GeoParquet file or folder."
        raise LayerNotFoundError(error.what, where=error.where, remedy=remedy) from error


def read_layer(spark: SparkSession, path: Path) -> DataFrame:
    """A layer, its geometries with the SRID of the CRS that its files state.

    Args:
        spark: A session with Sedona.
        path: A GeoParquet file, or a folder of files of one schema.

    Raises:
        LayerCrsError: Its CRS has no code of EPSG or ESRI, or is none.
        VectorSourceError: It is no GeoParquet of WKB, or its files are in several CRS.
    """
    schemas = {file: _schema(file) for file in parquet_files(path) or [path]}
    srids = _srids(path, schemas)
    reader, place = spark.read.options(**GREGORIAN), hadoop_path(literal_path(str(path)))
    if any(map(_is_unsigned, chain.from_iterable(schema.types for schema in schemas.values()))):
        # Sedona knows no numbers without a sign, Spark does.
        shapes = {name: st("ST_SetSRID", st("ST_GeomFromWKB", column(name)), srid) for name, srid in srids.items()}
        return reader.parquet(place).withColumns(shapes)
    frame = reader.format("geoparquet").load(place)
    marked = {name: st("ST_SetSRID", column(name), srid) for name, srid in srids.items() if srid}
    return frame.withColumns(marked) if marked else frame


def _is_unsigned(kind: pa.DataType) -> bool:
    inner = (kind.field(at).type for at in range(kind.num_fields))
    return pa.types.is_unsigned_integer(kind) or any(map(_is_unsigned, inner))


def _srids(path: Path, schemas: Mapping[Path, pa.Schema]) -> dict[str, int]:
    """The SRID of each geometry column."""
    found = [_srids_of(file, schema) for file, schema in schemas.items()]
    if any(each != found[0] for each in found):
        remedy = "Make a layer of those of each CRS with `jeospark vectors add`."
        raise VectorSourceError("its files are in several CRS", where=str(path), remedy=remedy)
    return found[0]


def _schema(file: Path) -> pa.Schema:
    try:
        return pq.read_schema(file)
    except (OSError, pa.ArrowInvalid) as error:
        raise VectorSourceError("not GeoParquet", where=str(file), remedy=_ADD) from error


def _srids_of(file: Path, schema: pa.Schema) -> dict[str, int]:
    try:
        described: dict[str, Any] = json.loads((schema.metadata or {})[b"geo"])["columns"]
    except (KeyError, ValueError) as error:
        raise VectorSourceError("not GeoParquet", where=str(file), remedy=_ADD) from error
    return {name: _srid(each, str(file)) for name, each in described.items() if name in schema.names}


def _srid(described: dict[str, Any], where: str) -> int:
    if described.get("encoding", WKB).upper() != WKB:
        raise VectorSourceError(f"its geometries are encoded as {described['encoding']}", where=where, remedy=_ADD)
    # Absent means OGC:CRS84, null means unknown (GeoParquet 1.1, "crs").
    crs = described.get("crs", "OGC:CRS84")
    if crs is None:
        return 0
    known = parse_crs(crs if isinstance(crs, str) else json.dumps(crs), where)
    return srid_of_code(authority_code(known) or known.to_wkt())


def write_layer(frame: DataFrame, output: str, *, srid: int | None = None) -> int:
    """Publish a DataFrame as a folder of GeoParquet (Parquet where it has no geometry); returns the number of rows.

    Args:
        frame: At most one CRS in it.
        output: Folder that is not there yet.
        srid: Of its geometries; None to look.

    Raises:
        LayerCrsError: The geometries have no CRS, or several.
        OutputTakenError: There is something already.
        OutputUnwritableError: The folder cannot be written.
    """
    if Path(output).exists():
        raise OutputTakenError("there is something already", where=output, remedy="Remove it, or name another folder.")
    check_writable(str(Path(output).parent))
    part = Path(attempt_path(output))
    found = geometry_columns(frame)
    writer = frame.write.option("compression", "zstd")
    if found:
        known = srid_of(frame, found[0], "result", all_rows=True) if srid is None else srid
        writer = writer.option("geoparquet.crs", CRS.from_user_input(code_of(known)).to_json() if known else "null")
    try:
        writer.format("geoparquet" if found else "parquet").save(hadoop_path(str(part)))
        rows: int = sum(pq.read_metadata(file).num_rows for file in part.glob("*.parquet"))
        part.rename(output)
    except OSError as error:
        raise output_error(error, output) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return rows
