"""One text for all process graphs that say the same.

Nodes are renamed 0, 1, … in the order in which a walk from the result leaves them, depth first and through arguments
in alphabetical order; so neither names nor order matter. Descriptions, and nodes that do not lead to the result, are
left out. Keys are sorted, nothing is spaced, and 1.0 is written 1.
"""

import json
from dataclasses import replace

from jeospark.recipe.nodes import FromNode, Node, Steps
from jeospark.recipe.parse import dump_node


def canonical_json(steps: Steps) -> str:
    """Write the canonical JSON of a process graph."""
    return json.dumps(_normal(_renamed(steps)), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _renamed(steps: Steps) -> dict[str, object]:
    names = {node_id: str(place) for place, node_id in enumerate(_walk(steps))}
    return {
        names[node_id]: dump_node(_translated(steps.nodes[node_id], names), result=node_id == steps.result)
        for node_id in names
    }


def _walk(steps: Steps) -> list[str]:
    """List the node ids, each after those it refers to."""
    left: dict[str, None] = {}
    stack = [(steps.result, iter(steps.nodes[steps.result].references()))]
    while stack:
        node_id, references = stack[-1]
        following = next((one for one in references if one not in left), None)
        if following is None:
            left[node_id] = None
            stack.pop()
        else:
            stack.append((following, iter(steps.nodes[following].references())))
    return list(left)


def _translated(node: Node, names: dict[str, str]) -> Node:
    arguments = {key: _translate(value, names) for key, value in node.arguments.items()}
    return replace(node, arguments=arguments, description=None)


def _translate(value: object, names: dict[str, str]) -> object:
    if isinstance(value, FromNode):
        return FromNode(names[value.node_id])
    if isinstance(value, list):
        return [_translate(element, names) for element in value]
    if isinstance(value, dict):
        return {key: _translate(element, names) for key, element in value.items()}
    return {"process_graph": _renamed(value)} if isinstance(value, Steps) else value


def _normal(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, (list, tuple)):
        return [_normal(element) for element in value]
    return {key: _normal(element) for key, element in value.items()} if isinstance(value, dict) else value
