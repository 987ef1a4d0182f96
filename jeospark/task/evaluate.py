"""Pixels of a recipe, window by window: masks first, then only what they leave."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from jeospark.errors import RecipeError
from jeospark.grid import geobox_from
from jeospark.model import Chunk, ItemRef
from jeospark.raster.datasets import Datasets
from jeospark.raster.placement import Target
from jeospark.raster.window import Window
from jeospark.recipe.analysis import MaskPlan
from jeospark.recipe.evaluate import evaluate
from jeospark.task.layout import Lattice, cell_shape, windows
from jeospark.task.memory import bytes_per_pixel
from jeospark.task.observation import observe
from jeospark.task.program import Program
from jeospark.task.stack import Stack, Tally, read_stack


@dataclass(frozen=True, slots=True)
class Pixels:
    """A window of a recipe's result."""

    window: Window
    data: NDArray[np.floating]
    """(bands, rows, cols), physical."""
    valid: NDArray[np.bool_]
    """Same shape, True = usable."""


class Evaluation:
    """A recipe on the items of one unit, on one grid.

    Args:
        program: The recipe.
        items: The unit's items.
        target: The grid.
        shape: (rows, columns) of the unit.
        datasets: Where datasets are kept open.
        budget: Bytes that the arrays of one window may take.
        overviews: True where overviews may stand in for pixels.
    """

    def __init__(
        self,
        program: Program,
        items: Sequence[ItemRef],
        target: Target,
        shape: tuple[int, int],
        datasets: Datasets,
        *,
        budget: int,
        overviews: bool = False,
    ) -> None:
        self._program = program
        self._target = target
        self._shape = shape
        self._budget = budget
        self.tally = Tally()
        self.observations = observe(
            items, datasets, target, primary=program.primary, classes=program.classes, overviews=overviews
        )
        pixel = min(abs(target.transform[0]), abs(target.transform[4]))
        self._halo = ceil(program.halo / pixel)

    def __iter__(self) -> Iterator[Pixels]:
        """The result, window by window.

        Raises:
            BadAssetError: An asset cannot be used.
        """
        lattice = self._lattice()
        needed = bytes_per_pixel(self._program, len(self.observations))
        cell = cell_shape(self._shape, lattice, needed, self._budget)
        for window in windows(self._shape, lattice, cell):
            yield self._window(window)

    def _lattice(self) -> Lattice:
        """The blocks of the first observation's largest-blocked band; other files mostly have the same."""
        fragment = self.observations[0].fragments[0]
        readers = [fragment.reader(band) for band in self._program.names]
        largest = max(readers, key=lambda reader: reader.block[0] * reader.block[1])
        return Lattice(rows=largest.block[0], cols=largest.block[1], row=largest.phase[0], col=largest.phase[1])

    def _window(self, window: Window) -> Pixels:
        if self._program.mask is None:
            return self._evaluate(window.grown(self._halo), window, {}, {}, None)
        mask, stacks = self._mask(window, self._program.mask)
        usable = ~((mask.data != 0) & mask.valid)
        kept = {band: _cropped(stack, window, window.grown(self._halo)) for band, stack in stacks.items()}
        return self._evaluate(window, window, kept, {self._program.mask.node: mask}, usable)

    def _mask(self, window: Window, plan: MaskPlan) -> tuple[Chunk, Mapping[str, Stack]]:
        """The mask (t, rows, cols) of a window, True = not usable, and the stacks it was made of."""
        grown = window.grown(self._halo)
        stacks = {band: read_stack(self.observations, band, grown, self.tally) for band in plan.bands}
        started = perf_counter()
        chunk = self._chunk(stacks, grown)
        mask = self._value(chunk, node=plan.node)
        self.tally.seconds_compute += perf_counter() - started
        inner = (..., *window.within(grown))
        return Chunk(mask.data[inner], mask.valid[inner], mask.dims, mask.labels, self._geobox(window)), stacks

    def _evaluate(
        self,
        read: Window,
        window: Window,
        stacks: Mapping[str, Stack],
        known: Mapping[str, Chunk],
        usable: NDArray[np.bool_] | None,
    ) -> Pixels:
        stacks = {
            band: stacks.get(band) or read_stack(self.observations, band, read, self.tally, usable)
            for band in self._program.names
        }
        started = perf_counter()
        chunk = self._chunk(stacks, read)
        data, valid = _planes(self._value(chunk, known=known))
        inner = (..., *window.within(read))
        self.tally.seconds_compute += perf_counter() - started
        return Pixels(window, data[inner], valid[inner] & np.isfinite(data[inner]))

    def _value(self, chunk: Chunk, known: Mapping[str, Chunk] | None = None, node: str | None = None) -> Chunk:
        """The cube of a node, by default of the result, where the collection's pixels are `chunk`."""
        value = evaluate(self._program.graph, lambda *_: chunk, known, node)
        if not isinstance(value, Chunk):
            raise RecipeError("the recipe makes no data cube", where=f"node '{node or self._program.graph.result}'")
        return value

    def _chunk(self, stacks: Mapping[str, Stack], window: Window) -> Chunk:
        shape = (len(self.observations), len(stacks), window.rows, window.cols)
        data, valid = np.empty(shape, np.float32), np.empty(shape, np.bool_)
        for at, stack in enumerate(stacks.values()):
            stack.physical(data[:, at])
            valid[:, at] = stack.valid()
        common = {band.name: band.common_name for band in self._program.bands}
        labels = {
            "t": tuple(each.datetime for each in self.observations),
            "bands": tuple(stacks),
            "common_names": tuple(common[name] for name in stacks),
        }
        return Chunk(data, valid, ("t", "bands", "y", "x"), labels, self._geobox(window))

    def _geobox(self, window: Window) -> object:
        a, b, c, d, e, f = self._target.transform
        transform = (a, b, c + a * window.col, d, e, f + e * window.row)
        return geobox_from(self._target.crs, transform, (window.rows, window.cols))


def _cropped(stack: Stack, window: Window, outer: Window) -> Stack:
    inner = (slice(None), *window.within(outer))
    return Stack(data=stack.data[inner], nodata=stack.nodata, scales=stack.scales, offsets=stack.offsets)


def _planes(chunk: Chunk) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """(bands, rows, cols) of a result that has one time or none, and bands or none."""
    valid = np.broadcast_to(chunk.valid, chunk.data.shape)
    shape = (-1, *chunk.data.shape[-2:])
    return chunk.data.reshape(shape), valid.reshape(shape)
