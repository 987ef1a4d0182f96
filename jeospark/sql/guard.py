"""What SQL may do where roots are set: queries, over files inside.

A statement is looked at twice. Parsed, before anything is opened: it must be a query (or a view over one), call no
method of Java, run no script, and name no file outside. Analysed, before it runs: each relation must be of a kind whose
files are known, and those must lie inside. What a command explains, describes or keeps as a view is looked at likewise
before the command is done.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from pyspark.sql import DataFrame, SparkSession

from jeospark.errors import ForbiddenError
from jeospark.sql.tree import COMMAND, PLAN, class_of, held, is_a, leaves, nodes, sequence
from jeospark.storage.roots import VARIABLE, Roots

QUERIES = frozenset(
    {
        "Aggregate", "AsOfJoin", "Distinct", "Except", "Filter", "Generate", "GlobalLimit", "Intersect", "Join",
        "LateralJoin", "LocalLimit", "LocalRelation", "Offset", "OneRowRelation", "PipeOperator", "Pivot", "Project",
        "Repartition", "RepartitionByExpression", "Sample", "Sort", "SubqueryAlias", "Union", "UnresolvedHaving",
        "UnresolvedHint", "UnresolvedInlineTable", "UnresolvedRelation", "UnresolvedSubqueryColumnAliases",
        "UnresolvedTVFAliases", "UnresolvedTableValuedFunction", "UnresolvedWith", "Unpivot", "WithWindowDefinition",
    }
)  # fmt: skip
"""What parsed queries are made of; whatever is not listed may write, run a program, or be another statement inside."""
COMMANDS = frozenset(
    {
        "CreateViewCommand", "DescribeFunction", "DescribeQueryCommand", "DescribeRelation", "ExplainCommand",
        "ShowColumns", "ShowCurrentNamespaceCommand", "ShowFunctions", "ShowTables", "ShowViews",
        "CurrentNamespace", "UnresolvedFunctionName", "UnresolvedTableOrView",
    }
)  # fmt: skip
"""What else is allowed, and what it is made of; none of it writes, and a view is checked as the query that it is."""
FUNCTIONS = frozenset(
    {
        "reflect", "java_method", "try_reflect", "st_geomfromgml", "st_geomfromkml", "from_xml", "schema_of_xml",
        "from_protobuf", "to_protobuf",
    }
)  # fmt: skip
"""Functions that call any method of any class, and those that open files: which entities of their XML name, or which
an option gives as the schema."""
MEMORY = frozenset(
    {"CTERelationRef", "EmptyRelation", "LocalRelation", "LogicalRDD", "OneRowRelation", "Range", "UnionLoopRef"}
)
"""Relations without files."""
PYTHON = frozenset({"PythonTable"})
"""Data sources in Python; each checks what it opens."""

FILE_OPTIONS = ("path", "url")
"""Words in the names of a relation's options that name further files."""
GLOB = frozenset("*?[{")
_DATASOURCES = "org.apache.spark.sql.execution.datasources"


def settle(spark: SparkSession, roots: Roots) -> None:
    """Close what no statement shows: `${env:NAME}` in its text would be replaced before it is parsed."""
    spark.conf.set("spark.sql.variable.substitute", "false" if roots else "true")


def check_parsed(spark: SparkSession, statement: str, roots: Roots) -> None:
    """Look at a statement before anything of it is done.

    Raises:
        ForbiddenError: It is more than a query, or names a file outside.
    """
    if roots:
        plan = spark._jsparkSession.sessionState().sqlParser().parsePlan(statement)  # noqa: SLF001
        for node in nodes(spark, plan):
            _check_kind(spark, node)
            _check_names(spark, node, roots)
        if (query := held(plan)) is not None:
            if is_a(spark, query, COMMAND):
                raise _forbidden("a command inside another is not allowed where roots are set")
            rows = spark._jvm.org.apache.spark.sql.classic.Dataset.ofRows  # type: ignore[union-attr]  # noqa: SLF001
            check_analysed(DataFrame(rows(spark._jsparkSession, query), spark), roots)  # noqa: SLF001


