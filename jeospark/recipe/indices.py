"""Spectral indices as processes."""

from typing import Any

import numpy as np

from jeospark.model import Chunk
from jeospark.recipe.cubes import CUBE
from jeospark.recipe.dimensions import BANDS, along, band_places, dimensions_of_type, labels_of, with_labels, without
from jeospark.recipe.failures import bad_argument, bad_dimension
from jeospark.recipe.kinds import Kind
from jeospark.recipe.registry import did_you_mean, optional, process, required
from jeospark.recipe.values import Field, FieldArray, both_valid, elementwise, plain
from udfs import indices

NUMBER = Kind.NUMBER | Kind.NULL
CATEGORY = "vegetation indices"


@process(
    "normalized_difference",
    required("x", NUMBER, "The first band."),
    required("y", NUMBER, "The second band."),
    category="math",
    summary="(x - y) / (x + y); null where both bands are 0.",
    returns=NUMBER,
)
def _normalized_difference(x: object, y: object) -> object:
    result = elementwise(_quotient, x, y)
    if isinstance(result, Field):
        return Field(result.data, result.valid & ~_undefined(x, y))
    return None if result is not None and plain(_undefined(x, y)) else result


def _quotient(x: Any, y: Any) -> Any:
    return indices.normalized_difference(x, y, valid=np.True_)[0]  # type: ignore[arg-type]


def _undefined(x: object, y: object) -> Any:
    one, other = (value.data if isinstance(value, Field) else value for value in (x, y))
    return np.equal(one, 0) & np.equal(other, 0)  # type: ignore[call-overload]


@process(
    "ndvi",
    CUBE,
    optional("nir", Kind.STRING, "Name or common name of the near-infrared band.", "nir"),
    optional("red", Kind.STRING, "Name or common name of the red band.", "red"),
    optional("target_band", Kind.STRING | Kind.NULL, "Band to add; by default the index replaces the bands."),
    category=CATEGORY,
    summary="Normalized difference vegetation index; null where both bands are 0.",
    returns=Kind.DATACUBE,
)
def _ndvi(cube: Chunk, nir: str, red: str, target: str | None) -> Chunk:
    names = dimensions_of_type(cube, BANDS)
    if len(names) != 1:
        raise bad_dimension("DimensionAmbiguous", f"not one dimension of bands in ({', '.join(cube.dims)})")
    labels = labels_of(cube, names[0])
    if target in labels:
        raise bad_argument("BandExists", f"the cube has a band '{target}' already")
    bands = along(cube, names[0])
    near = bands.element(_place(cube, names[0], nir, "NirBandAmbiguous"))
    visible = bands.element(_place(cube, names[0], red, "RedBandAmbiguous"))
    data, valid = indices.normalized_difference(near.data, visible.data, valid=both_valid(near, visible))
    if target is None:
        return without(cube, names[0], Field(data, valid))
    both = FieldArray(np.concatenate([bands.data, data[np.newaxis]]), np.concatenate([bands.valid, valid[np.newaxis]]))
    return with_labels(cube, names[0], both, (*labels, target))


def _place(cube: Chunk, dimension: str, name: str, code: str) -> int:
    places = band_places(cube, dimension, name)
    if len(places) != 1:
        known = tuple(str(label) for label in labels_of(cube, dimension))
        remedy = did_you_mean(name, known) if not places else "Give the band's own name."
        raise bad_argument(code, f"{len(places)} bands are called '{name}'", remedy=remedy)
    return places[0]
