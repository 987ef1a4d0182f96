"""From a question to shares of work: what is read, on which pixels, and how large the answer will be."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from math import ceil, isqrt

import pyarrow.compute as pc
import pyarrow.parquet as pq

from jeospark.catalog.bands import collection_bands
from jeospark.catalog.store import Catalog
from jeospark.engine.native import native_grid
from jeospark.engine.plan import area_of, placed_items
from jeospark.errors import BandMissingError, EmptySelectionError, ExtentError, GridError, SqlLimitError
from jeospark.grid import BBox, Grid, PixelExtent
from jeospark.model import ItemRef, Unit
from jeospark.planning.gather import Gathering, gather
from jeospark.planning.place import Placing
from jeospark.planning.select import question
from jeospark.raster.window import Window, split
from jeospark.recipe.analysis import Load, period
from jeospark.recipe.graph import ProcessGraph
from jeospark.recipe.partition import ALL, DATE
from jeospark.schema import unit_of
from jeospark.sql.pixels.area import crop, part
from jeospark.sql.pixels.ask import Ask, near
from jeospark.sql.pixels.rows import row_bytes, schema_of
from jeospark.storage.roots import Roots
from jeospark.task.program import Program, only_load, program
from jeospark.tiling.regular import RegularTiling
from jeospark.words import numbered

SHARE_SIDE = 2048
"""Rows and columns that are read together at most, whole chips."""
SHARE_BYTES = 64 << 20
"""Of the values and their validity of what is read together."""
TASK_VALUES = 16 << 20
"""Values that a task reads: pixels of all bands and dates."""
TASK_FILES = 64
"""Files that a task opens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A rectangle of whole chips of one tile in one period, read together."""

    tile: str
    period: str
    datetime: datetime | None
    """Of the observation, where a period is one, else the start of the period; None for the period of all."""
    row: int
    """Of its first pixel in the tile."""
    col: int
    extent: PixelExtent
    items: tuple[ItemRef, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """How large an answer will be, all pixels of the area counted."""

    parts: int
    """Tiles × periods, or tiles × observations."""
    rows: int
    nbytes: int
    """Of the rows as Arrow."""


class Plan:
    """A question made ready: cheap to make, nothing but the catalogue's schema is read.

    Raises:
        BandMissingError: A band is asked for that there is not.
        CatalogError: The catalogue has no such collection, or no item such a property.
        EmptySelectionError: The grid is to be that of the items, and there are none.
        ExtentError: The recipe's own area is inverted, or the areas or intervals do not meet.
        GridError: The grid is unknown, or the items share none.
        OptionError: Two columns would have one name.
        RecipeError: The recipe cannot run.
    """

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.program = program_of(ask)
        self.planes = _planes(ask, self.program)
        self.names = tuple(self.program.outputs[at] for at in self.planes)
        self.columns = schema_of(ask.rows, self.names)
        self._load = _narrowed(self.program.load, ask)
        path = Catalog(ask.catalog).items_path(self._load.collection)
        question(self._load).columns(pq.read_schema(path))
        self._period = period(self.program.graph)
        own = area_of(self.program.load)
        bounds = ask.area.bbox if ask.area else None
        self._second: BBox | None = bounds if own is not None else None
        grid = _grid(ask, self._load)
        for area in filter(None, (own, bounds)):
            grid.check(area)
        self.grid = Grid.parse(grid.text)
        self._placing = Placing(grid=grid.text, period=self._period, area=own or bounds, margin=self.program.halo)

    def estimate(self) -> Estimate:
        """Count tiles and periods, without keeping their items.

        Raises:
            EmptySelectionError: There are none.
        """
        seen: set[tuple[str, str]] = set()
        for placed in placed_items(self.ask.catalog, self._load, None, self._placing):
            key = pc.struct_field(placed.column("item"), "observation") if self.by_date else placed.column("period")
            touches = placed.column("touches")
            tiles, keys = (column.filter(touches).to_pylist() for column in (placed.column("tile"), key))
            seen.update(zip(tiles, keys, strict=True))
        if not seen:
            raise EmptySelectionError(
                f"no item of '{self._load.collection}' meets the area and interval",
                where=self.ask.catalog,
                remedy="See what there is with `SELECT min(datetime), max(datetime) FROM items`.",
            )
        sizes = {tile: self._size(tile) for tile in {tile for tile, _ in seen}}
        pixels, chips = (sum(sizes[tile][which] for tile, _ in seen) for which in (0, 1))
        rows = pixels if self.ask.rows == "pixel" else chips
        nbytes = row_bytes(self.ask.rows, len(self.names), pixels, chips)
        return Estimate(parts=len(seen), rows=rows, nbytes=nbytes)

    def check(self) -> Estimate:
        """Refuse what would be absurdly large.

        Raises:
            EmptySelectionError: There is nothing to read.
            SqlLimitError: The answer would be larger than the limit.
        """
        found = self.estimate()
        if found.nbytes > self.ask.limit_bytes:
            raise SqlLimitError(
                f"the answer would have {numbered(found.rows, 'row')} of {numbered(len(self.names), 'band')}, "
                f"{_bytes(found.nbytes)}, of {found.parts:,} tiles and dates; "
                f"the limit is {_bytes(self.ask.limit_bytes)}",
                where=f"limit_bytes={self.ask.limit_bytes}",
                remedy="Narrow bbox, interval or bands, take a coarser resolution, or raise limit_bytes.",
            )
        return found

    def shares(self) -> Iterator[Share]:
        """All work, sorted by tile and period.

        Raises:
            ForbiddenError: A file lies outside the allowed roots.
        """
        for unit in self.units():
            yield from self._shares_of(unit)

    def units(self) -> Iterator[Unit]:
        """Tiles by period, sorted, with their items; cropped to the area asked for.

        Raises:
            ForbiddenError: A file lies outside the allowed roots.
        """
        roots, known = Roots.load(self.ask.settings), set[str]()
        gathering = Gathering(placing=self._placing, recipe_id=self.program.graph.id, output="")
        units = gather(placed_items(self.ask.catalog, self._load, None, self._placing), gathering)
        for at in range(units.num_rows):
            unit = unit_of(units.slice(at, 1).to_pylist()[0])
            for href in {source.href for item in unit.items for source in item.sources} - known if roots else ():
                roots.check(href)
                known.add(href)
            extent = self._extent(unit.tile)
            if extent is not None:
                yield replace(unit, crs=extent.crs, transform=extent.transform, shape=extent.shape)

    def _shares_of(self, unit: Unit) -> Iterator[Share]:
        extent = PixelExtent(crs=unit.crs, transform=unit.transform, shape=unit.shape)
        row, col = self._corner(unit.tile, extent)
        side = self._side
        for window in split(Window(row, col, *extent.shape), side, side):
            here = part(extent, window.row - row, window.col - col, (window.rows, window.cols))
            for when, items in self._observed(unit):
                yield Share(
                    tile=unit.tile, period=unit.period, datetime=when, row=window.row, col=window.col, extent=here,
                    items=items,
                )  # fmt: skip

    def _observed(self, unit: Unit) -> Iterator[tuple[datetime | None, tuple[ItemRef, ...]]]:
        """A unit's items, or those of each observation where a recipe leaves dates as they are."""
        if not self.by_date:
            yield (None if self._period == ALL else unit.start), unit.items
            return
        ordered = sorted(unit.items, key=lambda item: (item.observation, item.datetime, item.item_id))
        groups = [tuple(group) for _, group in groupby(ordered, key=lambda item: item.observation)]
        for items in sorted(groups, key=lambda group: group[0].datetime):
            yield items[0].datetime, items

    def _extent(self, tile: str) -> PixelExtent | None:
        return crop(self.grid.window(tile, self._placing.area), self._second)

    def _corner(self, tile: str, extent: PixelExtent) -> tuple[int, int]:
        """Row and column of an extent's first pixel in its tile."""
        a, _, c, _, e, f = self.grid.extent(tile).transform
        return round((extent.transform[5] - f) / e), round((extent.transform[2] - c) / a)

    def _size(self, tile: str) -> tuple[int, int]:
        """Pixels and chips of a tile."""
        extent, side = self._extent(tile), self.ask.chip
        if extent is None:
            return 0, 0
        ends = [(first, first + size) for first, size in zip(self._corner(tile, extent), extent.shape, strict=True)]
        down, across = (ceil(end / side) - first // side for first, end in ends)
        return extent.shape[0] * extent.shape[1], down * across

    @property
    def by_date(self) -> bool:
        """True where the recipe leaves dates as they are: each observation is a result of its own."""
        return self._period == DATE

    @property
    def _side(self) -> int:
        values = SHARE_BYTES // (5 * len(self.program.outputs))
        return max(min(SHARE_SIDE, isqrt(values)) // self.ask.chip, 1) * self.ask.chip


def tasks(shares: Iterator[Share], bands: int) -> Iterator[tuple[Share, ...]]:
    """Shares put together so that a task is worth its start.

    Args:
        shares: In the order in which they are to be read.
        bands: That each item is read in.
    """
    held: list[Share] = []
    values = files = 0
    for share in shares:
        held.append(share)
        files += len(share.items) * bands
        values += share.extent.shape[0] * share.extent.shape[1] * len(share.items) * bands
        if values >= TASK_VALUES or files >= TASK_FILES:
            yield tuple(held)
            held, values, files = [], 0, 0
    if held:
        yield tuple(held)


def program_of(ask: Ask) -> Program:
    """The recipe, ready to run; the same object for the same question in one process."""
    return _program(ask.recipe, ask.catalog)


@lru_cache(maxsize=8)
def _program(recipe: str, catalog: str) -> Program:
    document = Catalog(catalog).collection(only_load(ProcessGraph.from_json(recipe)).collection)
    return program(recipe, collection_bands(document))


def _planes(ask: Ask, ready: Program) -> tuple[int, ...]:
    """Which of the result's bands are wanted."""
    for name in ask.bands or ():
        if name not in ready.outputs:
            raise BandMissingError(
                f"the recipe gives no band '{name}'", where="bands", remedy=near(name, ready.outputs)
            )
    return tuple(ready.outputs.index(name) for name in ask.bands or ready.outputs)


def _narrowed(load: Load, ask: Ask) -> Load:
    """What the recipe loads, in the interval asked for."""
    if ask.interval is None:
        return load
    first, last = load.temporal_extent or (None, None)
    start = max((each for each in (first, ask.interval[0]) if each is not None), default=None)
    end = min((each for each in (last, ask.interval[1]) if each is not None), default=None)
    if start is not None and end is not None and start >= end:
        raise ExtentError(f"the recipe's interval ends before {start:%Y-%m-%d} or begins after", where="interval")
    return replace(load, temporal_extent=(start, end))


def _grid(ask: Ask, load: Load) -> Grid:
    text = ask.grid
    if text == "native":
        try:
            text = native_grid(ask.catalog, load)
        except (EmptySelectionError, GridError) as error:
            error.remedy = error.remedy.replace("with `--grid`", "by the option grid")
            raise
    grid = Grid.parse(text)
    if ask.resolution is None:
        return grid
    if not isinstance(grid.tiling, RegularTiling):
        return Grid.parse(f"mgrs:{ask.resolution:g}")
    tiling, (x, y) = grid.tiling, grid.tiling.resolution
    rows, cols = ceil(tiling.tile_shape[0] * y / ask.resolution), ceil(tiling.tile_shape[1] * x / ask.resolution)
    size = (ask.resolution, ask.resolution)
    return Grid(replace(tiling, resolution=size, tile_shape=(rows, cols), alias=""))


def _bytes(nbytes: int) -> str:
    """A number of bytes, such as 1.2 GB."""
    exponent = min(max(len(str(nbytes)) - 1, 3) // 3, 4)
    return f"{nbytes / 1000**exponent:,.1f} {('kB', 'MB', 'GB', 'TB')[exponent - 1]}"
