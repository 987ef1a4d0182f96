"""What a recipe says of the pixels of its results: its resample_spatial, which the plan's grid has to fulfil."""

from dataclasses import dataclass

from jeospark.errors import RecipeError
from jeospark.recipe.extent import crs_text
from jeospark.recipe.nodes import Node, Steps

NEAREST = "near"
METHODS = (NEAREST, "bilinear")
"""By GDAL's names: the source pixel that holds the centre; or interpolation, over averages of whole source pixels where
the target is coarser."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampling:
    """Pixels asked for."""

    crs: str | None
    """`EPSG:nnnn` or WKT 2; None for that of the data."""
    pixel: tuple[float, float] | None
    """Width and height in units of the CRS; None for those of the data."""
    nearest: bool
    """True to take source pixels as they are, False to interpolate quantities."""

    @property
    def grid(self) -> str | None:
        """Text form of a grid of such pixels; None where the recipe does not tell it whole."""
        if self.crs is None or self.pixel is None:
            return None
        width, height = self.pixel
        return f"{self.crs}:{width!r}" if width == height else f"{self.crs}:{width!r}x{height!r}"


def resampling(graph: Steps) -> Resampling | None:
    """Find what the recipe's resample_spatial nodes ask for; None where there is none.

    Raises:
        ExtentError: A projection is none.
        RecipeError: They ask for different pixels, or for a resolution that is none.
    """
    nodes = [node for node in graph.needed(graph.result) if node.process_id == "resample_spatial"]
    asked = {_asked(node): node.node_id for node in nodes}
    if len(asked) > 1:
        names = " and ".join(f"'{name}'" for name in asked.values())
        remedy = "Resample once, at the end: all results of a recipe lie on one grid."
        raise RecipeError(f"nodes {names} resample differently", remedy=remedy)
    return next(iter(asked), None)


def _asked(node: Node) -> Resampling:
    projection, resolution = node.arguments.get("projection"), node.arguments.get("resolution", 0)
    sides = resolution if isinstance(resolution, list) else [resolution, resolution]
    numbers = [float(side) for side in sides if isinstance(side, (int, float)) and side >= 0]
    if len(numbers) != 2 or len(sides) != 2:
        remedy = "Give a number, or one for x and one for y; 0 keeps that of the data."
        raise RecipeError(f"the resolution {resolution} is none", where=f"node '{node.node_id}'", remedy=remedy)
    width, height = numbers
    return Resampling(
        crs=None if projection is None else crs_text(projection),
        pixel=(width, height) if width and height else None,
        nearest=node.arguments.get("method", NEAREST) == NEAREST,
    )
