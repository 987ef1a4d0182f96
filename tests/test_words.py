import pytest

from jeospark.words import numbered


@pytest.mark.parametrize(("count", "said"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (12345, "12,345 rows")])
def test_one_has_no_plural(count, said):
    assert numbered(count, "row") == said