def _check_kind(spark: SparkSession, node: Any) -> None:
    kind = class_of(node)
    if kind == "ExpressionWithUnresolvedIdentifier" or (is_a(spark, node, PLAN) and kind not in QUERIES | COMMANDS):
        raise _forbidden(f"'{_words(kind)}' is not allowed where roots are set")
    if kind == "CreateViewCommand" and class_of(node.viewType()) != "LocalTempView":
        raise _forbidden("only temporary views of the session are allowed where roots are set")


def _check_names(spark: SparkSession, node: Any, roots: Roots) -> None:
    kind = class_of(node)
    if kind in {"UnresolvedFunction", "UnresolvedTableValuedFunction"}:
        parts = node.nameParts() if kind == "UnresolvedFunction" else node.name()
        *_, called = sequence(parts)
        if called.lower() in FUNCTIONS:
            raise _forbidden(f"the function {called} is not allowed where roots are set")
    if kind in {"UnresolvedRelation", "UnresolvedTableOrView"}:
        *qualifiers, named = sequence(node.multipartIdentifier())
        if qualifiers and not spark.catalog.databaseExists(".".join(qualifiers)):
            roots.check_pattern(named)
            for path in _matches(spark, named):
                roots.check(path)
    if kind == "UnresolvedRelation":
        for option in sequence(node.options().keySet()):
            if any(word in option.lower() for word in FILE_OPTIONS):
                raise _forbidden(f"the option {option} is not allowed where roots are set")


def _matches(spark: SparkSession, pattern: str) -> Iterator[str]:
    """What a pattern of file names leads to: links among them may lead outside."""
    if GLOB.isdisjoint(pattern):
        return
    path = spark._jvm.org.apache.hadoop.fs.Path(pattern)  # type: ignore[union-attr]  # noqa: SLF001
    system = path.getFileSystem(spark._jsc.hadoopConfiguration())  # noqa: SLF001
    for status in system.globStatus(path) or ():
        uri = status.getPath().toUri()
        yield _place(uri.getScheme(), uri.getPath())


def check_analysed(answer: DataFrame, roots: Roots) -> None:
    """Look at the relations that a query turned out to read.

    Raises:
        ForbiddenError: One of them has files outside, or is of a kind whose files are not known.
    """
    spark, plan = answer.sparkSession, answer._jdf.queryExecution().analyzed()  # noqa: SLF001
    if roots and not is_a(spark, plan, COMMAND):
        for relation in leaves(plan):
            for path in _files(spark, relation):
                roots.check(path)


def _files(spark: SparkSession, node: Any) -> Iterator[str]:
    """Files and folders that a relation of an analysed plan reads."""
    kind = class_of(node)
    if kind == "LogicalRelation" and is_a(spark, node.relation(), f"{_DATASOURCES}.HadoopFsRelation"):
        location = node.relation().location()
        for path in sequence(location.rootPaths()):
            yield _place(path.toUri().getScheme(), path.toUri().getPath())
        for url in location.inputFiles():
            parts = urlsplit(url)
            yield _place(parts.scheme, unquote(parts.path))
    elif kind == "DataSourceV2Relation" and class_of(node.table()) in PYTHON:
        return
    elif kind not in MEMORY:
        raise _forbidden(f"a relation of the kind '{_words(kind)}' is not allowed where roots are set")


def _place(scheme: str | None, path: str) -> str:
    return path if scheme in {None, "", "file"} else f"{scheme}:{path}"


def _words(kind: str) -> str:
    """A class's name as words: CreateTableAsSelect → create table as select."""
    plain = kind.removesuffix("Command").removesuffix("Statement")
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in plain).strip()


def _forbidden(what: str) -> ForbiddenError:
    return ForbiddenError(what, remedy=f"Only queries are; an operator can change {VARIABLE}.")
