import time

import pytest

from jeospark.errors import SqlLimitError

pytestmark = pytest.mark.spark


def test_rows(rows):
    assert len(rows("SELECT id FROM range(10)", rows=10)) == 10
    with pytest.raises(SqlLimitError, match="more than 9 rows"):
        rows("SELECT id FROM range(10)", rows=9)


def test_bytes(rows):
    query = "SELECT repeat('x', 1000) FROM range(1000)"
    assert len(rows(query, nbytes=2_000_000)) == 1000
    with pytest.raises(SqlLimitError, match="more than 100000 bytes"):
        rows(query, nbytes=100_000)


def test_seconds_and_the_session_lives_on(rows, spark):
    with pytest.raises(SqlLimitError, match=r"longer than 0\.5 s"):
        rows("SELECT count(*) FROM range(1000000000000) a WHERE hash(id) = 1", seconds=0.5)
    tracker = spark.sparkContext.statusTracker()
    while tracker.getActiveJobsIds():
        time.sleep(0.05)
    assert rows("SELECT count(*) FROM items", seconds=60) == [(4,)]
