"""The command group, and how errors are told."""

import sys

import click

from jeospark import __version__
from jeospark.cli.catalog import ingest, items
from jeospark.cli.inspect import doctor, processes
from jeospark.cli.results import ledger, report
from jeospark.cli.runs import plan, resume, run
from jeospark.cli.sql import sql
from jeospark.cli.submit import submit
from jeospark.cli.vectors import vectors
from jeospark.cli.view import preview
from jeospark.errors import JeosparkError

USAGE_ERROR = 2


class Commands(click.Group):
    """A group whose commands tell named errors in one line, and exit with 2, as they do after Ctrl-C."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command.

        Raises:
            SystemExit: The command raised a named error, or was interrupted.
        """
        try:
            return super().invoke(ctx)
        except JeosparkError as error:
            click.echo("\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())]), err=True)
            sys.exit(USAGE_ERROR)
        except KeyboardInterrupt:
            # click would end with 1, which says that units failed, or that a layer has faults.
            click.echo("Interrupted.", err=True)
            sys.exit(USAGE_ERROR)


@click.group(cls=Commands)
@click.version_option(__version__)
def main() -> None:
    """Earth-observation composites from a catalogue of items, on Spark.

    Start with `jeospark doctor`, then `jeospark ingest`, `jeospark plan` and `jeospark run`.
    """


for command in (doctor, ingest, items, plan, run, resume, submit, ledger, report, preview, processes, sql, vectors):
    main.add_command(command)
