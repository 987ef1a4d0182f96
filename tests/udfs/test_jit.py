"""Compiled kernels are kept where that can be done, and compiled all the same where it cannot."""

import os
import subprocess
import sys

CALL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
import numpy as np
from udfs.predictor import add_up
out = np.empty((1, 3), np.uint8)
add_up(np.array([[1, 1, 1]], np.uint8), 0, 0, out)
print(out.tolist(), sum(add_up.stats.cache_hits.values()))
"""


def call(folder, limit):
    done = subprocess.run(
        [sys.executable, "-c", CALL, str(limit)], capture_output=True, text=True, check=True,
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder)},
    )  # fmt: skip
    return done.stdout.strip()


def test_full_disk_costs_no_result(tmp_path):
    assert call(tmp_path, 100) == "[[1, 2, 3]] 0"
    assert call(tmp_path, 1 << 30) == "[[1, 2, 3]] 0"
    assert call(tmp_path, 1 << 30) == "[[1, 2, 3]] 1"
