"""Recipes as people write them: lazy, fluent, checked at every step, and run on Spark or at once."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jeospark.grid import GeoBox
from jeospark.lab.view import Preview, preview, sides
from jeospark.recipe.graph import ProcessGraph

if TYPE_CHECKING:
    from jeospark.lab.plan import PlannedRun

Bbox = tuple[float, float, float, float]
REFLECTANCE = {"dtype": "int16", "scale": 0.0001, "nodata": -32768}
"""Options of `Recipe.save` that keep reflectance and indices to 1e-4 in two bytes."""


@dataclass(frozen=True, slots=True)
class Step:
    """One process and its arguments, in which other steps stand for their results."""

    process: str
    arguments: Mapping[str, object]


class Recipe:
    """What to compute; nothing is read or computed until `preview`, or `run` of a plan.

    Every method returns a new recipe; a process or argument that does not exist fails at once, by name. Bands, labels
    and what the values of arguments mean are checked by `preview` and `plan`, against the collection.
    The processes are openEO's (https://processes.openeo.org/1.2.0/); `process` adds any of them.
    """

    def __init__(self, step: Step) -> None:
        self.step = step
        self.graph = ProcessGraph.from_json(_nodes(step))

    @property
    def id(self) -> str:
        """sha256 over the canonical JSON; equal recipes have one id."""
        return self.graph.id

    @classmethod
    def from_json(cls, source: str | Path | Mapping[str, object]) -> "Recipe":
        """Read a process graph from JSON text, a file, or what JSON text parses to.

        Raises:
            RecipeError: It is no process graph that jeospark can run.
        """
        graph = ProcessGraph.from_file(source) if isinstance(source, Path) else ProcessGraph.from_json(source)
        return cls(_steps(json.loads(graph.to_json())))

    def to_json(self) -> str:
        """The openEO process graph as JSON."""
        return self.graph.to_json()

    def process(self, name: str, /, **arguments: object) -> "Recipe":
        """Apply any process; this recipe becomes its `data`, other recipes may be arguments."""
        given = {"data": self, **arguments}
        return Recipe(Step(name, {key: _replaced(each, _step_of) for key, each in given.items()}))

    def filter_bbox(self, west: float, south: float, east: float, north: float) -> "Recipe":
        """Keep an area, in degrees; west > east crosses the antimeridian."""
        return self.process("filter_bbox", extent={"west": west, "south": south, "east": east, "north": north})

    def filter_temporal(self, start: str | None, end: str | None) -> "Recipe":
        """Keep the dates from `start` (inclusive) to `end` (exclusive), RFC 3339."""
        return self.process("filter_temporal", extent=[start, end])

    def bands(self, *names: str) -> "Recipe":
        """Keep these bands, in this order."""
        return self.process("filter_bands", bands=list(names))

    def mask_classes(self, classes: Sequence[int] = (3, 8, 9, 10), band: str = "SCL", dilation: float = 0) -> "Recipe":
        """Drop the pixels of some classes, and those within `dilation` metres of them."""
        mask = self.process("class_mask", band=band, classes=_array(classes), dilation=dilation)
        return self.process("mask", mask=mask)

    def mask_bits(self, band: str, bits: Sequence[int], dilation: float = 0) -> "Recipe":
        """Drop the pixels with any of the quality bits set, and those within `dilation` metres of them."""
        return self.process("mask", mask=self.process("bit_mask", band=band, bits=_array(bits), dilation=dilation))

    def ndvi(self, nir: str = "nir", red: str = "red") -> "Recipe":
        """The normalised difference vegetation index of two bands, named by band or common name."""
        return self.process("ndvi", nir=nir, red=red)

    def as_band(self, name: str) -> "Recipe":
        """Make a cube without bands a cube of one band, so that others can be merged with it."""
        return self.process("add_dimension", name="bands", label=name, type="bands")

    def rename_bands(self, names: Mapping[str, str]) -> "Recipe":
        """Rename bands: old name → new name."""
        return self.process("rename_labels", dimension="bands", source=list(names), target=list(names.values()))

    def reduce(self, reducer: str, dimension: str = "t") -> "Recipe":
        """Reduce all dates (or bands) to one value by a process such as median, max or count."""
        return self.process("reduce_dimension", dimension=dimension, reducer=_callback(reducer))

    def aggregate(self, period: str, reducer: str) -> "Recipe":
        """Reduce the dates of each dekad, month, season or year to one value."""
        return self.process("aggregate_temporal_period", period=period, reducer=_callback(reducer))

    def merge(self, *others: "Recipe") -> "Recipe":
        """Put the bands of other recipes beside this one's."""
        merged = self
        for other in others:
            merged = Recipe(Step("merge_cubes", {"cube1": merged.step, "cube2": other.step}))
        return merged

    def aggregate_spatial(self, geometries: Mapping[str, object], reducer: str) -> "Recipe":
        """Reduce the pixels of each geometry (GeoJSON) to one value; run it by `jeospark.lab.spatial`."""
        return self.process("aggregate_spatial", geometries=geometries, reducer=_callback(reducer))

    def save(self, **options: object) -> "Recipe":
        """End with a COG a unit; `dtype`, `scale`, `offset`, `nodata`, and `bands` for those that differ."""
        return self.process("save_result", format="COG", options=options)

    def preview(
        self,
        where: Bbox | GeoBox | None = None,
        size: int = 512,
        *,
        crs: str = "EPSG:3857",
        period: str | None = None,
        catalog: str | None = None,
    ) -> Preview:
        """Evaluate at once, in this process, at screen resolution; on the batch's grid the pixels are the batch's.

        Args:
            where: West, south, east, north in degrees, or a GeoBox; by default the recipe's own extent.
            size: Longest side in pixels, where no GeoBox says more.
            crs: CRS of the pixels, where no GeoBox says more.
            period: Which period, such as 2019-07; by default the last with items.
            catalog: Folder of the catalogue; by default that of the settings.

        Raises:
            EmptySelectionError: No item lies there, or none in the period.
            ExtentError: No area is given, or one that is no area.
        """
        return preview(self.graph, where, size, crs=crs, label=period, catalog=catalog)

    def plan(
        self, output: str | Path, *, grid: str = "native", catalog: str | None = None, title: str = "", **limits: Any
    ) -> "PlannedRun":
        """Plan a run on Spark; nothing is read yet. Then `explain()` and `run()`.

        Args:
            output: Folder of the results; it holds those of one recipe.
            grid: Text form of a grid, or `native` for the one that the items share.
            catalog: Folder of the catalogue; by default that of the settings.
            title: Name of the product.
            limits: `max_error_ratio` and `skip_bad_assets`, see `jeospark.engine.job.Job`.

        Raises:
            RecipeError: The recipe cannot run.
            GridError: The grid is unknown, or the items share none.
        """
        from jeospark.lab.plan import planned  # noqa: PLC0415 - previews do without Spark, which is slow to import

        return planned(self.to_json(), output=str(output), grid=grid, catalog=catalog, title=title, **limits)

    def __repr__(self) -> str:
        chain = " → ".join(node.process_id for node in self.graph.nodes.values())
        return f"<Recipe {self.id[:12]}: {chain}>"


