"""A text of SQL cut into statements and words, as Spark's grammar has them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<comment>--(?:\\\n|[^\n])*|/\*)
      | (?P<quoted>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`]|``)*`)
      | (?P<open>['"`].*)
      | (?P<word>\w+)
      | (?P<end>;)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A piece of a text."""

    kind: str
    """space, comment, quoted, open (a quote that never ends), word, end (a semicolon), or other."""
    text: str
    start: int
    """Place of its first character in the text, from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of a text."""

    text: str
    """Without its semicolon."""
    start: int
    """Place of its first character in the whole text, from 0."""
    source: str
    """The whole text, for telling lines and columns in it."""


def tokens(source: str) -> Iterator[Token]:
    """Cut a text into tokens, of which nothing is left out."""
    at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None or match.lastgroup is None:
            return
        end = _comment_end(source, at) if match[0] == "/*" else match.end()
        yield Token(kind=match.lastgroup, text=source[at:end], start=at)
        at = end


def _comment_end(source: str, at: int) -> int:
    """Comments in brackets may hold others."""
    depth = 0
    for match in re.finditer(r"/\*|\*/", source[at:]):
        depth += 1 if match[0] == "/*" else -1
        if depth == 0:
            return at + match.end()
    return len(source)


def split(source: str) -> list[Statement]:
    """The statements of a text, those without words left out."""
    found: list[Statement] = []
    part: list[Token] = []
    for token in [*tokens(source), Token(kind="end", text="", start=len(source))]:
        if token.kind != "end":
            part.append(token)
            continue
        said = [each for each in part if each.kind not in {"space", "comment"}]
        if said:
            last = said[-1].start + len(said[-1].text)
            found.append(Statement(text=source[said[0].start : last], start=said[0].start, source=source))
        part = []
    return found


def is_complete(source: str) -> bool:
    """True where a text ends with a semicolon that ends a statement, and nothing but comments after it."""
    last = [token for token in tokens(source) if token.kind not in {"space", "comment"}]
    return not last or last[-1].kind == "end"
