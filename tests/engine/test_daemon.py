"""Workers come from jeospark's own daemon, and what makes their tasks cheap holds in them."""

import pyarrow as pa
import pytest

pytestmark = pytest.mark.spark


def look(batches):
    import gc
    import os
    import sys
    from zipimport import zipimporter

    for batch in batches:
        kept = zipimporter.invalidate_caches.__module__
        loaded = "jeospark.engine.worker" in sys.modules
        for _ in range(batch.num_rows):
            row = {"pid": os.getpid(), "frozen": gc.get_freeze_count(), "kept": kept, "loaded": loaded}
            yield pa.RecordBatch.from_pylist([row])


def test_tasks_reuse_workers_that_share_what_the_daemon_imported(spark):
    schema = "pid long, frozen long, kept string, loaded boolean"
    rows = spark.range(0, 16, 1, 16).mapInArrow(look, schema).collect()
    assert len(rows) == 16
    # Two at once; a busy machine may ask for one before another is given back.
    assert len({row["pid"] for row in rows}) < 8
    assert all(row["frozen"] > 10_000 and row["loaded"] for row in rows)
    assert {row["kept"] for row in rows} == {"__main__"}