def load_collection(
    collection: str,
    *,
    bands: Sequence[str],
    bbox: Bbox | None = None,
    interval: tuple[str | None, str | None] | None = None,
    properties: Mapping[str, object] | None = None,
) -> Recipe:
    """Begin a recipe with a collection of the catalogue.

    Args:
        collection: Its id.
        bands: Names or common names of the bands that the recipe reads.
        bbox: West, south, east, north in degrees; None for all.
        interval: Start (inclusive) and end (exclusive), RFC 3339; None for all.
        properties: Conditions on item properties, as process graphs of one `value`, or numbers and texts to equal.

    Raises:
        ArgumentError: An argument is of the wrong type.
        ExtentError: The bbox has not four sides.
    """
    extent = None if bbox is None else dict(zip(("west", "south", "east", "north"), sides(bbox), strict=True))
    arguments: dict[str, object] = {
        "id": collection,
        "spatial_extent": extent,
        "temporal_extent": None if interval is None else list(interval),
        "bands": _array(bands),
    }
    if properties:
        arguments["properties"] = dict(properties)
    return Recipe(Step("load_collection", arguments))


def _array(values: object) -> object:
    """A list of several values; a single one stays, since a text would become its letters, and is refused by name."""
    return list(values) if isinstance(values, Iterable) and not isinstance(values, str) else values


def _step_of(value: object) -> object:
    return value.step if isinstance(value, Recipe) else value


def _replaced(value: object, change: Callable[[object], object]) -> object:
    """A value with what `change` makes of it or of its parts; callbacks, which refer to nodes of their own, stay."""
    changed = change(value)
    if changed is not value:
        return changed
    if isinstance(value, Mapping) and "process_graph" not in value:
        return {key: _replaced(each, change) for key, each in value.items()}
    return [_replaced(each, change) for each in value] if isinstance(value, (list, tuple)) else value


def _callback(process: str) -> dict[str, object]:
    node = {"process_id": process, "arguments": {"data": {"from_parameter": "data"}}, "result": True}
    return {"process_graph": {process: node}}


def _nodes(last: Step) -> dict[str, object]:
    """The wire form of a chain: a node a step, numbered by process, each once however often it is used."""
    names: dict[int, str] = {}
    nodes: dict[str, dict[str, object]] = {}
    numbers: dict[str, int] = {}

    def name(step: Step) -> str:
        if id(step) not in names:
            arguments = {key: _replaced(value, reference) for key, value in step.arguments.items()}
            numbers[step.process] = numbers.get(step.process, 0) + 1
            names[id(step)] = f"{step.process}{numbers[step.process]}"
            nodes[names[id(step)]] = {"process_id": step.process, "arguments": arguments}
        return names[id(step)]

    def reference(value: object) -> object:
        return {"from_node": name(value)} if isinstance(value, Step) else value

    nodes[name(last)]["result"] = True
    return dict(nodes)


def _steps(nodes: Mapping[str, Mapping[str, object]]) -> Step:
    """The chain of a wire form."""
    made: dict[str, Step] = {}

    def step(name: str) -> Step:
        if name not in made:
            node = nodes[name]
            given: Mapping[str, object] = node["arguments"]  # type: ignore[assignment]
            arguments = {key: _replaced(value, resolved) for key, value in given.items()}
            made[name] = Step(str(node["process_id"]), arguments)
        return made[name]

    def resolved(value: object) -> object:
        return step(str(value["from_node"])) if isinstance(value, dict) and "from_node" in value else value

    return step(next(name for name, node in nodes.items() if node.get("result")))
