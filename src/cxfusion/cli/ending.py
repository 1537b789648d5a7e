"""How a command ends: done, or with the exit code of its error and words that say what to do; never half-way."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TextIO

import typer
from typer.core import TyperCommand

from cxfusion.cli.options import DEBUG_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Command", "ended_in_order", "heard_or_not", "open_streams", "tidy_up_undisturbed"]

NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Command(TyperCommand):
    """A command that ends with the exit codes of the documentation and never with a traceback nobody asked for."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            with ended_in_order():
                return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  the last resort
            if ctx.params.get("debug") or os.environ.get(DEBUG_VARIABLE, "0") not in ("", "0"):
                with heard_or_not(sys.stderr):
                    typer.echo("".join(traceback.format_exception(error)), err=True)
            code, told = _ending(error)
        with heard_or_not(sys.stderr):
            typer.secho(told, err=True, fg="red" if sys.stderr.isatty() else None)
        raise typer.Exit(code)


@contextmanager
def ended_in_order() -> Iterator[None]:
    """While a command runs, being asked to end is like Ctrl-C: temporary files go, and what was there stays."""
    if threading.current_thread() is not threading.main_thread():  # no other may look after signals
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def tidy_up_undisturbed() -> None:
    """Heed no Ctrl-C any more: while Python tidies up it would end the process by the signal, whatever is done.

    Python does so as well where a Ctrl-C that was heeded came out of code that was run from a text, as some libraries
    run theirs; it forgets that with the next such code.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        eval("None")  # noqa: S307  runs nothing


@contextmanager
def heard_or_not(stream: TextIO) -> Iterator[None]:
    """Tell something; where whoever reads the stream has gone, the command goes on and ends as it would have.

    So it does where progress cannot be written. An answer that is not whole is an error: a job may read it.
    """
    try:
        yield
        stream.flush()
    except OSError as error:  # what is still in the stream would fail again when the process ends
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        if stream is sys.stdout and not isinstance(error, BrokenPipeError):
            from cxfusion.errors import ResourceError

            raise ResourceError(
                f"The answer could not be written to standard output: {error.strerror or error}. Make room where it"
                " goes. The files that the command was to write are written."
            ) from error


def open_streams() -> None:
    """Open streams that were closed before the process began; what it says there, nobody hears."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))


def _ending(error: BaseException) -> tuple[int, str]:
    """Exit code and last words of a command that did not get through."""
    from cxfusion.errors import CxfusionError, ResourceError

    if _was_interrupted(error):
        return 130, "Interrupted."
    if isinstance(error, CxfusionError):
        return error.exit_code, "\n".join([str(error), *getattr(error, "__notes__", ())])
    if (advice := _gave_out(error)) is not None:
        return ResourceError.exit_code, advice
    told = ": ".join([type(error).__name__, *str(error).splitlines()[:1]])
    return 1, (
        f"cxfusion failed ({told}). This is a fault of cxfusion, not of your data:"
        " please report it with what the same command prints with --debug."
    )


def _gave_out(error: BaseException) -> str | None:
    """What to change where memory or a disk gave out, and no engine told it in its own words; None of other errors."""
    if isinstance(error, MemoryError):
        return (
            "The work does not fit into the memory of this process. Free some; or give less to --memory, so that more"
            " of it goes to files, or to --threads: memory_limit and threads of [engine] in a study."
        )
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        place = "a file" if error.filename is None else str(error.filename)
        return (
            f"There is no room to write {place}: {error.strerror}. Free some; or name another folder for temporary"
            " files: temp_dir of [engine] in a study, or the environment variable TMPDIR."
        )
    return None


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is at the bottom of an error: an engine at work may raise one of its own on top."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None
