"""`pixels(…)`: the same rows from a table function of SQL, for small answers: one task makes them, in one piece."""

from collections.abc import Iterator
from dataclasses import dataclass

from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.udtf import AnalyzeArgument, AnalyzeResult

from jeospark.sql.pixels.arguments import options_of
from jeospark.sql.pixels.ask import OPTIONS, Ask, Defaults, ask_of
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
        plan = Plan(ask_of(options_of(NAME, what, options, OPTIONS), cls.defaults))
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
