"""The `jeospark` command."""

from jeospark.cli.main import main

__all__ = ["main"]
