"""Between JSON and nodes."""

import json
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from jeospark.errors import RecipeError
from jeospark.recipe.nodes import FromNode, FromParameter, Node, Steps
from jeospark.recipe.registry import did_you_mean

_GREATEST = 2**63 - 1
Document = Mapping[str, object]
_NODE_KEYS = ("process_id", "arguments", "result", "description", "namespace")


def read_document(source: str | Document, *, where: str = "") -> Document:
    """Parse JSON text where it is text, and find the process graph in it; `where` names its file in errors.

    Raises:
        RecipeError: It is no JSON, or no process graph is in it.
    """
    document: object = source
    if isinstance(source, str):
        try:
            document = json.loads(source)
        except (ValueError, RecursionError) as error:
            what = f"the recipe is no JSON: {error}"
            is_name = not where and not source.lstrip().startswith("{")
            remedy = "A text is JSON itself; a file is given as a Path." if is_name else "Check the text at that place."
            raise RecipeError(what, where=where, remedy=remedy) from error
    for key in ("process", "process_graph"):
        inner = document.get(key) if isinstance(document, Mapping) else None
        if isinstance(inner, Mapping) and "process_id" not in inner:
            document = inner
    if not isinstance(document, Mapping):
        raise RecipeError(f"a process graph is an object, not {type(document).__name__}", where=where)
    _check_text(document)
    return document


def _check_text(document: Document) -> None:
    try:
        json.dumps(document, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as error:
        what = f"half a character ({error.object[error.start : error.end]!r}) stands in the recipe"
        raise RecipeError(what, remedy="Write characters beyond \\uffff as a pair, or in UTF-8.") from error


def parse_steps(document: Document, *, where: str = "") -> tuple[dict[str, Node], str]:
    """Make nodes, in an order in which they can be evaluated, and find the result.

    Raises:
        RecipeError: A node is malformed, refers to nothing or to itself, or there is not exactly one result.
    """
    nodes = {str(name): _parse_node(str(name), value) for name, value in document.items()}
    for node in nodes.values():
        for reference in node.references():
            if reference not in nodes:
                remedy = did_you_mean(reference, nodes)
                raise RecipeError(f"there is no node '{reference}'", where=f"node '{node.node_id}'", remedy=remedy)
    results = [str(name) for name, value in document.items() if value.get("result") is True]  # type: ignore[attr-defined]
    if len(results) != 1:
        found = f"{len(results)} results ({', '.join(results)})" if results else "no result"
        remedy = 'Give exactly one node "result": true.'
        raise RecipeError(f"the process graph has {found}", where=where, remedy=remedy)
    return {name: nodes[name] for name in _ordered(nodes)}, results[0]


def dump_steps(steps: Steps) -> dict[str, object]:
    """Make the JSON of nodes; their names and order stay."""
    return {name: dump_node(node, result=name == steps.result) for name, node in steps.nodes.items()}


def dump_node(node: Node, *, result: bool) -> dict[str, object]:
    """Make the JSON of one node."""
    arguments = {name: dump_value(value) for name, value in node.arguments.items()}
    document: dict[str, object] = {"process_id": node.process_id, "arguments": arguments}
    if node.description is not None:
        document["description"] = node.description
    return {**document, "result": True} if result else document


def _parse_node(name: str, value: object) -> Node:
    where = f"node '{name}'"
    if not isinstance(value, Mapping) or not isinstance(value.get("process_id"), str):
        raise RecipeError("a node needs a process_id", where=where)
    for key in value:
        if key not in _NODE_KEYS:
            raise RecipeError(f"a node has no '{key}'", where=where, remedy=did_you_mean(key, _NODE_KEYS))
    arguments = value.get("arguments", {})
    if not isinstance(arguments, Mapping):
        raise RecipeError("arguments are an object", where=where)
    parsed = {str(key): _parse_value(argument, where=where) for key, argument in arguments.items()}
    return Node(node_id=name, process_id=value["process_id"], arguments=parsed, description=value.get("description"))


def _parse_value(value: object, *, where: str) -> object:
    if isinstance(value, (list, tuple)):
        return [_parse_value(element, where=where) for element in value]
    if isinstance(value, int) and abs(value) > _GREATEST:
        raise RecipeError(f"a number of {len(str(value))} digits", where=where, remedy=f"Give at most {_GREATEST}.")
    if not isinstance(value, Mapping):
        return value
    if set(value) == {"from_node"}:
        return FromNode(str(value["from_node"]))
    if set(value) == {"from_parameter"}:
        return FromParameter(str(value["from_parameter"]))
    if isinstance(value.get("process_graph"), Mapping):
        return Steps(*parse_steps(value["process_graph"], where=where))
    return {str(key): _parse_value(element, where=where) for key, element in value.items()}


def dump_value(value: object) -> object:
    """Make the JSON of an argument's value."""
    if isinstance(value, list):
        return [dump_value(element) for element in value]
    if isinstance(value, dict):
        return {key: dump_value(element) for key, element in value.items()}
    if isinstance(value, FromNode):
        return {"from_node": value.node_id}
    if isinstance(value, FromParameter):
        return {"from_parameter": value.name}
    return {"process_graph": dump_steps(value)} if isinstance(value, Steps) else value


def _ordered(nodes: Mapping[str, Node]) -> tuple[str, ...]:
    try:
        return tuple(TopologicalSorter({name: node.references() for name, node in nodes.items()}).static_order())
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise RecipeError(f"the nodes refer to each other in a circle: {circle}") from error
