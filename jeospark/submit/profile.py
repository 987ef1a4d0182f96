"""Files of Spark properties: which are set, so that what the user has said is not said again."""

from pathlib import Path

from jeospark.errors import ProfileError


def read_properties(path: Path) -> dict[str, str]:
    """Properties of a file as spark-submit reads it: a name and a value a line, `#` for remarks.

    Raises:
        ProfileError: The file is missing, or a line has no value.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ProfileError(
            f"the file of Spark properties cannot be read ({error.strerror})",
            where=str(path),
            remedy="Call from jeospark's folder, where conf/ is, or name a file with --properties.",
        ) from error
    properties = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            name, value = _split(text, f"{path}:{number}")
            properties[name] = value
    return properties


def site_defaults(folder: str | None) -> dict[str, str]:
    """What a site's spark-defaults.conf sets for all its users.

    Args:
        folder: SPARK_CONF_DIR; None where it is not set.
    """
    path = Path(folder or "", "spark-defaults.conf")
    return read_properties(path) if folder and path.exists() else {}


def _split(text: str, where: str) -> tuple[str, str]:
    for separator in ("=", None):
        name, *value = text.split(separator, 1)
        if value and " " not in name.strip():
            return name.strip(), value[0].strip()
    raise ProfileError(f"'{text}' has no value", where=where, remedy="Write name and value, with a space between.")
