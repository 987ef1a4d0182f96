"""SQL over the catalogue, vector layers and ledgers.

`session()` gives a Spark session with Sedona's functions and all tables; `ask()` runs a query and gives an `Answer`.
In a notebook, `%load_ext jeospark.sql` brings the cell magic `%%jeosql`.
"""

from typing import TYPE_CHECKING

from jeospark.sql.answer import Answer
from jeospark.sql.formats import write
from jeospark.sql.limits import Limits
from jeospark.sql.query import ask
from jeospark.sql.session import session
from jeospark.sql.spatial import with_index

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["Answer", "Limits", "ask", "load_ipython_extension", "session", "with_index", "write"]


def load_ipython_extension(shell: "InteractiveShell") -> None:
    """What `%load_ext jeospark.sql` calls."""
    from jeospark.sql.magic import register_magic  # noqa: PLC0415 - only notebooks need it

    register_magic(shell)
