"""Allowed roots: the folders outside which recipes, items and SQL reach no file."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from jeospark.errors import ForbiddenError, SettingError
from jeospark.settings import Settings

VARIABLE = "JEOSPARK_ALLOWED_ROOTS"
_LITERAL = re.compile(r"(?:[^\\*?\[\]{}]|\\.)*")


@dataclass(frozen=True, slots=True)
class Roots:
    """The folders in which files may be read and written; empty for everywhere."""

    folders: tuple[str, ...] = ()

    @classmethod
    def load(cls, settings: Settings) -> "Roots":
        """The roots of the settings, a list as in PATH.

        Raises:
            SettingError: One is no absolute path.
        """
        given = [part for part in settings.allowed_roots.split(os.pathsep) if part]
        for part in given:
            if not part.startswith("/"):
                raise SettingError(
                    f"'{part}' is no absolute path", where=VARIABLE, remedy="Give full paths of folders."
                )
        return cls(tuple(os.path.realpath(part) for part in given))

    def __bool__(self) -> bool:
        return bool(self.folders)

    def holds(self, path: str) -> bool:
        """True where a path or `file:` URL lies inside, wherever links lead."""
        if not self._covers(re.sub(r"^file:(//)?(?=/)", "", path)):
            return False
        # Hadoop takes such URLs as they are; other readers decode them, and leave out what follows `?` and `#`.
        return not path.startswith("file:") or self._covers(unquote(urlsplit(path).path))

    def _covers(self, place: str) -> bool:
        if re.match(r"\w[\w+.-]*:", place) or "\0" in place:
            return False
        real = Path(os.path.realpath(place))
        return not self or any(real.is_relative_to(folder) for folder in self.folders)

    def check(self, path: str) -> None:
        """Make sure that a path lies inside.

        Raises:
            ForbiddenError: It does not.
        """
        if self and not self.holds(path):
            remedy = f"They are {', '.join(self.folders)}; an operator can change {VARIABLE}."
            raise ForbiddenError("the file is outside the allowed roots", where=path, remedy=remedy)

    def check_pattern(self, pattern: str) -> None:
        """Make sure that all a pattern of Hadoop can match lies inside, but for what links lead to.

        Raises:
            ForbiddenError: It does not.
        """
        literal = _LITERAL.match(pattern)
        certain = literal[0] if literal else ""
        if ".." in pattern[len(certain) :]:
            self.check(f"{pattern} (a pattern that goes up)" if self else "")
        whole = certain if len(certain) == len(pattern) else certain.rpartition("/")[0]
        self.check(re.sub(r"\\(.)", r"\1", whole) or "/")
