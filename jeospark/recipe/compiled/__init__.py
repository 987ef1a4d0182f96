"""Recipes compiled: where it can be done, one generated function does what the plain evaluator does node by node."""

from collections.abc import Sequence

from jeospark.errors import JeosparkError
from jeospark.recipe.analysis import output_bands
from jeospark.recipe.compiled.build import blocks_digest
from jeospark.recipe.compiled.kernel import Kernel, StackLike
from jeospark.recipe.compiled.source import Writer
from jeospark.recipe.compiled.table import UnsupportedError
from jeospark.recipe.compiled.trace import trace
from jeospark.recipe.graph import ProcessGraph

__all__ = ["Kernel", "StackLike", "compile_recipe"]


def compile_recipe(
    graph: ProcessGraph,
    mask_node: str | None,
    bands: Sequence[str],
    cache: str,
    common_names: Sequence[str | None] | None = None,
) -> Kernel | None:
    """Make the kernel of a recipe; numba compiles it when it first runs.

    A unit of work is taken to hold the dates of one period.

    Args:
        graph: The recipe.
        mask_node: The node of its MaskPlan, None where there is none.
        bands: Names of the bands that the recipe reads.
        cache: Folder in which compiled kernels are kept, for all processes and later runs.
        common_names: One a band, None where unknown.

    Returns:
        None where the recipe does something that only the plain evaluator does, or that is wrong.
    """
    try:
        common = tuple(common_names or (None,) * len(bands))
        found = trace(graph, mask_node, bands, common)
        outputs = output_bands(graph, bands, common)
    except (UnsupportedError, JeosparkError):
        return None
    writer = Writer(found)
    if not writer.bands:
        return None
    return Kernel(
        bands=tuple(bands[band] for band in writer.bands),
        outputs=outputs,
        dtype="float64" if found.dtype == "float64" else "float32",
        masked=writer.masked,
        boxes=tuple(found.boxes[box] for box in writer.boxes),
        source=writer.text(blocks_digest()),
        cache=cache,
    )
