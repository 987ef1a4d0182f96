"""Compiled recipes: the numbers of the plain evaluator, kernels kept on disk, and what is left to the evaluator."""

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from jeospark.errors import RecipeError
from jeospark.grid import geobox_from
from jeospark.lab.recipe import load_collection
from jeospark.model import Chunk
from jeospark.recipe.analysis import mask_plan, output_bands
from jeospark.recipe.compiled import compile_recipe
from jeospark.recipe.evaluate import evaluate

BANDS = ("B04", "B08", "SCL")
CUBE = load_collection("any", bands=list(BANDS))
CLEAR = CUBE.mask_classes([3, 8], dilation=0)
NDVI = CLEAR.ndvi("B08", "B04")
GEOBOX = geobox_from("EPSG:32631", (10.0, 0.0, 500000.0, 0.0, -10.0, 5000000.0), (3, 600))


@dataclass(frozen=True)
class Stored:
    data: np.ndarray
    nodata: float
    scales: np.ndarray
    offsets: np.ndarray

    def physical(self):
        return self.data.astype(np.float32) * self.scales[:, None, None] + self.offsets[:, None, None]

    def valid(self):
        return ~np.isnan(self.data) if np.isnan(self.nodata) else self.data != self.nodata


def stacks(dates, seed=0, dtype="uint16"):
    """Bands with nodata and pixels where both are 0, and classes, at 3 rows and 600 columns: a run and a part."""
    random = np.random.default_rng(seed)
    shape, scales = (dates, 3, 600), np.full(dates, 1e-4, np.float32)
    bands = [random.integers(0, 40 if seed % 2 else 9000, shape).astype(dtype) for _ in range(2)]
    offsets = np.where(np.arange(dates) % 2, -0.1, 0).astype(np.float32)
    classes = random.integers(0, 12, shape).astype(np.uint8)
    classes[:, 0, :50] = 3
    plain = np.ones(dates, np.float32), np.zeros(dates, np.float32)
    return [*(Stored(band, 7, scales, offsets) for band in bands), Stored(classes, 0, *plain)]


def cube_of(stored):
    start = datetime(2019, 7, 1, tzinfo=UTC)
    labels = {"t": tuple(start + timedelta(days=day) for day in range(len(stored[0].data))), "bands": BANDS}
    data = np.stack([one.physical() for one in stored], axis=1)
    return Chunk(data, np.stack([one.valid() for one in stored], axis=1), ("t", "bands", "y", "x"), labels, GEOBOX)


def computed(kernel, stored, usable, shape):
    out, valid = np.empty(shape, kernel.dtype), np.empty(shape, np.bool_)
    kernel.run([stored[BANDS.index(band)] for band in kernel.bands], usable, out, valid, GEOBOX)
    return out, valid


def assert_same(recipe, stored, folder):
    plan = mask_plan(recipe.graph)
    kernel = compile_recipe(recipe.graph, plan and plan.node, BANDS, str(folder))
    assert kernel is not None
    cube, known, usable = cube_of(stored), {}, None
    if plan:
        known = {plan.node: evaluate(recipe.graph, lambda *_: cube, node=plan.node)}
        usable = ~(known[plan.node].data & known[plan.node].valid)
    expected = evaluate(recipe.graph, lambda *_: cube, known=known)
    data = expected.data.reshape(-1, 3, 600)
    valid = np.broadcast_to(expected.valid, expected.data.shape).reshape(data.shape) & np.isfinite(data)
    out, out_valid = computed(kernel, stored, usable, data.shape)
    np.testing.assert_array_equal(out_valid, valid)
    np.testing.assert_array_equal(out[valid], data[valid])
    assert kernel.outputs == output_bands(recipe.graph, BANDS)
    return kernel


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kernels")


def composite():
    median, greatest = NDVI.aggregate("month", "median"), NDVI.aggregate("month", "max")
    bands = CLEAR.bands("B08", "B04").aggregate("month", "median")
    number = CLEAR.bands("B08").aggregate("month", "count").rename_bands({"B08": "count"})
    return bands.merge(median.as_band("median"), greatest.as_band("max"), number).save()


def every_reducer():
    names = ("mean", "sum", "min", "sd", "variance", "first", "last")
    parts = [NDVI.reduce(name).as_band(name) for name in names]
    node = {"process_id": "multiply", "arguments": {"x": {"from_parameter": "x"}, "y": 0.3}, "result": True}
    return parts[0].merge(*parts[1:]).process("apply", process={"process_graph": {"times": node}}).save()


@pytest.mark.parametrize("make", [composite, every_reducer])
@pytest.mark.parametrize(("dates", "seed"), [(1, 0), (2, 1), (7, 2), (8, 3), (13, 4)])
def test_a_compiled_recipe_equals_the_plain_evaluator(make, dates, seed, folder):
    assert_same(make(), stacks(dates, seed), folder)


def test_kernels_take_any_stored_type(folder):
    assert_same(NDVI.reduce("median").save(), stacks(5, dtype="float32"), folder)


