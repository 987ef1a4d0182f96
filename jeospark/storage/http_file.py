"""A file on an HTTP server, read by closed ranges."""

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit

from jeospark.errors import StorageAnswerError, StorageError, StorageSlowError, StorageUnreachableError
from jeospark.storage.http import Answer, Client, public
from jeospark.storage.kind import Range, replaced
from jeospark.storage.multipart import grouped, most_of, parts_of, range_of

Answered = TypeVar("Answered")
VERSION = ("Last-Modified", "ETag")
"""Headers that change with a file."""
_PLACE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class HttpFile:
    """A file of known size.

    Args:
        client: The connections.
        url: Without token.
        size: Bytes.
        ask: Makes of a URL and a range the URL and headers that ask for it.
        size_now: Asks the server for the size, once, in bytes.
        several: True where the server gives several ranges in one answer.
    """

    def __init__(
        self,
        client: Client,
        url: str,
        size: int,
        ask: Callable[[str, Range], tuple[str, dict[str, str]]],
        *,
        size_now: Callable[[], int],
        several: bool = False,
    ) -> None:
        self._client = client
        self._url = url
        self._size = size
        self._ask = ask
        self._size_now = size_now
        self._several = several
        self._server = url
        """Where a redirect led: asked at once from then on, as long as it answers."""
        self._versions: dict[str, dict[str, str]] = {}
        """What each server told of the file's version, the first time."""

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """See `kind.Ranges.read`."""
        groups = grouped(ranges) if self._several else [[each] for each in ranges]
        if len(groups) < 2 or self._client.connections < 2:
            found = [self._group(each) for each in groups]
        else:
            with ThreadPoolExecutor(min(self._client.connections, len(groups))) as pool:
                found = list(pool.map(self._group, groups))
        return [piece for group in found for piece in group]

    def close(self) -> None:
        """Nothing to do: connections are the client's."""

    def _group(self, places: list[Range]) -> list[bytes]:
        if len(places) > 1:
            together = self._answered(partial(self._together, places))
            if together is not None:
                return together
            # What it gives instead is told by asking for one alone.
            self._several = False
        return [self._answered(partial(self._one, each)) for each in places]

    def _answered(self, ask: Callable[..., Answered]) -> Answered:
        """What the server that answered last gives, or where it does not, the one of the href."""
        try:
            return ask(self._server, patient=False)
        except (StorageUnreachableError, StorageSlowError, FileNotFoundError):
            self._server = self._url
        except StorageError:
            if self._server == self._url:
                raise
            self._server = self._url
        self._check_size()
        return ask(self._url, patient=True)

    def _check_size(self) -> None:
        """Refuse a file that was replaced: some servers only hang up where bytes are beyond its end.

        Raises:
            StorageAnswerError: It has another size than before.
        """
        try:
            size = self._size_now()
        except (StorageError, FileNotFoundError):
            return
        if size != self._size:
            what = f"the file had {self._size} bytes when it was opened, and has {size} now"
            raise replaced(what, public(self._url))

    def _check_version(self, answer: Answer) -> None:
        """Refuse bytes of a file that took the place of the one that was opened, where its server tells such things.

        Raises:
            StorageAnswerError: It was changed since.
        """
        told = {name: answer.headers[name] for name in VERSION if name in answer.headers}
        before = self._versions.setdefault(urlsplit(answer.url).netloc, told)
        known = told.keys() & before.keys()
        # Copies behind one name may have times or tags of their own, hardly both.
        if known and all(told[name] != before[name] for name in known):
            raise replaced("the file was changed after it was opened", public(self._url))

    def _one(self, place: Range, url: str, *, patient: bool) -> bytes:
        asked, headers = self._ask(url, place)
        answer = self._client.ask("GET", asked, headers=headers, patient=patient, most=place[1])
        self._check(answer, place)
        self._check_version(answer)
        if "Range" in headers:
            self._server = answer.url
        return answer.body

    def _together(self, places: list[Range], url: str, *, patient: bool) -> list[bytes] | None:
        headers, most = {"Range": range_of(places)}, most_of(places)
        answer = self._client.ask("GET", url, headers=headers, patient=patient, most=most)
        parts = parts_of(answer.status, answer.headers, answer.body, places, self._size)
        if parts is not None:
            self._check_version(answer)
            self._server = answer.url
        return parts

    def _check(self, answer: Answer, place: Range) -> None:
        start, length = place
        told = _PLACE.fullmatch(answer.headers.get("Content-Range", ""))
        right = told is None or tuple(map(int, told.groups())) == (start, start + length - 1, self._size)
        if len(answer.body) != length or not right:
            brought = "more" if len(answer.body) > length else f"{len(answer.body)} bytes"
            raise StorageAnswerError(
                f"bytes {start} to {start + length - 1} of {self._size} were asked for, HTTP {answer.status} brought "
                f"{brought} ({answer.headers.get('Content-Range', 'without their place')})",
                where=public(self._url),
                remedy="See that the server serves ranges, and that the file was not replaced; then resume.",
            )


def by_header(url: str, place: Range) -> tuple[str, dict[str, str]]:
    """A range asked for by its header."""
    return url, {"Range": range_of([place])}
