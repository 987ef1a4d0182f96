"""Callbacks, run on symbols: the processes themselves where they are elementwise, rules where they see an array."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jeospark.recipe.compiled.symbol import SHAPE, Symbol, cell_of, lift
from jeospark.recipe.compiled.table import Operation, Table, UnsupportedError
from jeospark.recipe.nodes import FromNode, FromParameter, Node, Steps
from jeospark.recipe.registry import find_process
from jeospark.recipe.values import Field, as_field, elementwise
from udfs.dtypes import float_dtype

ELEMENTWISE = frozenset({
    "absolute", "add", "and", "array_create", "between", "ceil", "clip", "constant", "divide", "e", "eq", "floor", "gt",
    "gte", "if", "int", "is_infinite", "is_nan", "is_nodata", "is_valid", "linear_scale_range", "lt", "lte", "multiply",
    "nan", "neq", "not", "or", "pi", "sqrt", "subtract", "xor",
})  # fmt: skip
"""Processes whose own functions are run on symbols."""
_ONE_DATE_KEEPS_TYPE = frozenset({"min", "max", "first", "last"})
_OVER_DATES = frozenset({"median", "mean", "sum", "sd", "variance", "count"}) | _ONE_DATE_KEEPS_TYPE
_BOOL, _FLOAT64 = np.dtype(np.bool_), np.dtype(np.float64)


@dataclass(frozen=True, slots=True)
class Dates:
    """The array that a reducer over time sees."""

    field: Field
    """Its element of any date."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The array that a reducer over bands sees."""

    fields: Sequence[Field]
    labels: tuple[object, ...] | None


def trace_callback(table: Table, steps: Steps, parameters: Mapping[str, object]) -> int:
    """Run a callback on symbols, and give the cell of its value."""
    values: dict[str, object] = {}
    for node in steps.needed(steps.result):
        values[node.node_id] = _step(node, values, parameters)
    return cell_of(table, values[steps.result])


def _step(node: Node, values: Mapping[str, object], parameters: Mapping[str, object]) -> object:
    declared = find_process(node.process_id)
    given = [_resolve(node.arguments.get(one.name, one.default), values, parameters) for one in declared.parameters]
    rule = _RULES.get(node.process_id)
    if rule is not None and any(map(_traced, given)):
        return rule(*given)
    if node.process_id not in ELEMENTWISE or declared.function is None:
        raise UnsupportedError(node.process_id)
    if any(isinstance(value, (Dates, Cells)) for value in given):
        raise UnsupportedError(f"{node.process_id} of an array")
    return declared.function(*given)


def _resolve(value: object, values: Mapping[str, object], parameters: Mapping[str, object]) -> object:
    if isinstance(value, FromNode):
        return values[value.node_id]
    if isinstance(value, FromParameter):
        return parameters.get(value.name)
    if isinstance(value, list):
        return [_resolve(element, values, parameters) for element in value]
    if isinstance(value, (Steps, Mapping)):
        raise UnsupportedError("a callback in a callback")
    return value


def _traced(value: object) -> bool:
    return isinstance(value, (Field, Dates, Cells)) or (isinstance(value, list) and any(map(_traced, value)))


def _element(data: object, index: object, label: object, return_nodata: object) -> object:
    if not isinstance(data, Cells) or return_nodata or (index is None) == (label is None):
        raise UnsupportedError("array_element")
    if label is not None:
        index = data.labels.index(label) if data.labels and label in data.labels else None
    if not isinstance(index, (int, float)) or not 0 <= index < len(data.fields):
        raise UnsupportedError("array_element of nothing")
    return data.fields[int(index)]


def normalized_difference(x: object, y: object) -> Field:
    """Compute (x - y) / (x + y) of two fields; null where both are 0."""
    result = elementwise(lambda one, other: (one - other) / (one + other), x, y)
    if not (isinstance(x, Field) and isinstance(y, Field) and isinstance(result, Field)):
        raise UnsupportedError("normalized_difference of numbers")
    undefined = np.equal(x.data, 0) & np.equal(y.data, 0)
    return Field(result.data, result.valid & ~undefined)


