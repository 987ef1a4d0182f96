"""Masks of classes and bits, and their use."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jeospark.errors import ArgumentError, DimensionError, RecipeError
from jeospark.model import Chunk
from jeospark.recipe.evaluate import evaluate
from jeospark.recipe.graph import ProcessGraph


def masked(tools, process, **arguments):
    nodes = {"load": tools.load}
    nodes["flags"] = {"process_id": process, "arguments": {"data": {"from_node": "load"}, **arguments}}
    both = {"data": {"from_node": "load"}, "mask": {"from_node": "flags"}}
    nodes["mask"] = {"process_id": "mask", "arguments": both, "result": True}
    return nodes


def classes(tools, values, valid=None):
    scl = np.asarray(values, np.float32)[np.newaxis, np.newaxis]
    data = np.concatenate([np.ones_like(scl), scl], axis=1)
    usable = np.ones(data.shape, bool) if valid is None else np.broadcast_to(np.asarray(valid), data.shape).copy()
    return tools.cube(data, usable, bands=("B04", "SCL"))


def test_class_mask_has_no_bands_and_no_null(tools):
    chunk = classes(tools, [[4, 8, 3, 0]], [[True, True, True, False]])
    result = tools.run(masked(tools, "class_mask"), chunk, node="flags")
    assert result.dims == ("t", "y", "x")
    assert result.data.tolist() == [[[False, True, True, True]]], "an unknown class is masked"
    assert result.valid.all()
    assert "bands" not in result.labels


def test_mask_makes_all_bands_null(tools):
    result = tools.run(masked(tools, "class_mask", classes=[8]), classes(tools, [[4, 8]]))
    assert result.valid.tolist() == [[[[True, False]], [[True, False]]]]


def test_mask_with_a_replacement(tools):
    nodes = masked(tools, "class_mask", classes=[8])
    nodes["mask"]["arguments"]["replacement"] = -1
    result = tools.run(nodes, classes(tools, [[4, 8]]))
    assert result.data[0, 0].tolist() == [[1, -1]]
    assert result.valid.all()
    assert result.data.dtype == np.float32


def test_a_replacement_beyond_float32_is_infinite(tools):
    nodes = masked(tools, "class_mask", classes=[8])
    nodes["mask"]["arguments"]["replacement"] = 1e300
    assert tools.run(nodes, classes(tools, [[4, 8]])).data[0, 0].tolist() == [[1.0, math.inf]]


@pytest.mark.parametrize(("replacement", "dtype"), [(0, np.uint8), (-1, np.int16), (300, np.uint16), (0.5, np.float32)])
def test_a_replacement_fits_into_the_type(tools, replacement, dtype):
    one = tools.cube(np.ones((1, 1, 1, 2)))
    data = Chunk(one.data.astype(np.uint8), one.valid, one.dims, one.labels)
    mask = Chunk(np.array([[[True, False]]]), np.ones((1, 1, 2), bool), ("t", "y", "x"), {"t": one.labels["t"]})
    arguments = {"data": {"from_node": "a"}, "mask": {"from_node": "b"}, "replacement": replacement}
    nodes = {"a": tools.load, "b": tools.load, "c": {"process_id": "mask", "arguments": arguments, "result": True}}
    result = evaluate(ProcessGraph.from_json(nodes), None, {"a": data, "b": mask})
    assert result.data.ravel().tolist() == [replacement, 1]
    assert result.data.dtype == dtype


def test_bit_mask(tools):
    chunk = classes(tools, [[0, 1, 2, 4, 5]])
    result = tools.run(masked(tools, "bit_mask", band="SCL", bits=[0, 2]), chunk, node="flags")
    assert result.data.tolist() == [[[False, True, False, True, True]]]


def test_dilation_is_in_metres(tools):
    values = np.full((9, 9), 4)
    values[4, 4] = 9
    flags = masked(tools, "class_mask", dilation=20)
    near = tools.run(flags, classes(tools, values), node="flags").data[0]
    assert near.sum() == 13, "the disk of radius 2 pixels of 10 m"
    coarse = classes(tools, values)
    coarse = Chunk(coarse.data, coarse.valid, coarse.dims, coarse.labels, tools.place(size=20.0))
    assert tools.run(flags, coarse, node="flags").data[0].sum() == 5


def test_null_does_not_grow(tools):
    chunk = classes(tools, np.full((5, 5), 4), np.eye(5) == 0)
    result = tools.run(masked(tools, "class_mask", dilation=20), chunk, node="flags")
    np.testing.assert_array_equal(result.data[0], np.eye(5) == 1)


@given(seed=st.integers(0, 999), dilation=st.sampled_from([0, 10, 25, 40]), cut=st.integers(1, 11))
@settings(max_examples=40, deadline=None)
def test_windows_with_a_halo_give_the_same_mask(tools, seed, dilation, cut):
    generator = np.random.default_rng(seed)
    values = np.where(generator.random((12, 12)) < 0.05, 8, 4)
    known = generator.random((12, 12)) > 0.05
    flags = masked(tools, "class_mask", dilation=dilation)
    whole = tools.run(flags, classes(tools, values, known), node="flags").data[0]
    halo = -(-dilation // 10)
    edge = max(cut - halo, 0)
    left = tools.run(flags, classes(tools, values[:, : cut + halo], known[:, : cut + halo]), node="flags").data[0]
    right = tools.run(flags, classes(tools, values[:, edge:], known[:, edge:]), node="flags").data[0]
    np.testing.assert_array_equal(np.hstack([left[:, :cut], right[:, cut - edge :]]), whole)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"band": "SLC"}, DimensionError, "no band 'SLC'.*Did you mean 'SCL'"),
        ({"dilation": -1}, ArgumentError, "DilationInvalid"),
        ({"dilation": math.inf}, ArgumentError, "DilationInvalid"),
        ({"dilation": 1e7}, ArgumentError, "Give 0 to 100,000 metres"),
        ({"classes": ["clouds"]}, ArgumentError, "ClassUnknown: .'clouds'. are no classes"),
    ],
)
def test_faults(tools, arguments, error, text):
    with pytest.raises(error, match=text):
        tools.run(masked(tools, "class_mask", **arguments), classes(tools, [[4]]))


def test_metres_need_a_projected_grid(tools):
    chunk = classes(tools, [[4]])
    degrees = Chunk(chunk.data, chunk.valid, chunk.dims, chunk.labels, tools.place(crs="EPSG:4326"))
    with pytest.raises(RecipeError, match=r"in degrees.*projected grid"):
        tools.run(masked(tools, "class_mask", dilation=10), degrees)


def test_bits_are_positions(tools):
    with pytest.raises(ArgumentError, match="BitUnknown"):
        tools.run(masked(tools, "bit_mask", band="SCL", bits=[-1]), classes(tools, [[4]]))


def test_a_mask_of_other_dates_does_not_fit(tools):
    nodes = {"a": tools.load, "b": tools.load}
    both = {"data": {"from_node": "a"}, "mask": {"from_node": "b"}}
    nodes["c"] = {"process_id": "mask", "arguments": both, "result": True}
    one, other = tools.cube(np.ones((2, 1, 1, 1))), tools.cube(np.ones((2, 1, 1, 1)), step=5)
    with pytest.raises(DimensionError, match="IncompatibleDataCubes: data and mask differ in dimension 't'"):
        evaluate(ProcessGraph.from_json(nodes), None, {"a": one, "b": other})


def test_valid_of_a_broadcast_stays_one(tools):
    chunk = classes(tools, np.full((4, 4), 4))
    usable = np.broadcast_to(np.True_, chunk.data.shape)
    chunk = Chunk(chunk.data, usable, chunk.dims, chunk.labels, chunk.geobox)
    result = tools.run(masked(tools, "class_mask"), chunk)
    assert result.valid.strides[1] == 0, "one mask serves all bands"
