"""Counts of points as a product: a COG a tile and period with its picture and STAC item, and a collection of them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame

from jeospark.catalog.footprint import footprint_of_grid
from jeospark.catalog.publish import COLLECTION_FILE, OutputCollection, thumbnail_href, write_collection, write_item
from jeospark.errors import JeosparkError
from jeospark.model import Outcome, Unit
from jeospark.output import OutputBand
from jeospark.periods import bounds
from jeospark.raster.cog import BLOCK, CogWriter
from jeospark.raster.quicklook import quicklook_cog
from jeospark.raster.window import Window
from jeospark.settings import Settings
from jeospark.storage.href import join
from jeospark.storage.publish import output_path, publishing, write_text_atomic
from jeospark.storage.roots import Roots
from jeospark.tiling.regular import RegularTiling
from jeospark.vector.ais.streams import grouped, whole
from jeospark.vector.helpers_density import square_km
from jeospark.vector.helpers_files import result_folder
from udfs.ais import first_rows

Measure = Literal["count", "per_km2"]
PUBLISHED = pa.schema(
    [
        ("tile", pa.string()),
        ("period", pa.string()),
        ("pixels", pa.int64()),
        ("total", pa.float64()),
        ("bytes", pa.int64()),
        ("error", pa.string()),
    ]
)
"""A COG, how many of its pixels hold something, the sum of the counts, its size; or why it could not be made."""
REQUEST = "density.json"
"""What was asked for, in the folder of the results: it comes first, the collection last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What all tiles have in common."""

    tiling: RegularTiling
    collection: OutputCollection
    measure: Measure
    period: str
    """One of `jeospark.periods.PERIODS`."""
    interval: tuple[datetime, datetime] | None
    """First and last instant of the points, where they have a time: what `all` means."""
    settings: Settings

    @property
    def folder(self) -> str:
        """Of the results."""
        return self.collection.folder


def make_product(  # noqa: PLR0913 - a product has this many parts
    tiling: RegularTiling, request: Mapping[str, Any], *, title: str, folder: str, measure: Measure, what: str,
    versions: Mapping[str, str], period: str = "all", interval: tuple[datetime, datetime] | None = None,
) -> Product:  # fmt: skip
    """Describe the product of a request.

    Args:
        tiling: The grid.
        request: What decides the pixels, as JSON would have it; its digest is the id of the recipe.
        title: Of the product.
        folder: Of the results.
        measure: Numbers, or numbers a square kilometre of ground.
        what: What is counted, such as `mmsi`; it names the band.
        versions: Version by name of software.
        period: See `pixel_counts`.
        interval: First and last instant of the points, where they have a time.
    """
    name = what if measure == "count" else f"{what}_per_km2"
    if measure == "count":
        band = OutputBand(name=name, nodata=float(np.iinfo(np.uint32).max), unit="1")
    else:
        band = OutputBand(name=name, nodata=float("nan"), unit="km-2")
    digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
    collection = OutputCollection(
        collection_id=f"density-{digest[:12]}", title=title, folder=folder, bands=(band,), recipe_id=digest,
        description=f"Density of {what}, made by jeospark.", versions=versions,
        data_type="uint32" if measure == "count" else "float32",
    )  # fmt: skip
    return Product(
        tiling=tiling, collection=collection, measure=measure, period=period, interval=interval,
        settings=Settings.load(),
    )  # fmt: skip


def density_folder(output: str, request: Mapping[str, Any]) -> Path:
    """Where the rasters of a request may be made: in a new folder, or where the same ones were cut off.

    Args:
        output: Folder.
        request: What decides the pixels.

    Raises:
        ForbiddenError: It lies outside the allowed roots.
        OutputTakenError: It holds something else, or all of them.
        OutputUnwritableError: The folder above cannot be written.
    """
    folder = output_path(output).absolute()
    Roots.load(Settings.load()).check(str(folder))
    return folder if _cut_off(folder, request) else result_folder(output)


def _cut_off(folder: Path, request: Mapping[str, Any]) -> bool:
    """True where rasters of this request were begun, and did not come to their end."""
    begun, ended = folder / REQUEST, (folder / COLLECTION_FILE).exists()
    return not ended and begun.is_file() and begun.read_text(encoding="utf-8") == _told(request)


def _told(request: Mapping[str, Any]) -> str:
    return json.dumps(request, indent=1, sort_keys=True)


def publish_density(counts: DataFrame, product: Product, request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Make and publish all tiles that hold something, then the collection; returns rows of `PUBLISHED`.

    Args:
        counts: Of `pixel_counts`.
        product: What is made of them.
        request: What decides the pixels; it stands beside them.

    Raises:
        OutputError: See `publishing`.
    """
    write_text_atomic(join(product.folder, REQUEST), _told(request))
    keys = ["tile", "period"]
    made = grouped(counts, keys, [*keys, "pixel"], partial(_published, product=product), PUBLISHED)
    rows: list[dict[str, Any]] = made.toArrow().sort_by([("tile", "ascending"), ("period", "ascending")]).to_pylist()
    units = [unit_of(row["tile"], row["period"], product) for row in rows if row["error"] is None]
    node = {"process_id": "density", "arguments": dict(request), "result": True}
    write_collection(product.collection, units, {"density": node})
    return rows


