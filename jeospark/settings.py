"""One settings system: defaults here, overridden by environment variables named `JEOSPARK_…`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from jeospark.errors import SettingError

PREFIX = "JEOSPARK_"


def _data_home() -> str:
    return os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")


def _cache_home() -> str:
    return os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator may set; each field `name` is read from `JEOSPARK_NAME`."""

    catalog: str
    """Folder of the catalogue."""
    cache: str
    """Folder for compiled kernels and downloaded jars."""
    scratch: str
    """Local folder for large intermediate files; empty for the system's temporary folder."""
    worker_memory_mb: int
    """What one unit may use for its arrays in one worker process, MiB."""
    gdal_cache_mb: int
    """GDAL's block cache in one worker process, MiB."""
    open_datasets: int
    """How many datasets a worker process keeps open."""
    compile: bool
    """Compile recipes with numba where they allow it; off, the plain evaluator does all."""

    storage_patience_s: int
    """How long a request to a storage is tried again before it fails, seconds."""
    storage_timeout_s: int
    """How long a storage may be silent before a request is tried again, seconds."""
    storage_connections: int
    """Connections that a worker process opens to one server at most."""
    tokens: str
    """Where the tokens of servers are: `host=file:PATH` or `host=env:NAME`, with commas between; hosts may have `*`
    and a port. Never the token itself."""
    http_gates: str
    """HTTP doors of other servers, `root://host:1094=https://host:9000` or `hdfs://host:8020=http://host:9870`, with
    commas between: what is named by the first is then reached by the second."""
    s3_endpoint: str
    """URL of the S3 server; empty for Amazon's."""

    allowed_roots: str
    """Folders outside which recipes, items and SQL reach no file, separated as in PATH; empty for no limit."""

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings from the environment.

        Raises:
            SettingError: A variable's text is not of the setting's type.
        """
        environ = os.environ if environ is None else environ
        defaults: dict[str, str | int | bool] = {
            "catalog": str(Path(_data_home()) / "jeospark" / "catalog"),
            "cache": str(Path(_cache_home()) / "jeospark"),
            "scratch": "",
            "worker_memory_mb": 768,
            "gdal_cache_mb": 128,
            "open_datasets": 128,
            "compile": True,
            "storage_patience_s": 180,
            "storage_timeout_s": 30,
            "storage_connections": 4,
            "tokens": "",
            "http_gates": "",
            "s3_endpoint": "",
            "allowed_roots": "",
        }
        values = {
            item.name: _parse(item.name, environ.get(PREFIX + item.name.upper()), defaults[item.name])
            for item in fields(cls)
        }
        return cls(**values)  # type: ignore[arg-type]


def _parse(name: str, text: str | None, default: str | int | bool) -> str | int | bool:
    if text is None or text == "":
        return default
    if isinstance(default, bool):
        return _parse_bool(name, text)
    if isinstance(default, int):
        return _parse_positive(name, text)
    return text


def _parse_bool(name: str, text: str) -> bool:
    known = {"1": True, "true": True, "on": True, "0": False, "false": False, "off": False}
    if text.lower() not in known:
        raise SettingError(f"'{text}' is neither on nor off", where=_variable(name), remedy="Set it to on or off.")
    return known[text.lower()]


def _parse_positive(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise SettingError(
            f"'{text}' is not a positive whole number", where=_variable(name), remedy="Set it to one, such as 512."
        )
    return int(text)


def _variable(name: str) -> str:
    return PREFIX + name.upper()
