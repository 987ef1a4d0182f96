"""A source made into the folder of a layer's files, and what is known of them."""

import glob
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyproj import CRS

from jeospark.errors import LayerCrsError, VectorSourceError
from jeospark.storage.publish import output_error
from jeospark.vector.crs import Transformation, area_of_use, authority_code, parse_crs, same_crs
from jeospark.vector.geoparquet import Dress, layer_schema, write_parts
from jeospark.vector.prepare import Orders, Tally
from jeospark.vector.record import Layer
from jeospark.vector.source import Source
from jeospark.vector.sources.columns import COVERING
from jeospark.vector.sources.request import FID, GEOMETRY, Opened, Request
from jeospark.vector.spool import Spool, spool
from jeospark.words import are, numbered

REPAIRS_FILE = "_repairs.parquet"
"""A name that readers of Parquet folders leave out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a user wants of a layer, beyond its source."""

    to_crs: str | None = None
    """CRS to transform to."""
    repair: bool = False
    id: str | None = None
    """Column that identifies a feature."""
    feed: str | None = None
    """Name of the feed whose file the source is."""


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """A folder for what is needed while a layer is built; on the layer's own disk, and gone afterwards.

    Raises:
        OutputError: The folder cannot be written, or is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".scratch-", dir=folder) as scratch:
            yield Path(scratch)
    except OSError as error:
        raise output_error(error, str(folder)) from error


def build(folder: Path, name: str, source: Source, wishes: Wishes) -> Layer:
    """Read a source and write it as files of a new folder within a layer's.

    Args:
        folder: Of the layer.
        name: Of the layer.
        source: What to read.
        wishes: What else is wanted.

    Returns:
        The layer's document, which is not written.

    Raises:
        LayerCrsError: No CRS is known.
        VectorError: What reading raises.
        OutputError: The folder cannot be written, or is full.
    """
    opened, request = source.opened, source.request
    orders, crs, crs_from = orders_for(opened, request, wishes)
    data = data_name()
    with scratch_folder(folder) as scratch:
        spooled = spool(opened, orders, scratch)
        _check_id(orders.id, spooled.schema, request.href)
        made = scratch / data
        made.mkdir()
        parts = write_parts(spooled, made, Dress(crs=crs, edges=opened.edges))
        repairs, rejects = write_repairs(spooled, made, wishes), source.close(made)
        made.rename(folder / data)
    moved = orders.transformation.describe(spooled.tally.box) if orders.transformation else None
    now = timestamp()
    return Layer(
        name=name,
        source=source_document(opened, request, wishes),
        crs=crs.to_json_dict(),
        crs_code=authority_code(crs),
        crs_from=crs_from,
        geometry_types=dict(sorted(spooled.tally.types.items())),
        features=spooled.tally.features,
        null_geometries=features_without(spooled.tally),
        bbox=spooled.tally.box,
        schema=attributes(spooled.schema),
        id=orders.id if orders.id in spooled.schema.names else None,
        created=now,
        updated=now,
        data=data,
        parts=parts,
        transform=moved,
        repairs=repairs,
        rejects=rejects,
        feed=source.feed.name if source.feed else None,
        notes=(*opened.notes, *source.notes(), *remarks(spooled.tally, opened, moved)),
    )


def data_name() -> str:
    """A new name for a folder of files."""
    return f"features-{uuid.uuid4().hex[:12]}"


def orders_for(opened: Opened, request: Request, wishes: Wishes) -> tuple[Orders, CRS, str]:
    """What to do with each feature; the layer's CRS; and why it is that.

    Raises:
        LayerCrsError: No CRS is known.
    """
    crs, crs_from = opened.crs, opened.crs_from
    if request.crs:
        given = parse_crs(request.crs, request.href)
        differs = crs is not None and not same_crs(crs, given)
        said = f"; the source says {authority_code(crs) or crs.name}" if crs is not None and differs else ""
        crs, crs_from = given, f"given by the user{said}"
    if crs is None:
        raise LayerCrsError(
            "the source states no CRS", where=request.href, remedy="Say which with --crs, such as --crs EPSG:4326."
        )
    target = parse_crs(wishes.to_crs) if wishes.to_crs else crs
    transformation = None if same_crs(crs, target) else Transformation(source=crs, target=target)
    if transformation:
        crs_from = f"transformed from {authority_code(crs) or crs.name}, {crs_from}"
    orders = Orders(
        where=request.href,
        crs=crs,
        transformation=transformation,
        repair=wishes.repair,
        id=wishes.id or opened.id,
        area=area_of_use(target),
        extent=None if transformation else opened.extent,
    )
    return orders, target, crs_from


def features_without(tally: Tally) -> int:
    """Features whose geometry is null or was empty."""
    return tally.null + tally.empty


def timestamp() -> str:
    """Now, as RFC 3339 to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def attributes(schema: pa.Schema) -> dict[str, str]:
    """Columns of a layer that are neither geometry nor bbox: name to type."""
    return {field.name: str(field.type) for field in layer_schema(schema) if field.name not in {GEOMETRY, COVERING}}


