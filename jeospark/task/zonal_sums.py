"""What the windows of a unit tell of its zones, until they are rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jeospark.task.evaluate import Pixels
from jeospark.task.zonal_table import Limits, Slot, parts, results, with_spectra
from jeospark.task.zonal_tile import Covered, TileZones
from udfs.spectrum import STATISTICS, Spectrum, merged, statistics
from udfs.zonal import Summary, summarise, united

Longs = NDArray[np.int64]
LARGE = 1 << 12
"""Distinct values of a zone in a window beyond which its windows are merged as they come, to save memory."""


@dataclass(slots=True, kw_only=True)
class Found:
    """What is known so far of the zones over one evaluation.

    A zone and band have a key: number of the zone · number of bands + number of the band.
    """

    zones: TileZones
    bands: tuple[str, ...]
    limits: Limits
    keys: list[Longs] = field(default_factory=list)
    """Of zones that lie in one window and in no other tile."""
    statistics: list[NDArray[np.float64]] = field(default_factory=list)
    """(zones, statistics) of each entry of `keys`."""
    pieces: list[tuple[Longs, Longs, NDArray[np.uint32], Longs]] = field(default_factory=list)
    """Of the others, and those whose values are counted: keys, how many distinct values, values, weights."""
    large: dict[int, Spectrum] = field(default_factory=dict)
    """By key, what has too many distinct values to wait."""

    def add(self, pixels: Pixels, covered: Covered) -> None:
        """Sum up the zones of one window, band by band."""
        done = covered.whole & self.zones.alone[covered.zones]
        for band, name in enumerate(self.bands):
            keep = ~done | (name in self.limits.histogram)
            data = np.ascontiguousarray(pixels.data[band], np.float32)
            valid = np.ascontiguousarray(np.broadcast_to(pixels.valid[band], data.shape))
            summary = summarise(covered.coverage, data, valid, keep)
            keys = covered.zones * len(self.bands) + band
            self.keys.append(keys[~keep])
            self.statistics.append(summary.statistics[~keep])
            self._wait(keys, keep, summary)

    def _wait(self, keys: Longs, keep: NDArray[np.bool_], summary: Summary) -> None:
        sizes = np.diff(summary.starts)
        for at in np.flatnonzero(sizes > LARGE).tolist():
            key, spectrum = int(keys[at]), summary.spectrum(at)
            self.large[key] = merged([self.large[key], spectrum]) if key in self.large else spectrum
        few = keep & (sizes <= LARGE)
        inside = np.repeat(few, sizes)
        self.pieces.append((keys[few], sizes[few], summary.words[inside], summary.values[inside]))

    def rows(self, slot: Slot) -> Iterator[pa.RecordBatch]:
        """Rows of `zonal_table.PARTS`, now that all windows were added."""
        keys = np.concatenate([np.empty(0, np.int64), *self.keys])
        found = np.concatenate([np.empty((0, len(STATISTICS))), *self.statistics])
        owners, summary = self._united()
        alone = self.zones.alone[owners // len(self.bands)]
        counted = np.isin(owners % len(self.bands), [self.bands.index(name) for name in self.limits.histogram])
        plain = alone & ~counted & ~np.isin(owners, np.array([*self.large], np.int64))
        keys, found = np.concatenate([keys, owners[plain]]), np.concatenate([found, summary.statistics[plain]])
        if len(keys):
            ids, bands, pixels = self._columns(keys)
            yield with_spectra(results(slot, ids, bands, pixels, found, self.limits))
        whole = self._spectra(owners[~plain], np.flatnonzero(~plain), summary)
        for is_alone in (True, False):
            chosen = [key for key in whole if self.zones.alone[key // len(self.bands)] == is_alone]
            if chosen:
                yield self._batch(slot, chosen, [whole[key] for key in chosen], alone=is_alone)

    def _batch(self, slot: Slot, keys: list[int], spectra: list[Spectrum], *, alone: bool) -> pa.RecordBatch:
        ids, bands, pixels = self._columns(np.array(keys, np.int64))
        if not alone:
            return parts(slot, ids, bands, pixels, spectra)
        found = np.stack([statistics(spectrum) for spectrum in spectra])
        return with_spectra(results(slot, ids, bands, pixels, found, self.limits, spectra))

    def _united(self) -> tuple[Longs, Summary]:
        owners = np.concatenate([np.empty(0, np.int64), *(piece[0] for piece in self.pieces)])
        sizes = np.concatenate([np.empty(0, np.int64), *(piece[1] for piece in self.pieces)])
        words = np.concatenate([np.empty(0, np.uint32), *(piece[2] for piece in self.pieces)])
        values = np.concatenate([np.empty(0, np.int64), *(piece[3] for piece in self.pieces)])
        return united(words, values, np.append(0, np.cumsum(sizes)), owners)

    def _spectra(self, owners: Longs, places: Longs, summary: Summary) -> dict[int, Spectrum]:
        """Distinct values by key."""
        found = {int(key): summary.spectrum(at) for key, at in zip(owners, places, strict=True)}
        for key, spectrum in self.large.items():
            found[key] = merged([spectrum, found[key]]) if key in found else spectrum
        return found

    def _columns(self, keys: Longs) -> tuple[pa.Array, pa.Array, NDArray[np.float64]]:
        """Ids, names of bands and pixels of keys."""
        zones, bands = np.divmod(keys, len(self.bands))
        names = pa.array(self.bands, pa.string()).take(pa.array(bands))
        return self.zones.zones.take(pa.array(zones)), names, self.zones.pixels[zones]