def _reducer(name: str) -> Callable[..., Field]:
    def reduce(data: object, *options: object) -> Field:
        if options[0] is not (None if name == "count" else True):
            raise UnsupportedError(f"{name} with {options[0]}")
        if isinstance(data, Dates):
            return _over_dates(name, data.field)
        if name not in _ACROSS or not isinstance(data, (Cells, list)):
            raise UnsupportedError(f"{name} of bands")
        return _across(name, data.fields if isinstance(data, Cells) else data)

    return reduce


def _over_dates(name: str, field: Field) -> Field:
    symbol: Any = field.data
    table: Table = symbol.table
    numbers = symbol.astype(np.float32) if symbol.dtype == _BOOL else symbol
    if numbers.dtype.kind != "f":
        raise UnsupportedError(f"{name} of {numbers.dtype}")
    pair = numbers.number, lift(table, field.valid, _BOOL)
    dtype = "uint16" if name == "count" else numbers.dtype.name
    result = Symbol(table, table.number(Operation(name, dtype, pair)))
    if symbol.dtype == _BOOL and name in _ONE_DATE_KEEPS_TYPE:
        result = result.astype(np.bool_)
    return Field(result, _filled(table, name, pair[1]))  # type: ignore[arg-type]


def _filled(table: Table, name: str, valid: int) -> Any:
    if name == "count":
        return np.ones(SHAPE, np.bool_)
    test = "several" if name in ("sd", "variance") else "some"
    return Symbol(table, table.number(Operation(test, "bool", (valid,))))


def _across(name: str, elements: Sequence[object]) -> Field:
    """Reduce the bands of a pixel, step by step as udfs.reduce does."""
    fields = [as_field(one, SHAPE) for one in elements]
    dtype = np.result_type(*(field.data.dtype for field in fields)) if fields else _BOOL
    if dtype.kind != "f":
        raise UnsupportedError(f"{name} of {dtype}")
    data, valid = _ACROSS[name]([Field(field.data.astype(dtype), field.valid) for field in fields])
    return Field(data.astype(float_dtype(dtype)), valid)


def _sum(fields: Sequence[Field]) -> tuple[Any, Any]:
    total: Any = np.zeros(SHAPE, _FLOAT64)
    for field in fields:
        total = np.where(field.valid, total + field.data, total)
    return total, _any(fields)


def _mean(fields: Sequence[Field]) -> tuple[Any, Any]:
    total, valid = _sum(fields)
    number: Any = np.zeros(SHAPE, _FLOAT64)
    for field in fields:
        number = number + field.valid.astype(_FLOAT64)
    return total / np.maximum(number, np.float64(1)), valid


def _extreme(better: np.ufunc) -> Callable[[Sequence[Field]], tuple[Any, Any]]:
    def reduce(fields: Sequence[Field]) -> tuple[Any, Any]:
        result: Any = np.zeros(SHAPE, fields[0].data.dtype)
        found: Any = np.zeros(SHAPE, np.bool_)
        for field in fields:
            result = np.where(field.valid, np.where(found, better(result, field.data), field.data), result)
            found = found | field.valid
        return result, found

    return reduce


def _any(fields: Sequence[Field]) -> Any:
    found: Any = np.zeros(SHAPE, np.bool_)
    for field in fields:
        found = found | field.valid
    return found


_ACROSS: dict[str, Callable[[Sequence[Field]], tuple[Any, Any]]] = {
    "sum": _sum, "mean": _mean, "min": _extreme(np.minimum), "max": _extreme(np.maximum),
}  # fmt: skip
_RULES: dict[str, Callable[..., object]] = {
    "array_element": _element,
    "normalized_difference": normalized_difference,
    **{name: _reducer(name) for name in _OVER_DATES},
}
