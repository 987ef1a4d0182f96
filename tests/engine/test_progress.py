import re
import time
from importlib import import_module

import pytest

from jeospark.engine import progress
from jeospark.engine.progress import line, watching


@pytest.mark.parametrize(
    ("done", "total", "seconds", "text"),
    [
        (250_000, 1_000_000, 5.0, "x: 25 % (250 kpx of 1 Mpx), 50 kpx/s, 0:15 left"),
        (0, 1_000_000, 5.0, "x: 0 % (0 px of 1 Mpx), 0 px/s, time left unknown"),
        (0, 1_000_000, 0.0, "x: 0 % (0 px of 1 Mpx), 0 px/s, time left unknown"),
        (1_000_000, 1_000_000, 2.0, "x: 100 % (1 Mpx of 1 Mpx), 500 kpx/s, 0:00 left"),
        (996_000, 1_000_000, 1.0, "x: 99 % (996 kpx of 1 Mpx), 996 kpx/s, 0:00 left"),
        (1_000_000, 7_201_000_000, 1.0, "x: 0 % (1 Mpx of 7.2 Gpx), 1 Mpx/s, 2:00:00 left"),
        (0, 0, 1.0, "x: 100 % (0 px of 0 px), 0 px/s, time left unknown"),
    ],
)
def test_a_line(done, total, seconds, text):
    assert line("x", done, total, seconds) == text


def test_a_log_gets_lines_with_the_time_left(monkeypatch, capsys):
    monkeypatch.setattr(progress, "POLL", 0.01)
    monkeypatch.setattr(progress, "LOG_EVERY", 0.02)
    done = [0]
    with watching(4_000_000, lambda: done[-1], "NDVI"):
        for count in (0, 1_000_000, 2_000_000, 2_000_000, 4_000_000):
            done.append(count)
            time.sleep(0.1)
    lines = capsys.readouterr().err.splitlines()
    assert [int(re.search(r"(\d+) %", each)[1]) for each in lines] == [0, 25, 50, 100]
    assert all(each.startswith("NDVI: ") and each.endswith(("left", "unknown")) for each in lines)


def test_the_last_line_tells_the_end(capsys):
    count = 0
    with watching(3_000_000, lambda: count, "x"):
        count = 3_000_000
    assert "100 %" in capsys.readouterr().err.splitlines()[-1]


def test_an_error_passes_and_the_watch_ends(capsys):
    with pytest.raises(ValueError, match="broken"), watching(1, lambda: 0, "x"):
        raise ValueError("broken")
    shown = capsys.readouterr().err
    time.sleep(0.05)
    assert "0 %" in shown
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(progress, "POLL", 0.01)
    with watching(2_000_000, lambda: 2_000_000, "x"):
        time.sleep(0.05)
    assert "100%" in capsys.readouterr().err


def test_a_program_that_runs_notebooks_gets_lines(capsys):
    import_module("ipykernel.kernelapp")
    with watching(3_000_000, lambda: 3_000_000, "x"):
        pass
    assert capsys.readouterr().err.startswith("x: 100 % (3 Mpx of 3 Mpx), ")


def test_a_kernel_gets_a_bar(monkeypatch, capsys):
    kernel = import_module("ipykernel.kernelapp").IPKernelApp
    monkeypatch.setattr(kernel, "_instance", kernel())
    with watching(2_000_000, lambda: 2_000_000, "x"):
        pass
    assert "100%" in capsys.readouterr().err
