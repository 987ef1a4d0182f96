"""Expressions of a recipe, each one once: what the values of its cubes are made of."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

REDUCTIONS = ("median", "mean", "sum", "min", "max", "sd", "variance", "first", "last", "count", "some", "several")
"""Over the dates; `some` and `several` tell whether one, or more than one, date has a value."""


class UnsupportedError(Exception):
    """A recipe does something that is left to the plain evaluator."""


class Level(IntEnum):
    """How often an expression has a value."""

    CONSTANT = 0
    PIXEL = 1
    """One a pixel, known before anything is computed."""
    DATE = 2
    """One a pixel and date."""
    RESULT = 3
    """One a pixel, made of all dates."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An expression: an operation on others."""

    name: str
    """A ufunc, `where`, `cast`, one of REDUCTIONS, `constant`, or an input: `physical`, `valid`, `usable`, `inside`."""
    dtype: str
    """The type that numpy gives the values."""
    arguments: tuple[int, ...] = ()
    detail: str = ""
    """A constant's value as text, an input's number."""


_INPUTS = {"constant": Level.CONSTANT, "inside": Level.PIXEL}


class Table:
    """Expressions by number; those that an expression is made of come before it. Cells pair data with validity."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.levels: list[Level] = []
        self._numbers: dict[Operation, int] = {}
        self._cells: list[tuple[int, int]] = [(-1, -1)]
        self._cell_numbers: dict[tuple[int, int], int] = {}

    def number(self, operation: Operation) -> int:
        """Give the number of an expression.

        Raises:
            UnsupportedError: It mixes values of single dates with results over all dates.
        """
        if operation not in self._numbers:
            self.levels.append(self._level(operation))
            self._numbers[operation] = len(self.operations)
            self.operations.append(operation)
        return self._numbers[operation]

    def constant(self, value: object, dtype: np.dtype[np.generic]) -> int:
        """Give the number of a constant."""
        return self.number(Operation("constant", dtype.name, (), repr(dtype.type(value).item())))

    def input(self, name: str, number: int = 0) -> int:
        """Give the number of an input."""
        return self.number(Operation(name, "float32" if name == "physical" else "bool", (), str(number)))

    def cast(self, number: int, dtype: np.dtype[np.generic]) -> int:
        """Convert an expression as numpy's astype does."""
        before = self.operations[number]
        if before.dtype == dtype.name:
            return number
        if before.name == "constant":
            value = float(before.detail) if before.dtype != "bool" else before.detail == "True"
            return self.constant(value, dtype)
        if dtype.kind == "b":
            zero = self.constant(0, np.dtype(before.dtype))
            return self.number(Operation("not_equal", "bool", (number, zero)))
        if dtype.kind != "f":
            raise UnsupportedError(f"cast to {dtype}")
        return self.number(Operation("cast", dtype.name, (number,)))

    def cell(self, data: int, valid: int) -> int:
        """Give the number of a pair of data and validity; never 0."""
        if (data, valid) not in self._cell_numbers:
            self._cell_numbers[data, valid] = len(self._cells)
            self._cells.append((data, valid))
        return self._cell_numbers[data, valid]

    def pair(self, cell: int) -> tuple[int, int]:
        """Give data and validity of a cell.

        Raises:
            UnsupportedError: The cell is 0, which stands for nothing.
        """
        if cell == 0:
            raise UnsupportedError("a cube with gaps")
        return self._cells[cell]

    def needed(self, roots: list[int], stop: Level = Level.RESULT) -> list[int]:
        """List expressions with all that they are made of, in order; reductions are not entered below `stop`."""
        found: set[int] = set()
        waiting = list(roots)
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                reduction = self.operations[number].name in REDUCTIONS
                waiting.extend(() if reduction and stop is Level.RESULT else self.operations[number].arguments)
        return sorted(found)

    def _level(self, operation: Operation) -> Level:
        if not operation.arguments:
            return _INPUTS.get(operation.name, Level.DATE)
        levels = {self.levels[number] for number in operation.arguments}
        if operation.name in REDUCTIONS:
            if Level.RESULT in levels or Level.DATE not in levels:
                raise UnsupportedError("a reduction over time of what has no dates")
            return Level.RESULT
        if {Level.DATE, Level.RESULT} <= levels:
            raise UnsupportedError("single dates together with results over all dates")
        return max(levels)
