import os
import signal

import pytest

from jeospark.engine.abort import LONGEST, named_abort
from jeospark.errors import RunFailedError


@pytest.mark.spark
def test_a_run_that_spark_gives_up_is_told_with_its_cause_and_how_to_go_on(spark):
    def die(batches):
        os.kill(os.getpid(), signal.SIGKILL)
        yield from batches

    def lost():
        with named_abort("/out put"):
            spark.range(1).mapInArrow(die, "id long").toArrow()

    with pytest.raises(RunFailedError) as caught:
        lost()
    assert "Python worker exited unexpectedly" in caught.value.what
    assert len(caught.value.what) < LONGEST + 50
    assert "\n" not in str(caught.value)
    assert "jeospark resume '/out put'" in caught.value.remedy
