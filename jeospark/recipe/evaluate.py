"""The plain evaluator: node by node, each process on whole arrays.

It defines what a recipe means; anything faster must give the same values.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from jeospark.errors import JeosparkError, RecipeError
from jeospark.model import Chunk
from jeospark.recipe.dimensions import BANDS, band_places, take
from jeospark.recipe.nodes import FromNode, FromParameter, Node, Steps
from jeospark.recipe.parse import dump_value
from jeospark.recipe.registry import did_you_mean, find_process

Load = Callable[[str, Mapping[str, object]], Chunk]
"""Gives the cube of a load_collection node, by the node's id and its arguments as JSON."""
_Values = dict[str, object]
_Error = TypeVar("_Error", bound=JeosparkError)


def evaluate(graph: Steps, load: Load, known: Mapping[str, object] | None = None, node: str | None = None) -> object:
    """Evaluate a process graph.

    Args:
        graph: What to evaluate.
        load: Gives the cube of a load_collection node; it may have more bands than the node asks for, and lack those
            that nothing reads.
        known: Values of nodes that have been evaluated already; what only they need is not evaluated.
        node: The node whose value is wanted; by default the result.

    Returns:
        A Chunk, or what the node gives. Inputs are not modified, but the value may share memory with them.

    Raises:
        JeosparkError: A process cannot do its work; the error names the node.
    """
    target = graph.result if node is None else node
    if target not in graph.nodes:
        raise RecipeError(f"there is no node '{target}'", remedy=did_you_mean(target, graph.nodes))
    return _run(graph, target, load, dict(known or {}), {})


def call(steps: Steps, **parameters: object) -> object:
    """Evaluate a callback with the values of its parameters."""
    return _run(steps, steps.result, _no_load, {}, parameters)


def _run(steps: Steps, target: str, load: Load, values: _Values, parameters: Mapping[str, object]) -> object:
    """Evaluate what the target needs; a value is let go after the last node that needs it."""
    needed = steps.needed(target, values)
    uses = Counter(reference for node in needed for reference in node.references())
    uses[target] += 1
    for node in needed:
        values[node.node_id] = _step(node, load, values, parameters)
        for reference in node.references():
            uses[reference] -= 1
            if not uses[reference]:
                del values[reference]
    return values[target]


def _step(node: Node, load: Load, values: _Values, parameters: Mapping[str, object]) -> object:
    declared = find_process(node.process_id)
    try:
        if declared.function is None:
            arguments = {name: dump_value(value) for name, value in node.arguments.items()}
            return _selected(load(node.node_id, arguments), arguments.get("bands"))
        given = (node.arguments.get(one.name, one.default) for one in declared.parameters)
        return declared.function(*(_resolve(value, values, parameters) for value in given))
    except JeosparkError as error:
        if error.where:
            raise
        raise _at(error, f"node '{node.node_id}', process '{node.process_id}'") from error


def _selected(cube: Chunk, bands: object) -> Chunk:
    """Keep the bands that a load_collection node names, in its order; the caller may have left out needless ones."""
    if not isinstance(bands, list):
        return cube
    places = dict.fromkeys(place for band in bands for place in band_places(cube, BANDS, band))
    return take(cube, BANDS, list(places))


def _resolve(value: object, values: _Values, parameters: Mapping[str, object]) -> object:
    if isinstance(value, FromNode):
        return values[value.node_id]
    if isinstance(value, FromParameter):
        return parameters.get(value.name)
    if isinstance(value, Steps):
        return partial(_call_in, value, parameters)
    if isinstance(value, list):
        return [_resolve(element, values, parameters) for element in value]
    if isinstance(value, dict):
        return {key: _resolve(element, values, parameters) for key, element in value.items()}
    return value


def _call_in(steps: Steps, around: Mapping[str, object], **parameters: object) -> object:
    """Evaluate a callback, which also sees the parameters of the callback around it."""
    return call(steps, **{**around, **parameters})


def _at(error: _Error, where: str) -> _Error:
    return type(error)(error.what, where=where, remedy=error.remedy)


def _no_load(node_id: str, _arguments: Mapping[str, object]) -> Chunk:
    raise RecipeError("a callback cannot load a collection", where=f"node '{node_id}'")
