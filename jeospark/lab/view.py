"""Recipes seen at once, without Spark."""

from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from jeospark import periods
from jeospark.catalog.bands import collection_bands
from jeospark.catalog.footprint import footprint_of_grid
from jeospark.catalog.store import Catalog
from jeospark.errors import EmptySelectionError, ExtentError, JeosparkError, RasterError
from jeospark.grid import BBox, GeoBox, geobox_of_bbox
from jeospark.model import ItemRef
from jeospark.output import OutputBand
from jeospark.planning.select import question
from jeospark.raster.quicklook import quicklook
from jeospark.recipe.analysis import period
from jeospark.recipe.extent import halo_pixels
from jeospark.recipe.graph import ProcessGraph
from jeospark.settings import Settings
from jeospark.task.observation import BadAssetError
from jeospark.task.preview import evaluate_view
from jeospark.task.product import product
from jeospark.task.program import Program, only_load, program
from jeospark.tiling.extent import turn_of
from jeospark.words import numbered

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A recipe's result on one grid, for one period."""

    data: NDArray[np.floating]
    """(bands, rows, cols), physical."""
    valid: NDArray[np.bool_]
    """Same shape, True = usable."""
    bands: tuple[OutputBand, ...]
    geobox: GeoBox
    period: str
    items: tuple[str, ...]
    """Ids of the items it was made of."""

    def to_png(self, path: str | Path) -> None:
        """Write a picture; true colour where there are red, green and blue, else the first band."""
        quicklook(self.data, self.valid, self.bands, str(path), size=max(self.geobox.shape))

    def summary(self) -> str:
        """One line: size, period, items, and how much is usable."""
        rows, cols = self.geobox.shape
        share = 100 * float(self.valid[0].mean())
        return f"{cols} × {rows} pixels, {self.period}, {numbered(len(self.items), 'item')}, {share:.0f} % usable"

    def _repr_png_(self) -> bytes:
        """The picture, for notebooks."""
        with TemporaryDirectory() as folder:
            path = Path(folder, "preview.png")
            self.to_png(path)
            return path.read_bytes()


def preview(
    graph: ProcessGraph,
    where: Bounds | GeoBox | None,
    size: int,
    *,
    crs: str,
    label: str | None,
    catalog: str | None,
) -> Preview:
    """Evaluate a recipe over an area or on a grid; see `Recipe.preview`.

    Raises:
        RasterError: An asset cannot be used.
    """
    settings = Settings.load()
    store = Catalog(catalog or settings.catalog)
    ready = program(graph.to_json(), collection_bands(store.collection(only_load(graph).collection)))
    geobox = where if isinstance(where, GeoBox) else _geobox(ready, where, size, crs)
    label, items = _one_period(ready, _items(store, ready, geobox), label)
    try:
        view = evaluate_view(ready, items, geobox, settings)
    except BadAssetError as error:
        raise _named(error) from error
    return Preview(
        data=view.data,
        valid=view.valid,
        bands=product(ready, folder="", title="").bands,
        geobox=geobox,
        period=label,
        items=tuple(item.item_id for item in items),
    )


def sides(bounds: Bounds) -> Bounds:
    """The four sides of an area.

    Raises:
        ExtentError: There are more, or less.
    """
    if len(bounds) != 4:
        raise ExtentError(f"{bounds} is no area", remedy="Give west, south, east, north in degrees.")
    return bounds


def _geobox(ready: Program, bounds: Bounds | None, size: int, crs: str) -> GeoBox:
    asked = bounds or ready.load.spatial_extent
    if asked is None:
        raise ExtentError("no area to look at", remedy="Give a bounding box: west, south, east, north in degrees.")
    west, south, east, north = sides(asked)
    area = BBox(west=west, south=south, east=east, north=north)
    left, bottom, right, top = area.bounds_in(crs)
    if not all(map(isfinite, (left, bottom, right, top))):
        raise ExtentError(f"the area {asked} has no place in {crs}", remedy="Name another CRS by `crs`.")
    _check_whole(area, crs)
    longest = max(right - left, top - bottom)
    shape = (max(round(size * (top - bottom) / longest), 1), max(round(size * (right - left) / longest), 1))
    return geobox_of_bbox(area, crs=crs, shape=shape)


def _check_whole(area: BBox, crs: str) -> None:
    """Refuse an area over the antimeridian in a CRS that ends there: between its ends lies the rest of the Earth."""
    if turn_of(crs):
        return
    sides = sorted(area.parts_in(crs))
    for (west, _, end, _), (start, _, east, _) in pairwise(sides):
        if start - end > end - west + east - start:
            remedy = "Name a CRS that goes on there by `crs` (`--crs`), such as EPSG:4326 or that of the data."
            raise ExtentError(f"the area {area.lonlat} crosses the antimeridian, where {crs} is cut", remedy=remedy)


def _named(error: BadAssetError) -> JeosparkError:
    """The error of the asset itself, with its item and band."""
    reject, cause = error.reject, error.__cause__
    if not isinstance(cause, JeosparkError):
        return RasterError(reject.message, where=reject.asset)
    return type(cause)(
        f"item '{reject.item_id}', band {reject.band}: {cause.what}", where=cause.where, remedy=cause.remedy
    )


def _items(store: Catalog, ready: Program, geobox: GeoBox) -> list[ItemRef]:
    """The items that lie in a view or so near that their pixels matter to it."""
    around = geobox.pad(halo_pixels(geobox, geobox.shape[0], ready.halo))
    a, b, c, d, e, f = tuple(around.affine)[:6]
    rows, cols = around.shape
    bounds = footprint_of_grid(str(around.crs), (a, b, c, d, e, f), (rows, cols))["bbox"]
    asked = question(ready.load)
    return list(store.refs(ready.load.collection, ready.names, bounds, asked.interval, asked.properties))


def _one_period(ready: Program, items: list[ItemRef], label: str | None) -> tuple[str, list[ItemRef]]:
    """The items of the period asked for, or of the last that has any."""
    kind = period(ready.graph)
    labels = [periods.label(kind, item.datetime) for item in items]
    if not labels:
        raise EmptySelectionError(
            f"no item of '{ready.load.collection}' lies there", remedy="See what there is with `jeospark items`."
        )
    chosen = label or labels[-1]
    if chosen not in labels:
        raise EmptySelectionError(
            f"no item in {chosen}", remedy=f"There are items in {', '.join(sorted(set(labels))[:12])}."
        )
    return chosen, [item for item, each in zip(items, labels, strict=True) if each == chosen]
