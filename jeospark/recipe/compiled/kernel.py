"""A recipe compiled: stacks of stored numbers in, bands of the result out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from jeospark.errors import RecipeError
from jeospark.model import Chunk
from jeospark.recipe.compiled.build import load_kernel
from jeospark.recipe.registry import find_process

Usable = NDArray[np.bool_]


class StackLike(Protocol):
    """One band of all dates, as stored."""

    @property
    def data(self) -> NDArray[np.generic]:
        """(t, rows, cols)."""

    @property
    def nodata(self) -> float:
        """Marks what is not usable; NaN where no number does."""

    @property
    def scales(self) -> NDArray[np.float32]:
        """(t,); physical = stored · scale + offset."""

    @property
    def offsets(self) -> NDArray[np.float32]:
        """(t,), see `scales`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """One function for a whole recipe; it gives what the plain evaluator gives, to the last bit."""

    bands: tuple[str, ...]
    """Names of the bands it reads, once the mask is known."""
    outputs: tuple[str, ...]
    """Names of the result's bands."""
    dtype: str
    """Type of the values: float32, or float64 where the plain evaluator gives that."""
    masked: bool
    """Whether it takes `usable`."""
    boxes: tuple[Mapping[str, object], ...]
    """Extents of the recipe's filter_bbox; where there are any, it takes a geobox."""
    source: str
    """The generated module."""
    cache: str
    """Folder in which generated modules are kept."""

    def run(
        self,
        stacks: Sequence[StackLike],
        usable: Usable | None,
        out: NDArray[np.floating],
        out_valid: Usable,
        geobox: object | None = None,
    ) -> None:
        """Compute a window.

        Args:
            stacks: One a band, in the order of `bands`, all of the same dates, of which there is at least one.
            usable: (t, rows, cols), False where the mask is true; None where `masked` is False.
            out: (bands of the result, rows, cols) of `dtype`; gets physical values.
            out_valid: Same shape; gets True where a value is usable and finite. Elsewhere `out` is meaningless.
            geobox: Where the window is, as a Chunk has it; needed only where there are `boxes`.

        Raises:
            RecipeError: What it takes is not given.
        """
        if (self.masked and usable is None) or (self.boxes and geobox is None) or not len(stacks[0].data):
            raise RecipeError("a compiled recipe lacks its dates, mask or place")
        arguments = [argument for stack in stacks for argument in _arguments(stack)]
        if self.masked:
            arguments.append(np.ascontiguousarray(usable))
        shape = stacks[0].data.shape[1:]
        arguments += [_inside(box, shape, geobox) for box in self.boxes]
        load_kernel(self.source, self.cache)(*arguments, _network(len(stacks[0].data)), out, out_valid)


def _arguments(stack: StackLike) -> tuple[object, ...]:
    data = np.ascontiguousarray(stack.data)
    nodata, declared = _nodata(stack.nodata, data.dtype)
    scales, offsets = np.ascontiguousarray(stack.scales), np.ascontiguousarray(stack.offsets)
    return data, nodata, declared, scales, offsets


def _nodata(nodata: float, dtype: np.dtype[np.generic]) -> tuple[object, bool]:
    """Give nodata in the stored type, and whether a number of that type means it."""
    if np.isnan(nodata):
        return dtype.type(0), False
    if dtype.kind == "f":
        return dtype.type(nodata), True
    limits = np.iinfo(dtype)  # type: ignore[type-var]
    if not (float(nodata).is_integer() and limits.min <= nodata <= limits.max):
        return dtype.type(0), False
    return dtype.type(int(nodata)), True


def _inside(box: Mapping[str, object], shape: tuple[int, ...], geobox: object) -> Usable:
    """Tell which pixels of a window the process filter_bbox keeps."""
    everywhere = np.ones(shape, np.bool_)
    function = find_process("filter_bbox").function
    kept = function and function(Chunk(everywhere, everywhere, ("y", "x"), {}, geobox), box)
    if not isinstance(kept, Chunk):
        raise RecipeError("filter_bbox gave no data cube")
    return np.ascontiguousarray(np.broadcast_to(kept.valid, shape))


def _network(dates: int) -> NDArray[np.int64]:
    from udfs.blocks import median_network  # noqa: PLC0415 - brings numba, which is slow to import

    return median_network(dates)
