"""Numbers in sentences."""


def numbered(count: int, noun: str) -> str:
    """A number of things, such as 1 row, 12,345 rows.

    Args:
        count: How many.
        noun: One of them; more take an s.
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
