"""Processes on booleans, in the three-valued logic of true, false and null."""

from collections.abc import Callable
from typing import Any

import numpy as np

from jeospark.errors import ArgumentError
from jeospark.recipe.comparison import negate
from jeospark.recipe.kinds import Kind
from jeospark.recipe.registry import declare, optional, process, required
from jeospark.recipe.values import Field, as_array, as_field, describe, unwrap

BOOLEAN = Kind.BOOLEAN | Kind.NULL
LOGIC = "logic"
Truth = tuple[Any, Any]
"""Where a value is true, and where it is false; null where it is neither."""


def _truth(value: object) -> Truth:
    if value is None or isinstance(value, bool):
        return np.bool_(value is True), np.bool_(value is False)
    if not isinstance(value, Field) or value.data.dtype.kind != "b":
        raise ArgumentError(f"a boolean is needed, not {describe(value)}", remedy="Compare it with a number first.")
    return value.data & value.valid, ~value.data & value.valid


def _both(one: Truth, other: Truth) -> Truth:
    return one[0] & other[0], one[1] | other[1]


def _either(one: Truth, other: Truth) -> Truth:
    return one[0] | other[0], one[1] & other[1]


def _only_one(one: Truth, other: Truth) -> Truth:
    return (one[0] & other[1]) | (one[1] & other[0]), (one[0] & other[0]) | (one[1] & other[1])


def _declare_binary(name: str, summary: str, combine: Callable[[Truth, Truth], Truth]) -> None:
    def function(x: object, y: object) -> object:
        true, false = combine(_truth(x), _truth(y))
        return unwrap(true, true | false)

    declare(
        name,
        required("x", BOOLEAN, "The first boolean."),
        required("y", BOOLEAN, "The second boolean."),
        category=LOGIC,
        summary=summary,
        returns=BOOLEAN,
        function=function,
    )


_declare_binary("and", "Whether both are true.", _both)
_declare_binary("or", "Whether one or both are true.", _either)
_declare_binary("xor", "Whether exactly one is true.", _only_one)
declare(
    "not",
    required("x", BOOLEAN, "A boolean."),
    category=LOGIC,
    summary="The opposite.",
    returns=BOOLEAN,
    function=lambda x: negate(unwrap(_truth(x)[0], _truth(x)[0] | _truth(x)[1])),
)


@process(
    "if",
    required("value", BOOLEAN, "The condition; null counts as false."),
    required("accept", Kind.ANY, "What is given where the condition is true."),
    optional("reject", Kind.ANY, "What is given elsewhere."),
    category=LOGIC,
    summary="Choose one of two values.",
    returns=Kind.ANY,
)
def _if(value: object, accept: object, reject: object) -> object:
    if not isinstance(value, Field):
        return accept if value is True else reject
    true, _ = _truth(value)
    chosen, other = as_field(accept, true.shape), as_field(reject, true.shape)
    return Field(np.where(true, chosen.data, other.data), np.where(true, chosen.valid, other.valid))


def _declare_reducer(name: str, summary: str, decisive: bool) -> None:  # noqa: FBT001
    """Register a reducer that one `decisive` element settles; without any, the result is the opposite.

    With null taken into account, openEO's table combines pairs, so that a lone null counts like an empty array.
    """

    def function(data: object, ignore_nodata: object) -> object:
        array = as_array(data)
        settled = (array.valid & (array.data.astype(np.bool_) == decisive)).any(axis=0)
        known = array.valid.all(axis=0) | bool(ignore_nodata) | (len(array.data) == 1)
        return unwrap(np.asarray(settled if decisive else ~settled), np.asarray(settled | known))

    declare(
        name,
        required("data", Kind.ARRAY, "Booleans."),
        optional("ignore_nodata", Kind.BOOLEAN, "Whether null is left out.", default=True),
        category="reducer",
        summary=summary,
        returns=BOOLEAN,
        function=function,
    )


_declare_reducer("any", "Whether at least one is true.", decisive=True)
_declare_reducer("all", "Whether all are true.", decisive=False)
