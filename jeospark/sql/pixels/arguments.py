"""Arguments of table functions as options by name."""

from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql.udtf import AnalyzeArgument

from jeospark.errors import OptionError
from jeospark.sql.pixels.ask import near


def options_of(
    function: str, what: Sequence[AnalyzeArgument], named: Mapping[str, AnalyzeArgument], known: Mapping[str, str]
) -> dict[str, str]:
    """Options as text, those that are NULL left out.

    Args:
        function: Its name.
        what: Arguments without a name: at most one, a recipe's file or text, or else a collection.
        named: The others.
        known: Options that there are.

    Raises:
        OptionError: An argument changes from row to row, or there are too many.
    """
    if len(what) > 1:
        remedy = "Name them, such as bands => 'B04,B08'."
        raise OptionError(f"{function} takes one recipe or collection without a name, not {len(what)}", remedy=remedy)
    given = {name.lower(): _text(function, name, argument, known) for name, argument in named.items()}
    for argument in what:
        text = _text(function, "the first argument", argument, known)
        recipe = text is not None and (text.lstrip().startswith("{") or text.endswith(".json"))
        given.setdefault("recipe" if recipe else "collection", text)
    return {name: text for name, text in given.items() if text is not None}


def _text(function: str, name: str, argument: AnalyzeArgument, known: Mapping[str, str]) -> str | None:
    if argument.isTable or not argument.isConstantExpression:
        remedy = near(name, known) if name.lower() not in known else "Give a constant."
        raise OptionError(f"'{name}' is no constant", where=function, remedy=remedy)
    value: Any = argument.value
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return None if value is None else str(value)
