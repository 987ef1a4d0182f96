"""Units dealt to buckets: all rows of one to one bucket, those of a period to few."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from jeospark.catalog.store import Catalog, Span
from jeospark.planning.deal import dealing

START = datetime(2020, 1, 1, tzinfo=UTC)
SPANS = st.lists(st.tuples(st.integers(0, 900), st.integers(0, 40), st.integers(1, 50)), max_size=8)


def spans(found):
    return [
        Span(first=START + timedelta(days=day), last=START + timedelta(days=day + length), items=items)
        for day, length, items in found
    ]


def rows(tiles, labels):
    return pa.table({"tile": [tile for tile in tiles for _ in labels], "period": [*labels] * len(tiles)})


@given(found=SPANS, period=st.sampled_from(["date", "month", "year", "all"]), size=st.integers(1, 40))
def test_every_unit_has_one_bucket_that_exists(found, period, size):
    dealt = dealing(spans(found), period, 1.5, size)
    total = 1.5 * sum(items for *_, items in found)
    assert total / size <= dealt.buckets <= total / size + 1.001
    table = rows([f"t{number}" for number in range(20)], [*dealt.shares, "unheard-of"])
    codes = dealt.codes(table)
    assert 0 <= codes.min() <= codes.max() < dealt.buckets
    assert dealt.codes(pa.concat_tables([table] * 2).slice(3)).tolist() == [*codes[3:], *codes]


def test_periods_share_buckets_by_what_they_hold():
    months = [Span(first=START, last=START + timedelta(days=30), items=10),
              Span(first=START + timedelta(days=31), last=START + timedelta(days=50), items=90)]  # fmt: skip
    dealt = dealing(months, "month", 2.0, 10)
    assert (dealt.buckets, dealt.shares) == (20, {"2020-01": range(2), "2020-02": range(2, 20)})
    tiles = [f"t{number}" for number in range(500)]
    assert set(dealt.codes(rows(tiles, ["2020-02"])).tolist()) == set(range(2, 20))


def test_a_catalogue_tells_the_spans_of_its_row_groups(make_archive):
    archive = make_archive()
    for day in (4, 9, 30):
        archive.item(f"i{day}", f"2020-05-{day:02d}")
    (span,) = Catalog(archive.save().catalog).spans("s2")
    assert span == Span(
        first=START.replace(month=5, day=4, hour=10), last=START.replace(month=5, day=30, hour=10), items=3
    )
