"""Pixels of a recipe, window by window: masks first, then only what they leave."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import DTypeLike, NDArray

from jeospark.errors import RecipeError
from jeospark.grid import geobox_from
from jeospark.model import Chunk, ItemRef
from jeospark.raster.datasets import Datasets
from jeospark.raster.placement import Target
from jeospark.raster.reader import BandReader
from jeospark.raster.window import Window
from jeospark.recipe.analysis import MaskPlan
from jeospark.recipe.evaluate import evaluate
from jeospark.recipe.extent import Placement, halo_pixels, row_metres
from jeospark.settings import Settings
from jeospark.storage.roots import Roots
from jeospark.task.layout import Lattice, cell_shape, windows
from jeospark.task.masking import table_mask
from jeospark.task.memory import bytes_per_pixel, window_budget
from jeospark.task.observation import observe
from jeospark.task.program import Program, kernel_of
from jeospark.task.stack import Stack, Tally, read_stack
from udfs.masks import Radius


@dataclass(frozen=True, slots=True)
class Pixels:
    """A window of a recipe's result."""

    window: Window
    data: NDArray[np.floating]
    """(bands, rows, cols), physical."""
    valid: NDArray[np.bool_]
    """Same shape, True = usable."""


def _check(items: Sequence[ItemRef], roots: Roots) -> None:
    for href in sorted({source.href for item in items for source in item.sources}) if roots else ():
        roots.check(href)


class Evaluation:
    """A recipe on the items of one unit, on one grid.

    Args:
        program: The recipe.
        items: The unit's items.
        target: The grid.
        shape: (rows, columns) of the unit.
        datasets: Where datasets are kept open.
        settings: Memory for windows, compiled kernels, allowed roots.
        overviews: True where overviews may stand in for pixels.

    Raises:
        ForbiddenError: A file of an item lies outside the allowed roots.
        RecipeError: The recipe has a distance in metres, and the grid is in degrees.
    """

    def __init__(
        self,
        program: Program,
        items: Sequence[ItemRef],
        target: Target,
        shape: tuple[int, int],
        datasets: Datasets,
        settings: Settings,
        *,
        overviews: bool = False,
    ) -> None:
        _check(items, Roots.load(settings))
        self._program = program
        self._target = target
        self._shape = shape
        self._budget = window_budget(settings)
        self._kernel = kernel_of(program, settings.cache) if settings.compile else None
        self._table = table_mask(program) if settings.compile else None
        self.tally = Tally()
        self._nowhere: Pixels | None = None
        self.observations = observe(
            items, datasets, target, primary=program.primary, classes=program.classes, overviews=overviews
        )
        self._halo = halo_pixels(self._geobox(Window(0, 0, *shape)), shape[0], program.halo)

    def __iter__(self) -> Iterator[Pixels]:
        """The result, window by window.

        Raises:
            BadAssetError: An asset cannot be used.
        """
        return self.where(lambda _window: True)

    def where(self, wanted: Callable[[Window], bool]) -> Iterator[Pixels]:
        """The result in those windows that are wanted; of the others nothing is read.

        Raises:
            BadAssetError: An asset cannot be used.
        """
        fragment = self.observations[0].fragments[0]
        readers = [fragment.reader(band) for band in self._program.names]
        lattice, density = _lattice(readers), max(reader.density for reader in readers)
        compiled = self._kernel is not None
        needed = bytes_per_pixel(self._program, len(self.observations), density, compiled=compiled)
        for window in windows(self._shape, lattice, cell_shape(self._shape, lattice, needed, self._budget)):
            if not wanted(window):
                continue
            yield self._window(window)
            self.tally.seconds_warp = sum(observation.seconds_warp for observation in self.observations)

    def _window(self, window: Window) -> Pixels:
        around = window.grown(self._halo)
        if self._program.uniform and not any(each.meets(around) for each in self.observations):
            return self._empty(window)
        return self._full(window)

    def _empty(self, window: Window) -> Pixels:
        """A window that no item reaches: its pixels are all like one."""
        if self._nowhere is None:
            before = self.tally.pixels_skipped
            self._nowhere = self._full(Window(window.row, window.col, 1, 1))
            self.tally.pixels_skipped = before
        self.tally.pixels_skipped += len(self.observations) * len(self._program.names) * window.pixels
        shape = (len(self._nowhere.data), window.rows, window.cols)
        data, valid = (np.broadcast_to(each, shape).copy() for each in (self._nowhere.data, self._nowhere.valid))
        return Pixels(window, data, valid)

    def _full(self, window: Window) -> Pixels:
        if self._program.mask is None:
            return self._compiled(window, {}, None) or self._plain(window.grown(self._halo), window, {}, None)
        usable, stacks = self._usable(window, self._program.mask)
        return self._compiled(window, stacks, usable) or self._plain(window, window, stacks, usable)

    def _usable(self, window: Window, plan: MaskPlan) -> tuple[NDArray[np.bool_], dict[str, Stack]]:
        """Which pixels the mask leaves in a window, (t, rows, cols), and the stacks of its bands."""
        grown = window.grown(self._halo)
        stacks = {band: read_stack(self.observations, band, grown, self.tally) for band in plan.bands}
        started = perf_counter()
        usable = self._table.usable(stacks[self._table.band], self._radius(grown)) if self._table else None
        if usable is None:
            mask = self._value(self._chunk(stacks, grown, _exact_dtype(stacks.values())), node=plan.node)
            usable = ~((mask.data != 0) & mask.valid)
        self.tally.seconds_compute += perf_counter() - started
        cropped = {band: _cropped(stack, window, grown) for band, stack in stacks.items()}
        return usable[(..., *window.within(grown))], cropped

    def _radius(self, window: Window) -> tuple[Radius, Radius]:
        """The table's dilation in pixels, along y and x; see `udfs.masks.dilate`."""
        if self._table is None or not self._table.dilation:
            return 0.0, 0.0
        height, width = row_metres(self._geobox(window), 0, window.rows)
        return self._table.dilation / height, self._table.dilation / width

    def _compiled(self, window: Window, stacks: Mapping[str, Stack], usable: NDArray[np.bool_] | None) -> Pixels | None:
        """A window by the compiled recipe; None where there is none."""
        kernel = self._kernel
        if kernel is None:
            return None
        read = self._read(kernel.bands, window, stacks, usable)
        started = perf_counter()
        shape = (len(kernel.outputs), window.rows, window.cols)
        data, valid = np.empty(shape, kernel.dtype), np.empty(shape, np.bool_)
        kernel.run(list(read.values()), usable, data, valid, self._geobox(window))
        self.tally.seconds_compute += perf_counter() - started
        return Pixels(window, data, valid)

    def _plain(
        self, read: Window, window: Window, stacks: Mapping[str, Stack], usable: NDArray[np.bool_] | None
    ) -> Pixels:
        """A window by the plain evaluator, of the pixels of a window that may be larger."""
        chunk = self._chunk(self._read(self._program.names, read, stacks, usable), read)
        started = perf_counter()
        known = {} if usable is None else {self._mask_node: self._mask_cube(usable, read)}
        data, valid = _planes(self._value(chunk, known=known), len(self._program.outputs))
        inner = (..., *window.within(read))
        self.tally.seconds_compute += perf_counter() - started
        return Pixels(window, data[inner], valid[inner] & np.isfinite(data[inner]))

    def _read(
        self, bands: Sequence[str], window: Window, stacks: Mapping[str, Stack], usable: NDArray[np.bool_] | None
    ) -> dict[str, Stack]:
        """The stacks of bands, those given as they are, the others read where a pixel is usable."""
        return {
            band: stacks[band] if band in stacks else read_stack(self.observations, band, window, self.tally, usable)
            for band in bands
        }

    @property
    def _mask_node(self) -> str:
        return self._program.mask.node if self._program.mask else ""

    def _mask_cube(self, usable: NDArray[np.bool_], window: Window) -> Chunk:
        """The value of the mask's node."""
        labels = {"t": tuple(each.datetime for each in self.observations)}
        everywhere = np.broadcast_to(np.True_, usable.shape)
        return Chunk(~usable, everywhere, ("t", "y", "x"), labels, self._geobox(window))

    def _value(self, chunk: Chunk, known: Mapping[str, Chunk] | None = None, node: str | None = None) -> Chunk:
        """The cube of a node, by default of the result, where the collection's pixels are `chunk`."""
        value = evaluate(self._program.graph, lambda *_: chunk, known, node)
        if not isinstance(value, Chunk):
            raise RecipeError("the recipe makes no data cube", where=f"node '{node or self._program.graph.result}'")
        return value

    def _chunk(self, stacks: Mapping[str, Stack], window: Window, dtype: DTypeLike = np.float32) -> Chunk:
        shape = (len(self.observations), len(stacks), window.rows, window.cols)
        data, valid = np.empty(shape, dtype), np.empty(shape, np.bool_)
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

    def _geobox(self, window: Window) -> Placement:
        a, b, c, d, e, f = self._target.transform
        transform = (a, b, c + a * window.col, d, e, f + e * window.row)
        placed: Placement = geobox_from(self._target.crs, transform, (window.rows, window.cols))
        return placed


