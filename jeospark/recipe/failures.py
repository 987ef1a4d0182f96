"""Errors that carry openEO's name for them, such as DimensionNotAvailable, at the head of their text."""

from jeospark.errors import ArgumentError, DimensionError


def bad_argument(code: str, what: str, *, remedy: str = "") -> ArgumentError:
    """Make the error of an argument that a process cannot use; `code` is openEO's name for it."""
    return ArgumentError(f"{code}: {what}", remedy=remedy)


def bad_dimension(code: str, what: str, *, remedy: str = "") -> DimensionError:
    """Make the error of a dimension or label that is not there, or is there too often."""
    return DimensionError(f"{code}: {what}", remedy=remedy)
