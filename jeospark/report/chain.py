"""A process graph in words: its steps in the order in which data pass them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

Graph = Mapping[str, Mapping[str, Any]]


def steps(recipe_json: str) -> list[tuple[str, str]]:
    """(process, arguments in words) for each node of an openEO process graph, inputs before what uses them."""
    body = json.loads(recipe_json)
    graph: Graph = body.get("process_graph", body)
    return [(str(graph[name]["process_id"]), _arguments(graph[name].get("arguments", {}))) for name in _ordered(graph)]


def _ordered(graph: Graph) -> list[str]:
    """Names of the nodes, each after those it takes data from."""
    order: list[str] = []
    seen: set[str] = set()
    waiting = [(name, False) for name in reversed(list(graph))]
    while waiting:
        name, ready = waiting.pop()
        if ready:
            order.append(name)
        elif name in graph and name not in seen:
            seen.add(name)
            waiting += [(name, True), *((source, False) for source in _sources(graph[name].get("arguments", {})))]
    return order


def _sources(value: Any) -> Iterator[str]:
    """Nodes that an argument refers to; those inside a nested graph are not of this one."""
    if isinstance(value, Mapping):
        if "from_node" in value:
            yield value["from_node"]
        elif "process_graph" not in value:
            for part in value.values():
                yield from _sources(part)
    elif isinstance(value, list):
        for part in value:
            yield from _sources(part)


def _arguments(arguments: Mapping[str, Any]) -> str:
    words = {name: _words(value) for name, value in arguments.items() if value is not None}
    return ", ".join(f"{name} {text}" for name, text in words.items() if text)


def _words(value: Any) -> str:
    """Empty for what comes from another node: the order of the steps says it."""
    if isinstance(value, Mapping):
        if "process_graph" in value:
            inner = value["process_graph"]
            return " → ".join(str(inner[name]["process_id"]) for name in _ordered(inner))
        if "from_node" in value or "from_parameter" in value:
            return ""
        return " ".join(f"{name} {_words(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(filter(None, (_words(part) for part in value)))
    return json.dumps(value, ensure_ascii=False).strip('"')