def _lattice(readers: Sequence[BandReader]) -> Lattice:
    """The blocks of the largest-blocked band of an observation; other files mostly have the same."""
    largest = max(readers, key=lambda reader: reader.block[0] * reader.block[1])
    return Lattice(rows=largest.block[0], cols=largest.block[1], row=largest.phase[0], col=largest.phase[1])


def _exact_dtype(stacks: Iterable[Stack]) -> DTypeLike:
    """The type that holds all bits of the numbers that a mask is made of."""
    return np.float64 if any(stack.wide for stack in stacks) else np.float32


def _cropped(stack: Stack, window: Window, outer: Window) -> Stack:
    inner = (slice(None), *window.within(outer))
    return Stack(data=stack.data[inner], nodata=stack.nodata, scales=stack.scales, offsets=stack.offsets)


def _planes(chunk: Chunk, bands: int) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """(bands, rows, cols) of a result that has one time or none, and bands or none; null where no date is left."""
    shape = (-1, *chunk.data.shape[-2:])
    if not chunk.data.size:
        return np.zeros((bands, *shape[1:]), np.float32), np.zeros((bands, *shape[1:]), np.bool_)
    data, valid = chunk.data.reshape(shape), np.broadcast_to(chunk.valid, chunk.data.shape).reshape(shape)
    if len(data) != bands:
        sizes = ", ".join(f"{name}: {size}" for name, size in zip(chunk.dims[:-2], chunk.data.shape, strict=False))
        remedy = "Reduce what is neither bands nor pixels to one label."
        raise RecipeError(f"the result is not of {bands} bands, but ({sizes})", remedy=remedy)
    return data, valid
