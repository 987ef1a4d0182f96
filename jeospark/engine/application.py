"""The application of YARN that a driver belongs to, and which of its attempts the driver is."""

import os
import re
from collections.abc import Mapping

_CONTAINER = re.compile(r"container_(?:e\d+_)?(?P<application>\d+_\d+)_(?P<attempt>\d+)_\d+")


def application(environ: Mapping[str, str] = os.environ) -> str:
    """Number of the application, such as 1795719130085_0001; empty outside of YARN's containers."""
    found = _CONTAINER.fullmatch(environ.get("CONTAINER_ID", ""))
    return found["application"] if found else ""


def is_second(environ: Mapping[str, str] = os.environ) -> bool:
    """True where YARN has started the application once more, because its first driver was lost or failed."""
    found = _CONTAINER.fullmatch(environ.get("CONTAINER_ID", ""))
    return found is not None and int(found["attempt"]) > 1
