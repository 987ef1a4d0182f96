"""Checks of a process graph against the processes that exist."""

from collections.abc import Mapping

from jeospark.errors import ArgumentError
from jeospark.recipe.kinds import Kind, kind_of
from jeospark.recipe.nodes import FromNode, FromParameter, Node, Steps, leaves
from jeospark.recipe.registry import Parameter, Process, did_you_mean, find_process


def validate(steps: Steps, *, scope: tuple[str, ...] = (), around: str = "") -> None:
    """Check every node, and the callbacks in it.

    Args:
        steps: What to check.
        scope: Parameters that may be referred to.
        around: Where the steps are, for errors.

    Raises:
        UnknownProcessError: A node's process does not exist.
        ArgumentError: An argument is missing, unknown or of the wrong type.
    """
    for node in steps.nodes.values():
        where = f"{around}node '{node.node_id}'"
        declared = find_process(node.process_id, where=where)
        _check_names(node, declared, where)
        for name, value in node.arguments.items():
            parameter = declared.parameter(name)
            if parameter is not None:
                _check_value(value, parameter, steps, scope, f"{where}, argument '{name}' of '{node.process_id}'")


def _check_names(node: Node, declared: Process, where: str) -> None:
    known = tuple(parameter.name for parameter in declared.parameters)
    for name in node.arguments:
        if name not in known:
            remedy = did_you_mean(name, known)
            raise ArgumentError(f"'{node.process_id}' has no argument '{name}'", where=where, remedy=remedy)
    for parameter in declared.parameters:
        if parameter.required and parameter.name not in node.arguments:
            remedy = f"{parameter.summary} Give {parameter.accepts}."
            raise ArgumentError(
                f"'{node.process_id}' lacks its argument '{parameter.name}'", where=where, remedy=remedy
            )


def _check_value(value: object, parameter: Parameter, steps: Steps, scope: tuple[str, ...], where: str) -> None:
    for leaf in leaves(value):
        if isinstance(leaf, Steps):
            validate(leaf, scope=(*scope, *parameter.scope), around=f"{where}, ")
        if isinstance(leaf, FromParameter) and leaf.name not in scope:
            remedy = did_you_mean(leaf.name, scope)
            raise ArgumentError(f"there is no parameter '{leaf.name}' here", where=where, remedy=remedy)
    if not isinstance(value, FromParameter):
        _check_kind(value, parameter, steps, where)


def _check_kind(value: object, parameter: Parameter, steps: Steps, where: str) -> None:
    if isinstance(value, FromNode):
        given = _returned(steps.nodes[value.node_id])
        if not given & parameter.accepts:
            made = f"node '{value.node_id}' gives {given}"
            raise ArgumentError(
                f"{made}, but {parameter.accepts} is needed", where=where, remedy=_hint(given, parameter)
            )
        return
    given = Kind.CALLBACK if isinstance(value, Steps) else kind_of(value)
    if not given & parameter.accepts:
        raise ArgumentError(f"{_shown(value)} is not {parameter.accepts}", where=where, remedy=parameter.summary)
    if parameter.choices and value not in parameter.choices:
        remedy = did_you_mean(str(value), tuple(map(str, parameter.choices)))
        raise ArgumentError(f"{_shown(value)} is not one of the values allowed", where=where, remedy=remedy)


def _returned(node: Node) -> Kind:
    """Tell what a node may give, besides null."""
    given = find_process(node.process_id).returns & ~Kind.NULL
    return given | Kind.INTEGER if given & Kind.NUMBER else given


def _hint(given: Kind, parameter: Parameter) -> str:
    if given == Kind.DATACUBE and parameter.accepts & (Kind.ARRAY | Kind.NUMBER):
        return "Use it inside apply, reduce_dimension or aggregate_temporal_period."
    return parameter.summary


def _shown(value: object) -> str:
    if isinstance(value, Steps):
        return "a callback"
    return "an object" if isinstance(value, Mapping) else f"'{value}'" if isinstance(value, str) else str(value)
