"""Processes along the temporal dimension."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time

import numpy as np

from jeospark import periods
from jeospark.model import Chunk
from jeospark.recipe.cubes import CONTEXT, CUBE
from jeospark.recipe.dimensions import (
    TEMPORAL,
    along,
    dimensions_of_type,
    labels_of,
    take,
    temporal_dimension,
    with_labels,
)
from jeospark.recipe.failures import bad_argument, bad_dimension
from jeospark.recipe.instants import MIDNIGHT, Interval, PeriodLabel, holds, instant, interval
from jeospark.recipe.kinds import Kind
from jeospark.recipe.registry import callback, optional, process, required
from jeospark.recipe.values import FieldArray, as_field, stack

CATEGORY = "time"
OPENEO_PERIODS = tuple(name for name in periods.PERIODS if name not in ("date", "all"))
_DIMENSION = optional("dimension", Kind.STRING | Kind.NULL, "The temporal dimension; by default the only one.")
_REDUCER = callback("reducer", "Makes one value of the values in each period.", "data", "context")

Callback = Callable[..., object]


@process(
    "filter_temporal",
    CUBE,
    required("extent", Kind.ARRAY, "Start, inclusive, and end, exclusive; either may be null."),
    _DIMENSION,
    category=CATEGORY,
    summary="Keep the dates in an interval.",
    returns=Kind.DATACUBE,
)
def _filter_temporal(cube: Chunk, extent: Sequence[object], dimension: str | None) -> Chunk:
    period = interval(extent)
    names = dimensions_of_type(cube, TEMPORAL) if dimension is None else (temporal_dimension(cube, dimension),)
    if not names:
        raise bad_dimension("DimensionNotAvailable", f"no temporal dimension in ({', '.join(cube.dims)})")
    for name in names:
        places = [place for place, label in enumerate(labels_of(cube, name)) if holds(period, _datetime(label))]
        cube = take(cube, name, places)
    return cube


@process(
    "aggregate_temporal_period",
    CUBE,
    required("period", Kind.STRING, "The calendar's unit.", choices=OPENEO_PERIODS),
    _REDUCER,
    _DIMENSION,
    CONTEXT,
    category=CATEGORY,
    summary="Reduce the dates of each month, season, year, … to one value.",
    returns=Kind.DATACUBE,
)
def _aggregate_period(cube: Chunk, period: str, reducer: Callback, dimension: str | None, context: object) -> Chunk:
    name = temporal_dimension(cube, dimension)
    dates = [_datetime(label) for label in labels_of(cube, name)]
    labels = periods.labels_between(period, min(dates), max(dates)) if dates else ()
    groups: dict[str, list[int]] = {label: [] for label in labels}
    instants = np.array([date.astimezone(UTC).replace(tzinfo=None) for date in dates], "datetime64[s]")
    for place, label in enumerate(periods.labels(period, instants).tolist()):
        groups[label].append(place)
    named = tuple(PeriodLabel(label, periods.bounds(period, label)[0]) for label in labels)
    return _aggregate(cube, name, list(groups.values()), named, lambda data: reducer(data=data, context=context))


@process(
    "aggregate_temporal",
    CUBE,
    required("intervals", Kind.ARRAY, "Pairs of start, inclusive, and end, exclusive; times of day without date too."),
    _REDUCER,
    optional("labels", Kind.ARRAY, "Labels of the result; by default the starts.", ()),
    _DIMENSION,
    CONTEXT,
    category=CATEGORY,
    summary="Reduce the dates in each interval to one value.",
    returns=Kind.DATACUBE,
)
def _aggregate_temporal(
    cube: Chunk,
    intervals: Sequence[object],
    reducer: Callback,
    labels: Sequence[object],
    dimension: str | None,
    context: object,
) -> Chunk:
    name = temporal_dimension(cube, dimension)
    tests = [_membership(pair) for pair in intervals]
    names = tuple(labels) or tuple(pair[0] for pair in intervals if isinstance(pair, (list, tuple)))
    for label in labels:
        if not isinstance(label, (str, int, float)):
            raise bad_argument("LabelInvalid", f"{label!r} is no label", remedy="Labels are texts or numbers.")
    if len(set(map(repr, names))) < len(names):
        raise bad_argument("DistinctDimensionLabelsRequired", f"{names} are not distinct", remedy="Give 'labels'.")
    if len(names) != len(tests):
        raise bad_argument("LabelMismatch", f"{len(names)} labels for {len(tests)} intervals")
    dates = [_datetime(label) for label in labels_of(cube, name)]
    groups = [[place for place, date in enumerate(dates) if test(date)] for test in tests]
    return _aggregate(cube, name, groups, names, lambda data: reducer(data=data, context=context))


def _aggregate(
    cube: Chunk,
    name: str,
    groups: list[list[int]],
    labels: tuple[object, ...],
    reducer: Callable[[FieldArray], object],
) -> Chunk:
    """Reduce each group of dates; without any group the cube keeps its dimensions and has no date."""
    if not groups:
        return replace(take(cube, name, []), labels={**cube.labels, name: ()})
    parts = [along(take(cube, name, places), name) for places in groups]
    fields = [as_field(reducer(part), part.data.shape[1:]) for part in parts]
    return with_labels(cube, name, stack(fields), labels)


def _membership(pair: object) -> Callable[[datetime], bool]:
    """Tell which instants are in an interval; one of times of day may reach over midnight."""
    times = _times(pair) if isinstance(pair, (list, tuple)) else []
    if len(times) == 2 and all(moment is not None for moment in times):
        start, end = (moment for moment in times if moment is not None)
        if start < end:
            return lambda when: start <= when.time() < end
        return lambda when: when.time() >= start or when.time() < end
    period: Interval = interval(pair)
    return lambda when: holds(period, when)


def _times(pair: Sequence[object]) -> list[time | None]:
    """Read times of day; the end may be 24 o'clock, which is midnight."""
    start, *ends = pair or (None,)
    return [_time(start), *(_time(MIDNIGHT.sub("00:00:00", end) if isinstance(end, str) else end) for end in ends)]


def _time(text: object) -> time | None:
    """Read a time of day in UTC, None for what is none."""
    if not isinstance(text, str) or text[2:3] != ":":
        return None
    remedy = "Times of day are UTC, and written like 18:00:00; a day is from 00:00:00 to 24:00:00."
    try:
        moment = time.fromisoformat(text.removesuffix("Z"))
    except ValueError as error:
        raise bad_argument("TemporalExtentInvalid", f"'{text}' is no time of day", remedy=remedy) from error
    if moment.tzinfo is not None:
        raise bad_argument("TemporalExtentInvalid", f"'{text}' has a time zone", remedy=remedy)
    return moment


def _datetime(label: object) -> datetime:
    """Give the instant of a label: of one made by an earlier aggregation, the start of its period."""
    if isinstance(label, PeriodLabel):
        return label.start
    if isinstance(label, datetime):
        return label.replace(tzinfo=UTC) if label.tzinfo is None else label
    return instant(str(label))
