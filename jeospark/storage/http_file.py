"""A file on an HTTP server, read by closed ranges."""

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from jeospark.errors import StorageAnswerError, StorageError
from jeospark.storage.http import Answer, Client, public
from jeospark.storage.kind import Range

_PLACE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class HttpFile:
    """A file of known size.

    Args:
        client: The connections.
        url: Without token.
        size: Bytes.
        ask: Makes of a URL and a range the URL and headers that ask for it.
    """

    def __init__(
        self, client: Client, url: str, size: int, ask: Callable[[str, Range], tuple[str, dict[str, str]]]
    ) -> None:
        self._client = client
        self._url = url
        self._size = size
        self._ask = ask
        self._server = url
        """Where a redirect led: asked at once from then on, as long as it answers."""

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """See `kind.Ranges.read`."""
        if len(ranges) < 2 or self._client.connections < 2:
            return [self._one(each) for each in ranges]
        with ThreadPoolExecutor(min(self._client.connections, len(ranges))) as pool:
            return list(pool.map(self._one, ranges))

    def close(self) -> None:
        """Nothing to do: connections are the client's."""

    def _one(self, place: Range) -> bytes:
        if self._server != self._url:
            try:
                return self._from(self._server, place, patient=False)
            except (StorageError, FileNotFoundError):
                self._server = self._url
        return self._from(self._url, place, patient=True)

    def _from(self, url: str, place: Range, *, patient: bool) -> bytes:
        asked, headers = self._ask(url, place)
        answer = self._client.ask("GET", asked, headers=headers, patient=patient)
        self._check(answer, place)
        if "Range" in headers:
            self._server = answer.url
        return answer.body

    def _check(self, answer: Answer, place: Range) -> None:
        start, length = place
        told = _PLACE.fullmatch(answer.headers.get("Content-Range", ""))
        right = told is None or tuple(map(int, told.groups())) == (start, start + length - 1, self._size)
        if len(answer.body) != length or not right:
            raise StorageAnswerError(
                f"bytes {start} to {start + length - 1} of {self._size} were asked for, HTTP {answer.status} brought "
                f"{len(answer.body)} bytes ({answer.headers.get('Content-Range', 'without their place')})",
                where=public(self._url),
                remedy="See that the server serves ranges, and that the file was not replaced; then resume.",
            )


def by_header(url: str, place: Range) -> tuple[str, dict[str, str]]:
    """A range asked for by its header."""
    return url, {"Range": f"bytes={place[0]}-{place[0] + place[1] - 1}"}
