"""HDFS through its own HTTP door, WebHDFS (Hadoop's "WebHDFS REST API"): sent, then renamed over."""

import getpass
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from jeospark.errors import JeosparkError, StorageAnswerError
from jeospark.settings import Settings
from jeospark.storage.http import Client, public
from jeospark.storage.http_file import HttpFile
from jeospark.storage.kind import Range
from jeospark.storage.patience import patiently
from jeospark.storage.upload import attempt_href, local_attempt, probe, publishing_errors, rename_patiently

PREFIX = "/webhdfs/v1"


class WebHdfs:
    """See `kind.Storage`.

    Args:
        settings: Of the client, and the scratch folder.
        url_of: The URL of an href, without `/webhdfs/v1`.
    """

    def __init__(self, settings: Settings, url_of: Callable[[str], str]) -> None:
        self._client = Client(settings)
        self._scratch = settings.scratch
        self._url_of = url_of
        self._user = os.environ.get("HADOOP_USER_NAME") or getpass.getuser()

    def attempt(self, href: str) -> str:
        """See `kind.Storage.attempt`."""
        return local_attempt(href, self._scratch)

    def put(self, path: str, href: str, *, durable: bool = True) -> None:  # noqa: ARG002 - HDFS's own matter
        """See `kind.Storage.put`."""
        part = attempt_href(href)
        with publishing_errors(href):
            try:
                # The NameNode is asked each time: it names another DataNode than one that does not answer.
                patiently(lambda: self._send(path, part), self._client.patience)
                self._rename(part, href, Path(path).stat().st_size)
            except BaseException:
                self._drop(part)
                raise

    def exists(self, href: str) -> bool:
        """See `kind.Storage.exists`."""
        try:
            return bool(self._status(href)["type"] == "FILE")
        except FileNotFoundError:
            return False

    def open(self, href: str) -> HttpFile:
        """See `kind.Storage.open`."""
        size = int(self._status(href)["length"])
        return HttpFile(
            self._client,
            self._url(href, "OPEN"),
            size,
            _by_query,
            size_now=lambda: int(self._status(href, patient=False)["length"]),
        )

    def remove(self, href: str) -> None:
        """See `kind.Storage.remove`."""
        self._client.ask("DELETE", self._url(href, "DELETE"))

    def names(self, folder: str) -> list[str]:
        """See `kind.Storage.names`."""
        try:
            listing = json.loads(self._client.ask("GET", self._url(folder, "LISTSTATUS")).body)
        except FileNotFoundError:
            return []
        # A file lists itself, without a name.
        return sorted(filter(None, (each["pathSuffix"] for each in listing["FileStatuses"]["FileStatus"])))

    def check(self, folder: str, size: int) -> None:  # noqa: ARG002 - a quota is told when it is met
        """See `kind.Storage.check`."""
        probe(folder, self._scratch, self)

    def _send(self, path: str, href: str) -> None:
        url = self._url(href, "CREATE", overwrite="true")
        target = self._client.ask("PUT", url, follow=False, patient=False).headers.get("Location")
        if not target:
            what = "the NameNode names no DataNode"
            raise StorageAnswerError(what, where=public(url), remedy="See that one is up and has room; then resume.")
        self._client.ask("PUT", target, body=Path(path), patient=False)

    def _rename(self, part: str, href: str, size: int) -> None:
        target = unquote(urlsplit(self._url_of(href)).path)
        url = self._url(part, "RENAME", destination=target, renameoptions="OVERWRITE")
        rename_patiently(
            lambda: self._client.ask("PUT", url, patient=False),
            lambda: int(self._status(href)["length"]),
            size,
            self._client.patience,
        )

    def _status(self, href: str, *, patient: bool = True) -> dict[str, Any]:
        answer = self._client.ask("GET", self._url(href, "GETFILESTATUS"), patient=patient)
        status: dict[str, Any] = json.loads(answer.body)["FileStatus"]
        return status

    def _url(self, href: str, operation: str, **options: str) -> str:
        parts = urlsplit(self._url_of(href))
        query = urlencode({"op": operation, "user.name": self._user, **options})
        return f"{parts.scheme}://{parts.netloc}{PREFIX}{parts.path}?{query}"

    def _drop(self, href: str) -> None:
        # What failed before is what counts.
        with suppress(JeosparkError, OSError):
            self._client.ask("DELETE", self._url(href, "DELETE"), patient=False)


def _by_query(url: str, place: Range) -> tuple[str, dict[str, str]]:
    return f"{url}&offset={place[0]}&length={place[1]}", {}
