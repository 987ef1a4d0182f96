"""Options are read, or refused by name."""

from datetime import UTC, datetime

import pytest

from jeospark.errors import ArgumentError, ExtentError, ForbiddenError, GridError, OptionError, RecipeError
from jeospark.settings import Settings
from jeospark.sql.pixels.ask import Defaults, ask_of

SQUARE = "POLYGON((0 0, 1 0, 1 1, 0 0))"


@pytest.fixture
def ask():
    defaults = Defaults(settings=Settings.load({}), limit_bytes=7)
    return lambda **options: ask_of(options, defaults)


def test_what_is_not_said_has_defaults(ask):
    found = ask(collection="s2")
    assert (found.grid, found.chip, found.rows, found.limit_bytes) == ("native", 256, "chip", 7)
    assert (found.area, found.interval, found.bands, found.resolution) == (None, None, None, None)


def test_options_in_any_case(ask):
    found = ask(Collection="s2", BBox="1,2,3,4", interval="2020-01-01,..", CHIP="64", rows="Pixel", resolution="20")
    assert (found.chip, found.rows, found.resolution) == (64, "pixel", 20)
    assert found.area.bbox.lonlat == (1, 2, 3, 4)
    assert found.interval == (datetime(2020, 1, 1, tzinfo=UTC), None)


def test_a_recipe_comes_as_file_or_text(ask, recipe, tmp_path):
    path = tmp_path / "recipe.json"
    path.write_text(recipe.to_json())
    assert ask(recipe=str(path)).recipe == ask(recipe=recipe.to_json()).recipe


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"colection": "s2"}, OptionError, "Did you mean 'collection'?"),
        ({}, OptionError, "neither recipe nor collection"),
        ({"collection": "s2", "recipe": "{}"}, OptionError, "exclude each other"),
        ({"collection": "s2", "bbox": "1,2,3"}, OptionError, "west,south,east,north"),
        ({"collection": "s2", "bbox": "3,2,1,1"}, ExtentError, "inverted"),
        ({"collection": "s2", "bbox": "500000,0,500100,100"}, ExtentError, "or a CRS"),
        ({"collection": "s2", "bbox": "0,0,1,1", "crs": "EPSG:99"}, GridError, "no CRS 'EPSG:99'"),
        ({"collection": "s2", "bbox": "0,0,1,1", "wkt": SQUARE}, OptionError, "exclude"),
        ({"collection": "s2", "crs": "EPSG:3035"}, OptionError, "without bbox or wkt"),
        ({"collection": "s2", "wkt": SQUARE}, OptionError, "not stated"),
        ({"collection": "s2", "wkt": f"SRID=3035;{SQUARE}", "crs": "EPSG:3035"}, OptionError, "stated twice"),
        ({"collection": "s2", "wkt": "SRID=3035;POINT(0 0)"}, OptionError, "no polygon"),
        ({"collection": "s2", "wkt": "SRID=3035;POLYGON(("}, OptionError, "no WKT"),
        ({"collection": "s2", "wkt": "SRID=3035;POLYGON((0 0,1 1,1 0,0 1,0 0))"}, OptionError, "ST_MakeValid"),
        ({"collection": "s2", "interval": "2020"}, ArgumentError, "no pair"),
        ({"collection": "s2", "interval": "2020-02-01,2020-01-01"}, ArgumentError, "not after"),
        ({"collection": "s2", "chip": "1000"}, OptionError, "from 1 to 512"),
        ({"collection": "s2", "rows": "pixels"}, OptionError, "Did you mean 'pixel'"),
        ({"collection": "s2", "resolution": "-1"}, OptionError, "no positive number"),
        ({"collection": "s2", "limit_bytes": "lots"}, OptionError, "no positive number"),
        ({"recipe": "/nowhere.json"}, RecipeError, "cannot be read"),
        ({"recipe": '{"a": 1}'}, RecipeError, ""),
    ],
)
def test_bad_options_are_named(ask, options, error, said):
    with pytest.raises(error) as caught:
        ask(**options)
    assert said in str(caught.value)


def test_files_outside_the_roots_are_out_of_reach(tmp_path):
    (tmp_path / "in").mkdir()
    environ = {"JEOSPARK_ALLOWED_ROOTS": str(tmp_path / "in"), "JEOSPARK_CATALOG": str(tmp_path / "in" / "catalog")}
    defaults = Defaults(settings=Settings.load(environ), limit_bytes=7)
    assert ask_of({"collection": "s2"}, defaults).catalog.endswith("catalog")
    for options in ({"collection": "s2", "catalog": str(tmp_path)}, {"recipe": str(tmp_path / "r.json")}):
        with pytest.raises(ForbiddenError):
            ask_of(options, defaults)
