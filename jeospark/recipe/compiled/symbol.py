"""Arrays that record what is done to them, so that the processes themselves say what a recipe computes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from jeospark.recipe.compiled.table import Operation, Table, UnsupportedError
from jeospark.recipe.values import Field, as_field

SHAPE = (1,)
_COMPARISONS = frozenset({"equal", "not_equal", "greater", "greater_equal", "less", "less_equal"})
_ON_BOOLEANS = frozenset({"bitwise_and", "bitwise_or", "bitwise_xor", "invert", "equal", "not_equal"})
_ON_FLOATS = _COMPARISONS | {
    "absolute", "add", "ceil", "divide", "floor", "isfinite", "isinf", "isnan", "maximum", "minimum", "multiply",
    "negative", "sqrt", "subtract", "trunc",
}  # fmt: skip
"""ufuncs that IEEE 754 defines to the last bit; others may differ between numpy and compiled code."""
_FLOAT64 = np.dtype(np.float64)


class Symbol(NDArrayOperatorsMixin):
    """One value a pixel (and date) that is not known yet.

    Args:
        table: Where its expression is.
        number: Which it is.

    Raises:
        UnsupportedError: Anything but an operation that compiled code does exactly as numpy is done to it.
    """

    shape = SHAPE
    ndim = 1

    def __init__(self, table: Table, number: int) -> None:
        self.table = table
        self.number = number

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The type numpy gives it."""
        return np.dtype(self.table.operations[self.number].dtype)

    def astype(self, dtype: Any) -> "Symbol":
        """Convert."""
        return Symbol(self.table, self.table.cast(self.number, np.dtype(dtype)))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **options: object) -> "Symbol":
        if method != "__call__" or options or ufunc.nout != 1:
            raise UnsupportedError(f"{ufunc.__name__}.{method}")
        given = tuple(map(_type_of, inputs))
        types = ufunc.resolve_dtypes((*given, None))
        dtypes = [_exact(ufunc.__name__, dtype) for dtype in types[:-1]]
        arguments = [lift(self.table, value, dtype) for value, dtype in zip(inputs, dtypes, strict=True)]
        return Symbol(self.table, self.table.number(Operation(ufunc.__name__, types[-1].name, tuple(arguments))))

    def __array_function__(
        self, function: Callable[..., object], _types: object, given: tuple[Any, ...], options: dict[str, Any]
    ) -> object:
        if function is np.broadcast_to and tuple(given[1]) == SHAPE:
            return self
        if function is np.where and len(given) == 3 and not options:
            return self._where(*given)
        raise UnsupportedError(function.__name__)

    def __array__(self, *_arguments: object, **_options: object) -> Any:
        raise UnsupportedError("the values of an array")

    def __bool__(self) -> bool:
        raise UnsupportedError("the truth of an array")

    def _where(self, condition: object, accept: object, reject: object) -> "Symbol":
        dtype = np.result_type(*map(_model, (accept, reject)))
        arguments = [lift(self.table, condition, np.dtype(np.bool_))]
        arguments += [lift(self.table, value, dtype) for value in (accept, reject)]
        return Symbol(self.table, self.table.number(Operation("where", dtype.name, tuple(arguments))))


def lift(table: Table, value: Any, dtype: np.dtype[np.generic] | None = None) -> int:
    """Give the expression of a symbol, a number, or an array of equal numbers, converted to a type."""
    if isinstance(value, Symbol):
        return value.number if dtype is None else table.cast(value.number, dtype)
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "bif":
        raise UnsupportedError("an array of its own")
    return table.constant(array.flat[0], dtype or array.dtype)


def field_of(table: Table, cell: int) -> Field:
    """Give the field that stands for a cell."""
    data, valid = table.pair(cell)
    return Field(Symbol(table, data), Symbol(table, valid))  # type: ignore[arg-type]


def cell_of(table: Table, value: object) -> int:
    """Give the cell of a field, number, boolean or null."""
    field = as_field(value, SHAPE)
    return table.cell(lift(table, field.data), lift(table, field.valid, np.dtype(np.bool_)))


def _type_of(value: object) -> Any:
    """Give the type by which numpy promotes; Python's numbers are weak."""
    return type(value) if type(value) in (int, float) else _model(value).dtype


def _model(value: object) -> Any:
    """Give what numpy promotes as it does the value: numpy's own scalars, which are Python's too, are strong."""
    if type(value) is bool:
        return np.False_
    return value if type(value) in (int, float) else np.empty(0, value.dtype)  # type: ignore[attr-defined]


def _exact(name: str, dtype: np.dtype[np.generic]) -> np.dtype[np.generic]:
    """Give the type to compute in; small integers, which only counting gives, are compared as float64."""
    if dtype.kind in "iu" and name in _COMPARISONS:
        return _FLOAT64
    if name in (_ON_BOOLEANS if dtype.kind == "b" else _ON_FLOATS if dtype.kind == "f" else ()):
        return dtype
    raise UnsupportedError(f"{name} of {dtype}")
