"""A recipe made ready to run on pixels: what it reads, what it needs around a window, what it gives."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import lru_cache

import numpy as np

from jeospark.errors import BandMissingError, RecipeError
from jeospark.grid import geobox_from
from jeospark.model import Chunk
from jeospark.output import OutputBand
from jeospark.recipe.analysis import (
    Load,
    MaskPlan,
    SaveOptions,
    class_bands,
    halo_metres,
    loads,
    mask_plan,
    output_bands,
    save_options,
)
from jeospark.recipe.compiled import Kernel, compile_recipe
from jeospark.recipe.evaluate import evaluate
from jeospark.recipe.graph import ProcessGraph
from jeospark.recipe.resampling import Resampling, resampling

MAKERS = {"rename_labels": "target", "add_dimension": "label", "ndvi": "target_band"}
"""Processes that name bands, and in which argument."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Program:
    """A process graph and what is known of it before any pixel is read."""

    graph: ProcessGraph
    load: Load
    """The collection it reads, and the names of the bands."""
    bands: tuple[OutputBand, ...]
    """The bands it reads, as the collection describes them."""
    classes: frozenset[str]
    """Names of those that are never interpolated: they hold classes or bits, or the recipe asks for nearest pixels."""
    mask: MaskPlan | None
    """How to learn which pixels can matter before the other bands are read; None where the recipe does not tell."""
    halo: float
    """Metres around a window that decide pixels inside it."""
    resampling: Resampling | None
    """The pixels that the recipe asks for; None where it leaves them to the grid."""
    options: SaveOptions
    outputs: tuple[str, ...]
    """Names of the result's bands."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the bands it reads."""
        return tuple(band.name for band in self.bands)

    @property
    def uniform(self) -> bool:
        """True where pixels around which nothing was observed have one result, wherever they lie."""
        return all(node.process_id != "filter_bbox" for node in self.graph.nodes.values())

    @property
    def primary(self) -> str:
        """The band by which fragments of an observation are chosen: the mask's, else the first."""
        return self.mask.bands[0] if self.mask else self.names[0]


@lru_cache(maxsize=32)
def kernel_of(program: Program, cache: str) -> Kernel | None:
    """The recipe compiled, where that can be done; None where the plain evaluator has to do it.

    Args:
        program: The recipe.
        cache: Folder in which compiled kernels are kept.
    """
    common = [band.common_name for band in program.bands]
    return compile_recipe(
        program.graph, program.mask.node if program.mask else None, program.names, f"{cache}/kernels", common
    )


@lru_cache(maxsize=32)
def program(recipe: str, collection: tuple[OutputBand, ...]) -> Program:
    """Make a recipe ready.

    Args:
        recipe: The process graph as JSON.
        collection: The bands of the collection that it loads.

    Raises:
        RecipeError: It reads not exactly one collection over one extent, or cannot be saved as asked.
        BandMissingError: The collection has no band of a name that it uses.
    """
    graph = ProcessGraph.from_json(recipe)
    load = only_load(graph)
    bands = collection if load.bands is None else _named(load.bands, collection)
    if not bands:
        remedy = "Let it use a band, or name some in load_collection."
        raise RecipeError("the recipe reads no band", where=f"node '{load.node}'", remedy=remedy)
    names, common = tuple(band.name for band in bands), tuple(band.common_name for band in bands)
    _check_filters(graph, collection)
    masking, asked = class_bands(graph), resampling(graph)
    return Program(
        graph=graph,
        load=load.with_bands(names),
        bands=bands,
        classes=frozenset(
            band.name
            for band in bands
            if band.classes or masking & {band.name, band.common_name} or (asked and asked.nearest)
        ),
        mask=_mask(graph, bands),
        halo=halo_metres(graph),
        resampling=asked,
        options=save_options(graph),
        outputs=output_bands(graph, names, common),
    )


def _mask(graph: ProcessGraph, bands: Sequence[OutputBand]) -> MaskPlan | None:
    """The recipe's mask plan by names of bands, unless the mask is one a band, or another dilation comes after it.

    That dilation sees the neighbours of a window's pixels, masked ones too, which the plan leaves unread.
    """
    plan = mask_plan(graph)
    if plan is None or any(node.arguments.get("dilation") for node in graph.needed(graph.result, {plan.node: plan})):
        return None
    needed = _named(plan.bands, bands)
    mask = evaluate(graph, lambda *_: _some_pixel(needed), node=plan.node)
    if not isinstance(mask, Chunk) or mask.dims != ("t", "y", "x"):
        return None
    return replace(plan, bands=tuple(band.name for band in needed))


def _some_pixel(bands: Sequence[OutputBand]) -> Chunk:
    """One pixel of a collection, for what depends on dimensions and labels only."""
    shape = (1, len(bands), 1, 1)
    labels = {
        "t": (datetime(2000, 1, 1, tzinfo=UTC),),
        "bands": tuple(band.name for band in bands),
        "common_names": tuple(band.common_name for band in bands),
    }
    somewhere = geobox_from("EPSG:32631", (10.0, 0.0, 5e5, 0.0, -10.0, 0.0), (1, 1))
    return Chunk(np.zeros(shape, np.float32), np.ones(shape, np.bool_), ("t", "bands", "y", "x"), labels, somewhere)


def only_load(graph: ProcessGraph) -> Load:
    """The one collection and selection that all load_collection nodes ask for, with the bands of them all.

    Raises:
        RecipeError: There is none, or several that differ.
    """
    found = loads(graph)
    if not found:
        raise RecipeError("the recipe loads no collection", remedy="Begin it with load_collection.")
    first = found[0]
    for other in found[1:]:
        if other.selection != first.selection:
            raise RecipeError(
                f"nodes '{first.node}' and '{other.node}' load different collections or extents",
                remedy="Load one collection over one extent in a recipe.",
            )
    if any(each.bands is None for each in found):
        return first
    return first.with_bands(tuple(dict.fromkeys(band for each in found for band in each.bands or ())))


def _check_filters(graph: ProcessGraph, collection: Sequence[OutputBand]) -> None:
    """Refuse names in filter_bands that nothing before it can have given a band: openEO drops such names silently."""
    nodes = [(node.process_id, node.node_id, node.arguments) for node in graph.nodes.values()]
    declared = [arguments.get("bands") for process, _, arguments in nodes if process == "load_collection"]
    whole = not all(isinstance(names, list) for names in declared)
    loaded = collection if whole else _named([str(name) for names in declared for name in _list(names)], collection)
    known = {name for band in loaded for name in (band.name, band.common_name) if name}
    for process, _, arguments in nodes:
        known |= {str(label) for label in _list(arguments.get(MAKERS.get(process, "")))}
    for _, node_id, arguments in (each for each in nodes if each[0] == "filter_bands"):
        for name in map(str, _list(arguments.get("bands"))):
            if name not in known:
                raise BandMissingError(
                    f"there is no band '{name}'", where=f"node '{node_id}'", remedy=_near(name, known)
                )


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _near(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"Did you mean '{near[0]}'?" if near else f"There are {', '.join(sorted(known))}."


def _named(wanted: Sequence[str], collection: Sequence[OutputBand]) -> tuple[OutputBand, ...]:
    """Bands by name or common name, each once."""
    known = {band.common_name: band for band in reversed(collection) if band.common_name}
    known |= {band.name: band for band in collection}
    for name in wanted:
        if name not in known:
            raise BandMissingError(f"the collection has no band '{name}'", remedy=_near(name, known))
    return tuple(dict.fromkeys(known[name] for name in wanted))
