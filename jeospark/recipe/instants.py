"""Instants and intervals of time as openEO writes them (RFC 3339); all in UTC."""

import re
from datetime import UTC, datetime, timedelta
from typing import Self

from jeospark.recipe.failures import bad_argument

MIDNIGHT = re.compile(r"(?:(?<=[Tt ])|^)24:00(:00(\.0+)?)?")
"""The end of a day."""
Interval = tuple[datetime | None, datetime | None]
"""Start, inclusive, and end, exclusive; None = open."""


class PeriodLabel(str):
    """The label of a period, such as 2019-07, which knows when the period starts."""

    __slots__ = ("start",)
    start: datetime

    def __new__(cls, text: str, start: datetime) -> Self:
        """Make a label."""
        label = super().__new__(cls, text)
        label.start = start
        return label

    def __reduce__(self) -> tuple[type["PeriodLabel"], tuple[str, datetime]]:
        """Let copies and pickles know the start."""
        return PeriodLabel, (str(self), self.start)


def instant(text: str) -> datetime:
    """Read a date or a date and time; without a time zone it is UTC.

    Raises:
        ArgumentError: The text is neither.
    """
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise bad_argument(
            "TemporalExtentInvalid", f"'{text}' is no date", remedy="Write it like 2019-07-14."
        ) from error
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def end_instant(text: str) -> datetime:
    """Read an instant at which something ends: openEO lets a day end at 24 o'clock, where RFC 3339 has none.

    Raises:
        ArgumentError: See `instant`.
    """
    midnight = MIDNIGHT.sub("00:00:00", text, count=1)
    return instant(text) if midnight == text else instant(midnight) + timedelta(days=1)


def interval(extent: object) -> Interval:
    """Read a pair of start and end, either of which may be null.

    Raises:
        ArgumentError: It is no pair, an element is no date, or the end is not after the start.
    """
    pair = extent if isinstance(extent, (list, tuple)) else ()
    if len(pair) != 2 or not all(end is None or isinstance(end, str) for end in pair):
        remedy = 'Write it like ["2019-07-01", "2019-08-01"]; null is open.'
        raise bad_argument("TemporalExtentInvalid", f"{extent!r} is no pair of a start and an end", remedy=remedy)
    start, end = (None if text is None else read(text) for text, read in zip(pair, (instant, end_instant), strict=True))
    if start is not None and end is not None and start >= end:
        raise bad_argument("TemporalExtentEmpty", f"{pair[1]} is not after {pair[0]}", remedy="Swap them.")
    return start, end


def holds(period: Interval, when: datetime) -> bool:
    """Tell whether an instant lies in an interval."""
    start, end = period
    return (start is None or when >= start) and (end is None or when < end)
