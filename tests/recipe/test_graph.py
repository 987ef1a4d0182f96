"""Reading, checking, naming and writing process graphs."""

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jeospark.errors import ArgumentError, RecipeError, UnknownProcessError
from jeospark.recipe.graph import ProcessGraph


def node(process, *, result=False, **arguments):
    return {"process_id": process, "arguments": arguments, **({"result": True} if result else {})}


def ref(name):
    return {"from_node": name}


ADD = {"one": node("constant", x=1), "two": node("add", x=ref("one"), y=2, result=True)}


@pytest.mark.parametrize(
    "wrap", [lambda g: g, lambda g: {"process_graph": g}, lambda g: {"process": {"process_graph": g}}]
)
def test_graph_may_be_wrapped(wrap):
    assert (
        ProcessGraph.from_json(wrap(ADD))
        == ProcessGraph.from_json(json.dumps(wrap(ADD)))
        == ProcessGraph.from_json(ADD)
    )


def test_a_node_may_be_called_process_graph():
    graph = ProcessGraph.from_json({"process_graph": node("pi", result=True)})
    assert graph.result == "process_graph"


def test_written_and_read_again_it_is_the_same():
    graph = ProcessGraph.from_json({**ADD, "two": {**ADD["two"], "description": "Two more."}})
    again = ProcessGraph.from_json(graph.to_json())
    assert again == graph
    assert again.nodes["two"].description == "Two more."
    assert pickle.loads(pickle.dumps(graph)) == graph


def test_id_is_of_the_canonical_text():
    graph = ProcessGraph.from_json(ADD)
    assert graph.canonical == (
        '{"0":{"arguments":{"x":1},"process_id":"constant"},'
        '"1":{"arguments":{"x":{"from_node":"0"},"y":2},"process_id":"add","result":true}}'
    )
    assert len(graph.id) == 64
    assert hash(graph) == hash(ProcessGraph.from_json(ADD))


def test_id_knows_numbers_by_value():
    assert ProcessGraph.from_json({"a": node("add", x=1, y=2.0, result=True)}).id == (
        ProcessGraph.from_json({"b": node("add", x=1.0, y=2, result=True)}).id
    )
    assert ProcessGraph.from_json({"a": node("constant", x=True, result=True)}).id != (
        ProcessGraph.from_json({"a": node("constant", x=1, result=True)}).id
    )


def test_id_leaves_out_what_does_not_count():
    extra = {**ADD, "idle": node("constant", x=5), "two": {**ADD["two"], "description": "Two more."}}
    assert ProcessGraph.from_json(extra).id == ProcessGraph.from_json(ADD).id


BINARY = ("add", "subtract", "multiply", "divide")


@st.composite
def graphs(draw):
    """Random graphs of arithmetic, the last node being the result."""
    nodes = {}
    for number in range(draw(st.integers(1, 8))):
        operands = st.one_of(st.integers(-3, 3), st.floats(-3, 3), st.none())
        if nodes:
            operands = st.one_of(operands, st.sampled_from([ref(name) for name in nodes]))
        nodes[f"n{number}"] = node(draw(st.sampled_from(BINARY)), x=draw(operands), y=draw(operands))
    nodes[f"n{len(nodes) - 1}"]["result"] = True
    return nodes


def renamed(nodes, names):
    def value(argument):
        return ref(names[argument["from_node"]]) if isinstance(argument, dict) else argument

    return {
        names[name]: {**one, "arguments": {key: value(argument) for key, argument in one["arguments"].items()}}
        for name, one in nodes.items()
    }


@given(nodes=graphs(), data=st.data())
def test_id_does_not_depend_on_names_or_order(nodes, data):
    names = dict(zip(nodes, data.draw(st.permutations([f"m{number}" for number in range(len(nodes))])), strict=True))
    other = renamed(nodes, names)
    shuffled = {name: other[name] for name in data.draw(st.permutations(list(other)))}
    turned = {name: dict(reversed(list(one.items()))) for name, one in shuffled.items()}
    assert ProcessGraph.from_json(turned).id == ProcessGraph.from_json(nodes).id


@given(graphs())
def test_json_goes_round(nodes):
    graph = ProcessGraph.from_json(nodes)
    again = ProcessGraph.from_json(graph.to_json())
    assert again.id == graph.id
    assert again.to_json() == graph.to_json()
    assert list(again.nodes) == list(graph.nodes)