def test_views_that_are_not_contiguous_are_taken_too(folder):
    wide = stacks(4)
    every = [Stored(np.asfortranarray(one.data), one.nodata, one.scales, one.offsets) for one in wide]
    assert_same(NDVI.reduce("median").save(), every, folder)


def test_a_filter_bbox_cuts_the_window(folder):
    place = {"west": 500095.0, "south": 4999975.0, "east": 503000.0, "north": 5000000.0, "crs": 32631}
    recipe = CUBE.process("filter_bbox", extent=place).mask_classes([3], dilation=0).ndvi("B08", "B04").reduce("median")
    kernel = assert_same(recipe.save(), stacks(3), folder)
    assert kernel.boxes == (place,)
    with pytest.raises(RecipeError, match="lacks its dates, mask or place"):
        kernel.run(
            stacks(3)[:2], np.ones((3, 3, 600), np.bool_), np.empty((1, 3, 600)), np.empty((1, 3, 600), np.bool_)
        )


def test_the_mask_must_be_given(folder):
    kernel = compile_recipe(NDVI.reduce("median").graph, "class_mask1", BANDS, str(folder))
    with pytest.raises(RecipeError):
        kernel.run(stacks(3)[:2], None, np.empty((1, 3, 600)), np.empty((1, 3, 600), np.bool_))


def test_the_text_of_a_kernel_depends_on_nothing_but_the_recipe():
    one, other = (compile_recipe(composite().graph, "class_mask1", BANDS, folder) for folder in ("/one", "/other"))
    assert one.source == other.source
    assert one.bands == ("B04", "B08")
    assert one.outputs == ("B08", "B04", "median", "max", "count")


PROGRAM = """
import sys, numpy as np
from types import SimpleNamespace
from jeospark.lab.recipe import load_collection
from jeospark.recipe.compiled import compile_recipe
from jeospark.recipe.compiled.build import load_kernel
recipe = load_collection("any", bands=["A"]).reduce("max")
kernel = compile_recipe(recipe.graph, None, ["A"], sys.argv[1])
one, zero = np.ones(2, "f4"), np.zeros(2, "f4")
stack = SimpleNamespace(data=np.full((2, 1, 1), 3, np.uint8), nodata=0.0, scales=one, offsets=zero)
out, valid = np.empty((1, 1, 1), "f4"), np.empty((1, 1, 1), bool)
kernel.run([stack], None, out, valid)
function = load_kernel(kernel.source, kernel.cache)
print(out[0, 0, 0], valid.all(), sum(function.stats.cache_hits.values()))
"""


def outcome(folder):
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_later_process_finds_what_was_compiled(tmp_path):
    assert outcome(tmp_path) == ["3.0", "True", "0"]
    assert outcome(tmp_path) == ["3.0", "True", "1"]
    (file,) = (tmp_path / "kernels").glob("*.py")
    file.write_text("broken = ")
    assert outcome(tmp_path) == ["3.0", "True", "1"]
    assert [path.suffix for path in (tmp_path / "kernels").iterdir() if path.is_file()] == [".py"]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path):
    file = tmp_path / "file"
    file.write_text("no folder")
    assert outcome(file) == ["3.0", "True", "0"]


def _callback(process, **arguments):
    node = {"process_id": process, "arguments": arguments, "result": True}
    return {"process_graph": {process: node}}


X, DATA = {"from_parameter": "x"}, {"from_parameter": "data"}


@pytest.mark.parametrize(
    "recipe",
    [
        NDVI,
        NDVI.process("apply", process=_callback("exp", p=X)).reduce("median"),
        NDVI.process("reduce_dimension", dimension="t", reducer=_callback("median", data=DATA, ignore_nodata=False)),
        NDVI.process("reduce_dimension", dimension="t", reducer=_callback("product", data=DATA)),
        CUBE.merge(NDVI.reduce("median").as_band("median")).reduce("max"),
        NDVI.aggregate("month", "median").reduce("max"),
        NDVI.filter_temporal("2019-07-02", None).reduce("median"),
        CLEAR.ndvi("B8", "B04").reduce("median"),
    ],
)
def test_what_is_not_compiled_is_left_to_the_evaluator(recipe):
    assert compile_recipe(recipe.graph, "class_mask1", BANDS, "/nowhere") is None


def test_a_filter_that_the_plan_has_applied_is_compiled():
    recipe = (
        CUBE.filter_temporal("2019-07-01", "2019-08-01").mask_classes(dilation=0).ndvi("B08", "B04").reduce("median")
    )
    assert compile_recipe(recipe.graph, "class_mask1", BANDS, "/nowhere") is not None


def test_importing_recipes_does_not_import_the_compiler():
    code = "import sys, jeospark.recipe; print('jeospark.recipe.compiled' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_generated_modules_are_files_of_their_digest(folder):
    names = [path.stem for path in Path(folder, "kernels").glob("*.py")]
    assert names
    assert all(len(name) == 64 for name in names)
