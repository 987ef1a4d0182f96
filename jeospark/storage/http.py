"""HTTP as storages need it: closed ranges, redirects, tokens, time-outs, retries; nothing secret in what it tells."""

import logging
import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from jeospark.errors import (
    DiskFullError,
    StorageAnswerError,
    StorageDeniedError,
    StorageSlowError,
    StorageUnreachableError,
)
from jeospark.settings import Settings
from jeospark.storage.hadoop_refusal import check_refusal
from jeospark.storage.patience import SLOWEST, patiently
from jeospark.storage.tokens import Token, Tokens, redact

CONNECT_S = 5
"""Seconds to wait for a connection."""
MOST_HOPS = 5
"""Redirects that are followed."""
PIECE = 1 << 18
"""Bytes taken from the connection at once."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DENIED = frozenset({401, 403})
_GONE = frozenset({404, 410})
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_PAGE = re.compile(rb"\s*<(!doctype )?html", re.IGNORECASE)
LASTING = re.compile(r"not a directory|directory not empty|file name too long", re.IGNORECASE)
"""What XRootD says of paths with its codes of a server out of order: asking again does not help."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    """Of the server that answered in the end; may hold what only servers should see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked of a server."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | Path | None
    """Bytes, or a file's."""
    most: int | None
    """Bytes of the answer that are wanted; None for all."""


class Client:
    """One process's connections.

    Args:
        settings: Time-outs, number of connections, tokens.

    Raises:
        CredentialError: The setting of tokens cannot be understood.
    """

    def __init__(self, settings: Settings) -> None:
        self.connections = settings.storage_connections
        self.patience = settings.storage_patience_s
        self._timeout = settings.storage_timeout_s
        self._tokens = Tokens(settings.tokens)
        logging.getLogger("urllib3.connectionpool").addFilter(_hidden)
        timeout = urllib3.Timeout(connect=min(CONNECT_S, self._timeout), read=self._timeout)
        self._pool = urllib3.PoolManager(maxsize=self.connections, block=True, timeout=timeout, retries=False)

    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Path | None = None,
        follow: bool = True,
        patient: bool = True,
        most: int | None = None,
    ) -> Answer:
        """Send a request, again where the server is away or busy.

        Args:
            method: Of HTTP or WebDAV.
            url: Without token.
            headers: Beside the token's.
            body: Bytes, or a file's.
            follow: False to return redirects as answers.
            patient: False to try once only.
            most: Bytes of the answer that are wanted: of a much longer one, the rest is not waited for. None for all.

        Raises:
            FileNotFoundError: The server has nothing there.
            StorageError: It denies access, is silent, slow, or answers what makes no sense.
            DiskFullError: It has no room.
        """
        request = Request(method=method, url=url, headers=headers or {}, body=body, most=most)
        return patiently(lambda: self._followed(request, follow=follow), self.patience if patient else 0)

    def _followed(self, request: Request, *, follow: bool) -> Answer:
        url = request.url
        for _ in range(MOST_HOPS):
            answer = self._allowed(request, url)
            if request.method == "HEAD" and answer.status == HTTPStatus.INTERNAL_SERVER_ERROR:
                answer = self._in_words(answer, request, url)
            target = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or not follow or not target:
                return _checked(answer, request)
            url = _redirected(url, target)
        raise StorageAnswerError("the server redirects without end", where=public(request.url), remedy="Check it.")

    def _in_words(self, answer: Answer, request: Request, url: str) -> Answer:
        """The answer to a HEAD, which has no words, as a GET gives it: they tell what lasts from what passes."""
        asked = replace(request, method="GET", headers={**request.headers, "Range": "bytes=0-0"}, most=1)
        said = self._allowed(asked, url)
        return said if said.status == answer.status else answer

    def _allowed(self, request: Request, url: str) -> Answer:
        """The answer; of a second request, where the token was renewed during the first."""
        asked = _understood(url)
        token = self._tokens.of(asked)
        answer = self._sent(request, url, token)
        if answer.status not in _DENIED:
            return answer
        renewed = self._tokens.of(asked)
        if renewed != token:
            answer = self._sent(request, url, renewed)
        if answer.status in _DENIED:
            raise denied(url, renewed, f"HTTP {answer.status}")
        return answer

    def _sent(self, request: Request, url: str, token: Token | None) -> Answer:
        headers = {**request.headers, **(token.headers if token else {})}
        with ExitStack() as stack:
            body = request.body
            sent = stack.enter_context(body.open("rb")) if isinstance(body, Path) else body
            if isinstance(body, Path):
                headers["Content-Length"] = str(body.stat().st_size)
            try:
                response = self._pool.urlopen(
                    request.method, _with_query(url, token), headers=headers, body=sent, redirect=False,
                    preload_content=False, decode_content=False,
                )  # fmt: skip
                # What is sent may take its time: only the answer is measured.
                data = self._body(response, url, monotonic(), request.most)
            except (HTTPError, OSError) as error:
                what = f"the server does not answer ({type(error).__name__})"
                raise StorageUnreachableError(what, where=public(url), remedy=WAIT) from error
        if response.status == HTTPStatus.FORBIDDEN:
            check_refusal(data, public(url))
        return Answer(response.status, response.headers, data, url)

    def _body(self, response: urllib3.BaseHTTPResponse, url: str, started: float, most: int | None) -> bytes:
        pieces, got = [], 0
        while piece := response.read1(PIECE):
            pieces.append(piece)
            got += len(piece)
            spent = monotonic() - started
            if spent > self._timeout and got < spent * SLOWEST:
                response.close()
                # Closing alone does not give the connection's place in the pool back, and others would wait for it.
                response.release_conn()
                what = f"the server sent {got} bytes only in {spent:.0f} s"
                raise StorageSlowError(what, where=public(url), remedy=WAIT)
            if most is not None and got > max(most, PIECE):
                # A whole file instead of a part of it may be larger than memory.
                response.close()
                break
        response.release_conn()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


