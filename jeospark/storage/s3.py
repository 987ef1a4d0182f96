"""S3 by obstore: an object appears when all of it is there, so that results need no other name."""

import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, PreconditionError, UnauthenticatedError
from obstore.store import S3Store

from jeospark.errors import StorageAnswerError, StorageDeniedError, StorageError, StorageUnreachableError
from jeospark.settings import Settings
from jeospark.storage.href import server_and_path
from jeospark.storage.http import CONNECT_S, WAIT
from jeospark.storage.kind import Range, replaced
from jeospark.storage.patience import deadline, patiently
from jeospark.storage.tokens import redact
from jeospark.storage.upload import local_attempt, probe, publishing_errors

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import ClientConfig, S3Config

PART = 16 << 20
"""Bytes sent in one request."""
AT_ONCE = 10
"""Ranges that are asked for beside each other."""
_STATUS = re.compile(r"\bstatus code: (4\d\d)\b")
_FOR_A_WHILE = frozenset({"408", "409", "425", "429"})
_EXPIRED = re.compile(r"\b(ExpiredToken|TokenRefreshRequired|InvalidToken)\b")
"""What S3 answers with 400, where it means 403."""

Value = TypeVar("Value")


class S3:
    """See `kind.Storage`. Keys come from where AWS's tools take them: `AWS_ACCESS_KEY_ID` and its like, or the host."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = lru_cache(self._made)

    def attempt(self, href: str) -> str:
        """See `kind.Storage.attempt`."""
        return local_attempt(href, self._settings.scratch)

    def put(self, path: str, href: str, *, durable: bool = True) -> None:  # noqa: ARG002 - S3 is durable
        """See `kind.Storage.put`."""
        with publishing_errors(href):
            self.ask(href, lambda store, key: obstore.put(store, key, Path(path), chunk_size=PART), sends=True)

    def exists(self, href: str) -> bool:
        """See `kind.Storage.exists`."""
        try:
            self.ask(href, obstore.head)
        except FileNotFoundError:
            return False
        return True

    def open(self, href: str) -> "S3File":
        """See `kind.Storage.open`."""
        found = self.ask(href, obstore.head)
        return S3File(self, href, int(found["size"]), found.get("e_tag"))

    def remove(self, href: str) -> None:
        """See `kind.Storage.remove`."""
        try:
            self.ask(href, obstore.delete)
        except FileNotFoundError:
            return

    def names(self, folder: str) -> list[str]:
        """See `kind.Storage.names`."""
        found = self.ask(f"{folder.rstrip('/')}/", obstore.list_with_delimiter)
        paths = [*found["common_prefixes"], *(each["path"] for each in found["objects"])]
        return sorted(path.rstrip("/").rpartition("/")[2] for path in paths)

    def check(self, folder: str, size: int) -> None:  # noqa: ARG002 - S3 has room
        """See `kind.Storage.check`."""
        probe(folder, self._settings.scratch, self)

    def ask(self, href: str, call: Callable[[S3Store, str], Value], *, sends: bool = False) -> Value:
        """What a call gives for the bucket and the key of an href.

        Args:
            href: Where.
            call: What to do there.
            sends: True where it sends a file, during which the server may be silent.

        Raises:
            FileNotFoundError: Nothing is there.
            StorageDeniedError: The keys are missing, wrong or expired.
            StorageAnswerError: The server does not do such a thing.
            StorageUnreachableError: The server is away, busy, or out of order.
        """
        bucket, key = _place(href)

        def once() -> Value:
            try:
                return call(self._store(bucket, sends), key)
            except FileNotFoundError as error:
                raise FileNotFoundError(f"nothing is at {href}") from error
            except (PermissionError, PermissionDeniedError, UnauthenticatedError) as error:
                raise _denied(href) from error
            except PreconditionError as error:
                raise replaced("the object is not the one that was opened", href) from error
            except ValueError as error:
                remedy = "Choose a name without `..`, empty parts and letters that cannot be seen."
                raise StorageAnswerError("this is no key of S3", where=href, remedy=remedy) from error
            except (BaseError, OSError) as error:
                raise _failure(error, href) from error

        return patiently(once, self._settings.storage_patience_s)

    def _made(self, bucket: str, sends: bool) -> S3Store:  # noqa: FBT001 - lru_cache keys
        endpoint, seconds = self._settings.s3_endpoint, self._settings.storage_timeout_s
        own: S3Config = {}
        if endpoint:
            # Without keys, a server of one's own says so; Amazon's hosts would be asked for some.
            unsigned = "AWS_ACCESS_KEY_ID" not in os.environ
            own = {"endpoint": endpoint, "virtual_hosted_style_request": False, "skip_signature": unsigned}
        options: ClientConfig = {
            "allow_http": endpoint.startswith("http://"),
            "connect_timeout": f"{CONNECT_S}s",
            "timeout": f"{int(deadline(seconds, PART))}s",
            "pool_max_idle_per_host": str(self._settings.storage_connections),
        }
        if not sends:
            # Its clock runs while a body is sent, too.
            options["read_timeout"] = f"{seconds}s"
        return S3Store(
            bucket,
            config=own,
            client_options=options,
            # How long it is tried again is for `patiently` to say.
            retry_config={"max_retries": 0},
        )


class S3File:
    """See `kind.Ranges`."""

    def __init__(self, storage: S3, href: str, size: int, tag: str | None) -> None:
        self._storage = storage
        self._href = href
        self._size = size
        self._tag = tag

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """See `kind.Ranges.read`."""
        if len(ranges) < 2:
            return [self._one(place) for place in ranges]
        with ThreadPoolExecutor(min(AT_ONCE, len(ranges))) as pool:
            return list(pool.map(self._one, ranges))

    def _one(self, place: Range) -> bytes:
        start, length = place
        options: GetOptions = {"range": (start, start + length)}
        if self._tag:
            options["if_match"] = self._tag
        data = self._storage.ask(self._href, lambda store, key: bytes(obstore.get(store, key, options=options).bytes()))
        if len(data) != length:
            what = f"the server sent {len(data)} of {length} bytes"
            remedy = "See that the file was not replaced; then resume."
            raise StorageAnswerError(what, where=self._href, remedy=remedy)
        return data

    def close(self) -> None:
        """Nothing to do: connections are the store's."""


def _place(href: str) -> tuple[str, str]:
    bucket, key = server_and_path(href)
    return bucket, unquote(key)


def _denied(href: str) -> StorageDeniedError:
    remedy = "Set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN anew; then resume."
    return StorageDeniedError("the server refuses the keys", where=href, remedy=remedy)


def _failure(error: Exception, href: str) -> StorageError:
    """The named error for what obstore has no name for."""
    status = _STATUS.search(str(error))
    if status is None or status[1] in _FOR_A_WHILE:
        return StorageUnreachableError(f"the server does not answer: {_said(error)}", where=href, remedy=WAIT)
    if _EXPIRED.search(str(error)):
        return _denied(href)
    remedy = "See that the keys have not expired, and that the file was not replaced; then resume."
    return StorageAnswerError(f"the server refuses: {_said(error)}", where=href, remedy=remedy)


def _said(error: Exception) -> str:
    """The first line, without the request's address and its signature."""
    return redact(str(error).strip().partition("\n")[0])
