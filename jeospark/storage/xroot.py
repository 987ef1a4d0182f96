"""XRootD's own protocol, `root://`, by XRootD's client: sent, then renamed over."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from XRootD import client
from XRootD.client.flags import OpenFlags, StatInfoFlags

from jeospark.errors import (
    DiskFullError,
    StorageAnswerError,
    StorageError,
    StorageUnreachableError,
)
from jeospark.settings import Settings
from jeospark.storage.href import server_and_path
from jeospark.storage.http import CONNECT_S, LASTING, WAIT, denied, public
from jeospark.storage.kind import Range
from jeospark.storage.patience import deadline, patiently
from jeospark.storage.tokens import Tokens, redact
from jeospark.storage.upload import attempt_href, local_attempt, probe, publishing_errors, rename_patiently

_FULL = frozenset({3009, 3021})
_DENIED = frozenset({3010, 3030})
_MISSING = 3011
_EXISTS = 3018
"""The protocol's kXR_NoSpace and kXR_overQuota, kXR_NotAuthorized and kXR_AuthFailed, kXR_NotFound, kXR_ItExists."""
_REFUSED = frozenset({3000, 3001, 3002, 3006, 3013, 3016, 3017})
"""kXR_ArgInvalid, kXR_ArgMissing, kXR_ArgTooLong, kXR_InvalidRequest, kXR_Unsupported, kXR_isDirectory, kXR_NotFile:
asking again does not help."""
AT_ONCE, LONGEST = 1024, 2_000_000
"""Ranges of one vector read, and bytes of each, that servers take by default."""

Value = TypeVar("Value")


