"""Kernels as functions of SQL on chips: the only adapters to Arrow, pandas and Spark, which are imported when called.

A chip is an array of floats, its pixels by rows; null is a pixel that cannot be used. pandas hands arrays of numpy,
with NaN in place of null; what is not finite comes back as null. What they cost stands in docs/pixels.md.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from udfs.indices import normalized_difference
from udfs.masks import classes_to_mask, dilate
from udfs.quantiles import median
from udfs.reduce import Reduced, count, maximum, mean, minimum
from udfs.scale import linear_scale

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    from pyspark.sql import SparkSession

Chip = NDArray[np.floating[Any]]
"""(pixels,), NaN where not usable."""


def normalised(x: Chip, y: Chip) -> Chip:
    """(x - y) / (x + y)."""
    data, valid = normalized_difference(x, y, valid=np.isfinite(x) & np.isfinite(y))
    return np.where(valid, data, np.nan)


def scaled(chip: Chip, scale: float, offset: float) -> Chip:
    """Values times scale, plus offset."""
    return linear_scale(chip, scale=scale, offset=offset)


def class_mask(chip: Chip, classes: Sequence[float]) -> Chip:
    """1 where the class is one of those, else 0; unknown where it is unknown."""
    return np.where(np.isfinite(chip), classes_to_mask(chip, classes=classes), np.nan)


def dilated(mask: Chip, cols: int, radius: float) -> Chip:
    """A mask grown by a disk of so many pixels; what lies beyond the chip is not seen."""
    grown = dilate(mask.reshape(-1, cols) > 0, radius_y=radius, radius_x=radius).ravel()
    return np.where(grown, 1.0, mask)


def masked(chip: Chip, mask: Chip) -> Chip:
    """Values where the mask is 0."""
    return np.where(mask == 0, chip, np.nan)


def histogram(chip: Chip, low: float, high: float, bins: int) -> NDArray[np.integer[Any]]:
    """Usable pixels in `bins` intervals of one width from low to high, the last closed."""
    return np.histogram(chip[np.isfinite(chip)], bins=bins, range=(low, high))[0]


def _of_usable(reducer: Callable[[Chip], Any]) -> Callable[[Chip], float]:
    """A reducer of the usable pixels; NaN where there are none."""

    def reduce(chip: Chip) -> float:
        usable = chip[np.isfinite(chip)]
        return float(reducer(usable)) if usable.size else np.nan

    return reduce


NUMBERS: dict[str, tuple[Callable[..., Any], str]] = {
    "chip_mean": (_of_usable(lambda chip: chip.mean(dtype=np.float64)), "double"),
    "chip_median": (_of_usable(np.median), "double"),
    "chip_min": (_of_usable(np.min), "double"),
    "chip_max": (_of_usable(np.max), "double"),
    "chip_count": (lambda chip: np.isfinite(chip).sum(), "int"),
    "chip_valid_share": (lambda chip: np.isfinite(chip).mean() if chip.size else np.nan, "double"),
    "chip_histogram": (histogram, "array<bigint>"),
}
"""A value a chip, and its type in Spark."""
CHIPS: dict[str, Callable[..., Chip]] = {
    "chip_ndvi": normalised,
    "chip_normalized_difference": normalised,
    "chip_scale": scaled,
    "chip_class_mask": class_mask,
    "chip_dilate": dilated,
    "chip_mask": masked,
}
"""A chip a chip."""
STACKS: dict[str, Callable[..., Reduced]] = {
    "stack_mean": mean,
    "stack_median": median,
    "stack_min": minimum,
    "stack_max": maximum,
    "stack_count": count,
}
"""Aggregates: of the chips of a group, which are of one size, one chip."""


def register(spark: "SparkSession") -> None:
    """Give the functions their names in a session; no job runs."""
    for name, function in functions().items():
        spark.udf.register(name, function)


def functions() -> dict[str, Any]:
    """The functions by name, for DataFrames."""
    return {
        **{name: _numbers(kernel, kind) for name, (kernel, kind) in NUMBERS.items()},
        **{name: _chips(kernel) for name, kernel in CHIPS.items()},
        **{name: _stack(kernel) for name, kernel in STACKS.items()},
    }


def _numbers(kernel: Callable[..., Any], kind: str) -> Any:
    import pandas as pd

    def over(*columns: pd.Series) -> pd.Series:
        return pd.Series(_called(kernel, columns), dtype=object if kind.startswith("array") else None)

    return _vectorised(over, kind)


def _chips(kernel: Callable[..., Chip]) -> Any:
    import pandas as pd

    def over(*columns: pd.Series) -> pd.Series:
        return series_of(_called(kernel, columns))

    return _vectorised(over, "array<float>")


def _stack(kernel: Callable[..., Reduced]) -> Any:
    import pandas as pd

    def over(chips: pd.Series) -> list[float | None] | None:
        known = list(_plain(chips).dropna())
        if not known:
            return None
        stack = np.stack(known)
        data, valid = kernel(stack, np.isfinite(stack))
        values = data.astype(object)
        values[~(valid & np.isfinite(data))] = None
        return list(values)

    return _vectorised(over, "array<float>")


def _vectorised(function: Callable[..., Any], kind: str) -> Any:
    from pyspark.sql.functions import pandas_udf  # type: ignore[attr-defined]

    return pandas_udf(function, kind)


def _called(kernel: Callable[..., Any], columns: Sequence["pd.Series"]) -> list[Any]:
    """A kernel's values, row by row; None for rows with a null in any column."""
    rows = zip(*map(_plain, columns), strict=True)
    return [None if any(value is None for value in row) else kernel(*row) for row in rows]


def _plain(column: "pd.Series") -> "pd.Series":
    """A column with arrays of numpy, also where it comes straight from another function, made by `series_of`."""
    import pyarrow as pa

    return pa.array(column).to_pandas() if hasattr(column.array, "__arrow_array__") else column


def series_of(chips: Sequence[Chip | None]) -> "pd.Series":
    """Chips as a column that Spark takes as it is: going over the pixels in Python would cost most of the time."""
    import pandas as pd
    import pyarrow as pa

    class Ready(pd.Series):  # type: ignore[misc]
        def apply(self, *_: object, **__: object) -> "pd.Series":
            # Spark makes a list of each array here, and then an Arrow array of all lists.
            return self

    known = [chip is not None for chip in chips]
    arrays = [np.empty(0, np.float32) if chip is None else np.asarray(chip, np.float32) for chip in chips]
    values = np.concatenate([np.empty(0, np.float32), *arrays])
    ends = np.cumsum([0, *map(len, arrays)], dtype=np.int32)
    lists = pa.ListArray.from_arrays(
        pa.array(ends), pa.array(values, mask=~np.isfinite(values)), mask=pa.array(np.logical_not(known))
    )
    return Ready(pd.arrays.ArrowExtensionArray(lists))
