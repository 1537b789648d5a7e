"""The command line: thin commands over the job; every error of the tree becomes its exit code and its own words."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from cxfusion import __version__

if TYPE_CHECKING:
    from cxfusion.config import StudyConfig
    from cxfusion.study import Study

__all__ = ["app", "main"]

DEBUG_VARIABLE = "CXFUSION_DEBUG"

app = typer.Typer(
    name="cxfusion",
    help="Pairs contact-centre diagnostics with customer research, contact by contact, and shows which levers move"
    " customer perception.",
    epilog="Exit codes: 0 done; 1 internal error; 2 bad usage or configuration; 3 bad input data; 4 nothing could be"
    " paired or estimated. After 3 or 4 the output directory is as it was, and DIR.rejected says why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


class Command(TyperCommand):
    """A command that ends with the exit codes of the documentation and never with a traceback nobody asked for."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        from cxfusion.errors import CxfusionError

        try:
            return super().invoke(ctx)
        except CxfusionError as error:
            code, told = error.exit_code, str(error)
        except BrokenPipeError:
            _listen_no_more()
            raise typer.Exit(0) from None
        except KeyboardInterrupt:
            code, told = 130, "Interrupted."
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:  # noqa: BLE001  the last resort
            code, told = 1, _fault(error)
        if ctx.params.get("debug") or os.environ.get(DEBUG_VARIABLE, "0") not in ("", "0"):
            import traceback

            typer.echo(traceback.format_exc(), err=True)
        typer.secho(told, err=True, fg="red" if sys.stderr.isatty() else None)
        raise typer.Exit(code) from None
