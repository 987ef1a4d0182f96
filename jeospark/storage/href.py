"""Hrefs: their parts, and what GDAL opens for those that it opens by itself; settings as GDAL's options."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from jeospark.errors import AssetUnreadableError
from jeospark.settings import Settings


def literal_path(path: str) -> str:
    """A path as a pattern of Hadoop that means just this path."""
    return re.sub(r"([\\*?\[\]{}])", r"\\\1", path)


def gdal_path(href: str, variable: str | None = None) -> str:
    """Name under which GDAL opens an asset.

    Args:
        href: Absolute path, `file://`, `http(s)://`, `s3://`, or one of GDAL's own `/vsi…` names.
        variable: netCDF variable inside the file; None for a plain raster.

    Raises:
        AssetUnreadableError: GDAL has no reader for the href's scheme.
    """
    path = _file_path(href)
    return path if variable is None else f'NETCDF:"{path}":{variable}'


def _file_path(href: str) -> str:
    scheme = href_scheme(href)
    if scheme in ("http", "https"):
        return f"/vsicurl/{href}"
    if scheme == "s3":
        return f"/vsis3/{href.removeprefix('s3://')}"
    return local_path(href, scheme)


def local_path(href: str, scheme: str) -> str:
    """Path of an href that is on a mounted file system.

    Raises:
        AssetUnreadableError: The scheme is neither `file` nor empty.
    """
    if scheme == "":
        return href
    if scheme == "file":
        return unquote(urlsplit(href).path)
    raise AssetUnreadableError(
        f"no reader for '{scheme}://'", where=href, remedy="Use a mounted path, http(s)://, root://, s3:// or hdfs://."
    )


def href_scheme(href: str) -> str:
    """Scheme in lower case, empty for a path."""
    head, separator, _ = href.partition("://")
    return head.lower() if separator and head.isalnum() else ""


def server_and_path(href: str) -> tuple[str, str]:
    """Server and path, without its first slashes, of an href of XRootD, S3 or HDFS: no URL, so that `#` is a letter."""
    server, _, path = href.partition("://")[2].partition("/")
    return server, _until(path, _enders(href)).lstrip("/")


def is_cut(href: str) -> bool:
    """True where an href goes on after its path, so that it is no folder: names in it would be the same for all."""
    return _until(href, _enders(href)) != href


def _enders(href: str) -> str:
    """What ends the path of an href."""
    return {"file": "?#", "http": "?#", "https": "?#", "root": "?", "roots": "?"}.get(href_scheme(href), "")


def _until(text: str, enders: str) -> str:
    return re.split(f"[{enders}]", text, maxsplit=1)[0] if enders else text


def hadoop_path(href: str) -> str:
    """Name under which Hadoop's file systems, and so Spark's readers and writers, open an href or a pattern.

    A path is on a mounted file system, whatever the cluster's own file system is.
    """
    scheme = href_scheme(href)
    if scheme == "":
        return f"file://{Path(href).absolute()}"
    return f"s3a://{href.removeprefix('s3://')}" if scheme == "s3" else href


def absolute(href: str) -> str:
    """A path made absolute, also of a file URL, which Hadoop would not decode; others without their last slash."""
    scheme = href_scheme(href)
    if scheme == "" or (scheme == "file" and not is_cut(href)):
        return str(Path(local_path(href, scheme)).resolve())
    return href.rstrip("/")


def join(folder: str, *parts: str) -> str:
    """The href of something in a folder."""
    return "/".join((folder.rstrip("/"), *parts))


def with_suffix(href: str, suffix: str) -> str:
    """The href with another suffix, such as `.json`."""
    folder, slash, name = href.rpartition("/")
    stem, dot, _ = name.rpartition(".")
    return f"{folder}{slash}{stem if dot and stem else name}{suffix}"


def gdal_options(settings: Settings) -> dict[str, str | int]:
    """GDAL's configuration in every process that reads or writes pixels, for `rasterio.Env(**options)`.

    `VSI_CACHE` stays off: it holds up to 25 MB for each open file and takes local files off their fast path;
    `/vsicurl` has its own cache for the whole process, and the block cache holds what is decoded.
    """
    return {
        # rasterio hands a whole number to GDALSetCacheMax, which takes bytes; GDAL's own variable would be in MB.
        "GDAL_CACHEMAX": settings.gdal_cache_mb << 20,
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        # Rows stay in the order of the file; the catalogue's transform says which way they run.
        "GDAL_NETCDF_BOTTOMUP": "NO",
        "GDAL_NUM_THREADS": "1",
        "VSI_CACHE": "FALSE",
        **_http_options(settings),
    }


def _http_options(settings: Settings) -> dict[str, str]:
    """For names that GDAL opens over the network by itself: what is inside a remote netCDF file or archive."""
    return {
        "GDAL_HTTP_MAX_RETRY": str(_retries(settings.storage_patience_s)),
        "GDAL_HTTP_RETRY_DELAY": "1",
        # GDAL's own list of codes leaves out a refused connection, which is what a restarting server gives.
        "GDAL_HTTP_RETRY_CODES": "ALL",
        "GDAL_HTTP_CONNECTTIMEOUT": "5",
        "GDAL_HTTP_TIMEOUT": str(2 * settings.storage_timeout_s),
        "GDAL_HTTP_LOW_SPEED_TIME": str(settings.storage_timeout_s),
        "GDAL_HTTP_LOW_SPEED_LIMIT": "1000",
        "GDAL_HTTP_MAX_TOTAL_CONNECTIONS": str(settings.storage_connections),
        "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    }


def _retries(seconds: int) -> int:
    """How often GDAL tries in that time: it doubles its delay from one second on."""
    return max(seconds.bit_length() - 1, 1)
