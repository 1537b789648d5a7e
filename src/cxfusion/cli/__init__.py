"""The command line: thin commands over the job, their options, and progress on a terminal."""

from cxfusion.cli.commands import app, main

__all__ = ["app", "main"]
