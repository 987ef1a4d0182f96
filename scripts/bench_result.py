"""What a benchmark found: as JSON, as a table on the terminal, as a section of a page."""

import json
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Literal

import psutil

from jeospark import __version__

BEGIN, END = "<!-- results of scripts/bench.py -->", "<!-- end of results -->"
PACKAGES = ("pyspark", "pyarrow", "numpy", "numba", "rasterio")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One ratio, and the seconds it was made of."""

    name: str
    what: str
    """What is compared with what."""
    ratio: float
    target: float | None = None
    """None where the ratio is only reported."""
    sense: Literal["at most", "at least"] = "at most"
    """Which side of the target is good."""
    seconds: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Raw seconds of every repetition, by who took them."""
    also: Mapping[str, float] = field(default_factory=dict)
    """What else was seen."""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        return self.ratio <= self.target if self.sense == "at most" else self.ratio >= self.target

    def json(self) -> str:
        """One line."""
        return json.dumps({**asdict(self), "met": self.met}, ensure_ascii=False)

    def row(self) -> list[str]:
        """Cells of the table: name, what, ratio, target, seconds, also."""
        seconds = "; ".join(f"{who} {_seconds(values)}" for who, values in self.seconds.items())
        also = "; ".join(f"{name} {_number(value)}" for name, value in self.also.items())
        return [self.name, self.what, f"{self.ratio:.2f}", self._target(), seconds, also]

    def _target(self) -> str:
        if self.target is None:
            return "reported"
        return f"{'≤' if self.sense == 'at most' else '≥'} {self.target:g}, {'met' if self.met else 'missed'}"


HEADER = ["name", "compared", "ratio", "target", "seconds: median (least … greatest)", "also"]


def compared(slow: Sequence[float], fast: Sequence[float]) -> float:
    """Ratio of two medians."""
    return median(slow) / median(fast)


def table(results: Sequence[Result]) -> str:
    """For a terminal: a line a result, what else was seen below it."""
    lines = []
    for result in results:
        name, what, ratio, target, seconds, also = result.row()
        lines.append(f"{name:18} {ratio:>7}  {target:16} {what}")
        lines.extend(f"{'':27} {text}" for text in (seconds, also) if text)
    return "\n".join(lines)


def put_into(page: Path, results: Sequence[Result]) -> None:
    """Put results into a page; rows that this machine and these versions gave earlier stay."""
    before = page.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    rows = {name: row for row in before.splitlines() if (name := _name(row))} if machine() in before else {}
    rows |= {result.name: _line(result.row()) for result in results}
    put_between(
        page, "\n".join([machine(), "", _line(HEADER), _line(["---"] * len(HEADER)), *rows.values()]), BEGIN, END
    )


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _name(row: str) -> str:
    """Of the result that a row of the page tells; empty for other lines."""
    name = row.removeprefix("| ").partition(" |")[0] if row.startswith("| ") else ""
    return "" if name in {HEADER[0], "---"} else name


def put_between(page: Path, results: str, begin: str, end: str) -> None:
    """Replace what stands between two lines of a page."""
    text = page.read_text(encoding="utf-8")
    if begin not in text or end not in text:
        raise SystemExit(f"{page} lacks the lines {begin} and {end}")
    pattern = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.DOTALL)
    page.write_text(pattern.sub(lambda _: f"{begin}\n{results}\n{end}", text), encoding="utf-8")


def machine() -> str:
    """The machine and the versions in one sentence each."""
    memory = psutil.virtual_memory().total / 2**30
    libraries = (f"{name} {version(name)}" for name in PACKAGES)
    versions = ", ".join([f"jeospark {__version__}", *libraries])
    return (
        f"Machine: {psutil.cpu_count()} cores of {_processor()}, {memory:.0f} GiB of memory, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}; {versions}."
    )


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    lines = described.read_text(encoding="utf-8").splitlines() if described.exists() else []
    found = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in reversed(lines))}
    if "model name" not in found:
        return platform.machine()
    numbers = f"family {found.get('cpu family', '?')}, model {found.get('model', '?')}"
    return f"{found['model name']} ({numbers}, {float(found.get('cpu MHz', 0)) / 1000:.1f} GHz)"


def _seconds(values: Sequence[float]) -> str:
    spread = f" ({min(values):.2f} … {max(values):.2f})" if len(values) > 1 else ""
    return f"{median(values):.2f}{spread}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:,.2f}"
