"""The interactive prompt: history, several lines until a semicolon, completion of tables, columns and functions."""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from pyspark.sql import SparkSession

from jeospark.errors import JeosparkError
from jeospark.settings import Settings
from jeospark.sql.display import ROWS
from jeospark.sql.limits import Limits, still_running
from jeospark.sql.problems import function_names, table_function_names, table_names
from jeospark.sql.query import run
from jeospark.sql.statements import is_complete, tokens

WELCOME = "Statements end with a semicolon; Tab completes; Ctrl-C stops a query or empties the line; Ctrl-D leaves."
KEYWORDS = (
    "SELECT", "DISTINCT", "FROM", "WHERE", "GROUP BY", "HAVING", "ORDER BY", "LIMIT", "JOIN", "LEFT JOIN", "CROSS JOIN",
    "ON", "USING", "AS", "AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "IS NULL", "IS NOT NULL", "CASE", "WHEN", "THEN",
    "ELSE", "END", "UNION ALL", "WITH", "CREATE TEMPORARY VIEW", "SHOW TABLES", "SHOW FUNCTIONS", "DESCRIBE", "EXPLAIN",
    "CAST", "INTERVAL", "TIMESTAMP", "DATE", "DESC", "ASC", "OVER", "PARTITION BY", "TABLE",
)  # fmt: skip
_AFTER_TABLE = frozenset({"FROM", "JOIN", "DESCRIBE", "TABLE"})


class SqlCompleter(Completer):
    """Completes what stands before the cursor: tables after FROM, columns of the tables that the statement names."""

    def __init__(self, spark: SparkSession) -> None:
        """Ask a session for its functions, once; for its tables, each time."""
        self._spark = spark
        self._functions = function_names(spark)
        self._table_functions = table_function_names(spark)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """Propose what begins like the word before the cursor."""
        del complete_event
        before = [token for token in tokens(document.text_before_cursor) if token.kind not in {"space", "comment"}]
        word = document.get_word_before_cursor(WORD=False)
        word = word if word.replace("_", "").isalnum() else ""
        words = [token.text for token in before][: -1 if word else None]
        for text, kind in self._candidates(words, document.text):
            if text.lower().startswith(word.lower()):
                yield Completion(text, start_position=-len(word), display_meta=kind)

    def _candidates(self, words: Sequence[str], statement: str) -> Iterator[tuple[str, str]]:
        tables = table_names(self._spark)
        if words and words[-1].upper() in _AFTER_TABLE:
            yield from ((each, "table") for each in tables)
            yield from ((each, "table function") for each in self._table_functions)
            return
        named = [token.text for token in tokens(statement) if token.kind == "word" and token.text in tables]
        if words and words[-1] == ".":
            # What is before the dot is a table, an alias of one, or a struct: columns of all named are near enough.
            yield from self._columns([words[-2]] if words[-2:-1] and words[-2] in tables else named)
            return
        yield from self._columns(named)
        yield from ((each, "function") for each in self._functions)
        yield from ((each, "table") for each in tables)
        yield from ((each, "") for each in KEYWORDS)

    def _columns(self, tables: Sequence[str]) -> Iterator[tuple[str, str]]:
        seen = set()
        for table in dict.fromkeys(tables):
            for field in self._spark.table(table).schema:
                if field.name not in seen:
                    seen.add(field.name)
                    yield field.name, f"{table}: {field.dataType.simpleString()[:40]}"


def prompt(spark: SparkSession, limits: Limits) -> None:
    """Ask for statements and show their answers, until the end of the input.

    Args:
        spark: A session with the tables.
        limits: What each answer may cost.
    """
    asking = prompt_session(spark)
    sys.stdout.write(f"{', '.join(table_names(spark))}\n{WELCOME}\n")
    while True:
        try:
            text = asking.prompt("jeosql> ")
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if text.strip():
            _answer(spark, text, limits)


def prompt_session(spark: SparkSession) -> "PromptSession[str]":
    """The line editor; its history lies in the cache folder."""
    folder = Path(Settings.load().cache)
    folder.mkdir(parents=True, exist_ok=True)
    return PromptSession(
        completer=SqlCompleter(spark),
        complete_while_typing=False,
        history=FileHistory(str(folder / "sql-history")),
        auto_suggest=AutoSuggestFromHistory(),
        multiline=True,
        key_bindings=_keys(),
        prompt_continuation="   ...> ",
    )


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        """Run what ends with a semicolon; else begin a new line."""
        buffer = event.current_buffer
        if is_complete(buffer.text) and not buffer.document.text_after_cursor.strip():
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    return keys


def _answer(spark: SparkSession, text: str, limits: Limits) -> None:
    began = time.monotonic()
    try:
        for answer in run(spark, text, limits=limits, head=ROWS):
            if answer.table.num_columns:
                sys.stdout.write(f"{answer!r}\n")
        sys.stdout.write(f"{time.monotonic() - began:.1f} s\n")
    except JeosparkError as error:
        sys.stdout.write("\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())]) + "\n")
    except KeyboardInterrupt:
        left = still_running(spark)
        more = f" {left} tasks do not hear it, and what comes next waits for them: Ctrl-D ends them." if left else ""
        sys.stdout.write(f"Stopped.{more}\n")
