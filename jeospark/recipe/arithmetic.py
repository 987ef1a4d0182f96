"""Processes that compute numbers from numbers. A null operand gives null; NaN and infinity follow IEEE 754."""

from typing import Any

import numpy as np

from jeospark.recipe.failures import bad_argument
from jeospark.recipe.kinds import Kind
from jeospark.recipe.registry import Function, declare, optional, process, required
from jeospark.recipe.values import Field, elementwise, is_number

NUMBER = Kind.NUMBER | Kind.NULL
MATH = "math"
_MOST_DIGITS = 300
"""Of a float64, about."""


def declare_elementwise(
    name: str, summary: str, function: Function, *operands: tuple[str, str], category: str = MATH
) -> None:
    """Register a process that applies a numpy function to one or more numbers."""
    declare(
        name,
        *(required(operand, NUMBER, text) for operand, text in operands),
        category=category,
        summary=summary,
        returns=NUMBER,
        function=lambda *values: elementwise(function, *values),
    )


def _modulo(x: Any, y: Any) -> Any:
    """Remainder with the sign of the divisor; infinite for the divisor 0, the dividend for an infinite divisor."""
    remainder = np.where(np.isinf(y) & np.isfinite(x), x, np.mod(x, y))
    return np.where(np.equal(y, 0), np.divide(x, np.abs(y)), remainder)


def _logarithm(x: Any, base: Any) -> Any:
    """Logarithm to a base; exact for 2 and 10."""
    exact = {2: np.log2, 10: np.log10}
    return exact[base](x) if is_number(base) and base in exact else np.log(x) / np.log(base)


X = ("x", "A number.")
TWO = (("x", "The first operand."), ("y", "The second operand."))

declare_elementwise("add", "Sum of two numbers.", np.add, *TWO)
declare_elementwise("subtract", "Difference of two numbers.", np.subtract, *TWO)
declare_elementwise("multiply", "Product of two numbers.", np.multiply, *TWO)
declare_elementwise("divide", "Quotient of two numbers.", np.divide, *TWO)
declare_elementwise("mod", "Remainder of a division, with the sign of the divisor.", _modulo, *TWO)
declare_elementwise("power", "A number to a power.", np.power, ("base", "The base."), ("p", "The exponent."))
declare_elementwise("exp", "e to a power.", np.exp, ("p", "The exponent."))
declare_elementwise("ln", "Natural logarithm.", np.log, X)
declare_elementwise("log", "Logarithm to a base.", _logarithm, X, ("base", "The base."))
declare_elementwise("sqrt", "Square root.", np.sqrt, X)
declare_elementwise("absolute", "Absolute value.", np.abs, X)
declare_elementwise("floor", "The greatest whole number that is not above.", np.floor, X)
declare_elementwise("ceil", "The least whole number that is not below.", np.ceil, X)
declare_elementwise("sgn", "Sign: -1, 0 or 1.", np.sign, X)


@process(
    "int", required("x", NUMBER, "A number."), category=MATH, summary="The whole part; NaN gives null.", returns=NUMBER
)
def _whole(x: object) -> object:
    result = elementwise(np.trunc, x)
    if isinstance(result, Field):
        return Field(result.data, result.valid & ~np.isnan(result.data))
    return None if isinstance(result, float) and np.isnan(result) else result


@process(
    "round",
    required("x", NUMBER, "A number."),
    optional("p", Kind.INTEGER, "Digits after the decimal point; negative for tens, hundreds, …", 0),
    category=MATH,
    summary="Round, halves to the even neighbour.",
    returns=NUMBER,
)
def _round(x: object, digits: int) -> object:
    if abs(digits) > _MOST_DIGITS:
        remedy = f"Give -{_MOST_DIGITS} to {_MOST_DIGITS}."
        raise bad_argument("DigitsInvalid", f"{digits} digits after the decimal point", remedy=remedy)
    return elementwise(lambda value: np.round(value, int(digits)), x)


@process(
    "clip",
    required("x", NUMBER, "A number."),
    required("min", Kind.NUMBER, "The least value given."),
    required("max", Kind.NUMBER, "The greatest value given."),
    category=MATH,
    summary="Limit a number to a range.",
    returns=NUMBER,
)
def _clip(x: object, least: object, greatest: object) -> object:
    if is_number(least) and is_number(greatest) and least > greatest:  # type: ignore[operator]
        raise bad_argument("MinMaxSwapped", f"min {least} is above max {greatest}", remedy="Swap them.")
    return elementwise(lambda value, low, high: np.minimum(np.maximum(value, low), high), x, least, greatest)


@process(
    "linear_scale_range",
    required("x", NUMBER, "A number."),
    required("inputMin", Kind.NUMBER, "The number that becomes `outputMin`; x is limited to the input range."),
    required("inputMax", Kind.NUMBER, "The number that becomes `outputMax`."),
    optional("outputMin", Kind.NUMBER, "One end of the output range.", 0),
    optional("outputMax", Kind.NUMBER, "The other end of the output range.", 1),
    category=MATH,
    summary="Map one range of numbers onto another, linearly.",
    returns=NUMBER,
)
def _linear_scale_range(x: object, *ends: object) -> object:
    def scale(value: Any, low: Any, high: Any, out_low: Any, out_high: Any) -> Any:
        inside = np.minimum(np.maximum(value, np.minimum(low, high)), np.maximum(low, high))
        return (inside - low) / (high - low) * (out_high - out_low) + out_low

    return elementwise(scale, x, *ends)


for _name, _summary, _constant in (
    ("pi", "The number pi.", np.pi),
    ("e", "Euler's number.", np.e),
    ("nan", "The value NaN (not a number).", np.nan),
):
    declare(
        _name, category=MATH, summary=_summary, returns=Kind.NUMBER, function=lambda constant=_constant: float(constant)
    )


@process(
    "constant", required("x", Kind.ANY, "A value."), category=MATH, summary="Give a value a name.", returns=Kind.ANY
)
def _constant_value(x: object) -> object:
    return x
