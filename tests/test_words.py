import pytest

from jeospark.words import are, numbered


@pytest.mark.parametrize(("count", "said"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (12345, "12,345 rows")])
def test_one_has_no_plural(count, said):
    assert numbered(count, "row") == said


def test_other_plurals_and_the_verb():
    assert [numbered(count, "geometry", "geometries") for count in (1, 2)] == ["1 geometry", "2 geometries"]
    assert [are(count) for count in (0, 1, 2)] == ["are", "is", "are"]
