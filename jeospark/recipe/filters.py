"""Processes that keep a part of a cube in space or of its bands."""

from collections.abc import Mapping, Sequence

import numpy as np

from jeospark.model import Chunk
from jeospark.recipe.cubes import CUBE
from jeospark.recipe.dimensions import BANDS, band_places, dimensions_of_type, take, with_values
from jeospark.recipe.extent import BoundingBox, centres
from jeospark.recipe.failures import bad_argument, bad_dimension
from jeospark.recipe.kinds import Kind
from jeospark.recipe.registry import optional, process, required
from jeospark.recipe.values import Field, Valid

FILTER = "filter"


@process(
    "filter_bands",
    CUBE,
    optional("bands", Kind.ARRAY, "Names or common names, in the order wanted.", ()),
    category=FILTER,
    summary="Keep some bands.",
    returns=Kind.DATACUBE,
)
def _filter_bands(cube: Chunk, bands: Sequence[object]) -> Chunk:
    names = dimensions_of_type(cube, BANDS)
    if not bands:
        raise bad_argument("BandFilterParameterMissing", "'bands' names no band")
    if not names:
        raise bad_dimension("DimensionMissing", f"no dimension of bands in ({', '.join(cube.dims)})")
    found = (place for band in bands for place in band_places(cube, names[0], band))
    return take(cube, names[0], list(dict.fromkeys(found)))


@process(
    "filter_bbox",
    CUBE,
    required("extent", Kind.OBJECT, "west, south, east, north, and crs (by default 4326)."),
    category=FILTER,
    summary="Keep the pixels whose centre lies in a bounding box.",
    returns=Kind.DATACUBE,
)
def _filter_bbox(cube: Chunk, extent: Mapping[str, object]) -> Chunk:
    """Cut the cube; a window on a grid keeps its shape instead, and is null outside the box."""
    x, y, crs = centres(cube)
    box = BoundingBox.from_json(extent)
    _, south, _, north = box.bounds_in(crs)
    columns, rows = box.columns(x, crs), (y >= south) & (y <= north)
    if "x" in cube.labels:
        cut = take(cube, "y", np.flatnonzero(rows).tolist())
        return take(cut, "x", np.flatnonzero(columns).tolist())
    if rows.all() and columns.all():
        return cube
    return with_values(cube, Field(cube.data, cube.valid & _along(cube, "y", rows) & _along(cube, "x", columns)))


def _along(cube: Chunk, name: str, inside: Valid) -> Valid:
    return inside.reshape([-1 if dim == name else 1 for dim in cube.dims])
