import pytest

from jeospark.storage.roots import Roots


@pytest.mark.parametrize(
    ("href", "inside"),
    [
        ("file:///data/allowed/a%20b.tif", True),
        ("file:///data/allowed/%2e%2e/secret", False),
        ("file:///etc/passwd?/../../data/allowed/x", False),
        ("file:///etc/passwd#/../../data/allowed/x", False),
        ("file:///data/allowed/a%00b", False),
        ("file://data/allowed/x", False),
        # No URL: a name like any other.
        ("/data/allowed/%2e%2e/secret", True),
    ],
)
def test_urls_of_files_are_judged_as_they_are_opened(href, inside):
    assert Roots(("/data/allowed",)).holds(href) is inside