class XRoot:
    """See `kind.Storage`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tokens = Tokens(settings.tokens)
        # How long the client itself tries; what is longer is ours.
        for key, seconds in (
            ("ConnectionWindow", CONNECT_S),
            ("ConnectionRetry", 1),
            ("StreamErrorWindow", CONNECT_S),
            ("RequestTimeout", settings.storage_timeout_s),
            ("StreamTimeout", settings.storage_timeout_s),
            ("SubStreamsPerChannel", 1),
        ):
            client.EnvPutInt(key, seconds)

    def attempt(self, href: str) -> str:
        """See `kind.Storage.attempt`."""
        return local_attempt(href, self._settings.scratch)

    def put(self, path: str, href: str, *, durable: bool = True) -> None:  # noqa: ARG002 - the server's own matter
        """See `kind.Storage.put`."""
        part = attempt_href(href)
        with publishing_errors(href):
            try:
                patiently(lambda: self._copy(path, part), self._settings.storage_patience_s)
                self._rename(part, href, Path(path).stat().st_size)
            except BaseException:
                self._system(part).rm(self._path(part), timeout=CONNECT_S)
                raise

    def exists(self, href: str) -> bool:
        """See `kind.Storage.exists`."""
        try:
            found = self._ask(href, "stat", self._path(href))
        except FileNotFoundError:
            return False
        return not found.flags & StatInfoFlags.IS_DIR

    def open(self, href: str) -> "XRootFile":
        """See `kind.Storage.open`."""
        return XRootFile(lambda: self._url(href), self._tokens, self._settings)

    def remove(self, href: str) -> None:
        """See `kind.Storage.remove`."""
        try:
            self._ask(href, "rm", self._path(href))
        except FileNotFoundError:
            return

    def names(self, folder: str) -> list[str]:
        """See `kind.Storage.names`."""
        try:
            listing = self._ask(folder, "dirlist", self._path(folder))
        except FileNotFoundError:
            return []
        return sorted(entry.name for entry in listing)

    def check(self, folder: str, size: int) -> None:  # noqa: ARG002 - servers do not tell their room
        """See `kind.Storage.check`."""
        probe(folder, self._settings.scratch, self)

    def _rename(self, part: str, href: str, size: int) -> None:
        rename_patiently(
            lambda: self._replace(part, href),
            lambda: int(self._ask(href, "stat", self._path(href)).size),
            size,
            self._settings.storage_patience_s,
        )

    def _replace(self, part: str, href: str) -> None:
        source, target = self._path(part), self._path(href)
        try:
            self._once(href, "mv", source, target)
        except FileExistsError:
            # Where a rename does not replace: the file is away for a moment, but never half there. It stays where the
            # part is gone: then an earlier try has made it of the part.
            self._ask(href, "stat", source)
            self.remove(href)
            self._once(href, "mv", source, target)

    def _copy(self, path: str, href: str) -> None:
        process = client.CopyProcess()
        # The server drops the file unless it was closed properly.
        process.add_job(path, self._url(href), mkdir=True, force=True, posc=True)
        status = process.prepare()
        if status.ok:
            status, _ = process.run()
        _check(status, href, self._tokens)

    def _ask(self, href: str, name: str, *arguments: str) -> Any:
        return patiently(lambda: self._once(href, name, *arguments), self._settings.storage_patience_s)

    def _once(self, href: str, name: str, *arguments: str) -> Any:
        call = getattr(self._system(href), name)
        status, answer = call(*arguments, timeout=self._settings.storage_timeout_s)
        _check(status, href, self._tokens)
        return answer

    def _system(self, href: str) -> Any:
        parts = urlsplit(href)
        return client.FileSystem(f"{parts.scheme}://{parts.netloc}")

    def _path(self, href: str) -> str:
        token = self._tokens.of(href)
        return path_of(href) + (f"?{token.opaque}" if token else "")

    def _url(self, href: str) -> str:
        parts = urlsplit(href)
        return f"{parts.scheme}://{parts.netloc}/{self._path(href)}"


class XRootFile:
    """An open file, opened again where the connection was lost."""

    def __init__(self, url: Callable[[], str], tokens: Tokens, settings: Settings) -> None:
        self._url = url
        self._tokens = tokens
        self._timeout, self._patience = settings.storage_timeout_s, settings.storage_patience_s
        self._file: Any = None
        self._size = self._patient(self._stat)

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """See `kind.Ranges.read`."""
        if len(ranges) > 1 and all(length <= LONGEST for _, length in ranges):
            groups = [ranges[at : at + AT_ONCE] for at in range(0, len(ranges), AT_ONCE)]
            return [data for group in groups for data in self._patient(partial(self._vector, group))]
        return [self._patient(partial(self._one, place)) for place in ranges]

    def close(self) -> None:
        """Close it."""
        if self._file is not None:
            self._file.close(timeout=CONNECT_S)
            self._file = None

    def _patient(self, attempt: Callable[[], Value]) -> Value:
        def once() -> Value:
            try:
                return attempt()
            except StorageError:
                self.close()
                raise

        return patiently(once, self._patience)

    def _opened(self) -> Any:
        if self._file is None:
            file = client.File()
            status, _ = file.open(self._url(), OpenFlags.READ, timeout=self._timeout)
            _check(status, self._url(), self._tokens)
            self._file = file
        return self._file

    def _stat(self) -> int:
        status, info = self._opened().stat(timeout=self._timeout)
        _check(status, self._url(), self._tokens)
        return int(info.size)

    def _one(self, place: Range) -> bytes:
        offset, length = place
        status, data = self._opened().read(offset, length, timeout=int(deadline(self._timeout, length)))
        _check(status, self._url(), self._tokens)
        return self._whole([data], [place])[0]

    def _vector(self, ranges: Sequence[Range]) -> list[bytes]:
        time = int(deadline(self._timeout, sum(length for _, length in ranges)))
        status, found = self._opened().vector_read(list(ranges), timeout=time)
        _check(status, self._url(), self._tokens)
        return self._whole([chunk.buffer for chunk in found.chunks], ranges)

    def _whole(self, pieces: list[bytes], ranges: Sequence[Range]) -> list[bytes]:
        if [len(piece) for piece in pieces] != [length for _, length in ranges]:
            what = f"the server sent {sum(map(len, pieces))} of {sum(length for _, length in ranges)} bytes"
            remedy = "See that the file was not replaced; then resume."
            raise StorageAnswerError(what, where=public(self._url()), remedy=remedy)
        return pieces


def path_of(href: str) -> str:
    """The absolute path on the server; `root://host//path` has it after the second slash."""
    return f"/{server_and_path(href)[1]}"


def _check(status: Any, href: str, tokens: Tokens) -> None:
    """Turn what the client says into the named error.

    Raises:
        FileNotFoundError: The server has nothing there.
        FileExistsError: It has something there already.
        DiskFullError: It has no room.
        StorageDeniedError: It denies access.
        StorageAnswerError: It does not do such a thing.
        StorageUnreachableError: It is away, busy, or out of order.
    """
    if status.ok:
        return
    where, said = public(href), redact(str(status.message).strip())
    if status.errno == _MISSING:
        raise FileNotFoundError(f"nothing is at {where}")
    if status.errno == _EXISTS:
        raise FileExistsError(f"something is at {where}")
    if status.errno in _FULL:
        raise DiskFullError(f"the server has no room: {said}", where=where, remedy="Free space there; then resume.")
    if status.errno in _DENIED:
        raise denied(href, tokens.of(href), said)
    if status.errno in _REFUSED or LASTING.search(said):
        raise StorageAnswerError(f"the server refuses: {said}", where=where, remedy="Check the path.")
    raise StorageUnreachableError(f"the server does not answer: {said}", where=where, remedy=WAIT)
