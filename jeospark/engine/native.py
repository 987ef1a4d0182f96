"""The grid that the items of a collection have in common."""

import re
from itertools import islice

from jeospark.catalog.store import Catalog
from jeospark.errors import EmptySelectionError, GridError
from jeospark.model import ItemRef, Source
from jeospark.planning.select import question
from jeospark.recipe.analysis import Load

_CODE = re.compile(r"\w+:\w+")
SAMPLE = 1000
"""Items looked at; a collection with one grid shows it in the first ones."""


def native_grid(catalog: str, load: Load) -> str:
    """Text form of the finest grid on which all items lie, one tile being the extent of an item.

    Raises:
        CatalogError: No item has one of the properties that the recipe asks for.
        EmptySelectionError: No item meets the recipe's filters.
        GridError: The items lie on several grids, or do not tell theirs.
    """
    asked = question(load)
    refs = Catalog(catalog).refs(
        load.collection, list(load.bands or ()), load.spatial_extent, asked.interval, asked.properties
    )
    # An item that lacks all of the bands tells of no grid; the run will tell of it.
    grids = {_finest(item) for item in islice(refs, SAMPLE) if item.sources}
    if not grids:
        raise EmptySelectionError(
            f"no item of '{load.collection}' meets the recipe's extent and filters",
            where=catalog,
            remedy="See what there is with `jeospark items`.",
        )
    if len(grids) > 1:
        raise GridError(
            f"the items of '{load.collection}' lie on {len(grids)} grids, such as {' and '.join(sorted(grids)[:2])}",
            remedy="Name a grid with `--grid`, such as mgrs, webmercator:12 or EPSG:3035:10.",
        )
    return grids.pop()


def _finest(item: ItemRef) -> str:
    placed = [source for source in item.sources if source.crs and source.transform and source.shape]
    if not placed:
        raise GridError(
            f"item '{item.item_id}' does not tell its grid",
            remedy="Name a grid with `--grid`, such as mgrs, webmercator:12 or EPSG:3035:10.",
        )
    finest = min(placed, key=lambda source: abs((source.transform or (1.0,))[0]))
    if not _CODE.fullmatch(str(finest.crs)):
        raise GridError(
            f"the CRS of item '{item.item_id}' has no code, by which a grid could be named",
            where=str(finest.crs)[:60],
            remedy="Name a grid with `--grid`, such as mgrs, webmercator:12 or EPSG:3035:10.",
        )
    return _text(finest)


def _text(source: Source) -> str:
    a, _, c, _, e, f = source.transform or (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
    rows, cols = source.shape or (1, 1)
    top = f if e < 0 else f + e * rows
    pixel = f"{abs(a)!r}" if abs(a) == abs(e) else f"{abs(a)!r}x{abs(e)!r}"
    return f"{source.crs}:{pixel}:{rows}x{cols}:{c!r},{top!r}"
