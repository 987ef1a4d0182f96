import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jeospark.errors import ForbiddenError, SettingError
from jeospark.settings import Settings
from jeospark.sql import ask, session, write
from jeospark.storage.roots import Roots


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A root `in`, a secret in `out`, and links to it in `in`."""
    folder = tmp_path_factory.mktemp("guard")
    for place in ("in", "out"):
        (folder / place).mkdir()
        pq.write_table(pa.table({"n": [1]}), folder / place / "a.parquet")
        (folder / place / "a.txt").write_text("words")
    (folder / "in" / "mixed").mkdir()
    for link, target in (("link.parquet", "out/a.parquet"), ("folder", "out"), ("mixed/a.parquet", "out/a.parquet")):
        (folder / "in" / link).symlink_to(folder / target)
    return folder


@pytest.fixture(scope="module")
def fenced(spark, held, folder):
    """The session with the archive and `in` as roots."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JEOSPARK_ALLOWED_ROOTS", os.pathsep.join([str(held.archive.folder), str(folder / "in")]))
        yield session(held.catalog, outputs=[held.output])
    session(held.catalog)


@pytest.mark.spark
def test_what_is_allowed_still_works(fenced, folder):
    def one(query):
        return ask(query, spark=fenced).table.columns[0].to_pylist()

    assert one(
        "SELECT count(*) FROM items i JOIN collections c ON i.collection = c.id JOIN assets a ON a.item_id = i.id"
    ) == [10]
    assert one("SELECT count(*) FROM zones, bands, outcomes") == [60]
    assert one(f"SELECT n FROM parquet.`{folder}/in/a.parquet`") == [1]
    assert one(f"SELECT n FROM parquet.`file:{folder}/in/a*.parquet`") == [1]
    assert one(
        "WITH t AS (SELECT explode(array(1, 2)) AS x) SELECT sum(x) FROM t WHERE x IN (SELECT id FROM range(2))"
    ) == [1]
    assert one("CREATE OR REPLACE TEMPORARY VIEW mine AS SELECT id FROM items; SELECT count(*) FROM mine") == [4]
    assert "items" in ask("SHOW TABLES", spark=fenced).table["tableName"].to_pylist()
    assert one("DESCRIBE items")[0] == "collection"
    assert one(
        "SELECT count(*) FROM zonal_stats(TABLE(SELECT label, geometry FROM zones WHERE label = 'b'), 's2')"
    ) == [0]
    assert one("SELECT '${env:HOME}'") == ["${env:HOME}"]


PATHS = [
    "parquet.`{out}/a.parquet`", "parquet.`file:{out}/a.parquet`", "parquet.`file://{out}/a.parquet`",
    "csv.`{out}/a.txt`",
    "text.`{in}/../out/a.txt`", "parquet.`{in}/link.parquet`", "parquet.`{in}/folder/a.parquet`",
    "parquet.`{in}/mixed`",
    "parquet.`{in}/*/a.parquet`", "parquet.`{in}/*/../../out/a.parquet`", "parquet.`{in}/{{a,../out/a}}.parquet`",
    "geoparquet.`{out}/a.parquet`", "binaryFile.`/etc/hostname`", "json.`hdfs://there/a`", "text.`/etc/passwd`",
]  # fmt: skip
SHAPES = [
    "SELECT * FROM {0}",
    "SELECT 1 WHERE EXISTS (SELECT * FROM {0})",
    "WITH t AS (SELECT * FROM {0}) SELECT 1 FROM t",
    "EXPLAIN SELECT * FROM {0}",
    "CREATE OR REPLACE TEMPORARY VIEW v AS SELECT * FROM {0}",
    "SELECT (SELECT count(*) FROM {0}) FROM items",
    "SELECT * FROM zonal_stats(TABLE(SELECT n, ST_Point(1, 1) AS g FROM {0}), 's2')",
    "SELECT row_number() OVER w FROM items WINDOW w AS (ORDER BY (SELECT count(*) FROM {0}))",
    "DESCRIBE QUERY SELECT * FROM {0}",
]


@pytest.mark.spark
@pytest.mark.parametrize("path", PATHS)
def test_no_file_outside_is_reached(fenced, folder, path):
    place = path.format(**{"in": folder / "in", "out": folder / "out"})
    with pytest.raises(ForbiddenError, match="allowed"):
        ask(f"SELECT * FROM {place}", spark=fenced)


@pytest.mark.spark
@pytest.mark.parametrize("shape", SHAPES)
def test_no_query_hides_a_file_outside(fenced, folder, shape):
    with pytest.raises(ForbiddenError, match="outside the allowed roots"):
        ask(shape.format(f"parquet.`{folder}/out/a.parquet`"), spark=fenced)


