"""Processes that make one number of an array of numbers; null is left out unless `ignore_nodata` is false."""

from collections.abc import Callable
from itertools import pairwise

from jeospark.recipe.failures import bad_argument
from jeospark.recipe.kinds import Kind
from jeospark.recipe.registry import callback, declare, optional, process, required
from jeospark.recipe.values import Field, FieldArray, as_array, as_field, is_number, unwrap
from udfs import quantiles as quantile_kernels
from udfs import reduce as kernels

NUMBER = Kind.NUMBER | Kind.NULL
REDUCER = "reducer"

_DATA = required("data", Kind.ARRAY, "An array of numbers.")
_IGNORE = optional("ignore_nodata", Kind.BOOLEAN, "Whether null is left out.", default=True)

_KERNELS: dict[str, tuple[str, Callable[..., kernels.Reduced]]] = {
    "min": ("The least number.", kernels.minimum),
    "max": ("The greatest number.", kernels.maximum),
    "mean": ("The arithmetic mean.", kernels.mean),
    "median": ("The median.", quantile_kernels.median),
    "sum": ("The sum.", kernels.total),
    "product": ("The product.", kernels.product),
    "sd": ("The sample standard deviation; null for a single number.", kernels.sd),
    "variance": ("The sample variance; null for a single number.", kernels.variance),
    "first": ("The first element.", kernels.first),
    "last": ("The last element.", kernels.last),
}


def _declare_reducer(name: str, summary: str, kernel: Callable[..., kernels.Reduced]) -> None:
    def function(data: object, ignore_nodata: object) -> object:
        if name in {"first", "last"} and _has_texts(data):
            kept = [value for value in data if value is not None or not ignore_nodata]  # type: ignore[attr-defined]
            return kept[0 if name == "first" else -1]
        array = as_array(data)
        return unwrap(*kernel(array.data, array.valid, ignore_nodata=bool(ignore_nodata)))

    declare(name, _DATA, _IGNORE, category=REDUCER, summary=summary, returns=NUMBER, function=function)


for _name, (_summary, _kernel) in _KERNELS.items():
    _declare_reducer(_name, _summary, _kernel)


@process("extrema", _DATA, _IGNORE, category=REDUCER, summary="The least and the greatest number.", returns=Kind.ARRAY)
def _extrema(data: object, ignore_nodata: object) -> list[object]:
    array = as_array(data)
    both = (kernels.minimum, kernels.maximum)
    return [unwrap(*kernel(array.data, array.valid, ignore_nodata=bool(ignore_nodata))) for kernel in both]


@process(
    "count",
    required("data", Kind.ARRAY, "An array."),
    callback(
        "condition",
        "What an element must meet to be counted; true counts all, null the finite numbers and other values.",
        "x",
        "context",
        accepts=Kind.CALLBACK | Kind.BOOLEAN | Kind.NULL,
        required=False,
    ),
    optional("context", Kind.ANY, "Passed on to the condition."),
    category=REDUCER,
    summary="The number of elements that meet a condition.",
    returns=Kind.NUMBER,
)
def _count(data: object, condition: object, context: object) -> object:
    if _has_texts(data):
        data = [None if value is None else 1 for value in data]  # type: ignore[attr-defined]
    array = as_array(data)
    if condition is None:
        return unwrap(*kernels.count(array.data, array.valid))
    met = array.valid | True
    if callable(condition):
        result = as_field(condition(x=Field(array.data, array.valid), context=context), array.data.shape)
        met = result.valid & (result.data == True)  # noqa: E712
    return unwrap(*kernels.count(met, met))


@process(
    "quantiles",
    _DATA,
    optional(
        "probabilities", Kind.ARRAY | Kind.INTEGER | Kind.NULL, "Probabilities, ascending; or the number of intervals."
    ),
    optional("q", Kind.INTEGER | Kind.NULL, "The number of intervals (deprecated: use `probabilities`)."),
    _IGNORE,
    category="math",
    summary="Cut points of the distribution (type 7 of Hyndman and Fan).",
    returns=Kind.ARRAY,
)
def _quantiles(data: object, probabilities: object, intervals: object, ignore_nodata: object) -> object:
    chances = _chances(probabilities, intervals)
    array = as_array(data)
    values, valid = quantile_kernels.quantiles(
        array.data, array.valid, probabilities=chances, ignore_nodata=bool(ignore_nodata)
    )
    if values.ndim == 1:
        return [unwrap(value, filled) for value, filled in zip(values, valid, strict=True)]
    return FieldArray(values, valid)


def _chances(probabilities: object, intervals: object) -> list[float]:
    if probabilities is None and intervals is None:
        raise bad_argument("QuantilesParameterMissing", "neither 'probabilities' nor 'q' is given")
    if probabilities is not None and intervals is not None:
        raise bad_argument("QuantilesParameterConflict", "both 'probabilities' and 'q' are given")
    chosen = intervals if probabilities is None else probabilities
    if is_number(chosen):
        parts = int(chosen)  # type: ignore[call-overload]
        if parts < 2:
            raise bad_argument(
                "QuantilesParameterInvalid", f"{parts} intervals have no cut point", remedy="Give 2 or more."
            )
        return [part / parts for part in range(1, parts)]
    if not isinstance(chosen, (list, tuple)) or not all(map(is_number, chosen)):
        raise bad_argument(
            "QuantilesParameterInvalid", f"{chosen!r} are no probabilities", remedy="Give numbers from 0 to 1."
        )
    chances = [float(chance) for chance in chosen]
    if any(one > other for one, other in pairwise(chances)) or not all(0 <= chance <= 1 for chance in chances):
        raise bad_argument("AscendingProbabilitiesRequired", f"{chances} do not ascend from 0 to 1")
    return chances


def _has_texts(data: object) -> bool:
    return isinstance(data, (list, tuple)) and any(isinstance(value, (str, list, dict)) for value in data)
