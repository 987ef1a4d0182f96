from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jeospark.errors import ArgumentError
from jeospark.periods import PERIODS, bounds, label, labels, labels_between

instants = st.datetimes(
    datetime.fromisoformat("1678-01-01"), datetime.fromisoformat("2261-12-31"), timezones=st.just(UTC)
)
periods = st.sampled_from(PERIODS)
finite = st.sampled_from([name for name in PERIODS if name != "all"])


@pytest.mark.parametrize(
    ("period", "when", "expected", "start", "end"),
    [
        ("hour", "2019-07-14T23:59:59", "2019-07-14-23", "2019-07-14T23", "2019-07-15T00"),
        ("date", "2019-07-14T10:00:00", "2019-07-14", "2019-07-14", "2019-07-15"),
        ("day", "2020-12-31T10:00:00", "2020-366", "2020-12-31", "2021-01-01"),
        ("week", "2021-01-03T10:00:00", "2020-53", "2020-12-28", "2021-01-04"),
        ("week", "2019-12-30T00:00:00", "2020-01", "2019-12-30", "2020-01-06"),
        ("dekad", "2019-01-31T00:00:00", "2019-03", "2019-01-21", "2019-02-01"),
        ("dekad", "2020-02-29T00:00:00", "2020-06", "2020-02-21", "2020-03-01"),
        ("dekad", "2019-12-31T00:00:00", "2019-36", "2019-12-21", "2020-01-01"),
        ("month", "2019-12-31T00:00:00", "2019-12", "2019-12-01", "2020-01-01"),
        ("season", "2018-12-01T00:00:00", "2019-djf", "2018-12-01", "2019-03-01"),
        ("season", "2019-02-28T00:00:00", "2019-djf", "2018-12-01", "2019-03-01"),
        ("season", "2019-07-14T00:00:00", "2019-jja", "2019-06-01", "2019-09-01"),
        ("tropical-season", "2018-11-01T00:00:00", "2019-ndjfma", "2018-11-01", "2019-05-01"),
        ("tropical-season", "2019-10-31T00:00:00", "2019-mjjaso", "2019-05-01", "2019-11-01"),
        ("year", "2019-07-14T00:00:00", "2019", "2019-01-01", "2020-01-01"),
        ("decade", "2019-07-14T00:00:00", "2010", "2010-01-01", "2020-01-01"),
        ("decade-ad", "2020-07-14T00:00:00", "2011", "2011-01-01", "2021-01-01"),
        ("all", "2019-07-14T00:00:00", "all", "1678-01-01", "2262-01-01"),
    ],
)
def test_labels_and_bounds_are_those_of_openeo(period: str, when: str, expected: str, start: str, end: str) -> None:
    assert label(period, datetime.fromisoformat(when)) == expected
    limits = tuple(datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end))
    assert bounds(period, expected) == limits


@given(periods, instants)
def test_an_instant_lies_within_the_bounds_of_its_label(period: str, when: datetime) -> None:
    start, end = bounds(period, label(period, when))
    assert start <= when < end


@given(finite, instants)
def test_periods_follow_each_other_without_gap(period: str, when: datetime) -> None:
    start, end = bounds(period, label(period, when))
    assert bounds(period, label(period, end))[0] == end
    assert bounds(period, label(period, start - timedelta(microseconds=1)))[1] == start


@given(periods, st.lists(instants, min_size=1, max_size=20))
def test_many_instants_get_the_labels_of_each(period: str, many: list[datetime]) -> None:
    array = np.array([when.replace(tzinfo=None) for when in many], dtype="datetime64[s]")
    assert labels(period, array).tolist() == [label(period, when) for when in many]


@given(periods, instants)
def test_labels_are_safe_in_file_names(period: str, when: datetime) -> None:
    assert set(label(period, when)) <= set("0123456789-abcdefghijklmnopqrstuvwxyz")


def test_labels_keep_the_shape_and_accept_no_instants() -> None:
    square = np.array([["2019-01-01", "2019-02-01"], ["2019-02-02", "2020-01-01"]], dtype="datetime64[ns]")
    assert labels("month", square).tolist() == [["2019-01", "2019-02"], ["2019-02", "2020-01"]]
    assert labels("month", square[:0]).shape == (0, 2)


def test_labels_between_have_no_holes() -> None:
    first, last = datetime(2019, 11, 5, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC)
    assert labels_between("month", first, last) == ("2019-11", "2019-12", "2020-01", "2020-02")
    assert labels_between("all", first, last) == ("all",)


def test_local_time_is_brought_to_utc() -> None:
    assert label("date", datetime(2019, 7, 14, 1, tzinfo=timezone(timedelta(hours=2)))) == "2019-07-13"


def test_an_unknown_period_is_refused_with_a_hint() -> None:
    with pytest.raises(ArgumentError, match="Did you mean 'month'"):
        labels("monht", np.array(["2019-01-01"], dtype="datetime64[s]"))


@pytest.mark.parametrize(
    ("period", "text"),
    [
        ("month", "2019-13"),
        ("month", "2019-7"),
        ("dekad", "2019-00"),
        ("dekad", "2019-37"),
        ("season", "2019-JJA"),
        ("day", "2019-366"),
        ("week", "2019-53"),
        ("year", "x"),
        ("year", "99999"),
        ("decade", "2015"),
        ("all", "2019"),
    ],
)
def test_a_text_that_is_no_label_is_refused(period: str, text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        bounds(period, text)
