"""Merging cubes."""

import numpy as np
import pytest

from jeospark.errors import ArgumentError, DimensionError
from jeospark.recipe.evaluate import evaluate
from jeospark.recipe.graph import ProcessGraph


def merge(one, other, tools, resolver=None):
    arguments = {"cube1": {"from_node": "one"}, "cube2": {"from_node": "other"}}
    if resolver:
        operands = {"x": {"from_parameter": "x"}, "y": {"from_parameter": "y"}}
        graph = {"only": {"process_id": resolver, "arguments": operands, "result": True}}
        arguments["overlap_resolver"] = {"process_graph": graph}
    nodes = {"one": tools.load, "other": tools.load}
    nodes["merge"] = {"process_id": "merge_cubes", "arguments": arguments, "result": True}
    return evaluate(ProcessGraph.from_json(nodes), None, {"one": one, "other": other})


def filled(value, *shape):
    return np.full(shape, value, np.float32)


def test_other_bands_are_appended(tools):
    one = tools.cube(filled(1, 2, 2, 3, 3), common_names=("red", "nir"))
    other = tools.cube(filled(2, 2, 1, 3, 3), filled(0, 2, 1, 3, 3).astype(bool), bands=("ndvi",))
    result = merge(one, other, tools)
    assert result.labels["bands"] == ("B01", "B02", "ndvi")
    assert result.labels["common_names"] == ("red", "nir", None)
    assert result.data[:, :, 0, 0].tolist() == [[1, 1, 2]] * 2
    assert result.valid[:, :, 0, 0].tolist() == [[True, True, False]] * 2
    assert result.data.dtype == np.float32


def test_counts_beside_quantities_stay_float32(tools):
    other = tools.cube(filled(2, 1, 1, 1, 1), bands=("count",))
    other = type(other)(other.data.astype(np.uint16), other.valid, other.dims, other.labels, other.geobox)
    assert merge(tools.cube(filled(1, 1, 1, 1, 1)), other, tools).data.dtype == np.float32


def test_dates_are_sorted(tools):
    late = tools.cube(filled(1, 1, 1, 1, 1), t=tools.dates(2)[1:])
    early = tools.cube(filled(2, 1, 1, 1, 1), t=tools.dates(2)[:1])
    result = merge(late, early, tools)
    assert result.labels["t"] == tools.dates(2)
    assert result.data.ravel().tolist() == [2, 1]


def test_common_labels_need_a_resolver(tools):
    one, other = tools.cube(filled(1, 1, 2, 1, 1)), tools.cube(filled(5, 1, 2, 1, 1), bands=("B02", "B03"))
    with pytest.raises(ArgumentError, match=r"^OverlapResolverMissing:"):
        merge(one, other, tools)
    result = merge(one, other, tools, "add")
    assert result.labels["bands"] == ("B01", "B02", "B03")
    assert result.data.ravel().tolist() == [1, 6, 5]


def test_a_cube_without_dates_meets_every_date(tools):
    one, other = tools.cube(filled(3, 3, 2, 1, 1)), tools.cube(filled(1, 1, 2, 1, 1))
    flat = type(other)(other.data[0], other.valid[0], ("bands", "y", "x"), {"bands": other.labels["bands"]})
    for first, second in ((one, flat), (flat, one)):
        result = merge(first, second, tools, "subtract")
        assert result.dims == one.dims
        assert result.labels["t"] == one.labels["t"]
        assert set(np.abs(result.data).ravel().tolist()) == {2}


def test_order_of_dimensions_is_that_of_the_first(tools):
    one, other = tools.cube(filled(1, 2, 1, 3, 3)), tools.cube(filled(2, 2, 1, 3, 3), bands=("b",))
    turned = type(other)(
        other.data.transpose(1, 0, 2, 3), other.valid.transpose(1, 0, 2, 3), ("bands", "t", "y", "x"), other.labels
    )
    assert merge(one, turned, tools).dims == ("t", "bands", "y", "x")
    assert merge(one, turned, tools).data[:, :, 0, 0].tolist() == [[1, 2]] * 2


def test_grids_must_be_the_same(tools):
    with pytest.raises(DimensionError, match=r"^IncompatibleDataCubes: the grids differ in 'x'"):
        merge(tools.cube(filled(1, 1, 1, 2, 2)), tools.cube(filled(1, 1, 1, 2, 3), bands=("b",)), tools)


def test_dimensions_must_be_a_subset(tools):
    one, other = tools.cube(filled(1, 1, 1, 2, 2)), tools.cube(filled(1, 1, 1, 2, 2))
    odd = type(other)(other.data, other.valid, ("q", "bands", "y", "x"), {"bands": ("B01",)})
    with pytest.raises(DimensionError, match=r"^IncompatibleDataCubes: dimensions"):
        merge(one, odd, tools)


def test_common_names_of_two_dimensions_of_bands_are_left_alone(tools):
    chunk = tools.cube(np.ones((1, 2, 1, 1)), common_names=("red", "nir"))
    nodes = tools.chain(("add_dimension", {"name": "q", "label": "v", "type": "bands"}))
    both = {"x": {"from_parameter": "x"}, "y": {"from_parameter": "y"}}
    add = {"process_graph": {"a": {"process_id": "add", "arguments": both, "result": True}}}
    cubes = {"cube1": {"from_node": "step0"}, "cube2": {"from_node": "step0"}}
    del nodes["step0"]["result"]
    nodes["merged"] = {"process_id": "merge_cubes", "arguments": {**cubes, "overlap_resolver": add}, "result": True}
    result = tools.run(nodes, chunk)
    assert result.dims == ("q", "t", "bands", "y", "x")
    assert (result.data == 2).all()
