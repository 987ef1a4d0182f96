"""Processes at both ends of a recipe, whose work the engine does: loading, resampling, saving."""

from jeospark.model import Chunk
from jeospark.recipe.cubes import CUBE
from jeospark.recipe.kinds import Kind
from jeospark.recipe.registry import Parameter, declare, optional, process, required
from jeospark.recipe.resampling import METHODS, NEAREST

CATEGORY = "import and export"
declare(
    "load_collection",
    required("id", Kind.STRING, "The collection."),
    required("spatial_extent", Kind.OBJECT | Kind.NULL, "west, south, east, north, and crs; null for all."),
    required("temporal_extent", Kind.ARRAY | Kind.NULL, "Start, inclusive, and end, exclusive; null for all."),
    optional("bands", Kind.ARRAY | Kind.NULL, "Names or common names of the bands; null for all."),
    Parameter(
        name="properties",
        accepts=Kind.OBJECT | Kind.NULL,
        summary="Conditions that the properties of an item must meet.",
        required=False,
        scope=("value",),
    ),
    category=CATEGORY,
    summary="Load a collection.",
    returns=Kind.DATACUBE,
    function=None,
)


@process(
    "resample_spatial",
    CUBE,
    optional("resolution", Kind.NUMBER | Kind.ARRAY, "Size of a pixel in units of the projection, or x and y.", 0),
    optional("projection", Kind.INTEGER | Kind.STRING | Kind.NULL, "EPSG code or WKT 2."),
    optional("method", Kind.STRING, "How values are resampled, by GDAL's name.", NEAREST, choices=METHODS),
    optional(
        "align",
        Kind.STRING,
        "Corner at which pixels are aligned.",
        "upper-left",
        choices=("lower-left", "upper-left", "lower-right", "upper-right"),
    ),
    category="cubes",
    summary="Ask for another projection or resolution; the plan's grid must have it, and items are read on it.",
    returns=Kind.DATACUBE,
)
def _resample(cube: Chunk, *_options: object) -> Chunk:
    return cube


@process(
    "save_result",
    CUBE,
    required("format", Kind.STRING, "COG or GTiff."),
    optional("options", Kind.OBJECT, "dtype, scale, offset, nodata, and bands for those that differ.", {}),
    category=CATEGORY,
    summary="Save as files.",
    returns=Kind.DATACUBE,
)
def _save(cube: Chunk, *_options: object) -> Chunk:
    return cube
