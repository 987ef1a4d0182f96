"""The parts of a process graph: nodes, references, and the steps that they form."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FromNode:
    """A reference to the value of another node."""

    node_id: str


@dataclass(frozen=True, slots=True)
class FromParameter:
    """A reference to a parameter of the callback around it."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One step: a process and its arguments."""

    node_id: str
    process_id: str
    arguments: Mapping[str, object]
    """JSON values, in which references and callbacks are `FromNode`, `FromParameter` and `Steps`."""
    description: str | None = None

    def references(self) -> tuple[str, ...]:
        """Name the nodes that the arguments refer to, each once, in order of the arguments' names."""
        ordered = (self.arguments[name] for name in sorted(self.arguments))
        found = (leaf.node_id for argument in ordered for leaf in leaves(argument) if isinstance(leaf, FromNode))
        return tuple(dict.fromkeys(found))

    def source(self, argument: str) -> str | None:
        """Give the node that an argument refers to, None when it is a plain value or absent."""
        value = self.arguments.get(argument)
        return value.node_id if isinstance(value, FromNode) else None


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Nodes that lead to a result: a whole process graph, or the callback of one of its nodes."""

    nodes: Mapping[str, Node]
    """By node id; every node comes after those that it refers to."""
    result: str
    """Id of the node whose value is the result."""

    def needed(self, node_id: str, known: Mapping[str, object] | frozenset[str] = frozenset()) -> tuple[Node, ...]:
        """List the nodes that must be evaluated for one of them, in order, where some are known already."""
        wanted: set[str] = set()
        waiting = [node_id]
        while waiting:
            current = waiting.pop()
            if current not in wanted and current not in known:
                wanted.add(current)
                waiting.extend(self.nodes[current].references())
        return tuple(node for name, node in self.nodes.items() if name in wanted)


def leaves(value: object) -> Iterator[object]:
    """Walk through arrays and objects of an argument to its plain values, references and callbacks."""
    if isinstance(value, list):
        for element in value:
            yield from leaves(element)
    elif isinstance(value, Mapping):
        for key in sorted(value):
            yield from leaves(value[key])
    else:
        yield value