@pytest.mark.spark
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE t USING parquet LOCATION '{out}'",
        "CREATE TEMPORARY VIEW t USING text OPTIONS (path '{out}/a.txt')",
        "CREATE TABLE t USING parquet AS SELECT 1 AS a",
        "CREATE VIEW t AS SELECT 1 AS a",
        "CREATE GLOBAL TEMPORARY VIEW items_x AS SELECT 1 AS a",
        "INSERT OVERWRITE DIRECTORY '{out}/new' USING csv SELECT 1",
        "ADD JAR '{out}/a.jar'",
        "ADD FILE '{out}/a.txt'",
        "LIST FILES",
        "SET spark.sql.variable.substitute=true",
        "SET",
        "RESET",
        "DROP VIEW items",
        "CACHE TABLE items",
        "CREATE TEMPORARY FUNCTION f AS 'java.lang.String'",
        "SELECT reflect('java.lang.System', 'getenv', 'HOME')",
        "SELECT java_method('java.lang.System', 'getenv', 'HOME')",
        "SELECT row_number() OVER w FROM items WINDOW w AS (ORDER BY reflect('java.lang.System', 'getenv', 'HOME'))",
        "SELECT * FROM csv.`{in}/a.txt` WITH (path = '{out}/a.txt')",
        "DESCRIBE QUERY SELECT * FROM csv.`{in}/a.txt` WITH (PATH = '{out}/a.txt')",
        "DESCRIBE QUERY SELECT * FROM parquet.`{in}/l*.parquet`",
        "EXPLAIN EXTENDED SELECT * FROM parquet.`{in}/mixed`",
        "EXPLAIN CREATE TEMPORARY VIEW x AS SELECT 1",
        "SELECT ST_GeomFromGML('<!DOCTYPE a [<!ENTITY e SYSTEM \"file://{out}/a.txt\">]><a>&e;</a>')",
        "SELECT ST_GeomFromKML('<!DOCTYPE a [<!ENTITY e SYSTEM \"file://{out}/a.txt\">]><a>&e;</a>')",
        "SELECT from_xml('<a/>', 'b INT', map('rowValidationXSDPath', '{out}/a.txt'))",
        "SELECT id FROM items WHERE Try_Reflect('java.lang.System', 'getenv', 'HOME') = 'x'",
        "SELECT TRANSFORM (id) USING 'cat /etc/passwd' AS (x STRING) FROM items",
        "EXECUTE IMMEDIATE 'SELECT 1'",
        "SELECT * FROM IDENTIFIER('parquet.`{out}/a.parquet`')",
        "LOAD DATA LOCAL INPATH '{out}/a.txt' INTO TABLE t",
        "DECLARE VARIABLE x INT",
        "USE global_temp",
        "REFRESH TABLE items",
        "TRUNCATE TABLE t",
        "CALL system.anything()",
        "SELECT * FROM items TIMESTAMP AS OF '2020-01-01'",
        "EXPLAIN INSERT INTO t SELECT 1",
        "FROM items INSERT INTO t SELECT id INSERT INTO u SELECT id",
    ],
)
def test_nothing_but_queries(fenced, folder, statement):
    with pytest.raises(ForbiddenError, match="allowed"):
        ask(statement.format(**{"in": folder / "in", "out": folder / "out"}), spark=fenced)
    assert not (folder / "out" / "new").exists()


@pytest.mark.spark
@pytest.mark.parametrize("call", ["pixels('{out}/r.json')", "zonal_stats(TABLE(zones), '{out}/r.json')",
                                  "pixels('s2', catalog => '{out}')"])  # fmt: skip
def test_functions_open_nothing_outside(fenced, folder, call):
    with pytest.raises(ForbiddenError, match="outside the allowed roots") as caught:
        ask(f"SELECT * FROM {call.format(out=folder / 'out')}", spark=fenced)
    assert "SQLSTATE" not in str(caught.value)


@pytest.mark.spark
def test_no_answer_is_written_outside(fenced, folder):
    answer = ask("SELECT 1 AS a", spark=fenced)
    write(answer, str(folder / "in" / "new.csv"))
    for place in ("out/new.csv", "in/folder/new.csv", "in/../out/new.csv"):
        with pytest.raises(ForbiddenError, match="outside the allowed roots"):
            write(answer, str(folder / place))
    assert not (folder / "out" / "new.csv").exists()


@pytest.mark.spark
def test_a_catalogue_outside_is_refused(fenced, monkeypatch, held, folder):
    monkeypatch.setenv("JEOSPARK_ALLOWED_ROOTS", str(folder / "in"))
    with pytest.raises(ForbiddenError, match="outside the allowed roots"):
        session(held.catalog)


@pytest.mark.parametrize(
    ("path", "inside"),
    [("/a/b", True), ("/a", True), ("/ab", False), ("/a/../b", False), ("file:/a/b", True), ("file:///a/b", True),
     ("s3://a/b", False), ("http://a/b", False), ("a", False), ("file://host/a", False)],
)  # fmt: skip
def test_roots(path, inside):
    assert Roots(("/a",)).holds(path) is inside


def test_roots_of_the_settings():
    assert Roots.load(Settings.load({})).holds("/anything")
    assert Roots.load(Settings.load({"JEOSPARK_ALLOWED_ROOTS": "/a:/b/"})).folders == ("/a", "/b")
    with pytest.raises(SettingError, match="'x' is no absolute path"):
        Roots.load(Settings.load({"JEOSPARK_ALLOWED_ROOTS": "/a:x"}))
