"""One batch of features on its way into a layer: plain WKB, the layer's CRS, repairs, boxes, places on the curve."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely
from pyproj import CRS, Transformer

from jeospark.errors import VectorSourceError
from jeospark.vector import wkb
from jeospark.vector.crs import Transformation, transform_points
from jeospark.vector.record import Box
from jeospark.vector.repair import repair
from jeospark.vector.sources.columns import COVERING, KEY
from jeospark.vector.sources.request import GEOMETRY

BOX = pa.struct([pa.field(side, pa.float64()) for side in ("xmin", "ymin", "xmax", "ymax")])
_DEGREES, _METRES = 360.0, 4e7
"""Half the side of the square that the curve fills; it reaches beyond the earth in either unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What is to be done with every feature."""

    where: str
    """The source, for errors."""
    crs: CRS
    """Of the coordinates that come."""
    transformation: Transformation | None = None
    repair: bool = False
    id: str | None = None
    """Column that names a feature in the list of repairs."""
    area: Box | None = None
    """Within which the layer's CRS is of use, in its units; None where nobody says."""
    extent: Box | None = None
    """What the source says of its bounds, in the layer's CRS; None where it says nothing."""

    @property
    def half(self) -> float:
        """Half the side of the square of the curve, in units of the layer's CRS."""
        crs = self.transformation.target if self.transformation else self.crs
        return _DEGREES if crs.is_geographic else _METRES


