"""What units amount to, beside them in the plan, so that `explain` need not read their items."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from jeospark.schema import COUNTS
from jeospark.tiling.extent import PixelExtent

Numbers = NDArray[np.int64]


def amounts(items: pa.ListArray, extents: Sequence[PixelExtent]) -> dict[str, pa.Array]:
    """The columns `COUNTS` of units.

    Args:
        items: Those of each unit, `schema.ITEM`.
        extents: The pixels of each.
    """
    ends, flat = items.offsets.to_numpy(), items.values
    sources = pc.struct_field(flat, "sources")
    source_ends = np.append(0, np.cumsum(pc.list_value_length(sources).to_numpy(zero_copy_only=False)))[ends]
    each = sources.flatten()

    def summed(values: NDArray[Any]) -> NDArray[Any]:
        sums: NDArray[Any] = np.diff(np.append(0, np.cumsum(values))[source_ends])
        return sums

    size, jpeg2000, warped, surplus = _of_sources(each, extents, np.diff(source_ends))
    counted = (
        np.diff(ends),
        _distinct(pc.struct_field(flat, "observation"), ends),
        summed(size),
        summed(jpeg2000) > 0,
        summed(warped) > 0,
        1.0 + summed(surplus) / np.maximum(np.diff(source_ends), 1),
    )
    return dict(zip(COUNTS, map(pa.array, counted), strict=True))


def _of_sources(
    sources: pa.StructArray, extents: Sequence[PixelExtent], counts: Numbers
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Of each source: bytes, whether JPEG 2000, whether in another CRS than its unit, pixels that one spans beyond 1.

    Args:
        sources: Values of `schema.SOURCE`, unit by unit.
        extents: The pixels of each unit.
        counts: How many sources each has.
    """
    unit = np.repeat(np.arange(len(extents)), counts)
    ours = pa.array([extent.crs for extent in extents], pa.string()).take(pa.array(unit))
    areas = np.array([abs(extent.transform[0] * extent.transform[4]) for extent in extents])
    same = pc.equal(pc.struct_field(sources, "crs"), ours)
    here, elsewhere = (_plain(pc.fill_null(each, fill_value=False)) for each in (same, pc.invert(same)))
    size = _plain(pc.fill_null(pc.struct_field(sources, "size"), 0))
    jpeg2000 = _plain(pc.ends_with(pc.utf8_lower(pc.struct_field(sources, "href")), ".jp2"))
    return size, jpeg2000.astype(np.int64), elsewhere.astype(np.int64), here * _surplus(sources, areas[unit])


def _surplus(sources: pa.StructArray, areas: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixels of each source that a pixel of some area spans, less 1; 0 where its own are not smaller, or not known."""
    transform = pc.struct_field(sources, "transform")
    placed = pc.fill_null(pc.equal(pc.list_value_length(transform), 6), fill_value=False)
    a, _, _, _, e, _ = transform.filter(placed).flatten().to_numpy().reshape(-1, 6).T
    surplus, known = np.zeros(len(sources)), _plain(placed)
    with np.errstate(divide="ignore"):
        spanned = areas[known] / np.abs(a * e)
    surplus[known] = np.where(np.isfinite(spanned), np.maximum(spanned - 1.0, 0.0), 0.0)
    return surplus


def _plain(values: pa.Array) -> NDArray[Any]:
    numbers: NDArray[Any] = values.to_numpy(zero_copy_only=False)
    return numbers


def _distinct(values: pa.Array, ends: NDArray[np.integer]) -> Numbers:
    """How many different values each stretch has."""
    encoded = values.dictionary_encode()
    width = max(len(encoded.dictionary), 1)
    stretch = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
    pairs = np.unique(stretch * width + encoded.indices.to_numpy(zero_copy_only=False))
    return np.bincount(pairs // width, minlength=len(ends) - 1)
