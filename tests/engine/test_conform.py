from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jeospark.errors import PlanError
from jeospark.model import ItemRef, Outcome, Reject, Source, Unit
from jeospark.schema import OUTCOMES, UNITS, conform, outcome_batch, outcome_of, unit_of

SCHEMA = pa.schema([("a", pa.int32()), ("b", pa.int32()), ("c", pa.string())])


def test_columns_go_by_name():
    batch = pa.RecordBatch.from_pydict({"c": ["x"], "b": pa.array([2], pa.int64()), "more": [0.5], "a": [1]})
    fitted = conform(batch, SCHEMA)
    assert fitted.schema == SCHEMA
    assert fitted.to_pylist() == [{"a": 1, "b": 2, "c": "x"}]


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({"a": [1], "c": ["x"]}, "lacks b"),
        ({"a": [1], "b": [2**40], "c": ["x"]}, "does not fit"),
        ({"a": [1], "b": ["two"], "c": ["x"]}, "does not fit"),
        ({"a": [1.5], "b": [2], "c": ["x"]}, "does not fit"),
        ({"a": [[1]], "b": [2], "c": ["x"]}, "does not fit"),
    ],
)
def test_what_does_not_fit_is_named(columns, word):
    with pytest.raises(PlanError, match=word):
        conform(pa.RecordBatch.from_pydict(columns), SCHEMA)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
numbers = st.floats(allow_nan=False, width=64)
whole = st.integers(0, 2**31 - 1)
times = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
transforms = st.tuples(*[numbers] * 6)
sources = st.builds(
    Source,
    band=texts,
    href=texts,
    variable=st.none() | texts,
    index=st.integers(1, 500),
    data_type=st.none() | st.just("uint16"),
    nodata=st.none() | numbers,
    scale=st.none() | numbers,
    offset=st.none() | numbers,
    crs=st.none() | texts,
    transform=st.none() | transforms,
    shape=st.none() | st.tuples(whole, whole),
    size=st.none() | st.integers(0, 2**60),
)
items = st.builds(
    ItemRef,
    item_id=texts,
    observation=texts,
    datetime=times,
    footprint=st.none() | st.binary(max_size=20),
    sources=st.lists(sources, max_size=3).map(tuple),
)
units = st.builds(
    Unit,
    unit_id=texts, tile=texts, period=texts, start=times, end=times, crs=texts, transform=transforms,
    shape=st.tuples(whole, whole), output_href=texts, digest=texts, items=st.lists(items, max_size=3).map(tuple),
)  # fmt: skip
rejects = st.builds(Reject, item_id=texts, band=texts, asset=texts, error=texts, message=texts)
outcomes = st.builds(
    Outcome,
    unit_id=texts,
    tile=texts,
    period=texts,
    status=st.sampled_from(["done", "skipped", "empty", "failed"]),
    href=st.none() | texts,
    error=st.none() | texts,
    message=st.none() | texts,
    items=whole,
    pixels=st.integers(0, 2**60),
    seconds=numbers,
    rejects=st.lists(rejects, max_size=3).map(tuple),
    started=st.none() | times,
)


@given(st.lists(outcomes, max_size=4))
def test_outcomes_come_back_as_they_went(given_outcomes):
    batch = conform(outcome_batch(given_outcomes), OUTCOMES)
    assert batch.schema == OUTCOMES
    assert [outcome_of(row) for row in batch.to_pylist()] == given_outcomes


@given(units)
def test_units_come_back_as_they_went(unit):
    from dataclasses import asdict

    batch = conform(pa.RecordBatch.from_pylist([asdict(unit)], schema=UNITS), UNITS)
    assert unit_of(batch.to_pylist()[0]) == unit
