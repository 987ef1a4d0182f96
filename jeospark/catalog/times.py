"""Times as STAC writes them: RFC 3339, in UTC."""

from datetime import UTC, datetime


def parse_time(text: str) -> datetime:
    """Read an RFC 3339 time; one without an offset is taken for UTC.

    Raises:
        ValueError: The text is not a time.
    """
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def format_time(moment: datetime) -> str:
    """Write a time in RFC 3339 with Z for UTC; microseconds only where there are some."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.isoformat().replace("+00:00", "Z")
