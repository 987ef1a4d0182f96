"""Processes that compare values. Types are compared strictly; null gives null; comparisons with NaN are false."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from jeospark.recipe.kinds import Kind
from jeospark.recipe.registry import declare, optional, process, required
from jeospark.recipe.values import Field, both_valid, is_number, null_like, plain
from udfs.dtypes import to_float

VALUE = Kind.NUMBER | Kind.BOOLEAN | Kind.STRING | Kind.NULL
RESULT = Kind.BOOLEAN | Kind.NULL
COMPARISON = "comparison"

_TWO = (required("x", VALUE, "The first value."), required("y", VALUE, "The second value."))


def equal(x: object, y: object, delta: float | None = None, case_sensitive: object = None) -> object:
    """Compare two values for equality; numbers within `delta` are equal."""
    if isinstance(x, str) and isinstance(y, str):
        return x.casefold() == y.casefold() if case_sensitive is False else x == y
    compare = operator.eq if delta is None else lambda one, other: np.abs(_wide(one) - _wide(other)) <= delta
    return _compare(compare, x, y, kinds=("number",) if delta is not None else ("number", "boolean"))


def order(compare: Callable[[Any, Any], Any], x: object, y: object) -> object:
    """Compare two numbers; false for anything else."""
    return _compare(compare, x, y, kinds=("number",))


def negate(value: object) -> object:
    """Turn a boolean round; null stays null."""
    if isinstance(value, Field):
        return Field(~value.data, value.valid)
    return None if value is None else not value


def _compare(compare: Callable[[Any, Any], Any], x: object, y: object, *, kinds: tuple[str, ...]) -> object:
    fields = [value for value in (x, y) if isinstance(value, Field)]
    if x is None or y is None:
        return null_like(fields[0]) if fields else None
    if not fields:
        return _kind(x) == _kind(y) and _kind(x) in kinds and bool(plain(compare(x, y)))
    if _kind(x) != _kind(y) or _kind(x) not in kinds:
        return Field(np.broadcast_to(np.False_, fields[0].data.shape), both_valid(*fields))
    data = compare(*(value.data if isinstance(value, Field) else value for value in (x, y)))
    return Field(data, both_valid(*fields))


def _wide(value: Any) -> Any:
    return to_float(value) if isinstance(value, np.ndarray) else value


def _kind(value: object) -> str:
    if isinstance(value, Field):
        return "boolean" if value.data.dtype.kind == "b" else "number"
    return "number" if is_number(value) else "boolean" if isinstance(value, bool) else type(value).__name__


def _declare_equality(name: str, summary: str, function: Callable[..., object]) -> None:
    declare(
        name,
        *_TWO,
        optional("delta", Kind.NUMBER | Kind.NULL, "Numbers this close are equal."),
        optional("case_sensitive", Kind.BOOLEAN, "Whether texts that differ only in case differ.", default=True),
        category=COMPARISON,
        summary=summary,
        returns=RESULT,
        function=function,
    )


def _declare_order(name: str, summary: str, compare: Callable[[Any, Any], Any]) -> None:
    declare(
        name, *_TWO, category=COMPARISON, summary=summary, returns=RESULT, function=lambda x, y: order(compare, x, y)
    )


_declare_equality("eq", "Whether two values are equal.", equal)
_declare_equality("neq", "Whether two values differ.", lambda *values: negate(equal(*values)))
_declare_order("gt", "Whether the first number is greater.", operator.gt)
_declare_order("gte", "Whether the first number is greater or equal.", operator.ge)
_declare_order("lt", "Whether the first number is less.", operator.lt)
_declare_order("lte", "Whether the first number is less or equal.", operator.le)


@process(
    "between",
    required("x", Kind.ANY, "The value; what is no number is not between."),
    required("min", Kind.NUMBER, "The lower end, inside."),
    required("max", Kind.NUMBER, "The upper end, inside."),
    optional("exclude_max", Kind.BOOLEAN, "Whether the upper end is outside.", default=False),
    category=COMPARISON,
    summary="Whether a number lies in a range.",
    returns=RESULT,
)
def _between(x: object, least: object, greatest: object, exclude_max: object) -> object:
    above = order(operator.ge, x, least)
    below = order(operator.lt if exclude_max else operator.le, x, greatest)
    if isinstance(above, Field) and isinstance(below, Field):
        return Field(above.data & below.data, both_valid(above, below))
    return None if above is None or below is None else bool(above) and bool(below)


def _declare_check(
    name: str, summary: str, of_field: Callable[[Field], Any], of_value: Callable[[object], bool]
) -> None:
    def check(x: object) -> object:
        if isinstance(x, Field):
            return Field(np.broadcast_to(of_field(x), x.data.shape), np.broadcast_to(np.True_, x.data.shape))
        return of_value(x)

    declare(
        name,
        required("x", Kind.ANY, "The value."),
        category=COMPARISON,
        summary=summary,
        returns=Kind.BOOLEAN,
        function=check,
    )


_declare_check(
    "is_nan",
    "Whether a value is NaN.",
    lambda field: field.valid & np.isnan(field.data),
    lambda x: isinstance(x, float) and bool(np.isnan(x)),
)
_declare_check(
    "is_infinite",
    "Whether a value is infinite.",
    lambda field: field.valid & np.isinf(field.data),
    lambda x: isinstance(x, float) and bool(np.isinf(x)),
)
_declare_check("is_nodata", "Whether a value is null.", lambda field: ~field.valid, lambda x: x is None)
_declare_check(
    "is_valid",
    "Whether a value is neither null, NaN nor infinite.",
    lambda field: field.valid & np.isfinite(field.data),
    lambda x: x is not None and not (isinstance(x, float) and not np.isfinite(x)),
)
