"""Numbers in sentences."""


def numbered(count: int, noun: str, nouns: str = "") -> str:
    """A number of things, such as 1 row, 12,345 rows.

    Args:
        count: How many.
        noun: One of them.
        nouns: More of them, where they do not just take an s.
    """
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def are(count: int) -> str:
    """The verb of so many things: is, or are."""
    return "is" if count == 1 else "are"
