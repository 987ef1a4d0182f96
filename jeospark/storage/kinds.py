"""Which kind of storage an href belongs to."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from importlib import import_module
from typing import cast
from urllib.parse import quote, urlsplit

from jeospark.errors import OutputUnwritableError, SettingError
from jeospark.settings import Settings
from jeospark.storage.href import href_scheme, server_and_path
from jeospark.storage.kind import Storage
from jeospark.storage.posix import Posix

REMOTE = frozenset({"http", "https", "root", "roots", "s3", "hdfs"})
"""Schemes of storages that are no mounted file system."""
HDFS_PORT = 9870
"""Where a NameNode answers by HTTP, unless a gate says otherwise."""
_EXTRAS = {"XRootD": "xrootd", "obstore": "s3"}
_PLAIN = "/!$&'()*+,;=:@~"
"""Stand for themselves in a path (RFC 3986); XRootD's MOVE would take their quoted forms literally."""
_POSIX = Posix()
_SETTINGS: ContextVar[Settings | None] = ContextVar("storage_settings", default=None)


@contextmanager
def storage_settings(settings: Settings) -> Iterator[None]:
    """Let all storages be used with these settings, instead of those of the environment."""
    token = _SETTINGS.set(settings)
    try:
        yield
    finally:
        _SETTINGS.reset(token)


def is_remote(href: str) -> bool:
    """True for an href that is on no mounted file system, and that `storage_of` knows."""
    return href_scheme(href) in REMOTE


def storage_of(href: str) -> Storage:
    """The storage of an href.

    Raises:
        OutputUnwritableError: No storage has its scheme.
        SettingError: The storage needs a package that is not installed, or a setting cannot be used.
        CredentialError: The setting of tokens cannot be understood.
    """
    scheme = href_scheme(href)
    if scheme in {"", "file"}:
        return _POSIX
    if scheme not in REMOTE:
        remedy = "Give a path, or an href of http(s), root, s3 or hdfs."
        raise OutputUnwritableError(f"no storage for '{scheme}://'", where=href, remedy=remedy)
    settings = _SETTINGS.get() or Settings.load()
    gate = _gates(settings.http_gates).get(f"{scheme}://{urlsplit(href).netloc}")
    # Connections do not outlive a fork.
    return _storage(scheme, gate, settings, os.getpid())


@lru_cache
def _storage(scheme: str, gate: str | None, settings: Settings, _process: int) -> Storage:
    if scheme == "hdfs":
        return cast("Storage", _class("webhdfs", "WebHdfs")(settings, lambda href: _hdfs_url(href, gate)))
    if scheme in {"http", "https"} or gate is not None:
        return cast("Storage", _class("webdav", "WebDav")(settings, lambda href: _through(href, gate)))
    name = ("s3", "S3") if scheme == "s3" else ("xroot", "XRoot")
    return cast("Storage", _class(*name)(settings))


def _class(module: str, name: str) -> Callable[..., object]:
    """A class of a module that is imported when it is needed: not everybody has what it imports."""
    try:
        return cast("Callable[..., object]", getattr(import_module(f"jeospark.storage.{module}"), name))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRAS:
            raise
        remedy = f"Install it with `pip install 'jeospark[{_EXTRAS[package]}]'`."
        raise SettingError(f"this storage needs the package {package}", where=module, remedy=remedy) from error


def _through(href: str, gate: str | None) -> str:
    if gate is None:
        return href
    return f"{gate.rstrip('/')}/{quote(server_and_path(href)[1], safe=_PLAIN)}"


def _hdfs_url(href: str, gate: str | None) -> str:
    return _through(href, gate or f"http://{urlsplit(href).hostname}:{HDFS_PORT}")


@lru_cache
def _gates(setting: str) -> dict[str, str]:
    """Gates by what they lead to.

    Raises:
        SettingError: A part is no pair of URLs.
    """
    gates = dict(part.strip().partition("=")[::2] for part in setting.split(",") if part.strip())
    for server, gate in gates.items():
        if href_scheme(server) not in {"root", "roots", "hdfs"} or href_scheme(gate) not in {"http", "https"}:
            raise SettingError(
                f"'{server}={gate}' is no gate",
                where="JEOSPARK_HTTP_GATES",
                remedy="Write root://host:port=https://host:port, or hdfs://host:port=http://host:port.",
            )
    return {server.rstrip("/"): gate for server, gate in gates.items()}
