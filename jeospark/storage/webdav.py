"""HTTP servers that take files as WebDAV has it (RFC 4918), such as XRootD's and EOS's: sent, then moved."""

import string
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote, urljoin, urlsplit
from xml.etree import ElementTree as ET

from jeospark.errors import JeosparkError, StorageAnswerError
from jeospark.settings import Settings
from jeospark.storage.http import Answer, Client, public
from jeospark.storage.http_file import HttpFile, by_header
from jeospark.storage.multipart import gives_several
from jeospark.storage.patience import patiently
from jeospark.storage.upload import attempt_href, local_attempt, probe, publishing_errors, rename_patiently

_REDIRECTED = frozenset({301, 302, 307, 308})


class WebDav:
    """See `kind.Storage`.

    Args:
        settings: Of the client, and the scratch folder.
        url_of: The URL of an href.
    """

    def __init__(self, settings: Settings, url_of: Callable[[str], str]) -> None:
        self._client = Client(settings)
        self._scratch = settings.scratch
        self._url = url_of
        self._direct: set[str] = set()
        """Servers that take files themselves, and do not redirect to others."""

    def attempt(self, href: str) -> str:
        """See `kind.Storage.attempt`."""
        return local_attempt(href, self._scratch)

    def put(self, path: str, href: str, *, durable: bool = True) -> None:  # noqa: ARG002 - the server's own matter
        """See `kind.Storage.put`."""
        final = self._url(href)
        part = attempt_href(final)
        with publishing_errors(href):
            try:
                patiently(lambda: self._send(path, part), self._client.patience)
                self._move(part, final, Path(path).stat().st_size)
            except BaseException:
                self._drop(part)
                raise

    def exists(self, href: str) -> bool:
        """See `kind.Storage.exists`."""
        try:
            # XRootD's HEAD does not tell a folder from a file.
            told = self._told(self._url(href), depth=0)
        except FileNotFoundError:
            return False
        return told.find(".//{DAV:}resourcetype/{DAV:}collection") is None

    def open(self, href: str) -> HttpFile:
        """See `kind.Storage.open`."""
        url = self._url(href)
        answer = self._client.ask("HEAD", url)
        return HttpFile(
            self._client,
            url,
            _size(answer),
            by_header,
            size_now=lambda: _size(self._client.ask("HEAD", url, patient=False)),
            several=gives_several(answer.headers),
        )

    def remove(self, href: str) -> None:
        """See `kind.Storage.remove`."""
        try:
            self._client.ask("DELETE", self._url(href))
        except FileNotFoundError:
            return

    def names(self, folder: str) -> list[str]:
        """See `kind.Storage.names`."""
        url = self._url(folder).rstrip("/")
        try:
            found = self._told(url, depth=1).iter("{DAV:}href")
        except FileNotFoundError:
            return []
        here = urlsplit(url).path
        paths = (unquote(urlsplit(urljoin(url, each.text or "")).path).rstrip("/") for each in found)
        return sorted(path.rpartition("/")[2] for path in paths if quote(path) != here and path != unquote(here))

    def check(self, folder: str, size: int) -> None:  # noqa: ARG002 - servers do not tell their room
        """See `kind.Storage.check`."""
        probe(folder, self._scratch, self)

    def _told(self, url: str, *, depth: int) -> ET.Element:
        """What the server tells of what is at a URL, and at depth 1 of what is in it (RFC 4918, 9.1).

        Raises:
            FileNotFoundError: Nothing is there.
            StorageAnswerError: The server does not tell as WebDAV has it.
        """
        answer = self._client.ask("PROPFIND", url, headers={"Depth": str(depth)})
        try:
            # The server is the user's own, and Python's parser expands no entities from outside.
            return ET.fromstring(answer.body)  # noqa: S314
        except ET.ParseError as error:
            what = f"the server answers PROPFIND with HTTP {answer.status} and what is no XML"
            raise StorageAnswerError(what, where=public(url), remedy="Use a server of WebDAV.") from error

    def _move(self, part: str, final: str, size: int) -> None:
        # What is plain stays as it is: XRootD takes it literally.
        headers = {"Destination": quote(final, safe=string.printable), "Overwrite": "T"}
        rename_patiently(
            lambda: self._client.ask("MOVE", part, headers=headers, patient=False),
            lambda: int(self._client.ask("HEAD", final).headers.get("Content-Length", "-1")),
            size,
            self._client.patience,
        )

    def _send(self, path: str, url: str) -> None:
        """Send a file once; a manager may name another data server the next time."""
        self._client.ask("PUT", self._taker(url), body=Path(path), patient=False)

    def _taker(self, url: str) -> str:
        """Where to send a file: a manager redirects to a data server, and would not wait for the body."""
        server = urlsplit(url).netloc
        if server in self._direct:
            return url
        answer = self._client.ask("PUT", url, body=b"", follow=False, patient=False)
        if answer.status in _REDIRECTED:
            return urljoin(url, answer.headers["Location"])
        self._direct.add(server)
        return url

    def _drop(self, url: str) -> None:
        # What failed before is what counts.
        with suppress(JeosparkError, OSError):
            self._client.ask("DELETE", url, patient=False)


def _size(answer: Answer) -> int:
    """Bytes of the file that a server tells of.

    Raises:
        StorageAnswerError: It does not tell.
    """
    length = answer.headers.get("Content-Length", "")
    if not length.isdigit():
        what = "the server does not tell the size of the file"
        raise StorageAnswerError(what, where=public(answer.url), remedy="Use a server that serves ranges.")
    return int(length)
