"""Calendar periods of `aggregate_temporal_period` and of plans: labels, first and last instants; all in UTC.

Every period is numbered, and the n-th ends where number n + 1 starts, so that periods follow each other without gaps.
Labels are those of openEO 1.2, `aggregate_temporal_period`
(https://processes.openeo.org/1.2.0/#aggregate_temporal_period), and are safe in file names. Two more periods are ours:
`date` (an ISO 8601 date, such as 2019-07-14) and `all`. Where openEO is silent: dekads count from 01 to 36, and a
season that crosses the new year carries the year of its January (December 2018 is in 2019-djf).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from jeospark.errors import ArgumentError

Seconds = NDArray[np.datetime64]
Numbers = NDArray[np.int64]

_SEASONS = ("djf", "mam", "jja", "son")
_TROPICAL = ("ndjfma", "mjjaso")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ALWAYS = (datetime(1678, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Period:
    number: Callable[[Seconds], Numbers]
    """Numbers of the periods that hold the instants (UTC)."""
    start: Callable[[int], datetime]
    """First instant of a period."""
    label: Callable[[int], str]
    number_of: Callable[[str], int]
    """Number of a label; ValueError for a text of another form."""


def labels(period: str, when: Seconds) -> NDArray[np.str_]:
    """Label the periods that hold many instants.

    Args:
        period: One of `PERIODS`.
        when: Instants in UTC, any shape, without NaT.

    Returns:
        Labels, same shape as `when`.

    Raises:
        ArgumentError: The period is unknown.
    """
    kind = _find(period)
    numbers = kind.number(when.astype("datetime64[s]"))
    unique, inverse = np.unique(numbers, return_inverse=True)
    texts = np.array([kind.label(int(number)) for number in unique], dtype=np.str_)
    return texts[inverse.reshape(when.shape)]


def label(period: str, when: datetime) -> str:
    """Label the period that holds an instant; without a time zone it is taken as UTC.

    Raises:
        ArgumentError: The period is unknown.
    """
    return _find(period).label(_number(period, when))


def labels_between(period: str, first: datetime, last: datetime) -> tuple[str, ...]:
    """Label every period from the one that holds `first` to the one that holds `last`, both included, without gaps.

    Raises:
        ArgumentError: The period is unknown.
    """
    numbers = range(_number(period, first), _number(period, last) + 1)
    return tuple(_find(period).label(number) for number in numbers)


def bounds(period: str, label: str) -> tuple[datetime, datetime]:
    """Give the first instant (inclusive) and the last (exclusive) of a labelled period, in UTC.

    `all` goes from 1678 to 2262, the whole years that 64-bit nanoseconds can hold.

    Raises:
        ArgumentError: The period is unknown, or the label is not one of its labels.
    """
    kind = _find(period)
    try:
        number = kind.number_of(label)
        limits = kind.start(number), kind.start(number + 1)
    except (ValueError, OverflowError) as error:
        raise _bad_label(period, label) from error
    if kind.label(number) != label:
        raise _bad_label(period, label)
    return limits


def _bad_label(period: str, label: str) -> ArgumentError:
    example = _PERIODS[period].label(_number(period, datetime(2019, 7, 14, tzinfo=UTC)))
    return ArgumentError(f"'{label}' is not the label of a {period}", remedy=f"Write it like {example}.")


def _find(period: str) -> _Period:
    if period not in _PERIODS:
        near = get_close_matches(period, PERIODS, n=1)
        hint = f"Did you mean '{near[0]}'? " if near else ""
        raise ArgumentError(f"no period '{period}'", remedy=f"{hint}Known: {', '.join(PERIODS)}.")
    return _PERIODS[period]


def _number(period: str, when: datetime) -> int:
    aware = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    instant = np.array([aware.replace(tzinfo=None)], dtype="datetime64[s]")
    return int(_find(period).number(instant)[0])


def _months(when: Seconds) -> Numbers:
    """Months since January of the year 0."""
    return when.astype("datetime64[M]").astype(np.int64) + 1970 * 12


def _month_start(month: int) -> datetime:
    return datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)


def _of_months(count: int, shift: int, label: Callable[[int], str], number_of: Callable[[str], int]) -> _Period:
    """Periods of `count` months; `shift` months are added first, so that period 0 starts at their multiple."""
    return _Period(
        number=lambda when: (_months(when) + shift) // count,
        start=lambda number: _month_start(number * count - shift),
        label=label,
        number_of=number_of,
    )


def _of_seconds(
    unit: timedelta, shift: timedelta, label: Callable[[datetime], str], parse: Callable[[str], datetime]
) -> _Period:
    """Periods of one length; period 0 holds the epoch and starts `shift` before it."""
    length, offset = int(unit.total_seconds()), int(shift.total_seconds())

    def start(number: int) -> datetime:
        return _EPOCH - shift + number * unit

    return _Period(
        number=lambda when: (when.astype(np.int64) + offset) // length,
        start=start,
        label=lambda number: label(start(number)),
        number_of=lambda text: (parse(text) - start(0)) // unit,
    )


def _parsed(pattern: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, pattern).replace(tzinfo=UTC)


def _formatted(pattern: str) -> Callable[[datetime], str]:
    """Year apart: `%Y` pads to four digits on some systems only."""
    return lambda when: f"{when.year:04d}-{when.strftime(pattern)}"


def _week_label(start: datetime) -> str:
    year, week, _ = start.isocalendar()
    return f"{year:04d}-{week:02d}"


def _week_start(text: str) -> datetime:
    year, week = _split(text)
    return datetime.combine(date.fromisocalendar(year, int(week), 1), datetime.min.time(), tzinfo=UTC)


def _split(text: str) -> tuple[int, str]:
    year, _, rest = text.partition("-")
    return int(year), rest


def _dekads(when: Seconds) -> Numbers:
    day: Numbers = (when.astype("datetime64[D]") - when.astype("datetime64[M]")).astype(np.int64)
    dekads: Numbers = _months(when) * 3 + np.minimum(day // 10, 2)
    return dekads


def _dekad_start(number: int) -> datetime:
    return _month_start(number // 3) + timedelta(days=10 * (number % 3))


def _dekad_number(text: str) -> int:
    year, dekad = _split(text)
    return year * 36 + int(dekad) - 1


def _month_number(text: str) -> int:
    year, month = _split(text)
    return year * 12 + int(month) - 1


def _seasons(names: tuple[str, ...], shift: int) -> _Period:
    count = len(names)

    def number_of(text: str) -> int:
        year, name = _split(text)
        return year * count + names.index(name)

    return _of_months(12 // count, shift, lambda n: f"{n // count:04d}-{names[n % count]}", number_of)


def _always(when: Seconds) -> Numbers:
    return np.zeros(when.shape, dtype=np.int64)


_DAY = timedelta(days=1)
_NONE = timedelta()

_PERIODS = {
    "hour": _of_seconds(timedelta(hours=1), _NONE, _formatted("%m-%d-%H"), _parsed("%Y-%m-%d-%H")),
    "date": _of_seconds(_DAY, _NONE, _formatted("%m-%d"), _parsed("%Y-%m-%d")),
    "day": _of_seconds(_DAY, _NONE, _formatted("%j"), _parsed("%Y-%j")),
    "week": _of_seconds(7 * _DAY, 3 * _DAY, _week_label, _week_start),
    "dekad": _Period(
        number=_dekads,
        start=_dekad_start,
        label=lambda number: f"{number // 36:04d}-{number % 36 + 1:02d}",
        number_of=_dekad_number,
    ),
    "month": _of_months(1, 0, lambda number: f"{number // 12:04d}-{number % 12 + 1:02d}", _month_number),
    "season": _seasons(_SEASONS, 1),
    "tropical-season": _seasons(_TROPICAL, 2),
    "year": _of_months(12, 0, lambda number: f"{number:04d}", int),
    "decade": _of_months(120, 0, lambda number: f"{number * 10:04d}", lambda text: int(text) // 10),
    "decade-ad": _of_months(120, -12, lambda number: f"{number * 10 + 1:04d}", lambda text: int(text) // 10),
    "all": _Period(
        number=_always, start=lambda number: _ALWAYS[number], label=lambda _: "all", number_of=("all",).index
    ),
}

PERIODS = tuple(_PERIODS)
"""Names of the periods, shortest first."""
