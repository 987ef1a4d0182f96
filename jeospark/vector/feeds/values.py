"""Columns of text turned into typed columns, with a mask of what is not of the type."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Mask = npt.NDArray[np.bool_]
Parsed = tuple[pa.Array, Mask]
"""Values, null where the text is empty or bad; and True where it is bad."""

_TIME = (
    r"(?:[T ]?(?P<H>\d{2}):?(?P<M>\d{2})(?::?(?P<S>\d{2})(?:\.(?P<f>\d{1,6})\d*)?)?"
    r"(?: ?(?P<sign>[+-])(?P<eH>\d{2})(?::?(?P<eM>\d{2}))?)?)?(?: ?(?:Z|UTC))?$"
)
_COMPACT = r"^(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})" + _TIME
_DASHED = r"^(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})" + _TIME
_AMERICAN = r"^(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4})" + _TIME


def texts(column: pa.Array) -> Parsed:
    """Texts without blanks around them; empty ones are null."""
    trimmed = pc.utf8_trim_whitespace(column)
    known = pc.not_equal(trimmed, "")
    return pc.if_else(known, trimmed, pa.scalar(None, pa.string())), np.zeros(len(column), bool)


def whole(column: pa.Array) -> Parsed:
    """Whole numbers; `12.0` is one."""
    values, _ = texts(column)
    plain = pc.replace_substring_regex(values, r"^\+|\.0*$", "")
    return _cast(plain, r"^-?\d{1,18}$", pa.int64())


def real(column: pa.Array) -> Parsed:
    """Numbers."""
    values, _ = texts(column)
    return _cast(values, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$", pa.float64())


def instant(column: pa.Array) -> Parsed:
    """Instants in UTC, from `YYYYMMDD[hhmmss]` or ISO 8601, with an offset where it is not UTC."""
    values, _ = texts(column)
    dashed = pc.match_substring(values, "-").fill_null(fill_value=False)
    compact, bad_compact = moments(pc.if_else(dashed, pa.scalar(None, pa.string()), values), _COMPACT)
    iso, bad_iso = moments(pc.if_else(dashed, values, pa.scalar(None, pa.string())), _DASHED)
    return pc.coalesce(compact, iso), bad_compact | bad_iso


def day(column: pa.Array) -> Parsed:
    """Dates, from what `instant` reads; the time of the day goes."""
    values, bad = instant(column)
    return values.cast(pa.date32(), safe=False), bad


def american_day(column: pa.Array) -> Parsed:
    """Dates, from month/day/year, or from what `instant` reads."""
    values, _ = texts(column)
    slashed = pc.match_substring(values, "/").fill_null(fill_value=False)
    american, bad = moments(pc.if_else(slashed, values, pa.scalar(None, pa.string())), _AMERICAN)
    others, worse = instant(pc.if_else(slashed, pa.scalar(None, pa.string()), values))
    return pc.coalesce(american, others).cast(pa.date32(), safe=False), bad | worse


def moments(values: pa.Array, pattern: str) -> Parsed:
    """Instants in UTC, from texts with the groups y, m, d and, where there is a time, those of `_TIME`.

    A day that its month does not have is bad.
    """
    found = pc.extract_regex(values, pattern)
    year, month, date, hour, minute, second = (_group(found, name, 1 if name in "md" else 0) for name in "ymdHMS")
    east_hour, east_minute = _group(found, "eH", 0), _group(found, "eM", 0)
    ahead = np.where(pc.equal(pc.struct_field(found, "sign"), "-").fill_null(fill_value=False), -1, 1)
    parts = pc.utf8_rpad(pc.struct_field(found, "f"), 6, "0").cast(pa.int64()).fill_null(0)
    months = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + (month - 1)
    days = months.astype("datetime64[D]") + (date - 1)
    good = (month >= 1) & (month <= 12) & (date >= 1) & (days.astype("datetime64[M]") == months)
    good &= (hour < 24) & (minute < 60) & (second < 61) & found.is_valid().to_numpy(zero_copy_only=False)
    good &= (east_hour < 24) & (east_minute < 60)
    minutes = hour * 60 + minute - ahead * (east_hour * 60 + east_minute)
    moment = days.astype("datetime64[us]") + (minutes * 60 + second).astype("timedelta64[s]")
    moment += parts.to_numpy(zero_copy_only=False).astype("timedelta64[us]")
    result = pa.array(moment, pa.timestamp("us"), mask=~good).cast(pa.timestamp("us", tz="UTC"))
    return result, ~good & values.is_valid().to_numpy(zero_copy_only=False)


def _group(found: pa.Array, name: str, default: int) -> npt.NDArray[np.int64]:
    group = pc.struct_field(found, name)
    known = pc.if_else(pc.equal(group, ""), pa.scalar(None, pa.string()), group)
    numbers: npt.NDArray[np.int64] = known.cast(pa.int64()).fill_null(default).to_numpy(zero_copy_only=False)
    return numbers


def _cast(values: pa.Array, pattern: str, kind: pa.DataType) -> Parsed:
    good = pc.match_substring_regex(values, pattern)
    kept = pc.if_else(good, values, pa.scalar(None, pa.string())).cast(kind)
    return kept, ~good.fill_null(fill_value=True).to_numpy(zero_copy_only=False)


PARSERS: dict[str, tuple[Callable[[pa.Array], Parsed], pa.DataType, str]] = {
    "text": (texts, pa.string(), "text"),
    "whole": (whole, pa.int64(), "a whole number"),
    "real": (real, pa.float64(), "a number"),
    "instant": (instant, pa.timestamp("us", tz="UTC"), "an instant"),
    "day": (day, pa.date32(), "a date"),
    "american_day": (american_day, pa.date32(), "a date as month/day/year"),
}
"""What a column can be: its reader, its type, and its name in a reject."""


def shown(text: Any) -> str:
    """A value in the text of a reject."""
    plain = str(text)
    return plain if len(plain) <= 40 else f"{plain[:39]}…"