@dataclass(slots=True, kw_only=True)
class Tally:
    """What is counted on the way."""

    features: int = 0
    types: Counter[str] = field(default_factory=Counter)
    null: int = 0
    empty: int = 0
    measured: int = 0
    """Geometries whose M coordinate was left out."""
    not_finite: int = 0
    crossing: int = 0
    """Geometries with a step of more than 180 along x."""
    outside: int = 0
    """Centres of boxes outside the area of use of the CRS."""
    swapped: int = 0
    """Centres outside the source's extent, or that area, which would be inside with x and y swapped."""
    bounds: tuple[float, ...] = (np.inf, np.inf, -np.inf, -np.inf)

    def add(self, other: "Tally") -> None:
        """Count what another one counted, too."""
        for name in ("features", "null", "empty", "measured", "not_finite", "crossing", "outside", "swapped"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.types.update(other.types)
        low, high = (
            zip(self.bounds[:2], other.bounds[:2], strict=True),
            zip(self.bounds[2:], other.bounds[2:], strict=True),
        )
        self.bounds = (*map(min, low), *map(max, high))

    @property
    def box(self) -> Box | None:
        """Box of all geometries; None where there is none."""
        xmin, ymin, xmax, ymax = self.bounds
        return (xmin, ymin, xmax, ymax) if xmin <= xmax else None


class Preparation:
    """Prepares the batches of one piece, and counts."""

    def __init__(self, orders: Orders) -> None:
        """Take orders."""
        self._orders = orders
        self._transformer: Transformer | None = orders.transformation.transformer() if orders.transformation else None
        self.tally = Tally()
        self.repairs: list[pa.RecordBatch] = []
        self._row = 0

    def take(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Make a batch of a source into one of the spool: geometry, attributes, bbox, and the key.

        Raises:
            VectorSourceError: A geometry cannot be parsed.
            TransformError: Coordinates cannot be transformed.
        """
        column, found = self._plain(batch.column(GEOMETRY))
        column, found = self._moved(column, found)
        column, found = self._repaired(batch, column, found)
        self._count(found)
        boxes = pa.StructArray.from_arrays(
            [pa.array(found.bounds[:, side]) for side in range(4)],
            fields=list(BOX),
            mask=pa.array(~np.isfinite(found.bounds[:, 0])),
        )
        keys = wkb.hilbert(found.bounds, self._orders.half)
        self._row += batch.num_rows
        placed = batch.set_column(batch.schema.get_field_index(GEOMETRY), GEOMETRY, column)
        return placed.append_column(COVERING, boxes).append_column(KEY, pa.array(keys))

    def _plain(self, column: pa.BinaryArray) -> tuple[pa.BinaryArray, wkb.Scan]:
        found = wkb.scan(column)
        damaged = np.flatnonzero(found.flags & wkb.DAMAGED)
        if damaged.size:
            self._refuse_curves(column[int(damaged[0])].as_py(), int(damaged[0]))
            raise VectorSourceError(
                f"{damaged.size} geometries are no WKB, the first in row {self._row + int(damaged[0]) + 1}",
                where=self._orders.where,
                remedy="Write the source again.",
            )
        self.tally.null += column.null_count
        known = column.is_valid().to_numpy(zero_copy_only=False)
        empty = known & (found.vertices == 0) & ((found.flags & wkb.NOT_FINITE) == 0)
        self.tally.empty += int(empty.sum())
        self.tally.measured += int(((found.flags & wkb.HAS_M) > 0).sum())
        odd = (found.flags & (wkb.EXTENDED | wkb.BIG_ENDIAN | wkb.HAS_M)) > 0
        if not odd.any() and not empty.any():
            return column, found
        shapes = column.to_numpy(zero_copy_only=False)
        shapes[empty] = None
        odd &= ~empty
        shapes[odd] = plain_wkb(self._shapes(shapes[odd]))
        return _scanned(shapes)

    def _refuse_curves(self, geometry: bytes, row: int) -> None:
        if wkb.is_curved(geometry):
            raise VectorSourceError(
                f"the geometry in row {self._row + row + 1} is curved, and layers are of straight lines",
                where=self._orders.where,
                remedy="Make it straight with `ogr2ogr -nlt CONVERT_TO_LINEAR`.",
            )

    def _shapes(self, pieces: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
        try:
            found: npt.NDArray[np.object_] = shapely.from_wkb(pieces)
        except shapely.GEOSException as error:
            raise VectorSourceError(
                f"geometries cannot be read ({error})",
                where=self._orders.where,
                remedy="Add it with --repair and without --to-crs first, and then that layer.",
            ) from error
        return found

    def _moved(self, column: pa.BinaryArray, found: wkb.Scan) -> tuple[pa.BinaryArray, wkb.Scan]:
        transformer = self._transformer
        if transformer is None:
            return column, found
        shapes = self._shapes(column.to_numpy(zero_copy_only=False))
        deep = ((found.flags & wkb.HAS_Z) > 0) & (found.vertices > 0)
        for include_z, which in ((False, ~deep), (True, deep)):
            if which.any():
                shapes[which] = shapely.transform(
                    shapes[which],
                    lambda points: transform_points(points, transformer, self._orders.where),
                    include_z=include_z,
                )
        return _scanned(shapely.to_wkb(shapes, flavor="iso"))

    def _repaired(
        self, batch: pa.RecordBatch, column: pa.BinaryArray, found: wkb.Scan
    ) -> tuple[pa.BinaryArray, wkb.Scan]:
        if not self._orders.repair:
            return column, found
        name = self._orders.id
        ids = batch.column(name) if name in batch.schema.names else None
        repaired, listed = repair(column, ids, self._row)
        if not listed.num_rows:
            return column, found
        self.repairs.append(listed)
        return _scanned(repaired)

    def _count(self, found: wkb.Scan) -> None:
        known = found.vertices > 0
        boxes = found.bounds[known]
        inside, turned = _within(boxes, self._orders.area)
        straight, swapped = _within(boxes, self._orders.extent)
        here = Tally(
            features=len(known),
            types=Counter(dict(zip(*_unique(found.type_names()[known]), strict=True))),
            not_finite=int(((found.flags & wkb.NOT_FINITE) > 0).sum()),
            crossing=int((found.stride > 180).sum()),
            outside=int((~inside).sum()),
            swapped=int(((~inside & turned) | (~straight & swapped)).sum()),
        )
        if len(boxes):
            here.bounds = (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
        self.tally.add(here)


def plain_wkb(shapes: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Geometries as little-endian ISO WKB without the M coordinate, which GeoParquet 1.1 does not have."""
    # Three dimensions are x, y, z where there is a z; else they would be x, y, m.
    flat = np.where(shapely.has_z(shapes), shapes, shapely.force_2d(shapes))
    made: npt.NDArray[np.object_] = shapely.to_wkb(flat, flavor="iso", byte_order=1, output_dimension=3)
    return made


def _scanned(shapes: npt.NDArray[np.object_]) -> tuple[pa.BinaryArray, wkb.Scan]:
    column = pa.array(shapes, pa.binary())
    return column, wkb.scan(column)


def _unique(names: npt.NDArray[np.object_]) -> tuple[list[str], list[int]]:
    values, counts = np.unique(names.astype(str), return_counts=True)
    return values.tolist(), counts.tolist()


def _within(boxes: npt.NDArray[np.float64], area: Box | None) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which centres are inside an area as they are, and which are with x and y swapped."""
    if area is None:
        everything = np.ones(len(boxes), bool)
        return everything, everything
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    inside = [
        (one >= area[0]) & (one <= area[2]) & (other >= area[1]) & (other <= area[3]) for one, other in ((x, y), (y, x))
    ]
    return inside[0], inside[1]
