"""Options that several commands share, and the texts that users type turned into values."""

from collections.abc import Callable
from typing import Any

import click

from jeospark.storage.href import absolute
from jeospark.storage.kinds import is_remote

Command = Callable[..., Any]


class RunFolder(click.Path):
    """The output folder of an earlier run: a folder that is there, or an href."""

    def __init__(self) -> None:
        super().__init__(exists=True, file_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The folder or href, made absolute."""
        place = absolute(str(value))
        return place if is_remote(place) else str(super().convert(place, param, ctx))


catalog = click.option(
    "--catalog", metavar="FOLDER", help="Folder of the catalogue (default: JEOSPARK_CATALOG, or your data folder)."
)
grid = click.option(
    "--grid",
    default="native",
    show_default=True,
    metavar="GRID",
    help="mgrs, mgrs:20, webmercator:12, CRS:resolution[:rowsxcols[:x,y]], or native for the collection's own.",
)
output = click.option(
    "--output", "-o", required=True, metavar="FOLDER", help="Folder of the results, one a recipe; a path or an href."
)
title = click.option("--title", default="", help="Name of the product in the catalogue and the report.")
max_error_ratio = click.option(
    "--max-error-ratio",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of the units that may fail before the exit code is 1.",
)
skip_bad_assets = click.option(
    "--skip-bad-assets",
    is_flag=True,
    help="Leave items with an unreadable asset out of a unit, instead of failing it; the ledger lists them.",
)
bbox = click.option(
    "--bbox",
    nargs=4,
    type=float,
    metavar="WEST SOUTH EAST NORTH",
    help="Area in degrees; west > east crosses the antimeridian.",
)


def running(command: Command) -> Command:
    """Give a command the options of a run."""
    for option in (catalog, grid, output, title, max_error_ratio, skip_bad_assets):
        command = option(command)
    return command
