"""`pixels(…)`: the same rows from a table function of SQL, for small answers: one task makes them, in one piece."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.udtf import AnalyzeArgument, AnalyzeResult

from jeospark.errors import OptionError
from jeospark.sql.pixels.ask import OPTIONS, Ask, Defaults, ask_of, near
from jeospark.sql.pixels.plan import Plan
from jeospark.sql.pixels.read import read_shares

NAME = "pixels"


@dataclass
class Analysed(AnalyzeResult):
    """What was found out of a call; handed on to the task."""

    ask: Ask | None = None


class PixelFunction:
    """Chips or pixels of a recipe or collection.

    The arguments are the options of the data source, by name; the first may stand without: a recipe's file or text, or
    else a collection.

    Args:
        analysed: From `analyze`.
    """

    defaults: Defaults

    def __init__(self, analysed: Analysed) -> None:
        self._ask = analysed.ask

    @classmethod
    def ask(cls, *what: AnalyzeArgument, **options: AnalyzeArgument) -> Analysed:
        """Check a call, before anything is read.

        Raises:
            OptionError: An argument is unknown or malformed, or changes from row to row.
            SqlLimitError: The answer would be too large.
            JeosparkError: See `plan.Plan`.
        """
        plan = Plan(ask_of(_options(what, options), cls.defaults))
        plan.check()
        return Analysed(schema=from_arrow_schema(plan.columns), ask=plan.ask)

    def eval(self, *_what: object, **_options: object) -> Iterator[tuple[object, ...]]:
        """The rows."""
        if self._ask is None:
            return
        plan = Plan(self._ask)
        for batch in read_shares(plan.shares(), plan.ask, plan.planes, plan.columns):
            for row in batch.to_pylist():
                yield tuple(row.values())


def function_of(defaults: Defaults) -> type[PixelFunction]:
    """The function with what holds where an argument is not given."""

    class Pixels(PixelFunction):
        @staticmethod
        def analyze(*what: AnalyzeArgument, **options: AnalyzeArgument) -> Analysed:
            Pixels.defaults = defaults
            return Pixels.ask(*what, **options)

    return Pixels


def _options(what: tuple[AnalyzeArgument, ...], named: Mapping[str, AnalyzeArgument]) -> dict[str, str]:
    if len(what) > 1:
        remedy = "Name them, such as bands => 'B04,B08'."
        raise OptionError(f"{NAME} takes one argument without a name, not {len(what)}", remedy=remedy)
    given = {name.lower(): _text(name, argument) for name, argument in named.items()}
    for argument in what:
        text = _text("the first argument", argument)
        recipe = text is not None and (text.lstrip().startswith("{") or text.endswith(".json"))
        given.setdefault("recipe" if recipe else "collection", text)
    return {name: text for name, text in given.items() if text is not None}


def _text(name: str, argument: AnalyzeArgument) -> str | None:
    if argument.isTable or not argument.isConstantExpression:
        remedy = near(name, OPTIONS) if name not in OPTIONS else "Give a constant."
        raise OptionError(f"'{name}' is no constant", where=NAME, remedy=remedy)
    value: Any = argument.value
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return None if value is None else str(value)
