"""The types of values that processes take and give, as openEO's schemas name them."""

from enum import Flag, auto


class Kind(Flag):
    """One or several types; `|` makes a choice of them."""

    NUMBER = auto()
    INTEGER = auto()
    BOOLEAN = auto()
    STRING = auto()
    NULL = auto()
    ARRAY = auto()
    OBJECT = auto()
    DATACUBE = auto()
    CALLBACK = auto()
    """A nested process graph."""
    ANY = NUMBER | INTEGER | BOOLEAN | STRING | NULL | ARRAY | OBJECT | DATACUBE

    def __str__(self) -> str:
        if self == Kind.ANY:
            return "any value"
        return " or ".join(str(kind.name).lower() for kind in self)


def kind_of(value: object) -> Kind:
    """Tell the type of a value of JSON; a whole number is both an integer and a number."""
    if value is None:
        return Kind.NULL
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, (int, float)):
        return Kind.NUMBER | Kind.INTEGER if float(value).is_integer() else Kind.NUMBER
    if isinstance(value, str):
        return Kind.STRING
    return Kind.ARRAY if isinstance(value, (list, tuple)) else Kind.OBJECT
