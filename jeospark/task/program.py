"""A recipe made ready to run on pixels: what it reads, what it needs around a window, what it gives."""

from dataclasses import dataclass
from functools import lru_cache

from jeospark.errors import RecipeError
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
from jeospark.recipe.graph import ProcessGraph


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A process graph and what is known of it before any pixel is read."""

    graph: ProcessGraph
    load: Load
    """The collection it reads."""
    bands: tuple[str, ...]
    """Names of the bands it reads."""
    classes: frozenset[str]
    """Those that hold classes or bits."""
    mask: MaskPlan | None
    """How to learn which pixels can matter before the other bands are read; None where the recipe does not tell."""
    halo: float
    """Metres around a window that decide pixels inside it."""
    options: SaveOptions
    outputs: tuple[str, ...]
    """Names of the result's bands."""

    @property
    def primary(self) -> str:
        """The band by which fragments of an observation are chosen: the mask's, else the first."""
        return self.mask.bands[0] if self.mask else self.bands[0]


@lru_cache(maxsize=32)
def program(recipe: str) -> Program:
    """Make a recipe ready.

    Args:
        recipe: The process graph as JSON.

    Raises:
        RecipeError: It does not read exactly one collection, does not name its bands, or cannot be saved as asked.
    """
    graph = ProcessGraph.from_json(recipe)
    load = _single(loads(graph))
    if not load.bands:
        raise RecipeError(
            "the recipe does not say which bands it reads", where=load.node, remedy="Give `bands` to load_collection."
        )
    return Program(
        graph=graph,
        load=load,
        bands=load.bands,
        classes=class_bands(graph),
        mask=mask_plan(graph),
        halo=halo_metres(graph),
        options=save_options(graph),
        outputs=output_bands(graph, load.bands),
    )


def _single(found: tuple[Load, ...]) -> Load:
    """The one collection and selection that all load_collection nodes ask for, with the bands of them all."""
    if not found:
        raise RecipeError("the recipe loads no collection", remedy="Begin it with load_collection.")
    first = found[0]
    for other in found[1:]:
        if other.selection != first.selection:
            raise RecipeError(
                f"nodes '{first.node}' and '{other.node}' load different collections or extents",
                remedy="Load one collection over one extent in a recipe.",
            )
    bands = dict.fromkeys(band for each in found for band in each.bands or ())
    return first.with_bands(tuple(bands))
