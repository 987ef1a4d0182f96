"""Removes what attempts that were killed have left where results are published."""

import time
from collections.abc import Collection
from contextlib import suppress

from jeospark.errors import JeosparkError, OutputUnwritableError
from jeospark.storage.href import join
from jeospark.storage.kinds import is_remote
from jeospark.storage.parts import final_name, is_dead
from jeospark.storage.publish import names, output_path, remove

PATIENCE = 24 * 3600
"""Seconds without a byte after which a file of another system counts as left behind, whatever its clock."""


def sweep(folder: str, finished: Collection[str] = ()) -> None:
    """Remove files that nobody will finish from a folder; what cannot be removed stays.

    Args:
        folder: Href; may be missing.
        finished: Names of files that are published: nobody need write them any more, and an attempt that still does
            finds them published when it fails.
    """
    with suppress(JeosparkError, OSError):
        for name in names(folder):
            final = final_name(name)
            # One that is another user's, or that went meanwhile, keeps none of the others.
            with suppress(OutputUnwritableError, OSError):
                if final is not None and (final in finished or _is_left(folder, name)):
                    remove(join(folder, name))


def _is_left(folder: str, name: str) -> bool:
    dead = is_dead(name)
    if dead is not None or is_remote(folder):
        return bool(dead)
    return time.time() - output_path(join(folder, name)).stat().st_mtime > PATIENCE
