import pytest
from hypothesis import given
from hypothesis import strategies as st

from jeospark.sql.statements import is_complete, split, tokens


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1;", ["SELECT 1"]),
        (" a ; b;\n;; -- nothing\n", ["a", "b"]),
        ('SELECT \';\' ; SELECT "a\\";" ; SELECT `;`', ["SELECT ';'", 'SELECT "a\\";"', "SELECT `;`"]),
        ("SELECT 'it''s;' ; b", ["SELECT 'it''s;'", "b"]),
        ("a -- b; c\n; d", ["a", "d"]),
        ("a /* ; /* ; */ ; */ b; c", ["a /* ; /* ; */ ; */ b", "c"]),
        ("a 'open; b", ["a 'open; b"]),
        ("/* open ; a", []),
    ],
)
def test_split(source, expected):
    assert [statement.text for statement in split(source)] == expected


@given(st.text(alphabet="a;'\"`\\-*/ \n", max_size=30))
def test_tokens_leave_nothing_out(source):
    assert "".join(token.text for token in tokens(source)) == source
    for statement in split(source):
        assert source[statement.start :].startswith(statement.text)


@pytest.mark.parametrize(
    ("source", "complete"),
    [
        ("", True),
        ("SELECT 1", False),
        ("SELECT 1;", True),
        ("SELECT 1; -- so", True),
        ("SELECT ';", False),
        ("a; b", False),
    ],
)
def test_is_complete(source, complete):
    assert is_complete(source) is complete
