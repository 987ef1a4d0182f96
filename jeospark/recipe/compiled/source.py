"""The text of a kernel: one function that computes a whole recipe, run by run of pixels.

In it, `e7` is the expression of number 7 and `c7` a constant; `b0 n0 d0 s0 o0` are the numbers of a band as stored, its
nodata, whether that is declared, its scales and offsets; `x` are values of all dates and `r` what is reduced from them.
"""

from collections.abc import Iterable

from jeospark.recipe.compiled.table import REDUCTIONS, Operation
from jeospark.recipe.compiled.trace import Trace

RUN = 512
"""Pixels at once, so that all dates of a run stay near the processor."""

_TEMPLATES = {
    "absolute": "abs({0})",
    "add": "{0} + {1}",
    "bitwise_and": "{0} & {1}",
    "bitwise_or": "{0} | {1}",
    "bitwise_xor": "{0} != {1}",
    "cast": "np.{dtype}({0})",
    "ceil": "np.ceil({0})",
    "divide": "{0} / {1}",
    "equal": "{0} == {1}",
    "floor": "np.floor({0})",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
    "invert": "not {0}",
    "isfinite": "abs({0}) < np.inf",
    "isinf": "abs({0}) == np.inf",
    "isnan": "{0} != {0}",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "maximum": "blocks.greater({0}, {1})",
    "minimum": "blocks.lesser({0}, {1})",
    "multiply": "{0} * {1}",
    "negative": "-{0}",
    "not_equal": "{0} != {1}",
    "sqrt": "np.sqrt({0})",
    "subtract": "{0} - {1}",
    "trunc": "np.trunc({0})",
    "where": "{1} if {0} else {2}",
}
_INPUTS = ("physical", "valid", "usable", "inside")
_POOLS = {"float32": "32", "uint16": "32", "float64": "64", "bool": "_valid"}
"""Arrays by type of their values; small integers, which only counting gives, are kept as float32."""
_FUNCTIONS = {"sum": "total", "min": "minimum", "max": "maximum"}
_TESTS = {"some": "", "several": ", work32"}
_HEAD = '''"""The kernel of a recipe, made by jeospark.recipe.compiled."""

import numpy as np
from udfs.jit import compiled

from udfs import blocks

# Compiled with udfs.blocks {blocks}
RUN = 512
'''