def unit_of(tile: str, period: str, product: Product) -> Unit:
    """The COG of a tile and period."""
    extent = product.tiling.extent(tile)
    start, end = bounds(product.period, period)
    if product.period == "all" and product.interval is not None:
        # A period ends before its end; the last instant is in it.
        start, end = product.interval[0], product.interval[1] + timedelta(seconds=1)
    name = f"{tile}_{period}"
    return Unit(
        unit_id=f"{tile}/{period}", tile=tile, period=period, start=start, end=end, crs=extent.crs,
        transform=extent.transform, shape=extent.shape, items=(), digest=product.collection.recipe_id,
        output_href=str(PurePosixPath(product.folder) / tile / f"{name}.tif"),
    )  # fmt: skip


def _published(table: pa.Table, product: Product) -> pa.Table:
    tile, period = (table.column(name).combine_chunks().dictionary_encode() for name in ("tile", "period"))
    firsts = first_rows(tile.indices.to_numpy(), period.indices.to_numpy())
    rows = []
    for first, last in zip(firsts, [*firsts[1:], table.num_rows], strict=True):
        part = table.slice(first, last - first)
        names = part.column("tile")[0].as_py(), part.column("period")[0].as_py()
        unit, number = unit_of(*names, product), whole(part, "number")
        row = {"tile": unit.tile, "period": unit.period, "pixels": part.num_rows, "total": float(number.sum())}
        try:
            rows.append(row | {"bytes": _publish(unit, whole(part, "pixel"), number, product), "error": None})
        except JeosparkError as error:
            rows.append(row | {"bytes": 0, "error": f"{type(error).__name__}: {error}"})
    return pa.Table.from_pylist(rows, schema=PUBLISHED)


def _publish(unit: Unit, pixel: NDArray[np.int64], number: NDArray[np.int64], product: Product) -> int:
    """Publish COG, picture and item; returns the bytes of the COG."""
    # A tile that reaches beyond what its CRS can map has no item: nothing of it is made.
    footprint_of_grid(unit.crs, unit.transform, unit.shape)
    values = number if product.measure == "count" else _per_km2(unit, pixel, number, product)
    with publishing(unit.output_href) as path, publishing(thumbnail_href(unit.output_href)) as picture:
        size = _write(path, unit, pixel, values, product)
        quicklook_cog(path, product.collection.bands, picture)
    pixels = unit.shape[0] * unit.shape[1]
    outcome = Outcome(
        unit_id=unit.unit_id, tile=unit.tile, period=unit.period, status="done", href=unit.output_href,
        digest=unit.digest, pixels=pixels, pixels_valid=pixels, bytes_written=size,
    )  # fmt: skip
    write_item(unit, outcome, product.collection)
    return size


def _per_km2(unit: Unit, pixel: NDArray[np.int64], number: NDArray[np.int64], product: Product) -> NDArray[np.float64]:
    """Numbers a square kilometre; NaN where there is no ground, as at the poles of Web Mercator."""
    area = square_km(product.tiling, unit.tile, pixel)
    values = np.full(len(pixel), np.nan)
    np.divide(number, area, out=values, where=area > 0)
    return values


def _write(path: str, unit: Unit, pixel: NDArray[np.int64], values: NDArray[Any], product: Product) -> int:
    """Write strips of blocks from top to bottom; the pixels are sorted, so that each strip's are together."""
    rows, cols = unit.shape
    collection, settings = product.collection, product.settings
    with CogWriter(
        path, shape=unit.shape, dtype=collection.data_type, bands=collection.bands, crs=unit.crs,
        transform=unit.transform, scratch=settings.scratch, memory_limit=settings.worker_memory_mb << 20,
        tags={"JEOSPARK_RECIPE": collection.recipe_id, "JEOSPARK_DIGEST": unit.digest},
    ) as writer:  # fmt: skip
        for top in range(0, rows, BLOCK):
            high = min(BLOCK, rows - top)
            first, last = np.searchsorted(pixel, [top * cols, (top + high) * cols])
            strip = np.zeros(high * cols, collection.data_type)
            strip[pixel[first:last] - top * cols] = values[first:last]
            writer.write(Window(top, 0, high, cols), strip.reshape(1, high, cols))
        return writer.finish()
