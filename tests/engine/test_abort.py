import os
import signal
import subprocess
import sys
import threading
from time import sleep

import pytest

from jeospark.engine.abort import LONGEST, named_abort, resuming
from jeospark.errors import RunFailedError


@pytest.mark.spark
def test_a_run_that_spark_gives_up_is_told_with_its_cause_and_how_to_go_on(spark):
    def die(batches):
        os.kill(os.getpid(), signal.SIGKILL)
        yield from batches

    def lost():
        with named_abort(spark.sparkContext, "/out put", resuming("/out put")):
            spark.range(1).mapInArrow(die, "id long").toArrow()

    with pytest.raises(RunFailedError) as caught:
        lost()
    assert "Python worker exited unexpectedly" in caught.value.what
    assert len(caught.value.what) < LONGEST + 50
    assert "\n" not in str(caught.value)
    assert "jeospark resume '/out put'" in caught.value.remedy


@pytest.mark.spark
def test_an_interrupt_is_told_as_one(spark, tmp_path):
    started = tmp_path / "started"

    def wait(batches):
        started.touch()
        sleep(60)
        yield from batches

    def interrupt():
        while not started.exists():
            sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    def cut_short():
        with named_abort(spark.sparkContext, "out", resuming("out")):
            spark.range(1).mapInArrow(wait, "id long").toArrow()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(RunFailedError, match="the run was interrupted") as caught:
        cut_short()
    thread.join()
    assert "jeospark resume out" in caught.value.remedy


@pytest.mark.spark
def test_a_spark_that_does_not_start_is_told_in_one_line():
    """In a process of its own, as there is a session here."""
    code = """
from jeospark.engine.session import spark_session
from jeospark.errors import RunFailedError
try:
    spark_session("x", {"spark.master": "nowhere"})
except RunFailedError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Spark does not start: ")
    assert "See that its master runs" in done.stdout
    assert done.stdout.count("\n") == 1