def source_document(opened: Opened, request: Request, wishes: Wishes) -> dict[str, Any]:
    """What a source is, as far as it decides a layer; passwords are left out."""
    path = Path(request.href.removeprefix("file://"))
    kin = path.parent.glob(f"{glob.escape(path.stem)}.*") if path.suffix.lower() == ".shp" else path.rglob("*")
    document: dict[str, Any] = {
        "href": _without_password(request.href),
        "driver": opened.driver,
        "layer": opened.layer or request.layer,
    }
    if path.exists():
        document["href"] = str(path.resolve())
        files = [file for file in kin if file.is_file()] or [path]
        document["size"] = sum(file.stat().st_size for file in files)
        newest = max((file.stat().st_mtime for file in files), default=0.0)
        document["modified"] = datetime.fromtimestamp(newest, UTC).isoformat()
    asked = {key: getattr(request, key) for key in ("crs", "encoding", "x", "y", "wkt", "geometry", "delimiter")}
    asked |= {"to_crs": wishes.to_crs, "repair": wishes.repair or None, "id": wishes.id, "feed": wishes.feed}
    return {**document, "options": {key: value for key, value in asked.items() if value is not None}}


def _without_password(href: str) -> str:
    parts = urlsplit(href)
    if not parts.password:
        return href
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}@{host}"))


def _check_id(name: str | None, schema: pa.Schema, where: str) -> None:
    if name is not None and name not in schema.names and name != FID:
        known = ", ".join(attributes(schema))
        raise VectorSourceError(
            f"there is no column '{name}' to identify features", where=where, remedy=f"There are {known}."
        )


def write_repairs(spooled: Spool, folder: Path, wishes: Wishes) -> dict[str, Any] | None:
    """Write the list of what was repaired; None where no repair was asked for."""
    if not wishes.repair:
        return None
    if not spooled.repairs:
        return {"count": 0, "by_reason": {}, "file": None}
    table = pa.Table.from_batches(spooled.repairs)
    try:
        pq.write_table(table, folder / REPAIRS_FILE, compression="zstd")
    except OSError as error:
        raise output_error(error, str(folder)) from error
    # GEOS puts the place of the fault behind the reason.
    reasons = pc.value_counts(pc.replace_substring_regex(table["reason"], r"\s*\[.*", "")).to_pylist()
    return {
        "count": table.num_rows,
        "by_reason": {each["values"]: each["counts"] for each in reasons},
        "file": REPAIRS_FILE,
    }


def remarks(tally: Tally, opened: Opened, moved: dict[str, Any] | None) -> Iterator[str]:
    """What a user should know of the features."""
    with_geometry = tally.features - features_without(tally)
    if tally.empty:
        yield f"{numbered(tally.empty, 'empty geometry', 'empty geometries')} {are(tally.empty)} null"
    if tally.measured:
        yield f"{_geometries(tally.measured)} had an M coordinate, which GeoParquet does not have: it is left out"
    if tally.not_finite:
        yield f"coordinates of {_geometries(tally.not_finite)} are not finite"
    if with_geometry and tally.swapped > with_geometry / 2:
        yield (
            f"x and y may be swapped: {tally.swapped} of {with_geometry} geometries are outside the area of use of the "
            "CRS, or the extent that the source states, and would be inside with x and y swapped"
        )
    elif tally.outside:
        yield f"{_geometries(tally.outside)} {are(tally.outside)} outside the area of use of the CRS"
    if opened.edges != "planar":
        yield f"edges are {opened.edges} in the source; planar operations approximate them"
    if moved and moved["better"]:
        yield f"a better transformation needs grids that are not installed: {moved['better']}"


def _geometries(count: int) -> str:
    return numbered(count, "geometry", "geometries")


def discard(folder: Path, keep: set[str]) -> None:
    """Remove the folders of a layer's files but those named."""
    for each in folder.glob("features-*"):
        if each.name not in keep:
            shutil.rmtree(each, ignore_errors=True)
