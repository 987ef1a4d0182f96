"""Processes on plain values; and the same on fields, which must agree."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jeospark.errors import ArgumentError
from jeospark.model import Chunk
from jeospark.recipe.evaluate import evaluate
from jeospark.recipe.graph import ProcessGraph
from jeospark.recipe.registry import processes

NAN, INF = math.nan, math.inf

CASES = [
    ("add", {"x": 1, "y": 2}, 3),
    ("add", {"x": None, "y": 2}, None),
    ("subtract", {"x": 5, "y": 10}, -5),
    ("multiply", {"x": 3, "y": -2}, -6),
    ("divide", {"x": 1, "y": 0}, INF),
    ("divide", {"x": 0, "y": 0}, NAN),
    ("mod", {"x": -27, "y": 5}, 3),
    ("mod", {"x": -3, "y": 0}, -INF),
    ("mod", {"x": NAN, "y": 0}, NAN),
    ("power", {"base": 2, "p": -1}, 0.5),
    ("exp", {"p": 0}, 1),
    ("ln", {"x": 1}, 0),
    ("ln", {"x": -1}, NAN),
    ("log", {"x": 1000, "base": 10}, 3),
    ("log", {"x": 27, "base": 3}, 3),
    ("sqrt", {"x": 9}, 3),
    ("absolute", {"x": -2}, 2),
    ("int", {"x": -3.7}, -3),
    ("int", {"x": NAN}, None),
    ("floor", {"x": -1.5}, -2),
    ("ceil", {"x": -1.5}, -1),
    ("round", {"x": 2.5}, 2),
    ("round", {"x": 1234.5, "p": -2}, 1200),
    ("sgn", {"x": -3}, -1),
    ("clip", {"x": 5, "min": 0, "max": 1}, 1),
    ("clip", {"x": NAN, "min": 0, "max": 1}, NAN),
    ("linear_scale_range", {"x": 50, "inputMin": 0, "inputMax": 100}, 0.5),
    ("linear_scale_range", {"x": 300, "inputMin": 200, "inputMax": 0, "outputMin": 0, "outputMax": 10}, 0),
    ("pi", {}, math.pi),
    ("e", {}, math.e),
    ("nan", {}, NAN),
    ("constant", {"x": "a"}, "a"),
    ("sin", {"x": math.pi / 2}, 1),
    ("cos", {"x": 0}, 1),
    ("tan", {"x": 0}, 0),
    ("arcsin", {"x": 1}, math.pi / 2),
    ("arcsin", {"x": 2}, NAN),
    ("arccos", {"x": 1}, 0),
    ("arctan", {"x": 1}, math.pi / 4),
    ("arctan2", {"y": 1, "x": -1}, 3 * math.pi / 4),
    ("sinh", {"x": 1}, math.sinh(1)),
    ("cosh", {"x": 0}, 1),
    ("tanh", {"x": 1}, math.tanh(1)),
    ("arsinh", {"x": 1}, math.asinh(1)),
    ("arcosh", {"x": 1}, 0),
    ("artanh", {"x": 0.5}, math.atanh(0.5)),
    ("normalized_difference", {"x": 3, "y": 1}, 0.5),
    ("normalized_difference", {"x": 0, "y": 0}, None),
    ("normalized_difference", {"x": NAN, "y": 1}, NAN),
    ("eq", {"x": 1, "y": 1.0}, True),
    ("eq", {"x": 1, "y": "1"}, False),
    ("eq", {"x": 1, "y": True}, False),
    ("eq", {"x": 1, "y": 1.5, "delta": 0.5}, True),
    ("eq", {"x": "Ä", "y": "ä", "case_sensitive": False}, True),
    ("eq", {"x": None, "y": None}, None),
    ("neq", {"x": NAN, "y": NAN}, True),
    ("gt", {"x": 2, "y": 1}, True),
    ("gt", {"x": "b", "y": "a"}, False),
    ("gte", {"x": 1, "y": 1}, True),
    ("lt", {"x": 1, "y": None}, None),
    ("lte", {"x": 2, "y": 1}, False),
    ("between", {"x": 1, "min": 0, "max": 1}, True),
    ("between", {"x": 1, "min": 0, "max": 1, "exclude_max": True}, False),
    ("between", {"x": "0.5", "min": 0, "max": 1}, False),
    ("is_nan", {"x": NAN}, True),
    ("is_infinite", {"x": -INF}, True),
    ("is_nodata", {"x": None}, True),
    ("is_valid", {"x": NAN}, False),
    ("is_valid", {"x": "text"}, True),
    ("and", {"x": False, "y": None}, False),
    ("and", {"x": True, "y": None}, None),
    ("or", {"x": True, "y": None}, True),
    ("or", {"x": False, "y": None}, None),
    ("xor", {"x": True, "y": False}, True),
    ("xor", {"x": True, "y": None}, None),
    ("not", {"x": True}, False),
    ("not", {"x": None}, None),
    ("if", {"value": True, "accept": 1, "reject": 2}, 1),
    ("if", {"value": None, "accept": 1}, None),
    ("min", {"data": [3, None, 1]}, 1),
    ("max", {"data": [3, None, 1]}, 3),
    ("mean", {"data": [1, None, 4]}, 2.5),
    ("mean", {"data": [NAN, 3]}, NAN),
    ("mean", {"data": [1, None], "ignore_nodata": False}, None),
    ("median", {"data": [1, 9, None, 3, 4]}, 3.5),
    ("sum", {"data": [1, 2, None]}, 3),
    ("sum", {"data": []}, None),
    ("product", {"data": [2, 3, None]}, 6),
    ("sd", {"data": [-1, 1, 3]}, 2),
    ("sd", {"data": [5]}, None),
    ("variance", {"data": [-1, 1, 3]}, 4),
    ("count", {"data": [1, None, NAN, 3]}, 2),
    ("count", {"data": ["a", None], "condition": True}, 2),
    ("first", {"data": [None, "A", "B"]}, "A"),
    ("first", {"data": [None, 2], "ignore_nodata": False}, None),
    ("last", {"data": [1, 2, None]}, 2),
    ("any", {"data": [False, None, True]}, True),
    ("any", {"data": [False, None], "ignore_nodata": False}, None),
    ("all", {"data": [True, None]}, True),
    ("all", {"data": []}, True),
    ("quantiles", {"data": [1, 2, 3, 4, 5], "probabilities": [0.25, 0.5]}, [2, 3]),
    ("quantiles", {"data": [1, 2, 3, 4, 5], "probabilities": 4}, [2, 3, 4]),
    ("quantiles", {"data": [], "q": 2}, [None]),
    ("extrema", {"data": [3, None, 1]}, [1, 3]),
    ("array_create", {"data": [1, "a"], "repeat": 2}, [1, "a", 1, "a"]),
    ("array_element", {"data": [5, 6], "index": 1}, 6),
    ("array_element", {"data": [5, 6], "index": 2, "return_nodata": True}, None),
    ("array_contains", {"data": [1, 2, None], "value": 2}, True),
    ("array_contains", {"data": [1, None], "value": None}, False),
    ("array_concat", {"array1": [1], "array2": ["a"]}, [1, "a"]),
]


def scalar(name, arguments):
    graph = {"tested": {"process_id": name, "arguments": arguments, "result": True}}
    return evaluate(ProcessGraph.from_json(graph), None)


def same(one, other):
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, (int, float)) and not isinstance(other, bool):
        return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12) or (math.isnan(one) and math.isnan(other))
    return type(one) is type(other) and one == other


@pytest.mark.parametrize(("name", "arguments", "expected"), CASES)
def test_scalar(name, arguments, expected):
    wanted = float(expected) if isinstance(expected, int) and not isinstance(expected, bool) else expected
    got = scalar(name, arguments)
    got = float(got) if isinstance(got, int) and not isinstance(got, bool) else got
    assert same(got, wanted), got


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("clip", {"x": 1, "min": 2, "max": 1}, "MinMaxSwapped"),
        ("quantiles", {"data": [1]}, "QuantilesParameterMissing"),
        ("quantiles", {"data": [1], "q": 2, "probabilities": [0.5]}, "QuantilesParameterConflict"),
        ("quantiles", {"data": [1], "probabilities": [0.5, 0.2]}, "AscendingProbabilitiesRequired"),
        ("quantiles", {"data": [1], "probabilities": [None, 1]}, "QuantilesParameterInvalid"),
        ("quantiles", {"data": [1], "q": 1}, "QuantilesParameterInvalid"),
        ("round", {"x": 1, "p": 1e30}, "DigitsInvalid"),
        ("array_element", {"data": [1]}, "ArrayElementParameterMissing"),
        ("array_element", {"data": [1], "index": 0, "label": "a"}, "ArrayElementParameterConflict"),
        ("array_element", {"data": [1], "index": 1}, "ArrayElementNotAvailable"),
        ("array_element", {"data": [1], "label": "a"}, "ArrayNotLabeled"),
    ],
)
def test_errors_carry_the_name_that_openeo_gives_them(name, arguments, code):
    with pytest.raises(ArgumentError, match=f"^{code}: .*node 'tested', process '{name}'"):
        scalar(name, arguments)


NUMBERS = st.one_of(st.none(), st.sampled_from([NAN, INF, -INF, 0.0]), st.floats(-9, 9, width=32))
BOOLEANS = st.sampled_from([None, True, False])
UNARY = ("absolute", "ceil", "floor", "int", "round", "sgn", "sqrt", "is_nan", "is_infinite", "is_nodata", "is_valid")
BINARY = (
    "add", "subtract", "multiply", "divide", "mod", "eq", "neq", "gt", "gte", "lt", "lte", "normalized_difference",
)  # fmt: skip


def on_fields(name, columns, dtype):
    """Evaluate a process on fields: `apply` over one cube, whose other operand comes by a band."""
    null = [[value is None for value in column] for column in columns]
    data = np.array([[0 if value is None else value for value in column] for column in columns], dtype)
    chunk = Chunk(data, ~np.array(null, bool), ("bands", "x"), {"bands": ("x", "y")[: len(columns)]})
    take = {
        key: {
            "process_id": "array_element",
            "arguments": {"data": {"from_parameter": "data"}, "label": key},
        }
        for key in chunk.labels["bands"]
    }
    step = {"process_id": name, "arguments": {key: {"from_node": key} for key in take}, "result": True}
    load = {"process_id": "load_collection", "arguments": {"id": "a", "spatial_extent": None, "temporal_extent": None}}
    reducer = {"process_graph": {**take, "done": step}}
    arguments = {"data": {"from_node": "load"}, "dimension": "bands", "reducer": reducer}
    graph = {"load": load, "reduce": {"process_id": "reduce_dimension", "arguments": arguments, "result": True}}
    result = evaluate(ProcessGraph.from_json(graph), lambda *_: chunk)
    return [value if filled else None for value, filled in zip(result.data.tolist(), result.valid, strict=True)]


@pytest.mark.parametrize("name", UNARY)
@given(x=st.lists(NUMBERS, min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_unary_on_fields(name, x):
    expected = [scalar(name, {"x": value}) for value in x]
    assert all(map(same, on_fields(name, [x], np.float64), expected))


@pytest.mark.parametrize("name", BINARY)
@given(pairs=st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_binary_on_fields(name, pairs):
    expected = [scalar(name, {"x": x, "y": y}) for x, y in pairs]
    columns = [list(column) for column in zip(*pairs, strict=True)]
    assert all(map(same, on_fields(name, columns, np.float64), expected))


@pytest.mark.parametrize("name", ["and", "or", "xor"])
def test_logic_on_fields(name):
    pairs = [(x, y) for x in (None, True, False) for y in (None, True, False)]
    expected = [scalar(name, {"x": x, "y": y}) for x, y in pairs]
    assert on_fields(name, [list(column) for column in zip(*pairs, strict=True)], bool) == expected


def test_every_process_tells_what_it_is():
    for name, process in processes().items():
        assert process.name == name
        assert process.summary.endswith(".")
        assert process.category
        assert all(parameter.summary.endswith((".", "…")) for parameter in process.parameters), name


@pytest.mark.realdata
def test_definitions_agree_with_the_published_ones(shared_data):
    """Names, order and obligation of parameters, and defaults, for the processes that openEO defines."""
    import json

    ours = {"wavelengths", "q"}
    for path in sorted((shared_data("openeo_process_tests") / "specs").glob("*.json")):
        document = json.loads(path.read_text())
        process = processes().get(document["id"])
        if process is None:
            continue
        wanted = [(one["name"], not one.get("optional", False)) for one in document["parameters"]]
        got = [(one.name, one.required) for one in process.parameters]
        assert got == [pair for pair in wanted if pair[0] not in ours or pair in got], document["id"]
