"""What is asked of `pixels`: options as text, read and checked."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from jeospark.errors import JeosparkError, OptionError
from jeospark.recipe.graph import ProcessGraph
from jeospark.recipe.instants import Interval, interval
from jeospark.settings import Settings
from jeospark.sql.pixels.area import Area, area_from_bbox, area_from_wkt
from jeospark.storage.roots import Roots

CHIP, LARGEST_CHIP = 256, 512
"""Rows and columns of a chip, by default and at most: larger cells are hard on the JVM."""
ROWS = ("chip", "pixel")

OPTIONS = {
    "recipe": "process graph: a JSON file, or its text",
    "collection": "in place of a recipe: a collection, whose observations become rows one by one",
    "bands": "of the collection, or of the recipe's results; by default all",
    "bbox": "west,south,east,north, in degrees unless crs says more",
    "wkt": "polygons, with their CRS as SRID=3035; before them or in crs; pixels outside have no row or are null",
    "crs": "CRS of bbox or wkt, such as EPSG:3035",
    "interval": "start,end of the items' dates, the end exclusive; .. for an open side",
    "grid": "text form of a grid, or native (the default) for the one that the items share",
    "resolution": "side of a pixel in units of the grid's CRS, in place of the grid's",
    "chip": f"rows and columns of a chip, to {LARGEST_CHIP}; {CHIP} by default",
    "rows": "chip (the default) or pixel: what a row is",
    "limit_bytes": "how large an answer may be",
    "catalog": "folder of the catalogue",
}
"""Options and what they mean; names in any case."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What holds where no option says more; travels from the driver to whoever answers."""

    settings: Settings
    limit_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A question for pixels."""

    recipe: str
    """The process graph as JSON."""
    catalog: str
    bands: tuple[str, ...] | None
    """Of the recipe's results; None for all."""
    area: Area | None
    """In addition to the recipe's own; None for everywhere."""
    interval: Interval | None
    """In addition to the recipe's own; None for always."""
    grid: str
    resolution: float | None
    chip: int
    rows: str
    limit_bytes: int
    settings: Settings


def ask_of(options: Mapping[str, str], defaults: Defaults) -> Ask:
    """Read options.

    Args:
        options: Name to text.
        defaults: What holds where an option is not given.

    Raises:
        OptionError: An option is unknown or malformed, or two exclude each other.
        RecipeError: The recipe is none.
        ForbiddenError: A file lies outside the allowed roots.
        ExtentError: The area is inverted, empty, or not on the Earth.
        ArgumentError: The interval is none.
    """
    given = {name.lower(): text.strip() for name, text in options.items()}
    for name in given:
        if name not in OPTIONS:
            raise OptionError(f"pixels have no option '{name}'", remedy=near(name, OPTIONS))
    roots = Roots.load(defaults.settings)
    catalog = str(Path(given.get("catalog") or defaults.settings.catalog).absolute())
    roots.check(catalog)
    recipe, bands = _what(given, roots)
    return Ask(
        recipe=recipe,
        catalog=catalog,
        bands=bands,
        area=_area(given),
        interval=_read("interval", given, _interval, None),
        grid=given.get("grid") or "native",
        resolution=_read("resolution", given, _positive, None),
        chip=_read("chip", given, _chip, CHIP),
        rows=_read("rows", given, _rows, ROWS[0]),
        limit_bytes=_read("limit_bytes", given, lambda text: int(_positive(text)), defaults.limit_bytes),
        settings=replace(defaults.settings, catalog=catalog),
    )


def near(name: str, known: Mapping[str, str] | tuple[str, ...]) -> str:
    """Which of the known names may be meant, or all of them."""
    written = {each.lower(): each for each in known}
    found = get_close_matches(name.lower(), list(written), n=1)
    return f"Did you mean '{written[found[0]]}'?" if found else f"There are {', '.join(known)}."


def _what(given: Mapping[str, str], roots: Roots) -> tuple[str, tuple[str, ...] | None]:
    recipe, collection = given.get("recipe"), given.get("collection")
    if (recipe is None) == (collection is None):
        what = (
            "neither recipe nor collection is given" if recipe is None else "recipe and collection exclude each other"
        )
        raise OptionError(what, remedy="Give one of the two.")
    bands = tuple(name for name in (part.strip() for part in given.get("bands", "").split(",")) if name)
    if collection is not None:
        return _load(collection, bands), None
    text = str(recipe)
    if not text.startswith("{"):
        roots.check(text)
        return ProcessGraph.from_file(Path(text)).to_json(), bands or None
    return ProcessGraph.from_json(text).to_json(), bands or None


def _load(collection: str, bands: tuple[str, ...]) -> str:
    arguments = {"id": collection, "spatial_extent": None, "temporal_extent": None}
    node = {"process_id": "load_collection", "arguments": {**arguments, **({"bands": bands} if bands else {})}}
    return ProcessGraph.from_json(json.dumps({"load": {**node, "result": True}})).to_json()


def _area(given: Mapping[str, str]) -> Area | None:
    bbox, wkt, crs = given.get("bbox"), given.get("wkt"), given.get("crs")
    if bbox is not None and wkt is not None:
        raise OptionError("bbox and wkt exclude each other", remedy="Give one of the two.")
    if bbox is not None:
        return area_from_bbox(bbox, crs)
    if wkt is not None:
        return area_from_wkt(wkt, crs)
    if crs is not None:
        raise OptionError("crs is given without bbox or wkt", where="crs", remedy="Output has the CRS of its grid.")
    return None


def _read(name: str, given: Mapping[str, str], parse: Callable[[str], T], default: T) -> T:
    if name not in given:
        return default
    try:
        return parse(given[name])
    except ValueError as error:
        raise OptionError(f"'{given[name]}' {error}", where=name, remedy=f"{name}: {OPTIONS[name]}.") from error
    except JeosparkError as error:
        error.where = error.where or name
        raise


def _interval(text: str) -> Interval:
    return interval(
        [None if each.strip() in {"", ".."} else each.strip() for each in text.replace("/", ",").split(",")]
    )


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ValueError("is no positive number")
    return number


def _chip(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= LARGEST_CHIP:
        raise ValueError(f"is no whole number from 1 to {LARGEST_CHIP}")
    return int(text)


def _rows(text: str) -> str:
    if text.lower() not in ROWS:
        raise ValueError(f"is no kind of row. {near(text, ROWS)}".rstrip("."))
    return text.lower()
