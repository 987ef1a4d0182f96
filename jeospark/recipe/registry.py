"""Processes by name: what they are called, what they take, and the function that does it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import TypeVar

from jeospark.errors import UnknownProcessError
from jeospark.recipe.kinds import Kind

Function = Callable[..., object]
AnyFunction = TypeVar("AnyFunction", bound=Function)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One argument of a process."""

    name: str
    accepts: Kind
    summary: str
    required: bool = True
    default: object = None
    choices: tuple[object, ...] = ()
    """The only values allowed; empty for all of the type."""
    scope: tuple[str, ...] = ()
    """For a callback: the parameters that it is called with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process of a process graph."""

    name: str
    category: str
    summary: str
    parameters: tuple[Parameter, ...]
    returns: Kind
    function: Function | None = field(repr=False)
    """Takes the resolved arguments by position, in the order of `parameters`; callbacks come as functions of keyword
    parameters. None where the caller of the evaluator gives the value (load_collection)."""

    def parameter(self, name: str) -> Parameter | None:
        """Find a parameter by name."""
        return next((one for one in self.parameters if one.name == name), None)


_PROCESSES: dict[str, Process] = {}


def process(
    name: str, *parameters: Parameter, category: str, summary: str, returns: Kind
) -> Callable[[AnyFunction], AnyFunction]:
    """Register the decorated function as a process."""

    def register(function: AnyFunction) -> AnyFunction:
        declare(name, *parameters, category=category, summary=summary, returns=returns, function=function)
        return function

    return register


def declare(
    name: str, *parameters: Parameter, category: str, summary: str, returns: Kind, function: Function | None
) -> None:
    """Register a process."""
    _PROCESSES[name] = Process(
        name=name, category=category, summary=summary, parameters=parameters, returns=returns, function=function
    )


def processes() -> Mapping[str, Process]:
    """Give all processes by name, in alphabetical order."""
    return MappingProxyType(dict(sorted(_PROCESSES.items())))


def find_process(name: str, *, where: str = "") -> Process:
    """Find a process by name.

    Raises:
        UnknownProcessError: There is none of that name.
    """
    if name not in _PROCESSES:
        raise UnknownProcessError(f"no process '{name}'", where=where, remedy=did_you_mean(name, _PROCESSES))
    return _PROCESSES[name]


def did_you_mean(name: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    """Say which of the known names looks most like the given one, or list them all when none does."""
    near = get_close_matches(name, list(known), n=1)
    if near:
        return f"Did you mean '{near[0]}'?"
    few = ", ".join(sorted(known)[:12])
    return f"Known: {few}{', …' if len(known) > 12 else ''}." if few else ""


def required(name: str, accepts: Kind, summary: str, *, choices: tuple[object, ...] = ()) -> Parameter:
    """Declare an argument that must be given."""
    return Parameter(name=name, accepts=accepts, summary=summary, choices=choices)


def optional(
    name: str, accepts: Kind, summary: str, default: object = None, *, choices: tuple[object, ...] = ()
) -> Parameter:
    """Declare an argument that may be left out."""
    return Parameter(name=name, accepts=accepts, summary=summary, required=False, default=default, choices=choices)


def callback(name: str, summary: str, *scope: str, accepts: Kind = Kind.CALLBACK, required: bool = True) -> Parameter:
    """Declare an argument that is a nested process graph, and the parameters it is called with."""
    return Parameter(name=name, accepts=accepts, summary=summary, required=required, scope=scope)
