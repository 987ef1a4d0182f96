"""Kernels of random recipes give what the plain evaluator gives, to the last bit.

Kernels run as plain Python here, so that many recipes can be tried; test_compile.py runs compiled ones.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import udfs
from jeospark.lab.recipe import Recipe, load_collection
from jeospark.model import Chunk
from jeospark.recipe.analysis import mask_plan
from jeospark.recipe.compiled import compile_recipe
from jeospark.recipe.compiled import kernel as kernel_module
from jeospark.recipe.compiled.source import RUN
from jeospark.recipe.evaluate import evaluate

BANDS = ("B02", "B04", "B08", "SCL")
REDUCERS = ("median", "mean", "sum", "min", "max", "sd", "variance", "first", "last", "count")
NUMBERS = st.sampled_from([0, 1, 2, -1, 0.5, 0.1, 0.3, -0.25, 3.7, 1e-3])
STORED = [("uint8", 0), ("uint16", 0), ("int16", -9999), ("uint16", float("nan")), ("float32", float("nan")),
          ("float32", -1.0), ("uint8", -9999), ("float64", float("nan"))]  # fmt: skip


@dataclass(frozen=True)
class Stored:
    data: np.ndarray = field(repr=False)
    nodata: float
    scales: np.ndarray = field(repr=False)
    offsets: np.ndarray = field(repr=False)

    def physical(self):
        out = np.empty(self.data.shape, np.float32)
        np.multiply(self.data, self.scales[:, None, None], out=out, casting="unsafe", dtype=np.float32)
        return out + self.offsets[:, None, None]

    def valid(self):
        return ~np.isnan(self.data) if np.isnan(self.nodata) else self.data != self.nodata


def plain_module(source, name):
    """A module without numba, in which runs are 4 pixels long."""
    module = ModuleType(name)
    text = source.replace("from udfs.jit import compiled", "compiled = lambda **_: lambda function: function")
    exec(text.replace(f"RUN = {RUN}", "RUN = 4"), module.__dict__)
    return module


BLOCKS = plain_module((Path(udfs.__file__).parent / "blocks.py").read_text(), "plain_blocks")


class Callback:
    """Nodes of a callback under construction."""

    def __init__(self, draw):
        self.draw, self.nodes = draw, {}

    def add(self, process, **arguments):
        name = f"n{len(self.nodes)}"
        self.nodes[name] = {"process_id": process, "arguments": arguments}
        return {"from_node": name}

    def number(self, leaf, depth=2):
        kind = self.draw(st.integers(0, 7)) if depth else 0
        if kind < 3:
            return leaf()
        one = self.number(leaf, depth - 1)
        if kind < 5:
            other = self.draw(st.one_of(NUMBERS, st.none())) if kind == 3 else self.number(leaf, depth - 1)
            return self.add(self.draw(st.sampled_from(["add", "subtract", "multiply", "divide"])), x=one, y=other)
        if kind == 5:
            return self.limited(one)
        if kind == 6:
            name = self.draw(st.sampled_from(["min", "max", "mean", "sum"]))
            return self.add(name, data=[one, self.draw(NUMBERS), self.number(leaf, depth - 1)])
        reject = self.draw(st.sampled_from([None, 0.5, one]))
        return self.add("if", value=self.truth(leaf, depth - 1), accept=self.number(leaf, depth - 1), reject=reject)

    def limited(self, one):
        kind = self.draw(st.integers(0, 2))
        if kind == 0:
            return self.add(self.draw(st.sampled_from(["absolute", "sqrt", "floor", "ceil", "int"])), x=one)
        if kind == 1:
            return self.add("clip", x=one, min=-0.5, max=self.draw(st.sampled_from([0.25, 1])))
        return self.add("linear_scale_range", x=one, inputMin=0, inputMax=self.draw(NUMBERS), outputMax=255)

    def truth(self, leaf, depth):
        kind = self.draw(st.integers(0, 5))
        if kind == 0 and depth:
            names = st.sampled_from(["and", "or", "xor"])
            return self.add(self.draw(names), x=self.truth(leaf, depth - 1), y=self.truth(leaf, depth - 1))
        if kind == 1 and depth:
            return self.add("not", x=self.truth(leaf, depth - 1))
        one = self.number(leaf, depth)
        if kind == 2:
            return self.add("between", x=one, min=0, max=0.3, exclude_max=self.draw(st.booleans()))
        if kind == 3:
            return self.add(self.draw(st.sampled_from(["is_nan", "is_infinite", "is_nodata", "is_valid"])), x=one)
        names = st.sampled_from(["eq", "neq", "gt", "gte", "lt", "lte"])
        return self.add(self.draw(names), x=one, y=self.draw(NUMBERS) if kind == 4 else self.number(leaf, depth))

    def finished(self, result):
        if "from_node" not in result:
            result = self.add("add", x=result, y=0)
        self.nodes[result["from_node"]]["result"] = True
        return {"process_graph": self.nodes}


def elementwise(draw):
    callback = Callback(draw)
    leaf = lambda: {"from_parameter": "x"}  # noqa: E731
    made = callback.truth(leaf, 1) if draw(st.integers(0, 5)) == 0 else callback.number(leaf)
    return callback.finished(made)


def of_bands(draw, names):
    callback = Callback(draw)
    data = {"from_parameter": "data"}

    def leaf():
        if draw(st.booleans()):
            return callback.add("array_element", data=data, index=draw(st.integers(0, len(names) - 1)))
        return callback.add("array_element", data=data, label=draw(st.sampled_from(names)))

    kind = draw(st.integers(0, 3))
    if kind == 0:
        return callback.finished(callback.add("normalized_difference", x=leaf(), y=leaf()))
    if kind == 1:
        return callback.finished(callback.add(draw(st.sampled_from(["min", "max", "mean", "sum"])), data=data))
    return callback.finished(callback.number(leaf))


def over_dates(draw):
    callback = Callback(draw)
    data = {"from_parameter": "data"}
    leaf = lambda: callback.add(draw(st.sampled_from(REDUCERS)), data=data)  # noqa: E731
    return callback.finished(leaf() if draw(st.booleans()) else callback.number(leaf, 1))


@st.composite
def recipes(draw):
    cube = load_collection("any", bands=list(BANDS))
    if draw(st.booleans()):
        cube = cube.mask_classes([3, 8], dilation=0)
    branches = [_branch(draw, cube, f"out{number}") for number in range(draw(st.integers(1, 3)))]
    result = branches[0].merge(*branches[1:])
    if draw(st.integers(0, 2)) == 0:
        result = result.process("apply", process=elementwise(draw))
    if draw(st.integers(0, 3)) == 0:
        labels = [label for number in range(len(branches)) for label in (f"out{number}",)]
        result = result.process("reduce_dimension", dimension="bands", reducer=of_bands(draw, labels))
    return result.save()


def _branch(draw, cube, label):
    names = draw(st.permutations(["B02", "B04", "B08"]))[: draw(st.integers(2, 3))]
    cube, kind = cube.bands(*names), draw(st.integers(0, 3))
    if kind == 0:
        cube = cube.ndvi(names[0], names[1])
    elif kind == 1:
        cube = cube.process("ndvi", nir=names[0], red=names[1], target_band="index").bands("index")
        cube = cube.process("drop_dimension", name="bands")
    elif kind == 2:
        cube = cube.process("reduce_dimension", dimension="bands", reducer=of_bands(draw, names))
    else:
        cube = cube.bands(names[0]).rename_bands({names[0]: "new"}).process("drop_dimension", name="bands")
    if draw(st.integers(0, 2)) == 0:
        cube = cube.process("apply", process=elementwise(draw))
    cube = cube.process("reduce_dimension", dimension="t", reducer=over_dates(draw))
    if draw(st.integers(0, 3)) == 0:
        cube = cube.process("apply", process=elementwise(draw))
    return cube.as_band(label)


@st.composite
def stacks(draw, dates, cols=9):
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype, nodata = draw(st.sampled_from(STORED))
    data = random.integers(0, draw(st.sampled_from([3, 250])), (dates, 2, cols)).astype(dtype)
    if data.dtype.kind == "f":
        data[random.random(data.shape) < 0.2] = np.nan
        data[random.random(data.shape) < 0.05] = np.inf
    if np.isfinite(nodata) and nodata >= np.finfo(np.float32).min and not (data.dtype.kind == "u" and nodata < 0):
        data[random.random(data.shape) < draw(st.sampled_from([0.1, 0.8]))] = nodata
    scales = random.choice(np.array([1, 0.5, 1e-2], np.float32), dates)
    return Stored(data, nodata, scales, random.choice(np.array([0, -0.1, 0.25], np.float32), dates))


def cube_of(bands, stored):
    dates = len(stored[0].data)
    start = datetime(2019, 7, 1, tzinfo=UTC)
    labels = {"t": tuple(start + timedelta(days=2 * day) for day in range(dates)), "bands": tuple(bands)}
    with np.errstate(all="ignore"):
        data = np.stack([one.physical() for one in stored], axis=1)
    return Chunk(data, np.stack([one.valid() for one in stored], axis=1), ("t", "bands", "y", "x"), labels)


def assert_same(recipe: Recipe, stored):
    """Compare what the kernel and the plain evaluator give."""
    plan = mask_plan(recipe.graph)
    node = plan.node if plan else None
    kernel = compile_recipe(recipe.graph, node, BANDS, "/nowhere")
    if kernel is None:
        return False
    cube = cube_of(BANDS, stored)
    known = {node: evaluate(recipe.graph, lambda *_: cube, node=node)} if plan else {}
    usable = ~(known[node].data & known[node].valid) if plan else None
    with np.errstate(all="ignore"):
        expected = evaluate(recipe.graph, lambda *_: cube, known=known)
        data = expected.data.reshape(-1, *expected.data.shape[-2:])
        valid = np.broadcast_to(expected.valid, expected.data.shape).reshape(data.shape) & np.isfinite(data)
        out, out_valid = np.full(data.shape, 77, kernel.dtype), np.ones(data.shape, np.bool_)
        kernel.run([stored[BANDS.index(band)] for band in kernel.bands], usable, out, out_valid)
    assert len(kernel.outputs) == len(data)
    np.testing.assert_array_equal(out_valid, valid)
    np.testing.assert_array_equal(out[valid], data[valid])
    assert data.dtype.kind != "f" or data.dtype == out.dtype
    return True


@settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(recipe=recipes(), data=st.data())
def test_random_recipes(recipe, data, plain_kernels):
    dates = data.draw(st.integers(1, 13))
    stored = [data.draw(stacks(dates)) for _ in BANDS]
    assert_same(recipe, stored)


@pytest.fixture(scope="module", name="plain_kernels")
def _plain_kernels():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel_module, "load_kernel", _load_plain)
        yield


def _load_plain(source, _folder):
    module = plain_module(source.replace("from udfs import blocks", ""), "plain_kernel")
    module.blocks = BLOCKS
    return module.kernel
