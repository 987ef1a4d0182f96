"""Files of Spark properties: which are set, so that what the user has said is not said again."""

import re
from pathlib import Path

from jeospark.engine.jars import spark_home
from jeospark.errors import ProfileError

_PROPERTY = re.compile(r"([^\s=:]+)(?:\s*[=:]\s*|\s+)(.*)")
"""Name and value as Java's files of properties have them, but for its escapes."""


def read_properties(path: Path) -> dict[str, str]:
    """Properties of a file as spark-submit reads it: a name and a value a line, `#` for remarks.

    Raises:
        ProfileError: The file is missing or not UTF-8, or a line has no value.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError) as error:
        raise ProfileError(
            f"the file of Spark properties cannot be read ({getattr(error, 'strerror', '') or error})",
            where=str(path),
            remedy="Call from jeospark's folder, where conf/ is, or name a file with --properties.",
        ) from error
    properties = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith(("#", "!")):
            name, value = _split(text, f"{path}:{number}")
            properties[name] = value
    return properties


def site_defaults(folder: str | None) -> dict[str, str]:
    """What a site's spark-defaults.conf sets for all its users.

    Args:
        folder: SPARK_CONF_DIR; None for that of Spark itself.
    """
    path = Path(folder or spark_home() / "conf", "spark-defaults.conf")
    return read_properties(path) if path.exists() else {}


def _split(text: str, where: str) -> tuple[str, str]:
    found = _PROPERTY.fullmatch(text)
    if found:
        return found[1], found[2]
    raise ProfileError(f"'{text}' has no value", where=where, remedy="Write name and value, with a space between.")
