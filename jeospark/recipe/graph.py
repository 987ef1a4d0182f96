"""A recipe: an openEO process graph, checked when it is made.

Wire form: openEO API 1.2, https://api.openeo.org/v/1.2.0/#section/Processes/Process-Graphs
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jeospark.errors import RecipeError
from jeospark.recipe.canonical import canonical_json
from jeospark.recipe.nodes import Steps
from jeospark.recipe.parse import dump_steps, parse_steps, read_document
from jeospark.recipe.validate import validate


@dataclass(frozen=True, slots=True, eq=False)
class ProcessGraph(Steps):
    """A process graph without cycles, whose processes and arguments exist and are of the right types.

    Two process graphs with the same `id` are equal.

    Raises:
        UnknownProcessError: A node's process does not exist.
        ArgumentError: An argument is missing, unknown or of the wrong type.
    """

    def __post_init__(self) -> None:
        """Check every node."""
        validate(self)

    @classmethod
    def from_json(cls, source: str | Mapping[str, object]) -> "ProcessGraph":
        """Read a process graph from JSON text, or from what JSON text parses to.

        The graph may stand alone, under `process_graph`, or under `process` and `process_graph`.

        Raises:
            RecipeError: It is no JSON, has a circle, a reference to nothing, or not exactly one result; see the class
                for its other errors.
        """
        return cls(*parse_steps(read_document(source)))

    @classmethod
    def from_file(cls, path: Path) -> "ProcessGraph":
        """Read a process graph from a JSON file.

        Raises:
            RecipeError: The file cannot be read; see `from_json` for its other errors.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            remedy = "Give a JSON file in UTF-8."
            raise RecipeError(f"the recipe cannot be read ({error})", where=str(path), remedy=remedy) from error
        return cls(*parse_steps(read_document(text, where=str(path))))

    def to_json(self) -> str:
        """Write JSON, with the nodes' own names and descriptions."""
        return json.dumps(dump_steps(self), indent=2, ensure_ascii=False)

    @property
    def canonical(self) -> str:
        """One JSON text for all graphs that say the same; see `jeospark.recipe.canonical`."""
        return canonical_json(self)

    @property
    def id(self) -> str:
        """sha256 of `canonical`, in hexadecimal digits."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        """Tell whether the other says the same."""
        return isinstance(other, ProcessGraph) and self.canonical == other.canonical

    def __hash__(self) -> int:
        """Hash what `__eq__` compares."""
        return hash(self.canonical)
