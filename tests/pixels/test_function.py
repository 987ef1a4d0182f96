"""Calls of the table function, as Spark analyses them."""

import pytest
from pyspark.sql.types import StringType
from pyspark.sql.udtf import AnalyzeArgument

from jeospark.errors import OptionError, RecipeError, SqlLimitError
from jeospark.settings import Settings
from jeospark.sql.pixels.ask import Defaults
from jeospark.sql.pixels.function import function_of


@pytest.fixture(scope="module")
def analyze(world):
    settings = Settings.load({"JEOSPARK_CATALOG": world.catalog})
    return function_of(Defaults(settings=settings, limit_bytes=1 << 20)).analyze


def given(value, *, constant=True, table=False):
    return AnalyzeArgument(dataType=StringType(), value=value, isTable=table, isConstantExpression=constant)


def test_a_call_becomes_a_question(analyze):
    found = analyze(given("s2"), bands=given(["B08", "B04"]), Chip=given(32), bbox=given(None))
    assert found.schema["bands"].dataType.names == ["B08", "B04"]
    assert (found.ask.chip, found.ask.area) == (32, None)


def test_the_first_argument_is_a_recipe_where_it_looks_like_one(analyze, recipe):
    assert analyze(given(recipe.to_json())).schema["bands"].dataType.names == ["B04", "B08", "ndvi"]
    with pytest.raises(RecipeError, match="cannot be read"):
        analyze(given("/nowhere/recipe.json"))


@pytest.mark.parametrize(
    ("what", "options", "error", "said"),
    [
        (["s2", "B04"], {}, OptionError, "takes one recipe or collection without a name, not 2"),
        (["s2"], {"chp": given("3")}, OptionError, "Did you mean 'chip'?"),
        (["s2"], {"chip": given(None, constant=False)}, OptionError, "'chip' is no constant"),
        (["s2"], {"bnads": given(None, table=True)}, OptionError, "Did you mean 'bands'?"),
        ([], {}, OptionError, "neither recipe nor collection"),
        (["s2"], {"limit_bytes": given(1000)}, SqlLimitError, "4 rows of 3 bands"),
    ],
)
def test_bad_calls_are_told(analyze, what, options, error, said):
    with pytest.raises(error) as caught:
        analyze(*map(given, what), **options)
    assert said in str(caught.value)