def test_nodes_come_in_an_order_of_evaluation():
    nodes = {"b": node("add", x=ref("a"), y=1, result=True), "a": node("constant", x=1)}
    assert list(ProcessGraph.from_json(nodes).nodes) == ["a", "b"]


FAULTS = [
    ("{", RecipeError, "no JSON"),
    ("[]", RecipeError, "object"),
    ("[" * 100_000, RecipeError, "no JSON"),
    (
        '{"a": {"process_id": "constant", "arguments": {"x": "\\ud800"}, "result": true}}',
        RecipeError,
        "half a character",
    ),
    ({"a": node("constant", x=10**30, result=True)}, RecipeError, "a number of 31 digits [node 'a']"),
    ({}, RecipeError, "no result"),
    ({"a": node("pi")}, RecipeError, "no result"),
    ({"a": node("pi", result=True), "b": node("pi", result=True)}, RecipeError, "2 results (a, b)"),
    ({"a": {"arguments": {}, "result": True}}, RecipeError, "[node 'a']"),
    ({"a": {"process_id": "pi", "argument": {}, "result": True}}, RecipeError, "Did you mean 'arguments'?"),
    ({"a": node("add", x=ref("a"), y=1, result=True)}, RecipeError, "circle: a → a"),
    ({"mean1": node("pi"), "b": node("add", x=ref("maen1"), y=1, result=True)}, RecipeError, "Did you mean 'mean1'?"),
    ({"first": node("absolut", x=1, result=True)}, UnknownProcessError, "[node 'first']. Did you mean 'absolute'?"),
    (
        {"a": node("clip", x=1, min=0, maxx=1, result=True)},
        ArgumentError,
        "no argument 'maxx' [node 'a']. Did you mean 'max'?",
    ),
    ({"a": node("clip", x=1, min=0, result=True)}, ArgumentError, "lacks its argument 'max' [node 'a']"),
    (
        {"a": node("clip", x=1, min=0, max="1", result=True)},
        ArgumentError,
        "'1' is not number [node 'a', argument 'max'",
    ),
    ({"a": node("add", x=True, y=1, result=True)}, ArgumentError, "True is not number or null"),
    ({"a": node("round", x=1.5, p=0.5, result=True)}, ArgumentError, "0.5 is not integer"),
    ({"a": node("eq", x=1, y=1), "b": node("add", x=ref("a"), y=1, result=True)}, ArgumentError, "'a' gives boolean"),
    ({"a": node("add", x={"from_parameter": "x"}, y=1, result=True)}, ArgumentError, "no parameter 'x' here"),
]


@pytest.mark.parametrize(("source", "error", "text"), FAULTS)
def test_faults_are_named(source, error, text):
    with pytest.raises(error) as caught:
        ProcessGraph.from_json(source)
    assert text in str(caught.value)


def reducing(reducer, tools):
    return tools.chain(("reduce_dimension", {"dimension": "t", "reducer": {"process_graph": reducer}}))


def test_faults_in_callbacks_name_the_way_to_them(tools):
    with pytest.raises(UnknownProcessError) as caught:
        ProcessGraph.from_json(reducing({"m": node("medien", data={"from_parameter": "data"}, result=True)}, tools))
    assert "node 'step0', argument 'reducer' of 'reduce_dimension', node 'm'" in caught.value.where
    assert caught.value.remedy == "Did you mean 'median'?"


def test_callback_sees_its_parameters_and_those_around_it(tools):
    condition = {"c": node("gt", x={"from_parameter": "x"}, y={"from_parameter": "context"}, result=True)}
    counting = node("count", data={"from_parameter": "data"}, condition={"process_graph": condition}, result=True)
    ProcessGraph.from_json(reducing({"m": counting}, tools))
    with pytest.raises(ArgumentError, match=r"no parameter 'dota' here.*Did you mean 'data'"):
        ProcessGraph.from_json(reducing({"m": node("mean", data={"from_parameter": "dota"}, result=True)}, tools))


def test_a_cube_is_no_array(tools):
    with pytest.raises(ArgumentError, match=r"gives datacube, but array is needed.*reduce_dimension"):
        ProcessGraph.from_json(tools.chain(("mean", {})))


def test_only_listed_values_are_allowed(tools):
    step = ("aggregate_temporal_period", {"period": "mnth", "reducer": tools.callback("mean")})
    with pytest.raises(ArgumentError, match=r"'mnth' is not one of the values allowed.*Did you mean 'month'"):
        ProcessGraph.from_json(tools.chain(step))