WAIT = "See that it runs and can be reached; then resume."


def _hidden(record: logging.LogRecord) -> bool:
    """urllib3 logs URLs, and EOS's tokens are in them."""
    record.msg, record.args = redact(record.getMessage()), ()
    return True


def public(url: str) -> str:
    """A URL that everybody may see."""
    return redact(url.partition("?")[0])


def denied(url: str, token: Token | None, said: str) -> StorageDeniedError:
    """The error of a server that refuses access."""
    held = f"the token of {token.source}" if token else "a request without token"
    remedy = "Renew it; then resume." if token else "Name its token in JEOSPARK_TOKENS; then resume."
    return StorageDeniedError(f"the server refuses {held} ({said})", where=public(url), remedy=remedy)


def _understood(url: str) -> str:
    r"""A URL as the connections take it, so that a token goes to the host that they ask: of `https://a\@b/`, that is a.

    Raises:
        StorageAnswerError: It is none.
    """
    try:
        return parse_url(url).url
    except (HTTPError, ValueError) as error:
        raise StorageAnswerError("this is no URL", where=public(url), remedy="Check the href.") from error


def _redirected(url: str, target: str) -> str:
    """Where a server leads.

    Raises:
        StorageAnswerError: Nowhere.
    """
    try:
        return urljoin(url, target)
    except ValueError as error:
        what = f"the server redirects to what is no URL ({public(target)})"
        raise StorageAnswerError(what, where=public(url), remedy="Check the server.") from error


def _with_query(url: str, token: Token | None) -> str:
    if token is None or not token.query or "authz=" in urlsplit(url).query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{token.query}"


def _checked(answer: Answer, request: Request) -> Answer:
    """The answer, where it is one.

    Raises:
        FileNotFoundError: The server has nothing there.
        StorageUnreachableError: It is busy or out of order.
        StorageAnswerError: It refuses the request.
        DiskFullError: It has no room.
    """
    where = public(request.url)
    if answer.status in _GONE:
        raise FileNotFoundError(f"nothing is at {where}")
    if answer.status == HTTPStatus.INTERNAL_SERVER_ERROR and LASTING.search(answer.body.decode("utf-8", "replace")):
        raise StorageAnswerError(f"the server refuses: {_said(answer)}", where=where, remedy="Check the path.")
    if answer.status in _BUSY:
        raise StorageUnreachableError(f"the server answers {_said(answer)}", where=where, remedy=WAIT)
    if answer.status == HTTPStatus.INSUFFICIENT_STORAGE:
        raise DiskFullError("the server has no room", where=where, remedy="Free space there; then resume.")
    if answer.status >= 400:
        what = f"the server answers {request.method} with {_said(answer)}"
        raise StorageAnswerError(what, where=where, remedy="Check that it serves what is asked.")
    return answer


def _said(answer: Answer) -> str:
    # A page for browsers says nothing beyond the status.
    body = b"" if _PAGE.match(answer.body) else answer.body
    text = re.sub(r"\s+", " ", body[:200].decode("utf-8", "replace")).strip()
    return redact(f"HTTP {answer.status}" + (f": {text}" if text else ""))
