"""Masking, and masks made of classes and quality bits."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from jeospark.model import Chunk
from jeospark.recipe.cubes import CUBE
from jeospark.recipe.dimensions import BANDS, along, band_places, compact, dimensions_of_type, labels_of, without
from jeospark.recipe.extent import placement, row_metres
from jeospark.recipe.failures import bad_argument, bad_dimension
from jeospark.recipe.kinds import Kind
from jeospark.recipe.registry import did_you_mean, optional, process, required
from jeospark.recipe.values import Valid, is_number
from udfs.dtypes import float_dtype
from udfs.masks import bits_to_mask, classes_to_mask, dilate

MASKS = "masks"
CLOUD_CLASSES = (3, 8, 9, 10)
"""Cloud shadow, cloud of medium and high probability, and thin cirrus, in the scene classification of Sentinel-2 L2A:
ESA, Sentinel-2 Products Specification Document, S2-PDGS-TAS-DI-PSD."""

_FARTHEST = 100_000
"""Metres: a tile of Sentinel-2 is hardly wider, and every window would have to be read with as much around it."""
_DILATION = optional("dilation", Kind.NUMBER, "How far the masked pixels are grown, in metres on the ground.", 0)


@process(
    "mask",
    CUBE,
    required("mask", Kind.DATACUBE, "A cube; its pixels that are true or not 0 are masked, null ones are not."),
    optional("replacement", Kind.NUMBER | Kind.BOOLEAN | Kind.NULL, "What masked pixels become; null by default."),
    category=MASKS,
    summary="Replace masked pixels.",
    returns=Kind.DATACUBE,
)
def _mask(cube: Chunk, mask: Chunk, replacement: float | None) -> Chunk:
    masked = _aligned(cube, mask)
    if replacement is None:
        valid = np.broadcast_to(compact(cube.valid) & ~masked, cube.data.shape)
        return replace(cube, valid=valid)
    data = cube.data.astype(_holding(cube.data.dtype, replacement))
    with np.errstate(over="ignore"):
        # Beyond float32, it is infinite, as results of arithmetic are.
        np.copyto(data, np.asarray(replacement).astype(data.dtype), where=masked)
    return replace(cube, data=data, valid=cube.valid | masked)


def _holding(dtype: np.dtype[Any], replacement: float) -> np.dtype[Any]:
    """Give the narrowest type that holds both the data and the replacement."""
    if dtype.kind == "f" or not isinstance(replacement, int):
        return float_dtype(dtype)
    return np.result_type(dtype, np.min_scalar_type(replacement))


def _aligned(cube: Chunk, mask: Chunk) -> Valid:
    """Give the masked pixels with the axes of the cube, of length 1 where the mask lacks a dimension."""
    for name in mask.dims:
        if name not in cube.dims or _labels(mask, name) != _labels(cube, name):
            remedy = "Make the mask of the same dates and grid as the data."
            raise bad_dimension("IncompatibleDataCubes", f"data and mask differ in dimension '{name}'", remedy=remedy)
    masked = (mask.data != 0) & mask.valid
    order = [mask.dims.index(name) for name in cube.dims if name in mask.dims]
    index = tuple(slice(None) if name in mask.dims else np.newaxis for name in cube.dims)
    aligned: Valid = masked.transpose(order)[index]
    return aligned


def _labels(cube: Chunk, name: str) -> tuple[object, ...] | int:
    return cube.labels[name] if name in cube.labels else cube.data.shape[cube.dims.index(name)]


@process(
    "class_mask",
    CUBE,
    optional("band", Kind.STRING, "The band of classes.", "SCL"),
    optional("classes", Kind.ARRAY, "The classes to mask; by default clouds and shadows of Sentinel-2.", CLOUD_CLASSES),
    _DILATION,
    category=MASKS,
    summary="True where a pixel has one of the classes, and where its class is unknown.",
    returns=Kind.DATACUBE,
)
def _class_mask(cube: Chunk, band: str, classes: Sequence[float], dilation: float) -> Chunk:
    unknown = [number for number in classes if not is_number(number)]
    if unknown:
        raise bad_argument("ClassUnknown", f"{unknown} are no classes", remedy="Classes are numbers, such as 3 or 8.")
    values = _band(cube, band)
    return _grown(values, classes_to_mask(values.data, classes=classes), dilation)


@process(
    "bit_mask",
    CUBE,
    required("band", Kind.STRING, "The band of quality bits."),
    required("bits", Kind.ARRAY, "The bits to mask, 0 for the least significant."),
    _DILATION,
    category=MASKS,
    summary="True where a pixel has any of the bits set, and where its bits are unknown.",
    returns=Kind.DATACUBE,
)
def _bit_mask(cube: Chunk, band: str, bits: Sequence[object], dilation: float) -> Chunk:
    positions = [bit for bit in bits if isinstance(bit, int) and is_number(bit) and 0 <= bit < 63]
    if len(positions) < len(bits):
        raise bad_argument("BitUnknown", f"{list(bits)} are not bits", remedy="Bits go from 0 to 62.")
    values = _band(cube, band)
    return _grown(values, bits_to_mask(values.data, bits=positions), dilation)


def _band(cube: Chunk, band: str) -> Chunk:
    names = dimensions_of_type(cube, BANDS)
    if len(names) != 1:
        raise bad_dimension("DimensionAmbiguous", f"not one dimension of bands in ({', '.join(cube.dims)})")
    places = band_places(cube, names[0], band)
    if len(places) != 1:
        remedy = did_you_mean(band, tuple(map(str, labels_of(cube, names[0]))))
        raise bad_dimension("LabelNotAvailable", f"no band '{band}'", remedy=remedy)
    return without(cube, names[0], along(cube, names[0]).element(places[0]))


def _grown(values: Chunk, masked: Valid, dilation: float) -> Chunk:
    """Dilate what is masked by its value.

    Null pixels are masked too, but do not grow: where they end depends on how far the reader reads.
    """
    masked = masked & values.valid
    if not 0 <= dilation <= _FARTHEST:
        remedy = f"Give 0 to {_FARTHEST:,} metres."
        raise bad_argument("DilationInvalid", f"dilation of {dilation} metres", remedy=remedy)
    if dilation:
        if values.dims[-2:] != ("y", "x"):
            raise bad_dimension("DimensionMismatch", f"the axes ({', '.join(values.dims)}) do not end with y, x")
        height, width = row_metres(placement(values), 0, masked.shape[-2])
        masked = dilate(masked, radius_y=dilation / height, radius_x=dilation / width)
    return replace(values, data=masked | ~values.valid, valid=np.broadcast_to(np.True_, masked.shape))
