"""Ctrl-C while Spark starts."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from time import monotonic, sleep

import pytest

from jeospark.engine.interrupts import uninterrupted

START = """
import signal
from jeospark.engine.session import spark_session
# Who starts the tests may ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
print("imported", flush=True)
spark_session("test")
"""


def test_an_interrupt_waits_for_the_end():
    done, before = [], signal.getsignal(signal.SIGINT)

    def work():
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append(1)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == [1]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_handler_that_comes_meanwhile_stays():
    before = signal.getsignal(signal.SIGINT)
    try:
        with uninterrupted():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_are_let_be():
    entered = []

    def enter():
        with uninterrupted():
            entered.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert entered == [signal.getsignal(signal.SIGINT)]


@pytest.mark.spark
def test_no_jvm_is_left():
    command = [sys.executable, "-c", START]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout.readline() == "imported\n"
    # The JVM is on its way, and has not yet told where it listens.
    sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in process.communicate(timeout=120)[1]
    latest = monotonic() + 60
    while left := _of_session(process.pid):
        assert monotonic() < latest, left
        sleep(0.2)


def _of_session(leader):
    """Processes of a session that are still there."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            ended = (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if os.getsid(int(folder.name)) == leader and not ended:
                found.append(folder.name)
        except (ProcessLookupError, FileNotFoundError):
            continue
    return found
