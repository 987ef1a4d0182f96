"""Observations: the items of one orbit pass and day, read as one mosaic."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from jeospark.errors import BandMissingError, JeosparkError
from jeospark.model import ItemRef, Reject, Source
from jeospark.raster.datasets import Datasets
from jeospark.raster.footprint import Footprint
from jeospark.raster.placement import Target
from jeospark.raster.reader import BandReader, Encoding
from jeospark.raster.window import Window

PHYSICAL = Encoding(dtype=np.dtype(np.float32), nodata=np.nan, scale=1.0, offset=0.0)
"""What fragments are brought to where each stores the band in its own way."""


class BadAssetError(Exception):
    """An asset of an item failed; holds the row for the ledger."""

    def __init__(self, reject: Reject) -> None:
        super().__init__(reject.message)
        self.reject = reject


class Fragment:
    """One item on the target grid; its files are opened when first read.

    Args:
        item: The item.
        datasets: Where datasets are kept open.
        target: The grid.
        classes: Names of bands that hold classes or bits.
        overviews: True where overviews may stand in for pixels.
    """

    def __init__(
        self, item: ItemRef, datasets: Datasets, target: Target, *, classes: frozenset[str], overviews: bool
    ) -> None:
        self.item = item
        self.footprint = Footprint(item.footprint, target)
        self._datasets = datasets
        self._target = target
        self._classes = classes
        self._overviews = overviews
        self._sources = {source.band: source for source in item.sources}
        self._readers: dict[str, BandReader] = {}

    def reader(self, band: str) -> BandReader:
        """The reader of one band.

        Raises:
            BadAssetError: The band is absent, or its asset cannot be used.
        """
        if band not in self._readers:
            with self._blaming(band):
                self._readers[band] = BandReader(
                    self._datasets,
                    self._source(band),
                    self._target,
                    classes=band in self._classes,
                    overviews=self._overviews,
                )
        return self._readers[band]

    @property
    def seconds_warp(self) -> float:
        """Time spent so far to resample onto another grid."""
        return sum(reader.seconds_warp for reader in self._readers.values())

    def read(self, band: str, window: Window, out: NDArray[np.generic]) -> int:
        """Fill `out` as `BandReader.read` does.

        Raises:
            BadAssetError: The asset is damaged.
        """
        reader = self.reader(band)
        with self._blaming(band):
            return reader.read(window, out)

    def _source(self, band: str) -> Source:
        if band not in self._sources:
            raise BandMissingError(
                f"the item has no band '{band}'",
                where=self.item.item_id,
                remedy=f"It has {', '.join(sorted(self._sources)) or 'none of those wanted'}; filter such items out.",
            )
        return self._sources[band]

    @contextmanager
    def _blaming(self, band: str) -> Iterator[None]:
        try:
            yield
        except JeosparkError as error:
            href = self._sources[band].href if band in self._sources else ""
            raise BadAssetError(
                Reject(item_id=self.item.item_id, band=band, asset=href, error=type(error).__name__, message=str(error))
            ) from error


class Observation:
    """The fragments of one pass and day, as one image: each pixel from the first fragment that has it.

    Args:
        fragments: In the order of preference; all of one observation.
        primary: The band that decides which fragment a pixel is taken from, for all bands alike; where none has it, a
            band's pixel is the first that there is, as it would be if the observation had one fragment only.
    """

    def __init__(self, fragments: list[Fragment], primary: str) -> None:
        self.fragments = fragments
        self._primary = primary

    @property
    def datetime(self) -> datetime:
        """UTC, of the first fragment."""
        return self.fragments[0].item.datetime

    @property
    def seconds_warp(self) -> float:
        """Time spent so far to resample onto another grid."""
        return sum(fragment.seconds_warp for fragment in self.fragments)

    def meets(self, window: Window) -> bool:
        """True where any fragment may have pixels in the window."""
        return any(fragment.footprint.meets(window) for fragment in self.fragments)

    def encoding(self, band: str) -> Encoding:
        """How `read` gives a band: as its fragments store it, or as physical float32 where they differ.

        Raises:
            BadAssetError: An asset cannot be used.
        """
        encodings = {fragment.reader(band).encoding for fragment in self.fragments}
        return next(iter(encodings)) if len(encodings) == 1 else PHYSICAL

    def read(self, band: str, window: Window, out: NDArray[np.generic]) -> int:
        """Fill `out` with a band's pixels in a window, in its `encoding`, or in float32 with NaN for nodata.

        Returns:
            How many source pixels were decoded.

        Raises:
            BadAssetError: An asset cannot be used.
        """
        if len(self.fragments) == 1:
            return self.fragments[0].read(band, window, out)
        out.fill(np.nan if np.issubdtype(out.dtype, np.floating) else self.encoding(band).nodata)
        physical = self.encoding(band) is PHYSICAL
        free = np.ones(out.shape, np.bool_)
        decoded = 0
        for fragment in self.fragments:
            if fragment.footprint.meets(window) and free.any():
                decoded += self._add(fragment, band, window, out, free, physical=physical)
        return decoded

    def _add(
        self,
        fragment: Fragment,
        band: str,
        window: Window,
        out: NDArray[np.generic],
        free: NDArray[np.bool_],
        *,
        physical: bool,
    ) -> int:
        """Take the pixels still free that this fragment has; what its primary band has is no longer free."""
        primary = np.empty(out.shape, np.float32)
        decoded = fragment.read(self._primary, window, primary)
        chosen = free & ~np.isnan(primary)
        free &= ~chosen
        chosen |= free & (np.isnan(out) if np.issubdtype(out.dtype, np.floating) else out == self.encoding(band).nodata)
        if not chosen.any():
            return decoded
        values = np.empty_like(out)
        decoded += fragment.read(band, window, values)
        if physical:
            encoding = fragment.reader(band).encoding
            values = values * np.float32(encoding.scale) + np.float32(encoding.offset)
        out[chosen] = values[chosen]
        return decoded


def observe(
    items: Iterable[ItemRef],
    datasets: Datasets,
    target: Target,
    *,
    primary: str,
    classes: frozenset[str],
    overviews: bool = False,
) -> list[Observation]:
    """Group items into observations, in time order, whatever the order of `items`.

    Args:
        items: The items of a unit.
        datasets: Where datasets are kept open.
        target: The grid they are read on.
        primary: The band that decides which fragment of an observation a pixel comes from.
        classes: Names of bands that hold classes or bits.
        overviews: True where overviews may stand in for pixels.
    """

    def made(group: Iterable[ItemRef]) -> Observation:
        ordered = sorted(group, key=lambda item: (item.datetime, item.item_id))
        return Observation(
            [Fragment(item, datasets, target, classes=classes, overviews=overviews) for item in ordered], primary
        )

    by_key = sorted(items, key=lambda item: item.observation)
    observations = [made(group) for _, group in groupby(by_key, key=lambda item: item.observation)]
    return sorted(observations, key=lambda each: (each.datetime, each.fragments[0].item.item_id))
