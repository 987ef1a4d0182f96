"""Whether a grid can serve a recipe."""

from math import isclose

from jeospark.errors import GridError, RecipeError
from jeospark.grid import Grid
from jeospark.recipe.resampling import Resampling
from jeospark.tiling.extent import known_crs, same_crs


def check_grid(grid: Grid, asked: Resampling | None, halo: float) -> None:
    """Refuse a grid that a recipe cannot run on.

    Args:
        grid: The plan's.
        asked: What the recipe says of its pixels.
        halo: Metres around a pixel that decide it; 0 where the recipe has no distance.

    Raises:
        GridError: The recipe resamples to other pixels.
        RecipeError: The recipe has a distance in metres, and the grid is in degrees.
    """
    if asked is not None:
        other_crs = asked.crs is not None and (grid.crs is None or not same_crs(asked.crs, grid.crs))
        other_pixel = asked.pixel is not None and not all(map(isclose, asked.pixel, grid.pixel))
        if other_crs or other_pixel:
            pixel = "" if asked.pixel is None else f" in pixels of {asked.pixel[0]:g} x {asked.pixel[1]:g}"
            raise GridError(
                f"the recipe resamples to {asked.crs or 'the CRS of the data'}{pixel}",
                where=f"grid {grid.text}",
                remedy=f"Run it on such a grid{f', as with `--grid {asked.grid}`' if asked.grid else ''}.",
            )
    if halo and grid.crs is not None and known_crs(grid.crs).is_geographic:
        raise RecipeError(
            f"a distance of {halo:g} metres on a grid in degrees",
            where=f"grid {grid.text}",
            remedy="Run it on a projected grid, such as mgrs, webmercator:12 or EPSG:3035:10.",
        )