class Writer:
    """Writes the module of one kernel.

    Args:
        found: What the recipe computes.
    """

    def __init__(self, found: Trace) -> None:
        self._found = found
        self._table = found.table
        self._roots = [number for pair in found.outputs for number in pair]
        self._reduced = [one for one in self._table.needed(self._roots) if self._at(one).name in REDUCTIONS]
        self._series = sorted({number for one in self._reduced for number in self._at(one).arguments})
        self._used = sorted({*self._table.needed(self._roots), *self._table.needed(self._series)})
        self._x = {one: self._place(one, "x", self._series) for one in self._series}
        self._r = {one: self._place(one, "r", self._reduced) for one in self._reduced}
        self._flags = [*(self._table.input("valid", band) for band in self.bands), *self._inputs("usable", "inside")]

    @property
    def bands(self) -> tuple[int, ...]:
        """Which bands the kernel reads, in order of its arguments."""
        return tuple(sorted({int(self._at(one).detail) for one in self._inputs("physical", "valid")}))

    @property
    def masked(self) -> bool:
        """Whether the kernel takes what is usable of each date."""
        return bool(self._inputs("usable"))

    @property
    def boxes(self) -> tuple[int, ...]:
        """Which boxes the kernel is told of, in order of its arguments."""
        return tuple(int(self._at(one).detail) for one in self._inputs("inside"))

    def text(self, blocks: str) -> str:
        """Write the module.

        Args:
            blocks: sha256 of `udfs.blocks`: kernels that were compiled with another one are stale.
        """
        constants = [f"c{one} = {_literal(self._at(one))}" for one in self._used if self._at(one).name == "constant"]
        body = [*self._allocations(), "for row in range(rows):", *_in(self._row())]
        lines = [*constants, "", "", '@compiled(nogil=True, error_model="numpy")']
        return _HEAD.format(blocks=blocks, run=RUN) + "\n".join([*lines, self._signature(), *_in(body)]) + "\n"

    def _signature(self) -> str:
        bands = [f"{letter}{band}" for band in self.bands for letter in "bndso"]
        names = [*bands, *(["usable"] if self.masked else []), *(f"inside{box}" for box in self.boxes)]
        return f"def kernel({', '.join([*names, 'network', 'out', 'out_valid'])}):"

    def _allocations(self) -> list[str]:
        lines = [f"dates, rows, cols = b{self.bands[0]}.shape"]
        lines.append(f"stored = np.empty({len(self.bands)} * RUN, np.float32)")
        lines.append(f"flags = np.empty({len(self._flags)} * RUN, np.bool_)")
        for letter, places, shape in (("x", self._x, "(dates, {} * RUN)"), ("r", self._r, "{} * RUN")):
            for pool, dtype in (("32", "np.float32"), ("64", "np.float64"), ("_valid", "np.bool_")):
                size = sum(name == letter + pool for name, _ in places.values())
                if size:
                    lines.append(f"{letter}{pool} = np.empty({shape.format(size)}, {dtype})")
        pools = sorted({name.removeprefix("x") for name, _ in self._x.values()} - {"_valid"} | {"32"})
        return lines + [f"work{pool} = blocks.workspace(dates, RUN, np.empty(0, np.float{pool}))" for pool in pools]

    def _row(self) -> list[str]:
        run = ["stop = min(start + RUN, cols)", "width = stop - start", "for date in range(dates):"]
        run += _in([*self._loading(), *self._date_loop()])
        run += [self._reduction(one) for one in self._reduced]
        for band, pair in enumerate(self._found.outputs):
            run += self._output_loop(band, *pair)
        return ["for start in range(0, cols, RUN):", *_in(run)]

    def _loading(self) -> list[str]:
        lines = []
        for place, band in enumerate(self.bands):
            numbers = f"b{band}[date, row, start:stop], n{band}, d{band}, s{band}[date], o{band}[date]"
            flags = self._slot("valid", band)
            lines.append(f"blocks.load({numbers}, stored{_run(place)}, flags{_run(flags)})")
        if self.masked:
            lines.append(f"blocks.copy(usable[date, row, start:stop], flags{_run(self._slot('usable', 0))})")
        lines += [
            f"blocks.copy(inside{box}[row, start:stop], flags{_run(self._slot('inside', box))})" for box in self.boxes
        ]
        return lines

    def _date_loop(self) -> list[str]:
        pools = sorted({name for name, _ in self._x.values()})
        lines = [f"{name}_date = {name}[date]" for name in pools]
        loop = [self._statement(one) for one in self._table.needed(self._series) if self._at(one).name != "constant"]
        loop += [f"{name}_date[{_pixel(place)}] = {self._name(number)}" for number, (name, place) in self._x.items()]
        return [*lines, "for pixel in range(width):", *_in(loop)] if loop else []

    def _reduction(self, number: int) -> str:
        operation = self._at(number)
        pool, place = self._r[number]
        out = f"{pool}{_run(place, 'width')}"
        arrays = ", ".join(f"{name}, {_begin(at)}" for name, at in (self._x[one] for one in operation.arguments))
        if operation.name in _TESTS:
            return f"blocks.{operation.name}({arrays}, {out}{_TESTS[operation.name]})"
        work = self._x[operation.arguments[0]][0].replace("x", "work")
        network = ", network" if operation.name == "median" else ""
        return f"blocks.{_FUNCTIONS.get(operation.name, operation.name)}({arrays}, {out}, {work}{network})"

    def _output_loop(self, band: int, data: int, valid: int) -> list[str]:
        needed = [one for one in self._table.needed([data, valid]) if self._at(one).name != "constant"]
        loop = [self._statement(one) for one in needed]
        finite = "" if self._at(data).dtype == "bool" else f" & (abs({self._name(data)}) < np.inf)"
        loop += [f"data[pixel] = {self._name(data)}", f"valid[pixel] = {self._name(valid)}{finite}"]
        runs = f"data, valid = out[{band}, row, start:stop], out_valid[{band}, row, start:stop]"
        return [runs, "for pixel in range(width):", *_in(loop)]

    def _statement(self, number: int) -> str:
        operation = self._at(number)
        return f"e{number} = {self._expression(number, operation)}"

    def _expression(self, number: int, operation: Operation) -> str:
        if number in self._r and operation.name in REDUCTIONS:
            pool, place = self._r[number]
            return f"{pool}[{_pixel(place)}]"
        if operation.name == "physical":
            return f"stored[{_pixel(self.bands.index(int(operation.detail)))}]"
        if operation.name in _INPUTS:
            return f"flags[{_pixel(self._slot(operation.name, int(operation.detail)))}]"
        names = map(self._name, operation.arguments)
        return _TEMPLATES[operation.name].format(*names, dtype=operation.dtype)

    def _at(self, number: int) -> Operation:
        return self._table.operations[number]

    def _name(self, number: int) -> str:
        return f"{'c' if self._at(number).name == 'constant' else 'e'}{number}"

    def _inputs(self, *names: str) -> list[int]:
        return [one for one in self._used if self._at(one).name in names]

    def _slot(self, name: str, detail: int) -> int:
        """Where the flags of an input are."""
        return self._flags.index(self._table.input(name, detail))

    def _place(self, number: int, letter: str, numbers: list[int]) -> tuple[str, int]:
        """Which array holds an expression of some, and where in it."""
        pool = _POOLS[self._at(number).dtype]
        alike = [one for one in numbers if _POOLS[self._at(one).dtype] == pool]
        return f"{letter}{pool}", alike.index(number)


def _literal(operation: Operation) -> str:
    if operation.dtype == "bool":
        return operation.detail
    return f"np.{operation.dtype}({operation.detail})".replace("(nan)", "(np.nan)").replace("inf)", "np.inf)")


def _begin(place: int) -> str:
    return {0: "0", 1: "RUN"}.get(place, f"{place} * RUN")


def _run(place: int, width: str = "RUN") -> str:
    """A slice of one run, or of its first pixels."""
    end = width if place == 0 else _begin(place + 1) if width == "RUN" else f"{_begin(place)} + {width}"
    return f"[{_begin(place) if place else ''}:{end}]"


def _pixel(place: int) -> str:
    return f"{_begin(place)} + pixel" if place else "pixel"


def _in(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]
