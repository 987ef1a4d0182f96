"""Each layer imports only what lies below it; a fresh interpreter tells what an import really brings."""

import json
import subprocess
import sys

import pytest

PROBE = """
import importlib, json, pkgutil, sys
root = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(getattr(root, "__path__", []), root.__name__ + "."):
    importlib.import_module(module.name)
print(json.dumps(sorted(sys.modules)))
"""
ABOVE_TASK = ("pyspark", "sedona", "jeospark.engine", "jeospark.sql", "jeospark.cli", "jeospark.report")
FORBIDDEN = {
    "udfs": ("jeospark", "rasterio", "pyspark", "pyarrow", "pandas"),
    "jeospark.errors": ("numpy", "rasterio", "pyspark", "pandas"),
    "jeospark.model": ("rasterio", "odc", "pyarrow", "pyspark", "pandas"),
    "jeospark.settings": ("numpy", "rasterio", "pyspark", "pandas"),
    "jeospark.periods": ("rasterio", "odc", "pyarrow", "pyspark", "pandas"),
    "jeospark.tiling": ("rasterio", "odc", "pyspark", "pandas"),
    "jeospark.grid": ("rasterio", "pyspark", "pandas", "jeospark.catalog", "jeospark.recipe", "jeospark.raster"),
    "jeospark.recipe": ("rasterio", "pandas", "jeospark.catalog", "jeospark.raster", "jeospark.storage", *ABOVE_TASK),
    "jeospark.catalog": ("rasterio", "jeospark.raster", "jeospark.recipe", "jeospark.task", *ABOVE_TASK),
    "jeospark.raster": ("pandas", "jeospark.catalog", "jeospark.recipe", "jeospark.task", *ABOVE_TASK),
    "jeospark.storage": ("pandas", "jeospark.catalog", "jeospark.recipe", "jeospark.raster", *ABOVE_TASK),
    "jeospark.task": ("pandas", *ABOVE_TASK),
    "jeospark.engine": ("sedona", "jeospark.sql", "jeospark.lab"),
    "jeospark.vector": ("IPython", "jeospark.sql", "jeospark.cli", "jeospark.lab"),
    "jeospark.sql": ("IPython", "jeospark.cli", "jeospark.lab"),
    "jeospark.submit": ("sedona", "IPython", "jeospark.sql", "jeospark.cli", "jeospark.lab"),
    "jeospark.planning": ("pandas", "rasterio", "jeospark.task", *ABOVE_TASK),
}


def imported(package: str) -> set[str]:
    """Modules that importing all of a package brings."""
    done = subprocess.run([sys.executable, "-c", PROBE, package], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def within(modules: set[str], forbidden: tuple[str, ...]) -> set[str]:
    return {name for name in forbidden if any(module == name or module.startswith(name + ".") for module in modules)}


@pytest.mark.parametrize("package", FORBIDDEN)
def test_a_layer_brings_nothing_from_above(package: str) -> None:
    assert within(imported(package), FORBIDDEN[package]) == set()


@pytest.mark.parametrize("package", ["jeospark", "jeospark.cli"])
def test_the_front_doors_open_fast(package: str) -> None:
    code = f"import json, sys, {package}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert within(set(json.loads(done.stdout)), ("pandas", "pyspark", "rasterio")) == set()


def test_the_probe_sees_a_trespass() -> None:
    assert within(imported("jeospark.raster.env"), ("rasterio",)) == {"rasterio"}
