"""Compiled kernels are kept where that can be done, and compiled all the same where it cannot."""

import os
import shutil
import subprocess
import sys

import udfs.jit

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


def outer(folder):
    program = "from udfs.outer import outer; print(outer(1.0), sum(outer.stats.cache_hits.values()))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True,
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache")},
    )  # fmt: skip
    return done.stdout.strip()


def test_a_kernel_is_compiled_anew_when_one_that_it_calls_changes(tmp_path):
    package = tmp_path / "udfs"
    package.mkdir()
    (package / "__init__.py").touch()
    shutil.copy(udfs.jit.__file__, package)
    inner = "from udfs.jit import compiled\n@compiled()\ndef inner(x):\n    return x + {}\n"
    (package / "inner.py").write_text(inner.format(1))
    (package / "outer.py").write_text(
        "from udfs.inner import inner\nfrom udfs.jit import compiled\n@compiled()\ndef outer(x):\n    return inner(x)\n"
    )
    assert [outer(tmp_path), outer(tmp_path)] == ["2.0 0", "2.0 1"]
    (package / "inner.py").write_text(inner.format(20))
    assert outer(tmp_path) == "21.0 0"
