import pytest
from pyspark.sql.functions import col

from jeospark.errors import SqlError
from jeospark.sql import ask

pytestmark = pytest.mark.spark


def refused(db, query):
    with pytest.raises(SqlError) as caught:
        ask(query, spark=db)
    assert "\n" not in str(caught.value)
    assert "SQLSTATE" not in str(caught.value)
    assert "org.apache" not in str(caught.value)
    return caught.value, "\n".join(getattr(caught.value, "__notes__", ()))


@pytest.mark.parametrize(
    ("query", "what", "where", "near", "caret"),
    [
        ("SELECT idd FROM items", "no column 'idd'", "line 1, column 8", "id", "idd"),
        ("SELECT 1;\n\nSELECT id,\n  propertys.x FROM items", "'propertys.x'", "line 4, column 3", "properties",
         "propertys.x"),
        ("SELECT * FROM itmes", "no table 'itmes'", "line 1, column 15", "items", "itmes"),
        ("SELECT ST_Arae(geometry) FROM items", "no function 'ST_Arae'", "line 1, column 8", "ST_Area",
         "ST_Arae(geometry)"),
        ("SELECT properties.numbr FROM items", "no field 'numbr'", "line 1, column 8", "number", "properties.numbr"),
        ("SELECT * FORM items", "syntax is wrong", "line 1, column 15", "", "items"),
        ("SELECT 'a", "syntax is wrong", "line 1, column 8", "", "'a"),
        ("SELECT id, 1 / (number - 2) FROM (SELECT id, properties.number FROM items)", "Division by zero",
         "line 1, column 12", "", "1 / (number - 2)"),
        ("SELECT ST_Area(id) FROM items", 'requires the "GEOMETRY" type', "line 1, column 8", "", "ST_Area(id)"),
        ("SELECT 1,\n ST_Touches(geometry) FROM items", "at least 2 arg", "line 2, column 2", "", "ST_Touches"),
        ("SELECT * FROM text.`/no/where`", "does not exist", "line 1, column 21", "", "/no/where"),
        ("SELECT * FROM items JOIN bands USING (colection)", "no column 'colection'", "line 1, column 39", "collection",
         "colection"),
        ("SELECT * FROM pixls('s2')", "no table function 'pixls'", "line 1, column 15", "pixels", "pixls('s2')"),
        ("SELECT CAST('x' AS INT)", "cannot be cast", "line 1, column 8", "", "CAST('x' AS INT)"),
    ],
)  # fmt: skip
def test_errors_show_the_place_and_near_names(db, query, what, where, near, caret):
    error, note = refused(db, query)
    assert what in str(error)
    assert error.where == where
    assert near in error.remedy
    line, carets = note.split("\n")
    assert line[carets.index("^") :].startswith(caret)
    assert "FORM" in query or "'a" in query or carets.count("^") == len(caret)


@pytest.mark.parametrize(
    "query", ["SELECT ST_GeomFromWKT('POINT(1 x)')", "SELECT ST_GeomFromWKT(concat('POINT(1 x', id, ')')) FROM items"]
)
def test_what_java_says_in_a_line(db, query, capfd):
    error, _ = refused(db, query)
    assert str(error).startswith("Invalid number: x")
    told = capfd.readouterr()
    assert told.out + told.err == ""


def test_long_lines_are_cut_around_the_place(db):
    _, note = refused(db, f"SELECT {', '.join(str(each) for each in range(200))}, nothing FROM items")
    line, carets = note.split("\n")
    assert len(line) < 120
    assert line[carets.index("^") :].startswith("nothing")


def test_a_text_without_statement(db):
    refused(db, " -- nothing\n;")


def test_names_that_need_quotes_keep_them(db):
    error, _ = refused(db, "SELECT a.b FROM (SELECT 1 AS `a.b`)")
    assert (error.what, error.remedy) == ("there is no column 'a.b'", "There are, among others, `a.b`.")
    error, _ = refused(db, "SELECT t.`eo:cluod` FROM (SELECT 1 AS `eo:cloud`) t")
    assert error.remedy == "Did you mean t.`eo:cloud`?"


def test_no_plan_is_shown(db):
    error, _ = refused(db, "DELETE FROM items")
    assert str(error) == "Unexpected table relation."


def test_columns_of_python_calls_have_no_place_in_the_query(db):
    from jeospark.sql.problems import told
    from jeospark.sql.statements import split

    (statement,) = split("SELECT 1")
    with pytest.raises(SqlError, match="no column 'nope'"), told(db, statement):
        db.range(1).select(col("nope") + 1)
